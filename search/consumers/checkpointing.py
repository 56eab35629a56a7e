"""Checkpointing of activations, which `activation_checkpointing_kwargs` go to: torch's function, and the Trainer."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint

from ...spaces.errors import BadInput, did_you_mean
from ...spaces.inside import MISSING
from ...spaces.values import shown
from ..failures import first_line
from .combination import Combination

FIELD, ALIAS = "activation_checkpointing_kwargs", "gradient_checkpointing_kwargs"
#: What the Trainer takes out for itself, with what it takes where nobody says otherwise; the rest goes to torch.
BY_TRAINER = {"every_n_layers": 1, "offload": False}
#: torch takes it without naming it in its signature.
OF_TORCH = {"preserve_rng_state": True}


def usual(trainer: Any, args: Any, key: str) -> Any:
    """Return what is taken where nobody says otherwise; `MISSING` where that is not known."""
    return {**BY_TRAINER, **OF_TORCH}.get(key, MISSING)


def check(trainer: Any, args: Any, combination: Combination) -> None:
    """Raise `BadInput` unless torch takes what is inside, and the model can be trained so."""
    if not args.activation_checkpointing:
        return  # which `check` sees
    kwargs = args.activation_checkpointing_kwargs or {}
    if not isinstance(kwargs, Mapping):
        raise BadInput(f"{FIELD} must be a mapping, got {shown(kwargs)}")
    if not getattr(trainer.model, "supports_gradient_checkpointing", True):
        raise BadInput(f"{type(trainer.model).__name__} cannot be trained with activation_checkpointing")
    of_torch = {name: value for name, value in kwargs.items() if name not in BY_TRAINER}
    for name in of_torch:
        if name not in taken():
            raise BadInput(
                f"{FIELD}.{name} would reach nobody: torch's checkpoint does not take it",
                hint=did_you_mean(name, {*taken(), *BY_TRAINER}),
            )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            checkpoint(torch.sum, torch.zeros(1, requires_grad=True), **of_torch)
    except Exception as error:
        raise BadInput(f"{FIELD}={shown(kwargs)} cannot be had: {first_line(error)}") from error


def taken() -> set[str]:
    """Return the names that torch takes; another one it hands on to the layer, where it may reach nobody."""
    return {*inspect.signature(checkpoint).parameters, *OF_TORCH} - {"function", "args", "kwargs"}
