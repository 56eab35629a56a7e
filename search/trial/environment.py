"""What a trial's result depends on besides its configuration and data: the first weights, threads, libraries."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from ..model.adapters import is_adapted

LIBRARIES = ("accelerate", "torch", "transformers")
BYTES = 8  #: of the hash of weights


class EnvironmentCallback(TrainerCallback):
    """Takes note of the weights that a training begins with, and of what it runs on."""

    def __init__(self) -> None:
        self.found: dict[str, Any] = {}

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Look, before the first step."""
        model = kwargs["model"]
        self.found = {
            "weights": weights_hash(model),
            "threads": torch.get_num_threads(),
            "processes": args.world_size,
            "versions": {name: version(name) for name in (*LIBRARIES, *(["peft"] if is_adapted(model) else []))},
        }


def weights_hash(model: Any) -> str:
    """Return a hash of a model's parameters and buffers, names and values, as 16 hexadecimal digits."""
    found = hashlib.blake2b(digest_size=BYTES)
    for name, tensor in model.state_dict().items():
        found.update(name.encode())
        found.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return found.hexdigest()
