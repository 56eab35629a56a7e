"""Whether all that a space can have is taken by those whom it goes to, asked before anything is trained."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from transformers import Trainer

from ...spaces.corners import corners
from ...spaces.errors import BadInput
from ...spaces.inside import mapping_in, parted, read, typed
from ...spaces.values import same, shown
from ..failures import first_line
from . import checkpointing, optimizer, schedule
from .combination import Combination
from .usual import arguments_of

if TYPE_CHECKING:
    from ..making.making import Making
    from ..problem import Problem

#: Combinations that are asked for, at the most.
MOST = 1000
#: Fields that count only where another one says so.
NEEDS = {
    "activation_checkpointing_kwargs": "activation_checkpointing",
    "gradient_checkpointing_kwargs": "activation_checkpointing",
    "generation_config": "predict_with_generate",
    "liger_kernel_config": "use_liger_kernel",
}


@dataclass(frozen=True, kw_only=True)
class Consumer:
    """Who takes what is inside of a field."""

    fields: tuple[str, ...]  #: what is asked for where a space has one of them, or a name inside
    beside: tuple[str, ...] = ()  #: what else decides whether it can be had
    check: Callable[[Any, Any, Combination], None]
    always: bool = False  #: whether what the user has is asked, too


CONSUMERS = (
    Consumer(
        fields=(schedule.CHOOSER, schedule.FIELD),
        beside=("learning_rate", "warmup_steps"),
        check=schedule.check,
        always=True,
    ),
    Consumer(
        fields=(optimizer.FIELD,),
        beside=(optimizer.CHOOSER, "learning_rate", "optim_target_modules", "weight_decay"),
        check=optimizer.check,
    ),
    Consumer(
        fields=(checkpointing.FIELD, checkpointing.ALIAS),
        beside=("activation_checkpointing", "gradient_checkpointing"),
        check=checkpointing.check,
    ),
)


def check_consumers(problem: Problem) -> None:
    """Raise `BadInput` where a combination that the space can have, or the baseline, cannot be trained with."""
    if not isinstance(problem.trainer, Trainer):
        return
    for field in sorted({parted(name)[0] for name in problem.plan.space.names if is_inner(name)}):
        needs = NEEDS.get(field)
        beside = (needs, needs.replace("activation", "gradient")) if needs else ()
        for combination, args in combinations(problem, (field,), beside):
            check_arrives(problem.making, args, combination, field)
    for consumer in CONSUMERS:
        is_asked = consumer.always or any(parted(name)[0] in consumer.fields for name in problem.plan.space.names)
        if is_asked and problem.making.ignores(consumer.fields[-1]) is None:
            for combination, args in combinations(problem, consumer.fields, consumer.beside):
                with complaint_of(combination):
                    consumer.check(problem.trainer, args, combination)


@contextlib.contextmanager
def complaint_of(combination: Combination) -> Iterator[None]:
    """Say of a complaint that it is of the baseline, whose values nobody has written into the space."""
    try:
        yield
    except BadInput as error:
        if not combination.is_baseline:
            raise
        raise BadInput(f"the baseline, which is trained first, cannot be had: {error}", hint=error.hint) from error


def is_inner(name: str) -> bool:
    """Return whether a name is inside of a field of the arguments."""
    field, rest = parted(name)
    return bool(rest) and field not in ("model", "data", "peft")


def combinations(
    problem: Problem, fields: tuple[str, ...], beside: tuple[str, ...]
) -> Iterator[tuple[Combination, Any]]:
    """Yield what the space can have for some fields, and the baseline, each with its arguments.

    Nothing where the user's function decides about one of them.
    """
    plan, making = problem.plan, problem.making
    names = [name for name in plan.space.names if parted(name)[0] in (*fields, *beside)]
    if any(making.decides(name) for name in names):
        return
    baseline = {name: value for name, value in problem.baseline().items() if name in names}
    for values in (*islice(corners(plan.space, names), MOST), baseline):
        combination = Combination(
            space=plan.space, values=values, fraction=plan.fraction, is_baseline=values is baseline
        )
        try:
            args = arguments_of(making, values)
        except BadInput:
            raise
        except Exception as error:
            told = ", ".join(f"{name}={shown(value)}" for name, value in values.items())
            raise BadInput(f"the arguments of a training cannot be had with {told}: {first_line(error)}") from error
        yield combination, args


def check_arrives(making: Making, args: Any, combination: Combination, field: str) -> None:
    """Raise `BadInput` unless the arguments have what is put into a field, and the field counts."""
    inner = {name: value for name, value in combination.values.items() if parted(name)[0] == field and "." in name}
    for name, value in inner.items():
        there = mapping_in(field, getattr(args, field))
        if not same(typed(field, read(there, parted(name)[1])), typed(field, value)):
            raise BadInput(
                f"{name} would change nothing: the arguments have {field}={shown(getattr(args, field))} all the same",
                hint="another field of the arguments stands for it",
            )
        needs = NEEDS.get(field)
        if needs is not None and not getattr(args, needs, None):
            raise BadInput(
                f"{name} would change nothing: {needs} is off",
                hint=f"write `{needs}: true` into the space, or let it count only `when: {{{needs}: true}}`",
            )
        if field == "model_init_kwargs" and not isinstance(making.call.value_of("model"), str):
            raise BadInput(
                f"{name} would change nothing: the trainer was made with a model that is loaded already",
                hint="give the trainer the name or folder of the model",
            )


def assumed_words(assumed: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is to be told of values of the baseline of which nobody says what they are today."""
    for name, value in assumed.items():
        yield f"nobody says what {name} is without a search: the baseline takes {shown(value)}, a value of the space"
