"""The optimizer, which `optim_args` go to: transformers has a function for each `optim`, which reads what it knows.

What such a function reads is nowhere written down, and what it does not know it ignores. So it is asked: a name that is
read changes what the optimizer is made from, or is complained of.
"""

from __future__ import annotations

import contextlib
import copy
import inspect
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from transformers.training_args import OptimizerNames

from ...spaces.errors import BadInput
from ...spaces.inside import MISSING, as_held, mapping_in
from ..failures import first_line
from ..making.arguments import differ
from .combination import Combination

FIELD, CHOOSER = "optim_args", "optim"
#: Values to ask with. One of two is not what is taken anyway.
PROBES = ("0.125", "1")
#: Optimizers that change the model as they are looked up.
UNASKED = "layerwise"
#: What an optimizer needs a whole model for.
OF_MODEL = {"params", "model", "optimizer_dict"}

Place = tuple[str | int, ...]


def usual(trainer: Any, args: Any, key: str) -> Any:
    """Return what the optimizer takes where nobody says otherwise; `MISSING` where that is not known."""
    if UNASKED in OptimizerNames(args.optim).value:
        return MISSING
    with contextlib.suppress(Exception):
        before = dict(leaves(looked_up(trainer, args, without(args, key))[1]))
        for probe in PROBES:
            with contextlib.suppress(Exception):
                kind, kwargs = looked_up(trainer, args, without(args, key) | {key: probe})
                for place, value in leaves(kwargs):
                    if place not in before:
                        return default_of(kind, place[0])
                    if differ(value, before[place]):
                        return before[place]
    return MISSING


def default_of(kind: Any, name: Any) -> Any:
    """Return what the class of an optimizer has for an argument by itself; `MISSING` where it has nothing."""
    parameter = inspect.signature(kind).parameters.get(str(name))
    default = inspect.Parameter.empty if parameter is None else parameter.default
    return MISSING if default is None or default is inspect.Parameter.empty else default


def check(trainer: Any, args: Any, combination: Combination) -> None:
    """Raise `BadInput` unless the optimizer of a combination of values can be made, and takes what it is given."""
    given = mapping_in(FIELD, args.optim_args)
    if UNASKED in OptimizerNames(args.optim).value or not any(combination.sets(FIELD, key) for key in given):
        return
    said = combination.said(CHOOSER, FIELD, args)
    try:
        looked_up(trainer, args, {})
    except Exception as error:
        raise BadInput(f"no optimizer can be made with {said}: {first_line(error)}") from error
    for key in given:
        if combination.sets(FIELD, key) and not is_read(trainer, args, key):
            kind = OptimizerNames(args.optim).value
            raise combination.not_taken(FIELD, key, chooser=CHOOSER, kind=kind, takers=takers(trainer, args, key))
    try:
        made(*looked_up(trainer, args, given))
    except Exception as error:
        raise BadInput(f"no optimizer can be made with {said}: {first_line(error)}") from error


def made(kind: Any, kwargs: Mapping[str, Any]) -> None:
    """Make an optimizer of one number, where it needs no whole model; raises what its class raises."""
    if isinstance(kind, type) and issubclass(kind, torch.optim.Optimizer) and not OF_MODEL & kwargs.keys():
        kind([torch.nn.Parameter(torch.zeros(1))], **kwargs)


def is_read(trainer: Any, args: Any, key: str) -> bool:
    """Return whether the function that looks the optimizer up reads a name; raises what it raises without it."""
    rest = without(args, key)
    before = dict(leaves(looked_up(trainer, args, rest)[1]))
    for probe in PROBES:
        try:
            after = dict(leaves(looked_up(trainer, args, rest | {key: probe})[1]))
        except Exception:  # noqa: BLE001 - it was read, and is not what it should be
            return True
        if after.keys() != before.keys() or any(differ(after[place], before[place]) for place in after):
            return True
    return False


def takers(trainer: Any, args: Any, key: str) -> list[str]:
    """Return the optimizers that can be had here and read a name."""
    found = []
    for kind in OptimizerNames:
        other = copy.copy(args)
        other.optim = kind
        with contextlib.suppress(Exception):
            if UNASKED not in kind.value and is_read(trainer, other, key):
                found.append(kind.value)
    return found


def looked_up(trainer: Any, args: Any, given: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return the class of the optimizer, and what it is made from; raises what transformers raises."""
    asked = copy.copy(args)
    asked.optim_args = as_held(FIELD, given) or None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kind, kwargs = type(trainer).get_optimizer_cls_and_kwargs(asked, trainer.model)
    return kind, kwargs


def without(args: Any, key: str) -> dict[str, Any]:
    """Return the arguments of the optimizer but for one."""
    return {name: value for name, value in mapping_in(FIELD, args.optim_args).items() if name != key}


def leaves(value: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Yield each single value in mappings and lists, with its place."""
    if isinstance(value, Mapping):
        parts: list[tuple[Any, Any]] = list(value.items())
    elif isinstance(value, list | tuple):
        parts = list(enumerate(value))
    else:
        yield place, value
        return
    for key, one in parts:
        yield from leaves(one, (*place, key))
