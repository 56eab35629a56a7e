"""A search problem: everything that makes a study the study it is, and the Trainer that its trials are twins of.

`task_problem` builds one from a task and a model (the command line's road); `trainer_problem` from a Trainer that a
programmer made. What runs a problem is `study_run`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from transformers import Trainer, TrainingArguments

from ..spaces import binding
from ..spaces.errors import BadInput
from .collator import TaskCollator
from .configuration import plain
from .fingerprints import dataset_fingerprint, model_config_fingerprint
from .loop import Plan
from .metrics import compute_metrics
from .models import ModelInit, ModelSource, load_tokenizer, model_fingerprint
from .precision import precision_arguments, resolve_precision
from .prepared import Prepared, check_subset, prepare
from .raw import RawData
from .splits import GivenSplits, Splits, SplitSource, labels_of
from .tasks import Task, check_objective
from .trial_trainer import accepted_sections

#: Tokens of an example unless a space has `data.max_length`.
MAX_LENGTH = 128
DATA_NAMES = ("max_length",)
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
#: Libraries whose minor version may change a result.
VERSIONED = ("hpsearch", "transformers", "torch", "optuna", "datasets")


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What is searched: a template Trainer, the data behind it, a space, one objective."""

    trainer: Any
    source: SplitSource
    plan: Plan
    objective: str
    direction: str
    task: Task | None
    task_name: str
    model_name: str
    identity: dict[str, Any]
    notes: dict[str, Any] = field(default_factory=dict)  #: worth knowing, but not part of the identity
    remarks: tuple[str, ...] = ()  #: worth telling the user before the search

    def baseline(self) -> dict[str, Any]:
        """Return the default configuration, brought inside the space: what the template would train with."""
        args = self.trainer.args
        defaults = {
            name: getattr(args, name)
            for name in self.plan.space.names
            if not name.startswith(("model.", "data."))
        }
        defaults |= {f"model.{name}": value for name, value in _model_settings(self.trainer).items()}
        defaults |= {"data.max_length": MAX_LENGTH}
        return self.plan.space.baseline(
            {name: getattr(value, "value", value) for name, value in defaults.items()}
        )


class PreparedSource:
    """Splits prepared for a tokenizer, once for each `data.max_length`, and memory-mapped."""

    def __init__(self, raw: RawData, tokenizer: Any, *, seed: int, cache: Path) -> None:
        self.raw, self.tokenizer, self.seed, self.cache = raw, tokenizer, seed, cache
        self.opened: dict[int, Prepared] = {}

    def prepared(self, max_length: int = MAX_LENGTH) -> Prepared:
        """Return the data with at most `max_length` tokens an example."""
        if max_length not in self.opened:
            self.opened[max_length] = prepare(
                self.raw, self.tokenizer, max_length=max_length, seed=self.seed, cache=self.cache
            )
        return self.opened[max_length]

    def splits(self, data: dict[str, Any]) -> Splits:
        """Return the splits for the `data.*` values of a configuration."""
        one = self.prepared(data.get("max_length", MAX_LENGTH))
        return Splits(one.train, one.selection, one.report, one.full_train)


def task_problem(
    raw: RawData,
    model: ModelSource,
    plan: Plan,
    *,
    objective: str | None,
    direction: str | None,
    precision: str,
    cache: Path,
) -> Problem:
    """Return the problem of a task and a model.

    Raises `BadInput` for whatever cannot be searched, before anything is trained.
    """
    task = raw.task
    objective, direction = check_objective(task, objective or task.objective, direction)
    tokenizer = load_tokenizer(model, texts_of(raw))
    model_init = ModelInit(source=model, task=task, tokenizer=tokenizer)
    binding.check(plan.space, model=model_init.keys(), data=DATA_NAMES)
    precision, why = resolve_precision(precision)
    source = PreparedSource(raw, tokenizer, seed=plan.seed, cache=cache)
    prepared = source.prepared()
    trainer = Trainer(
        model_init=model_init,
        args=TrainingArguments(
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
        ),
        data_collator=TaskCollator(tokenizer),
        train_dataset=prepared.train,
        eval_dataset=prepared.selection,
        processing_class=tokenizer,
        compute_metrics=compute_metrics(task),
    )
    check_subset_of(prepared.train, plan, batch=trainer.args.per_device_train_batch_size)
    identity = {
        "task": {name: task.to_dict()[name] for name in ("name", "text_columns", "label_column", "labels")},
        "data": prepared.fingerprint,
        "model": {
            "name": model.short_name,
            "fingerprint": model_fingerprint(model, tokenizer),
            "overrides": model.overrides,
            "freeze_encoder": model.freeze_encoder,
        },
        "precision": precision,
    }
    return Problem(
        trainer=trainer,
        source=source,
        plan=plan,
        objective=objective,
        direction=direction,
        task=task,
        task_name=task.name,
        model_name=model.short_name,
        identity=identity | _common_identity(trainer, plan, objective, direction),
        notes={"model": model.name, "rows": rows_of(source.splits({})), "task": task.to_dict()},
        remarks=(*raw.notes, f"precision {precision}: {why}"),
    )


def trainer_problem(trainer: Any, plan: Plan, *, objective: str, direction: str) -> Problem:
    """Return the problem of a Trainer that has a `model_init`.

    Raises `BadInput` for a Trainer that cannot be searched.
    """
    check_trainer(trainer)
    takes_model_values = accepted_sections(trainer.model_init)
    binding.check(
        plan.space, model=None if takes_model_values else (), data=(), arguments=type(trainer.args)
    )
    check_schedule(trainer.args, plan.fraction)
    source = GivenSplits(trainer)
    check_subset_of(trainer.train_dataset, plan, batch=trainer.args.per_device_train_batch_size)
    model_name = type(trainer.model).__name__
    identity = {
        "trainer": f"{type(trainer).__module__}.{type(trainer).__qualname__}",
        "data": {
            "train": dataset_fingerprint(trainer.train_dataset),
            "selection": dataset_fingerprint(trainer.eval_dataset),
        },
        "model": {"name": model_name, "fingerprint": model_config_fingerprint(trainer.model)},
    }
    return Problem(
        trainer=trainer,
        source=source,
        plan=plan,
        objective=objective,
        direction=direction,
        task=None,
        task_name="python",
        model_name=model_name,
        identity=identity | _common_identity(trainer, plan, objective, direction),
        notes={"rows": rows_of(source.splits({}))},
    )


def _common_identity(trainer: Any, plan: Plan, objective: str, direction: str) -> dict[str, Any]:
    return {
        "objective": objective,
        "direction": direction,
        "score": plan.score_from,
        "space": plan.space.to_dict()["parameters"],
        "fraction": plan.fraction,
        "seed": plan.seed,
        "sampler": plan.sampler,
        "pruner": plan.pruner,
        "args": {name: value for name, value in plain(trainer.args).items() if name not in plan.space.names},
        "versions": {name: ".".join(version(name).split(".")[:2]) for name in VERSIONED},
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
    for name in ("train_dataset", "eval_dataset"):
        if getattr(trainer, name) is None:
            raise BadInput(f"the trainer has no {name}")
    if not hasattr(trainer.train_dataset, "__len__"):
        raise BadInput("the trainer's train_dataset has no length", hint="give a data set with a length")


def check_schedule(args: TrainingArguments, fraction: float) -> None:
    """Refuse schedules in steps on a subset: 500 steps may be all of it and a fiftieth of the whole (pains D3)."""
    if fraction >= 1:
        return
    if args.max_steps > 0:
        raise BadInput(
            f"max_steps={args.max_steps} means something else on a subset of {fraction:g}",
            hint="use num_train_epochs",
        )
    if args.warmup_steps >= 1:
        raise BadInput(
            f"warmup_steps={args.warmup_steps:g} counts steps, which mean something else on a subset of {fraction:g}",
            hint="give a share of all steps below 1, such as warmup_steps=0.1",
        )


def check_subset_of(dataset: Any, plan: Plan, *, batch: int) -> None:
    """Raise `BadInput` for a subset with fewer rows than the largest batch, or than two a class."""
    searched = plan.space.parameters.get("per_device_train_batch_size")
    largest = batch if searched is None else max(searched.ends)
    check_subset(labels_of(dataset), len(dataset), plan.fraction, largest)


def rows_of(splits: Splits) -> dict[str, int]:
    """Return the number of rows of each split."""
    return {name: len(part) for name, part in splits._asdict().items() if hasattr(part, "__len__")}


def texts_of(raw: RawData) -> Iterator[str]:
    """Yield the training texts, both columns of a pair."""
    for name in ("text_a", "text_b"):
        if name in raw.train.column_names:
            yield from raw.train[name]


def _model_settings(trainer: Any) -> Mapping[str, Any]:
    config = getattr(trainer.model, "config", None)
    settings: dict[str, Any] = config.to_dict() if config is not None else {}
    return settings | {"freeze_encoder": False}
