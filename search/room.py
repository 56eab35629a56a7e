"""Room on the disk for what a search keeps: less than that, and it would end in the middle of a night."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from ..spaces.errors import BadInput
from .model.adapter_check import uses_adapters
from .problem import Problem

GIB = 2**30


def check_room(folder: Path, problem: Problem, *, keep: int, retrains: bool) -> None:
    """Raise `BadInput` where the disk of `folder` has too little room for the models that a search keeps.

    These are the `keep` best checkpoints, the one that is being written, and the winner's; of adapters the winner's
    alone is as large as the model. What nobody knows the size of is not counted.
    """
    model = model_bytes(problem.trainer)
    models = (0 if uses_adapters(problem.plan.space) else keep + 1) + retrains
    free = free_bytes(folder)
    if model is not None and free is not None and free < models * model:
        raise BadInput(
            f"the disk of {str(folder)!r} has {_size(free)} free, and the search keeps up to {models} models of "
            f"{_size(model)} there",
            hint="make room, or give a folder on another disk with --output-dir",
        )


def model_bytes(trainer: Any) -> int | None:
    """Return the size of the weights of a Trainer's model; None where it has none that can be counted."""
    model: Any = getattr(trainer, "model", None)
    if not callable(getattr(model, "parameters", None)):
        return None
    try:
        return sum(one.numel() * one.element_size() for one in model.parameters())
    except (AttributeError, TypeError):
        return None  # a model of some other kind


def free_bytes(folder: Path) -> int | None:
    """Return the free room where a folder is or would be; None where that cannot be known."""
    there = next((part for part in (folder, *folder.parents) if part.exists()), None)
    try:
        return None if there is None else shutil.disk_usage(there).free
    except OSError:
        return None


def _size(count: int) -> str:
    return f"{count / GIB:.1f} GiB" if count >= GIB / 10 else f"{count / 2**20:.1f} MiB"
