"""The problem of a task and a model: data prepared for the model's tokenizer, and a Trainer for both."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from transformers import Trainer, TrainingArguments

from ..spaces import binding
from ..spaces.errors import BadInput
from ..spaces.space import Space
from ..studies.objective import UNITS, Objective, UntoldDirection, typed
from .consumers.check import assumed_words, check_consumers
from .data.collator import TaskCollator
from .data.prepared import TRAIN, VALIDATION, Prepared, check_length, prepare
from .data.raw import RawData
from .data.splits import Splits
from .data.understanding import understanding
from .making.making import Making
from .making.suggested import with_suggestions
from .metrics import compute_metrics, score
from .model.adapter_check import check_adapters, uses_adapters
from .model.heads import head_words
from .model.models import TINY, ModelInit, ModelSource, load_tokenizer, model_fingerprint
from .model.positions import SIZES, most_tokens
from .model.precision import precision_arguments, resolve_precision
from .objectives import name_and_direction, weighed_by_name
from .own.call import telling_where
from .own.code import NO_CODE, OwnCode
from .own.parts import OwnModelInit, check_outputs, own_identity, own_metrics, own_model_init
from .plan import Plan
from .probe import try_out
from .problem import (
    Problem,
    ScorePredictions,
    check_measured,
    check_plan,
    check_subset_of,
    common_identity,
    rows_of,
)
from .tasks import Task, task_objective
from .trial.looks import looks_words
from .understood import Understood

DATA_NAMES = ("max_length",)
#: Tokens of an example unless a space has `data.max_length` or the model takes fewer; the usual length for GLUE.
MAX_LENGTH = 128
#: What a fine-tuning is started with where nobody says otherwise, and so what the baseline is made of: learning rate,
#: epochs and batch size from the ranges of Devlin et al. 2019 (BERT, appendix A.3), weight decay and warm-up over a
#: tenth of the steps from its pre-training set-up, which fine-tuning recipes kept (Mosbach et al. 2021).
RECOMMENDED = {
    "learning_rate": 5e-5,
    "per_device_train_batch_size": 16,
    "num_train_epochs": 3,
    "weight_decay": 0.01,
    "warmup_steps": 0.1,
}
OPTIMISTIC = (
    "--select-on validation: trials are chosen and reported on the same rows, so the reported score is optimistic"
)

UNTRAINED = f"the model {TINY!r} was never pretrained: adapters beside weights drawn at random learn little"


class PreparedSource:
    """Splits prepared for a tokenizer, once for each `data.max_length`, and memory-mapped."""

    def __init__(self, raw: RawData, tokenizer: Any, *, seed: int, cache: Path, select_on: str = TRAIN) -> None:
        self.raw, self.tokenizer, self.seed, self.cache, self.select_on = raw, tokenizer, seed, cache, select_on
        self.max_length = usual_length(tokenizer)
        self.cut: str | None = None  #: why texts are cut there, where that is less than usual
        if self.max_length < MAX_LENGTH:
            self.cut = f"texts are cut at {self.max_length} tokens: its tokenizer says that the model takes no more"
        self.opened: dict[int, Prepared] = {}

    def prepared(self, max_length: int | None = None) -> Prepared:
        """Return the data with at most `max_length` tokens an example, or the usual number."""
        max_length = max_length or self.max_length
        if max_length not in self.opened:
            self.opened[max_length] = prepare(
                self.raw,
                self.tokenizer,
                max_length=max_length,
                seed=self.seed,
                cache=self.cache,
                select_on=self.select_on,
            )
        return self.opened[max_length]

    def fit(self, most: int | None) -> bool:
        """Cut examples at the `most` tokens that a model can read; return whether that is less than they had."""
        if most is None or most >= self.max_length:
            return False
        self.max_length = most
        self.cut = f"texts are cut at {most} tokens: the model has positions for no more"
        return True

    def splits(self, data: dict[str, Any]) -> Splits:
        """Return the splits for the `data.*` values of a configuration."""
        one = self.prepared(data.get("max_length"))
        return Splits(one.train, one.selection, one.report, one.full_train)

    def understood(self) -> Understood:
        """Return what was understood of the data, at the usual number of tokens."""
        return understanding(
            self.raw,
            self.prepared(),
            self.tokenizer,
            rows=rows_of(self.splits({})),
            max_length=self.max_length,
            seed=self.seed,
            select_on=self.select_on,
        )


def usual_length(tokenizer: Any) -> int:
    """Return the tokens of an example unless a space has `data.max_length`."""
    return int(min(MAX_LENGTH, tokenizer.model_max_length))


def task_problem(
    raw: RawData,
    model: ModelSource,
    plan: Plan,
    *,
    objective: str | None,
    direction: str | None,
    precision: str,
    cache: Path,
    weighed: Sequence[str] = (),
    select_on: str = TRAIN,
    code: OwnCode = NO_CODE,
) -> Problem:
    """Return the problem of a task and a model; `select_on` is as in `data.prepared`, `code` what the user brings.

    `weighed` are names of what the objective is weighed against. Raises `BadInput` for whatever cannot be searched,
    before anything is trained.
    """
    task, said = raw.task, objective is not None
    steering, untold = objective_of(task, objective, direction, code)
    against = checked_weighed(task, weighed, code)
    if code.compute_metrics is None:
        checked_weighed(task, [typed(one.name) for one in plan.constraints], code)
    tokenizer = load_tokenizer(model, texts_of(raw))
    model_init = own_model_init(code, model, task, tokenizer) or ModelInit(source=model, task=task, tokenizer=tokenizer)
    with telling_where(code.model_init):
        space, suggested = own_suggestions(plan.space, model_init)
    plan = dataclasses.replace(plan, space=space)
    check_space(plan, model_init, pair=len(task.text_columns) == 2)
    precision, why = resolve_precision(precision)
    source = PreparedSource(raw, tokenizer, seed=plan.seed, cache=cache, select_on=select_on)
    arguments = template_arguments(plan, precision, cache)
    metrics = own_metrics(code) or compute_metrics(model_init.task, objective=steering.typed)
    with telling_where(code.model_init):
        trainer = task_trainer(model_init, source.prepared(), arguments, metrics)
        check_task_trainer(trainer, model_init, plan)
        check_measured([*against, *plan.constraints], trainer)
        most = fewest_tokens(trainer.model, model_init, plan.space)
        check_longest(plan.space, most)
        if source.fit(most):
            trainer = task_trainer(model_init, source.prepared(), arguments, metrics)
    making = Making.of(trainer)
    understood = source.understood()
    identity = task_identity(source.prepared(), model_init, precision, select_on, steering.name)
    problem = Problem(
        making=making,
        source=source,
        plan=plan,
        objective=steering,
        weighed=against,
        task_name=task.name,
        model_name=model.short_name,
        score_predictions=prediction_score(task, steering) if code.compute_metrics is None else None,
        max_length=source.max_length,
        identity=identity | own_identity(code, trainer.model) | common_identity(trainer, plan, steering, against),
        notes={
            "model": model.name,
            "rows": dict(understood.rows),
            "task": task.to_dict(),
            "understood": understood.to_json(),
        },
        remarks=(
            *raw.notes,
            *suggested,
            *filter(None, [understood.imbalance(steering.name, said=said), understood.leaks.remark]),
            f"precision {precision}: {why}",
            *cautions(model, trainer, source, plan),
        ),
    )
    check_consumers(problem)
    problem = dataclasses.replace(problem, remarks=(*problem.remarks, *assumed_words(problem.assumed())))
    if code.compute_metrics is not None:
        try_out(problem)
    if untold is not None:
        raise untold
    check_subset_of(trainer.train_dataset, plan, batch=trainer.args.per_device_train_batch_size)
    return problem


def own_suggestions(space: Space, model_init: ModelInit | OwnModelInit) -> tuple[Space, tuple[str, ...]]:
    """Return a space with what a `model_init` of the user's suggests, and what is to be told of it."""
    if not isinstance(model_init, OwnModelInit) or not model_init.suggests:
        return space, ()
    return with_suggestions(space, model_init.make, model_init())


def check_space(plan: Plan, model_init: ModelInit | OwnModelInit, *, pair: bool) -> None:
    """Raise `BadInput` for a space that does not suit the model or its tokenizer; of a `pair`, both texts are read."""
    binding.check(plan.space, model=model_init.keys(), data=DATA_NAMES)
    check_plan(plan)
    check_lengths(plan.space, model_init.tokenizer, pair=pair)


def check_task_trainer(trainer: Trainer, model_init: ModelInit | OwnModelInit, plan: Plan) -> None:
    """Raise `BadInput` for a model that does not suit the task or the space."""
    own = isinstance(model_init, OwnModelInit)
    if own:
        check_outputs(trainer.model, model_init.task)
    check_adapters(trainer.model, plan.space, freezes=None if own else model_init.source.freeze_encoder)


def cautions(model: ModelSource, trainer: Trainer, source: PreparedSource, plan: Plan) -> Iterator[str]:
    """Yield what to think of before such a search is believed."""
    if source.select_on == VALIDATION:
        yield OPTIMISTIC
    if (words := head_words(trainer.model)) != "":
        yield words
    if source.cut is not None and "data.max_length" not in plan.space.parameters:
        yield source.cut
    if model.is_tiny() and uses_adapters(plan.space):
        yield UNTRAINED
    yield from looks_words(trainer, source.splits({}), plan)


def objective_of(
    task: Task, objective: str | None, direction: str | None, code: OwnCode
) -> tuple[Objective, UntoldDirection | None]:
    """Return the objective as `Objective.asked` does: one of the task's metrics, or what the user's function returns.

    Raises `BadInput` where it is not said which of the function's numbers counts.
    """
    if code.compute_metrics is None:
        return task_objective(task, objective or task.objective, direction), None
    if objective is None:
        raise BadInput(
            f"--compute-metrics {code.compute_metrics} may return several numbers, and one of them counts",
            hint="say which: --objective NAME",
        )
    return Objective.asked(objective, direction)


def checked_weighed(task: Task, names: Sequence[str], code: OwnCode) -> tuple[Objective, ...]:
    """Return what the objective is weighed against: metrics as in `objective_of`, or what no evaluation returns."""
    if code.compute_metrics is not None:
        return weighed_by_name(names)
    found: list[Objective] = []
    for asked in names:
        name, direction = name_and_direction(asked)
        if name in UNITS:
            found += weighed_by_name([asked])
        else:
            found.append(task_objective(task, name, direction, beside=[*UNITS]))
    return tuple(found)


def prediction_score(task: Task, objective: Objective) -> ScorePredictions | None:
    """Return the function that scores predictions by the objective; None for a loss, which needs more than these."""
    name = objective.typed
    if name not in task.metrics:
        return None
    return lambda predictions, references: score(task, name, predictions, references)


def check_lengths(space: Space, tokenizer: Any, *, pair: bool) -> None:
    """Raise `BadInput` for a `data.max_length` that is no number, or leaves no room for text."""
    searched = space.parameters.get("data.max_length")
    for length in searched.ends if searched else [usual_length(tokenizer)]:
        if not isinstance(length, int):
            raise BadInput(f"data.max_length takes a whole number, not {length!r}", hint="in YAML `type: int`")
        check_length(tokenizer, length, pair=pair)


def fewest_tokens(model: Any, model_init: ModelInit | OwnModelInit, space: Space) -> int | None:
    """Return how many tokens every model of a space can read, of which `model` is one; None where nothing bounds it."""
    sizes = [(name, sizes_in(space, f"model.{name}")) for name in SIZES]
    models = (model, *(model_init({name: min(found)}) for name, found in sizes if found))
    return min((most for most in map(most_tokens, models) if most is not None), default=None)


def check_longest(space: Space, most: int | None) -> None:
    """Raise `BadInput` for a `data.max_length` that the model has no positions for."""
    longest = max(sizes_in(space, "data.max_length"), default=0)
    if most is not None and longest > most:
        raise BadInput(
            f"data.max_length={longest} is more than the {most} tokens that the model has positions for",
            hint=f"at most {most}",
        )


def sizes_in(space: Space, name: str) -> list[int]:
    """Return the whole numbers among the ends of what a space says of `name`."""
    searched = space.parameters.get(name)
    return [size for size in searched.ends if isinstance(size, int)] if searched else []


def template_arguments(plan: Plan, precision: str, cache: Path) -> TrainingArguments:
    """Return what a trial's arguments start from; the folder they name is never written to."""
    return TrainingArguments(
        output_dir=str(cache / "template"),
        save_strategy="no",
        **RECOMMENDED,
        per_device_eval_batch_size=64,
        train_sampling_strategy="group_by_length",
        remove_unused_columns=False,  # the collator does that, and keeps the lengths for grouping
        report_to=[],
        disable_tqdm=True,
        seed=plan.seed,
        **precision_arguments(precision),
    )


def task_trainer(
    model_init: ModelInit | OwnModelInit, prepared: Prepared, args: TrainingArguments, metrics: Any = None
) -> Trainer:
    """Return the template Trainer; `metrics` takes the place of the task's own."""
    return Trainer(
        model_init=model_init,
        args=args,
        data_collator=collator_of(model_init),
        train_dataset=prepared.train,
        eval_dataset=prepared.selection,
        processing_class=model_init.tokenizer,
        compute_metrics=metrics or compute_metrics(model_init.task),
    )


def collator_of(model_init: ModelInit | OwnModelInit) -> TaskCollator:
    """Return what makes the batches of a task."""
    task = model_init.task
    return TaskCollator(model_init.tokenizer, several=task.num_labels if task.is_several else 0)


def task_identity(
    prepared: Prepared, model_init: ModelInit | OwnModelInit, precision: str, select_on: str, objective: str
) -> dict[str, Any]:
    """Return the part of the identity that says which task, data and model."""
    model = model_init.source
    chosen = {} if select_on == TRAIN else {"select_on": select_on}  # studies older than the choice have no such key
    return {
        "task": _named_columns(model_init.task, objective),
        "data": prepared.fingerprint,
        "model": {
            "name": model.short_name,
            "fingerprint": model_fingerprint(model, model_init.tokenizer),
            "overrides": model.overrides,
            "freeze_encoder": model.freeze_encoder,
        },
        "precision": precision,
        **chosen,
    }


def _named_columns(task: Task, objective: str) -> dict[str, Any]:
    """Return what makes a task another one: not where its files lie, nor what F1 is of unless it is the objective."""
    row = task.to_dict()
    names = ["name", "text_columns", "label_column", "labels"]
    if objective == "eval_f1" and task.is_own and task.positive_label is not None:
        names.append("positive_label")
    if task.group_column is not None:
        names.append("group_column")
    return {name: row[name] for name in names}


def texts_of(raw: RawData) -> Iterator[str]:
    """Yield the training texts, both columns of a pair."""
    for name in ("text_a", "text_b"):
        if name in raw.train.column_names:
            yield from raw.train[name]
