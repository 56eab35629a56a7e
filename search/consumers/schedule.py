"""The learning rate schedule, which `lr_scheduler_kwargs` go to: transformers has one for each `lr_scheduler_type`."""

from __future__ import annotations

import copy
import inspect
import warnings
from collections.abc import Mapping
from typing import Any

import torch
from transformers import SchedulerType, Trainer, get_scheduler
from transformers.optimization import TYPE_TO_SCHEDULER_FUNCTION

from ...spaces.errors import BadInput
from ...spaces.inside import MISSING
from ...spaces.values import shown
from ..failures import first_line
from .combination import Combination

FIELD, CHOOSER = "lr_scheduler_kwargs", "lr_scheduler_type"
#: What the Trainer hands over by itself, and what is for a training that goes on.
BY_TRAINER = ("optimizer", "num_warmup_steps", "num_training_steps", "last_epoch")
#: What counts steps, which mean something else on a part of the data.
IN_STEPS = ("num_decay_steps", "num_stable_steps", "timescale")
STEPS = 100  #: of the training that a schedule is made for to try it


def is_stock(trainer: Any) -> bool:
    """Return whether a Trainer makes its schedule as transformers does."""
    return type(trainer).create_scheduler is Trainer.create_scheduler


def taken(kind: str) -> Mapping[str, inspect.Parameter]:
    """Return the names that the schedule of a type takes."""
    found = inspect.signature(TYPE_TO_SCHEDULER_FUNCTION[SchedulerType(kind)]).parameters
    if any(one.kind is inspect.Parameter.VAR_KEYWORD for one in found.values()):  # which go to the class behind
        found = inspect.signature(type(get_scheduler(kind, optimizer(1e-3)))).parameters
    return {name: one for name, one in found.items() if name not in BY_TRAINER}


def takers(key: str) -> list[str]:
    """Return the types whose schedules take a name."""
    return [kind.value for kind in SchedulerType if key in taken(kind.value)]


def usual(trainer: Any, args: Any, key: str) -> Any:
    """Return what the schedule takes where nobody says otherwise; `MISSING` where that is not known."""
    parameter = taken(SchedulerType(args.lr_scheduler_type).value).get(key) if is_stock(trainer) else None
    default = inspect.Parameter.empty if parameter is None else parameter.default
    return MISSING if default is None or default is inspect.Parameter.empty else default


def check(trainer: Any, args: Any, combination: Combination) -> None:
    """Raise `BadInput` unless the schedule of a combination of values can be made, and takes what it is given."""
    if not is_stock(trainer):
        return
    kind, kwargs = SchedulerType(args.lr_scheduler_type).value, args.lr_scheduler_kwargs or {}
    if not isinstance(kwargs, Mapping):
        raise BadInput(f"{FIELD} must be a mapping, got {shown(kwargs)}")
    known = taken(kind)
    for key in kwargs:
        if combination.sets(FIELD, key) and key not in known:
            raise combination.not_taken(FIELD, key, chooser=CHOOSER, kind=kind, known=known, takers=takers(key))
        if combination.fraction < 1 and key in IN_STEPS:
            raise BadInput(
                f"{FIELD}.{key}={shown(kwargs[key])} counts steps, which mean something else on a subset of "
                f"{combination.fraction:g}",
                hint="search on all the data (--subset 1), or with another lr_scheduler_type",
            )
    try:
        made(args)
    except Exception as error:
        takes = ", ".join(f"{FIELD}.{name}" for name in known) or "nothing"
        raise BadInput(
            f"no schedule can be made with {combination.said(CHOOSER, FIELD, args)}: {first_line(error)}",
            hint=f"{CHOOSER}={kind} takes {takes}",
        ) from error


def made(args: Any) -> Any:
    """Return the schedule of a training of a hundred steps; raises what transformers raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        schedule = get_scheduler(
            args.lr_scheduler_type,
            optimizer(args.learning_rate),
            num_warmup_steps=args.get_warmup_steps(STEPS),
            num_training_steps=STEPS,
            scheduler_specific_kwargs=copy.deepcopy(args.lr_scheduler_kwargs),
        )
        for factor in getattr(schedule, "lr_lambdas", ()):
            for step in (0, STEPS // 2, STEPS):
                factor(step)
    return schedule


def optimizer(rate: float) -> torch.optim.Optimizer:
    """Return an optimizer of one number, for a schedule to stand on."""
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rate)
