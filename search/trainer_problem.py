"""The problem of a Trainer that a programmer made: its data sets as they are, its arguments as the baseline."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

from transformers import Trainer, TrainingArguments

from ..spaces import binding
from ..spaces.errors import BadInput
from ..spaces.presets import recommends_training
from .data.fingerprints import dataset_fingerprint, model_config_fingerprint
from .data.splits import GivenSplits
from .data.streams import check_share, is_stream, share_words
from .data.trainer_data import check_data
from .max_steps import without_epochs
from .model.adapter_check import check_adapters
from .objectives import check_not_lost, weighed_by_name
from .plan import Plan
from .probe import check_objective_is_returned
from .problem import Problem, check_plan, check_subset_of, common_identity, rows_of
from .trainer_settings import trainer_settings
from .trial.early_stopping import check_stopping, stopping_words
from .trial.looks import looks_words
from .trial.trainer import accepted_sections


def trainer_problem(trainer: Any, plan: Plan, *, objective: str, direction: str) -> Problem:
    """Return the problem of a Trainer that has a `model_init`; its plan is `plan`, fitted to the Trainer.

    Raises `BadInput` for a Trainer that cannot be searched.
    """
    check_trainer(trainer)
    plan = without_epochs(plan, trainer.args)
    model_names = None if accepted_sections(trainer.model_init) else ()
    binding.check(plan.space, model=model_names, data=(), arguments=type(trainer.args))
    check_plan(plan)
    check_adapters(trainer.model, plan.space)
    check_stopping(trainer, plan)
    check_subset(trainer, plan)
    source = GivenSplits(trainer)
    return Problem(
        trainer=trainer,
        source=source,
        plan=plan,
        objective=objective,
        direction=direction,
        task_name="python",
        model_name=type(trainer.model).__name__,
        identity=trainer_identity(trainer) | common_identity(trainer, plan, objective, direction),
        notes={"rows": rows_of(source.splits({}))},
        remarks=(*remarks(trainer, plan, objective), *looks_words(trainer, source.splits({}), plan)),
        as_it_is=recommends_training(plan.space),
    )


def remarks(trainer: Any, plan: Plan, objective: str) -> Iterator[str]:
    """Yield what is worth telling of a Trainer before its search."""
    if plan.fraction < 1 and is_stream(trainer.train_dataset):
        yield share_words(trainer.args.max_steps, plan.fraction)
    yield from stopping_words(trainer, objective)


def trainer_identity(trainer: Any) -> dict[str, Any]:
    """Return the part of the identity that says which Trainer, data and model."""
    settings = trainer_settings(trainer)
    return {
        **({"settings": settings} if settings else {}),
        "trainer": f"{type(trainer).__module__}.{type(trainer).__qualname__}",
        "data": {
            "train": dataset_fingerprint(trainer.train_dataset),
            "selection": dataset_fingerprint(trainer.eval_dataset),
        },
        "model": {"name": type(trainer.model).__name__, "fingerprint": model_config_fingerprint(trainer.model)},
    }


def check_trainer(trainer: Any) -> None:
    """Raise `BadInput` if `trainer` lacks what a search needs."""
    if not isinstance(trainer, Trainer):
        raise BadInput(f"a transformers.Trainer is needed, got {type(trainer).__name__}")
    if trainer.model_init is None:
        raise BadInput(
            "the trainer was made with a model, not with a model_init",
            hint="pass Trainer(model_init=function): each trial needs a new model",
        )
    check_data(trainer)


def check_subset(trainer: Any, plan: Plan) -> None:
    """Raise `BadInput` for a subset of the training data that cannot be searched on."""
    streams = is_stream(trainer.train_dataset)
    check_schedule(trainer.args, plan.fraction, streams=streams)
    if streams:
        check_share(trainer.args.max_steps, plan.fraction)
    else:
        check_subset_of(trainer.train_dataset, plan, batch=trainer.args.per_device_train_batch_size)


def check_schedule(args: TrainingArguments, fraction: float, *, streams: bool) -> None:
    """Refuse schedules in steps on a subset: 500 steps may be all of it and a fiftieth of the whole (pains D3).

    A subset of a stream is a share of its `max_steps`, so these may be given there.
    """
    if fraction >= 1:
        return
    if args.max_steps > 0 and not streams:
        raise BadInput(
            f"max_steps={args.max_steps} means something else on a subset of {fraction:g}",
            hint="use num_train_epochs",
        )
    if args.warmup_steps >= 1:
        raise BadInput(
            f"warmup_steps={args.warmup_steps:g} counts steps, which mean something else on a subset of {fraction:g}",
            hint="give a share of all steps below 1, such as warmup_steps=0.1",
        )


def checked_problem(
    trainer: Any, plan: Plan, objective: str, direction: str | None, weighed: Iterable[str] = ()
) -> Problem:
    """Return the problem of a Trainer; `weighed` are names of what its objective is weighed against.

    Raises `BadInput` for a Trainer that cannot be searched, or whose evaluation does not return one of them.
    """
    key, direction = key_and_direction(objective, direction)
    against = weighed_by_name(weighed)
    problem = trainer_problem(trainer, plan, objective=key, direction=direction)
    check_objective_is_returned(trainer, key, [one.name for one in against])
    return dataclasses.replace(problem, weighed=against)


def trainer_seed(trainer: Any) -> int:
    """Return the seed that a Trainer would train with, so that the baseline is what it would do by itself."""
    return int(getattr(getattr(trainer, "args", None), "seed", 42))


def key_and_direction(objective: str, direction: str | None) -> tuple[str, str]:
    """Return the metric's key with its `eval_` prefix and the direction, which a loss settles.

    Raises `BadInput` for another direction, or a loss to maximize.
    """
    key = objective if objective.startswith("eval_") else f"eval_{objective}"
    is_loss = key.endswith("loss")
    if direction not in (None, "minimize", "maximize"):
        raise BadInput(f"unknown direction {direction!r}", hint="minimize or maximize")
    check_not_lost(key, direction)
    return key, direction or ("minimize" if is_loss else "maximize")
