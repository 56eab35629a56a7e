"""The problem of a Trainer that a programmer made: its data sets as they are, its arguments as the baseline."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from transformers import TrainingArguments

from ..spaces import binding
from ..spaces.errors import BadInput
from ..spaces.space import Space
from ..studies.objective import Objective
from .consumers.check import assumed_words, check_consumers
from .data.fingerprints import dataset_fingerprint, model_config_fingerprint
from .data.splits import GivenSplits
from .data.streams import check_share, is_stream, share_words
from .data.trainer_data import check_data
from .making.making import Making
from .making.suggested import with_suggestions
from .max_steps import without_epochs
from .model.adapter_check import check_adapters, uses_adapters
from .objectives import weighed_by_name
from .plan import Plan
from .probe import UNCHANGED, try_out
from .problem import Problem, check_measured, check_plan, check_subset_of, common_identity, rows_of
from .protocol.table import is_trainer
from .strategy import NONE
from .trainer_settings import trainer_settings
from .trial.early_stopping import check_stopping, stopping_words
from .trial.looks import looks_words
from .trial.outputs import why_no_rows
from .trial.trainer import accepted_sections


def trainer_problem(
    making: Making,
    plan: Plan,
    objective: Objective,
    *,
    weighed: tuple[Objective, ...] = (),
    half: bool = False,
    report: Any = None,
) -> Problem:
    """Return the problem of a user's Trainer; its plan is `plan`, fitted to the Trainer.

    Winner and baseline are compared on `report`, a data set of the user's, or on `half` of what it evaluates on.

    Raises `BadInput` for a Trainer that cannot be searched.
    """
    trainer = making.template
    making.check()
    making.refuse(plan)
    check_data(making)
    plan = without_epochs(plan, trainer.args)
    check_names(making, plan.space)
    check_plan(plan)
    check_stopping(trainer, plan)
    check_measured([*weighed, *plan.constraints], trainer)
    check_subset(making, plan)
    source = GivenSplits(
        making.train_dataset, making.eval_dataset, report=report, report_seed=plan.seed if half else None
    )
    problem = Problem(
        making=making,
        source=source,
        plan=plan,
        objective=objective,
        weighed=weighed,
        task_name="python",
        model_name=type(making.users.model).__name__,
        identity=trainer_identity(making)
        | common_identity(trainer, plan, objective, weighed)
        | ({"report": HALF} if half else {})
        | ({} if report is None else {"report": dataset_fingerprint(report)}),
        notes={"rows": rows_of(source.splits({}))},
        remarks=(*remarks(making, plan, objective), *looks_words(trainer, source.splits({}), plan)),
        as_it_is=not uses_adapters(plan.space) or making.call.value_of("peft_config") is not None,
    )
    check_consumers(problem)
    return dataclasses.replace(problem, remarks=(*problem.remarks, *assumed_words(problem.assumed())))


def remarks(making: Making, plan: Plan, objective: Objective) -> Iterator[str]:
    """Yield what is worth telling of a Trainer before its search."""
    trainer = making.template
    if plan.fraction < 1 and is_stream(making.train_dataset):
        yield share_words(trainer.args.max_steps, plan.fraction)
    yield from stopping_words(trainer, objective.name)
    for name, why in making.refusals().items():
        yield f"{name} cannot be copied ({why}): your code is run again for each trial"


def trainer_identity(making: Making) -> dict[str, Any]:
    """Return the part of the identity that says which Trainer, data and model."""
    trainer, users = making.template, making.users
    settings = trainer_settings(users)
    return {
        **({"settings": settings} if settings else {}),
        **({"compute_objective": own.fingerprint} if (own := making.own_objective) else {}),
        "trainer": f"{type(users).__module__}.{type(users).__qualname__}",
        "data": {
            "train": dataset_fingerprint(making.train_dataset),
            "selection": None if making.eval_dataset is None else dataset_fingerprint(making.eval_dataset),
        },
        "model": {"name": type(users.model).__name__, "fingerprint": model_config_fingerprint(trainer.model)},
    }


def check_names(making: Making, space: Space) -> None:
    """Raise `BadInput` for a space with a name that nobody takes in this Trainer."""
    trainer = making.template
    model_names: tuple[str, ...] | None = ()
    if trainer.model_init is not None and accepted_sections(trainer.model_init):
        model_names = None
    bound = {name: parameter for name, parameter in space.parameters.items() if not making.decides(name)}
    if bound:
        binding.check(Space(bound, name=space.name), model=model_names, data=(), arguments=making.arguments.kind)
    for name in (name for name in space.searched if name in bound):
        why = making.ignores(name)
        if why is not None:
            raise BadInput(f"{name} in the space would change nothing: {why}", hint=f"leave {name} out of the space")
    if not any(name.startswith("peft.") for name in bound):
        return
    if trainer.model_init is not None:
        check_adapters(trainer.model, space)
    elif making.call.value_of("peft_config") is None:
        raise BadInput(
            f"the space has names of peft, and this {type(trainer).__name__} was made without adapters",
            hint="give it a peft_config, whose fields are then searched, or a model_init",
        )


def check_trainer(trainer: Any) -> None:
    """Raise `BadInput` for what is no Trainer."""
    if not is_trainer(trainer):
        raise BadInput(f"a transformers.Trainer is needed, got {type(trainer).__name__}")


def check_subset(making: Making, plan: Plan) -> None:
    """Raise `BadInput` for a subset of the training data that cannot be searched on."""
    args, train = making.template.args, making.train_dataset
    streams = is_stream(train)
    check_schedule(args, plan.fraction, streams=streams)
    if streams:
        check_share(args.max_steps, plan.fraction)
    elif not isinstance(train, dict):
        check_subset_of(train, plan, batch=args.per_device_train_batch_size)


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


#: How an identity says that the report split is half of what the Trainer evaluates on.
HALF = "half of the evaluation set"
#: Rows of an evaluation set that is halved, at the least.
FEWEST_HALVED = 20


def can_be_halved(making: Making, objective: Objective) -> bool:
    """Return whether half of an evaluation set can be kept for the report: with rows, and a score that is one of rows.

    An evaluator's data are its own, and of several sets nobody knows which rows belong together.
    """
    given, trainer = making.eval_dataset, making.template
    if given is None or isinstance(given, dict) or is_stream(given) or len(given) < FEWEST_HALVED:
        return False
    return objective.is_loss or why_no_rows(trainer) is None


def checked_problem(
    making: Making,
    plan: Plan,
    objective: str | None,
    direction: str | None,
    weighed: Iterable[str] = (),
    *,
    confirm: str = NONE,
    report: Any = None,
) -> Problem:
    """Return the problem of a Trainer that was tried out; `weighed` are names of what its objective is weighed against.

    Without a name, the objective is the one metric of its evaluation, or else the loss.
    With a `confirm`, half of its evaluation set is the report split, where its evaluation can do with half of them and
    no `report` is given. Raises `BadInput` for a Trainer that cannot be searched, or whose evaluation does not return
    one of these names.
    """
    space, suggested = with_suggestions(plan.space, making.template.model_init, making.users.model)
    plan = dataclasses.replace(plan, space=space)
    if objective is None:
        loss = trainer_problem(making, plan, Objective.named("loss"))
        objective = the_metric(try_out(loss, named=False).metrics)
    (steering, untold), against = Objective.asked(objective, direction), weighed_by_name(weighed)
    half = report is None and confirm != NONE and can_be_halved(making, steering)
    problem = trainer_problem(making, plan, steering, weighed=against, half=half, report=report)
    tried = try_out(problem)
    if untold is not None:
        raise untold
    if half and not tried.in_parts:
        problem = trainer_problem(making, plan, steering, weighed=against)
    told = [*(() if tried.learned else [UNCHANGED]), *(() if confirm == NONE else report_words(problem))]
    return dataclasses.replace(problem, remarks=(*problem.remarks, *suggested, *told))


def the_metric(names: Sequence[str]) -> str:
    """Return the one metric of an evaluation; the loss where there is none. Raises `BadInput` where there are several.

    Stock takes the sum of them (pains A2).
    """
    metrics = [name for name in names if name not in ("eval_loss", "eval_model_preparation_time")]
    if len(metrics) > 1:
        raise BadInput(
            f"the evaluation returns {len(metrics)} metrics ({', '.join(metrics)}), and one of them is the objective",
            hint=f"objective={metrics[0].removeprefix('eval_')!r}, or a compute_objective that returns one of them",
        )
    return metrics[0] if metrics else "eval_loss"


def report_words(problem: Problem) -> Iterator[str]:
    """Yield what the winner and the baseline are compared on."""
    parts = problem.source.splits({})
    if parts.report is None:
        yield (
            "the evaluation set cannot be halved, so winner and baseline are compared on the rows that trials were "
            "chosen by: there is no interval, and the gain is optimistic"
        )
        return
    if problem.identity.get("report") != HALF:
        yield f"winner and baseline are compared on the {len(parts.report):,} rows of the report data"
        return
    yield (
        f"of the {len(parts.selection) + len(parts.report):,} rows of the evaluation set, {len(parts.selection):,} "
        f"choose, and {len(parts.report):,} compare the winner with the baseline"
    )


def trainer_seed(trainer: Any) -> int:
    """Return the seed that a Trainer would train with, so that the baseline is what it would do by itself."""
    return int(getattr(getattr(trainer, "args", None), "seed", 42))
