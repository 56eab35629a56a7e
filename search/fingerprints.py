"""Fingerprints of what a programmer's Trainer is made of, for the identity of its study."""

from __future__ import annotations

import hashlib
import json
from typing import Any

#: Rows of a data set that are hashed, evenly spread; hashing all of a large one would cost more than a trial.
SAMPLED_ROWS = 1000


def dataset_fingerprint(dataset: Any) -> str:
    """Return a hash of the length and up to 1,000 rows of a data set, or of each of a dict of them."""
    from datasets.fingerprint import Hasher

    if isinstance(dataset, dict):
        return _digest([f"{name}:{dataset_fingerprint(part)}" for name, part in sorted(dataset.items())])
    count = len(dataset)
    step = max(1, count // SAMPLED_ROWS)
    return _digest([str(count), *(Hasher.hash(_plain_row(dataset[row])) for row in range(0, count, step))])


def model_config_fingerprint(model: Any) -> str:
    """Return a hash of a model's configuration and the names and shapes of its parameters."""
    config = getattr(model, "config", None)
    settings = {
        name: value
        for name, value in (config.to_dict() if config is not None else {}).items()
        if name not in ("_name_or_path", "transformers_version")  # where it lay, and who wrote it
    }
    shapes = [f"{name}{tuple(value.shape)}" for name, value in model.named_parameters()]
    return _digest([json.dumps(settings, sort_keys=True, default=str), *shapes])


def _plain_row(row: Any) -> Any:
    """Return a row with tensors and arrays as lists, so that its hash depends on values alone."""
    if isinstance(row, dict):
        return {key: _plain_row(value) for key, value in row.items()}
    if isinstance(row, tuple | list):
        return [_plain_row(value) for value in row]
    return row.tolist() if hasattr(row, "tolist") else row


def _digest(parts: list[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
