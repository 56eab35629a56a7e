"""Fingerprints of what a programmer's Trainer is made of, for the identity of its study."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from .streams import FIRST_ROWS, first_rows, is_stream, seeded

#: Rows of a data set that are hashed, evenly spread; hashing all of a large one would cost more than a trial.
SAMPLED_ROWS = 1000


def dataset_fingerprint(dataset: Any) -> str:
    """Return a hash of the length and up to 1,000 rows of a data set, or of each of a dict of them.

    Of a stream it is that of its first 100 rows: what comes after them is taken on trust. Rows that are drawn or
    changed at random are those of a fixed seed.
    """
    if isinstance(dataset, dict):
        return _digest([f"{name}:{dataset_fingerprint(part)}" for name, part in sorted(dataset.items())])
    with seeded():
        if is_stream(dataset):
            return _digest(["stream", rows_hash(first_rows(dataset, FIRST_ROWS))])
        count = len(dataset)
        step = max(1, count // SAMPLED_ROWS)
        return _digest([str(count), *_row_hashes(dataset[row] for row in range(0, count, step))])


def rows_hash(rows: Iterable[Any]) -> str:
    """Return a hash of some rows, whatever they are made of."""
    return _digest(_row_hashes(rows))


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


def _row_hashes(rows: Iterable[Any]) -> list[str]:
    from datasets.fingerprint import Hasher

    return [Hasher.hash(_plain_row(row)) for row in rows]


def _plain_row(row: Any) -> Any:
    """Return a row with tensors and arrays as lists, so that its hash depends on values alone."""
    if isinstance(row, Mapping):  # a dict, or a tokenizer's BatchEncoding
        return {key: _plain_row(value) for key, value in row.items()}
    if isinstance(row, tuple | list):
        return [_plain_row(value) for value in row]
    return row.tolist() if hasattr(row, "tolist") else row


def _digest(parts: list[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
