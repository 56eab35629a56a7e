"""Copies of what a Trainer's constructor was given, from before it touched anything.

A model, a loss, a callback or a collator has a state that a training changes, and the constructor itself may change a
model (remove its dropout, put adapters into it). Data sets and functions have none, and are shared.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psutil
import torch
from torch import nn
from torch.utils.data import Dataset
from transformers import TrainingArguments

#: Arguments of a constructor that are never copied, because each trial gets its own, or for want of a state.
SHARED = frozenset(("args", "train_dataset", "eval_dataset", "model_init", "optimizer_cls_and_kwargs"))
#: The share of the free memory that copies of modules may take.
MOST_OF_MEMORY = 0.25


@dataclass(frozen=True, kw_only=True)
class Copies:
    """Arguments that can be copied for each trial, and why others cannot."""

    values: Mapping[Any, Any]  #: by position or name
    refused: Mapping[Any, str] = field(default_factory=dict)  #: why there is no copy

    @classmethod
    def of(cls, values: Mapping[Any, Any], shared: Mapping[Any, Any]) -> Copies:
        """Return copies of `values`; what is in `shared`, or inside of it, stays one object."""
        too_large = modules_too_large(values.values())
        refused = {key: why for key, value in values.items() if (why := why_not(value, too_large))}
        kept = {key: value for key, value in values.items() if key not in refused}
        copied, more = copied_together(kept, shared)
        return cls(values=copied, refused={**refused, **more})

    def again(self, shared: Mapping[Any, Any]) -> dict[Any, Any]:
        """Return fresh copies of the copies, for one trial."""
        return copied_together(self.values, shared)[0]


def copied_together(values: Mapping[Any, Any], shared: Mapping[Any, Any]) -> tuple[dict[Any, Any], dict[Any, str]]:
    """Return copies, made in one go: a loss that holds the model holds the model's copy; and why others have none."""
    refused: dict[Any, str] = {}
    with silent_ends():
        while True:
            kept = {key: value for key, value in values.items() if key not in refused}
            left = {**shared, **{key: values[key] for key in refused}}
            copied, failed = attempt(kept, left)
            if failed is None:
                return copied, refused
            refused.update([failed])


def attempt(values: Mapping[Any, Any], shared: Mapping[Any, Any]) -> tuple[dict[Any, Any], tuple[Any, str] | None]:
    """Return copies of all values, or the first one that has none, and why: half a copy is no use to the others."""
    memo = {id(one): one for value in (*shared.values(), *values.values()) for one in stateless(value)}
    memo |= {id(value): value for value in shared.values() if value is not None}
    copied: dict[Any, Any] = {}
    for key, value in values.items():
        try:
            copied[key] = copy.deepcopy(value, memo)
        except Exception as error:  # noqa: BLE001 - whatever a user's object raises
            return {}, (key, f"{type(error).__name__}: {error}")
    return copied, None


@contextmanager
def silent_ends() -> Iterator[None]:
    """Say nothing of what half a copy raises when it is let go: its `__del__` may miss what was not copied."""
    before, sys.unraisablehook = sys.unraisablehook, lambda unraisable: None
    try:
        yield
    finally:
        sys.unraisablehook = before


def parts_in(value: Any) -> Iterator[Any]:
    """Yield a value and what is in it: in dictionaries and lists, but for long ones, which are rows of data."""
    yield value
    inner: Iterable[Any] = ()
    if isinstance(value, Mapping):
        inner = value.values()
    elif isinstance(value, list | tuple) and len(value) < 100:
        inner = value
    for one in inner:
        yield from parts_in(one)


def stateless(value: Any) -> Iterator[Any]:
    """Yield the data sets in a value, which are not copied."""
    for one in parts_in(value):
        if isinstance(one, Dataset) or type(one).__module__.partition(".")[0] == "datasets":
            yield one


def why_not(value: Any, too_large: bool) -> str | None:
    """Return why a value has no copy that would do in its place; None where it has, as far as can be seen."""
    parts = list(value) if isinstance(value, list | tuple) else [value]
    if any(isinstance(one, torch.optim.Optimizer | torch.optim.lr_scheduler.LRScheduler) for one in parts):
        return "an optimizer or a schedule holds the parameters of one model"
    if too_large and modules_in(value):
        return "a second copy of it would take too much of the free memory"
    return None


def modules_in(value: Any) -> list[nn.Module]:
    """Return the modules in a value."""
    return [one for one in parts_in(value) if isinstance(one, nn.Module)]


def modules_too_large(values: Any) -> bool:
    """Return whether copies of the modules among `values` would take too much of the memory that is free now."""
    tensors = {
        id(tensor): tensor.numel() * tensor.element_size()
        for value in values
        for module in modules_in(value)
        for tensor in (*module.parameters(), *module.buffers())
    }
    return sum(tensors.values()) > MOST_OF_MEMORY * psutil.virtual_memory().available


def is_arguments(value: Any) -> bool:
    """Return whether a value is a Trainer's arguments, which have a way of their own: `arguments`."""
    return isinstance(value, TrainingArguments)
