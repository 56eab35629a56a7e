"""The Trainer of one training: the user's, made anew (`making`), with what a trial adds to its class.

How it mends the stock search (rows of table A in the project's list of users' pains, each reproduced by a test):

- A1, A9: each trial's Trainer is *made* for it, under its own seed, from fresh arguments, with fresh copies of what a
  training changes: nothing is left from another trial;
- A6, A7, A8: values come from a space that was bound to `TrainingArguments` and are handed to its constructor, never
  assigned and never cast;
- A2, A3: the objective is one key of the evaluation's metrics;
- A4: the trial's value is its best evaluation's (or the last, if asked), and the kept checkpoint is from that step;
- A13: Optuna is told shares of the budget, never optimiser steps;
- A14: a trial writes to its own folder only.

An evaluation leaves no trace in the training that it interrupts: what is drawn at random after it is what would have
been drawn without it.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
from collections.abc import Callable, Iterator
from typing import Any
from weakref import WeakKeyDictionary

import transformers
from transformers import PrinterCallback, ProgressCallback, TrainerCallback

from ...spaces.errors import BadInput
from ..data.lengths import with_lengths_read
from ..making.generators import undisturbed
from ..making.making import Making, Scores
from ..making.wish import Wish
from ..paths import KEPT
from ..ranks.evaluation import shared_evaluation, shared_step
from ..ranks.item_count import divides_by_items
from ..ranks.ranks import ALONE, Leg
from .budget import LOOKS
from .collapse import watching
from .configuration import Configuration
from .ledger import CHECKPOINT, DATA, EVALUATE
from .numbers import plain_numbers
from .schedule import Change, ScheduleCallback
from .training import Training


class TrialMixin:
    """What a training of ours adds to a Trainer's class, once the Trainer is made."""

    hpsearch_run: Training | None  #: None: a training that nobody scores on the way
    hpsearch_looks = False  #: whether it is being evaluated
    hpsearch_objective: Scores | None = None  #: what adds the objective to the metrics
    hpsearch_scaled = False  #: whether it is known how its loss has to be scaled where several processes share a batch

    def compute_loss(self, model: Any, inputs: Any, *args: Any, **named: Any) -> Any:
        """Return the loss; where ranks share a batch, find out first how it is to be scaled, see `ranks.item_count`."""
        parent: Any = super()
        twin: Any = self
        items = named.get("num_items_in_batch")
        if self.hpsearch_run is not None and self.is_shared and items is not None and not self.hpsearch_scaled:
            plain = twin.accelerator.unwrap_model(model)
            divides = divides_by_items(parent.compute_loss, plain, inputs, items)
            twin.args.average_tokens_across_devices = self.hpsearch_run.ranks.agreed(divides)
            self.hpsearch_scaled = True
        return parent.compute_loss(model, inputs, *args, **named)

    @property
    def is_shared(self) -> bool:
        """Whether other processes train the same trial."""
        return self.hpsearch_run is not None and self.hpsearch_run.ranks.count > 1

    def evaluation_loop(self, *args: Any, **named: Any) -> Any:
        """Predict a data set; where ranks share it, see `ranks.evaluation`."""
        parent: Any = super()
        with shared_evaluation(self) if self.is_shared else contextlib.nullcontext():
            return parent.evaluation_loop(*args, **named)

    def prediction_step(self, model: Any, inputs: Any, *rest: Any, **named: Any) -> Any:
        """Predict a batch; where ranks share it, see `ranks.evaluation`."""
        parent: Any = super()
        if not self.is_shared:
            return parent.prediction_step(model, inputs, *rest, **named)
        step = functools.partial(parent.prediction_step, **named)
        return shared_step(self, step, model, inputs, *rest)

    def evaluate(self, *args: Any, **named: Any) -> Any:
        """Evaluate, without a trace, and book the time; ranks of one trial agree on the numbers of the first."""
        parent: Any = super()
        if self.hpsearch_looks:  # one of several evaluation sets: what is drawn for it follows on the one before
            return parent.evaluate(*args, **named)
        twin: Any = self
        run, before = self.hpsearch_run, len(twin.state.log_history)
        self.hpsearch_looks = True
        try:
            with booked(run, EVALUATE), undisturbed(), loss_as_it_is(self):
                found = parent.evaluate(*args, **named)
                metrics = with_logged(found, twin.state.log_history[before:])
                if self.hpsearch_objective is not None:
                    metrics = self.hpsearch_objective.added(metrics)
                return (ALONE if run is None else run.ranks).agreed(metrics)
        finally:
            self.hpsearch_looks = False

    def log(self, logs: dict[str, Any], *args: Any, **named: Any) -> Any:
        """Log what are numbers: a table or an array in the log makes a checkpoint fail."""
        parent: Any = super()
        return parent.log(plain_numbers(logs), *args, **named)

    def _save_checkpoint(self, *args: Any, **named: Any) -> Any:
        """Save a checkpoint, and book the time."""
        parent: Any = super()
        with booked(self.hpsearch_run, CHECKPOINT):
            return parent._save_checkpoint(*args, **named)

    def _get_output_dir(self, trial: Any = None) -> str:
        """Return where checkpoints go."""
        twin: Any = self
        return os.path.join(twin.args.output_dir, KEPT)

    def _get_train_sampler(self, *args: Any, **kwargs: Any) -> Any:
        """Return the sampler of the training set, see `with_lengths_read`."""
        parent: Any = super()
        return with_lengths_read(parent._get_train_sampler(*args, **kwargs))

    def _get_eval_sampler(self, *args: Any, **kwargs: Any) -> Any:
        """Return the sampler of the evaluation set, see `with_lengths_read`."""
        parent: Any = super()
        return with_lengths_read(parent._get_eval_sampler(*args, **kwargs))

    def _report_to_hp_search(self, trial: Any, step: int, metrics: dict[str, float]) -> None:
        """Take note of an evaluation on the way. Raises as `Training.evaluated` does."""
        run = self.hpsearch_run
        if run is not None:
            with run.ranks.deciding():
                run.evaluated(step, metrics)


def with_logged(metrics: Any, entries: list[dict[str, Any]]) -> Any:
    """Return what an evaluation returned, and what it only logged: trl's Trainers say their rewards so."""
    logged = {name: value for entry in entries for name, value in entry.items() if name.startswith("eval_")}
    return {**logged, **metrics} if isinstance(metrics, dict) else metrics


def made(
    making: Making,
    configuration: Configuration,
    *,
    train: Any,
    evaluation: Any,
    callbacks: list[TrainerCallback],
    run: Training | None = None,
    **fields: Any,
) -> Any:
    """Return a new Trainer for one training with a configuration; `fields` are of `RUN_FIELDS`.

    `callbacks` come after the user's. Raises whatever the user's code raises.
    """
    wish = Wish(
        values=configuration.handed(making, **fields),
        train=train,
        evaluation=evaluation,
        own=configuration.own,
        model=configuration.model,
        peft=configuration.peft,
    )
    trainer = making.made(wish)
    trainer.__class__ = trial_class(type(trainer))
    trainer.hpsearch_run, trainer.hpsearch_objective = run, making.own_objective
    trainer.pop_callback(PrinterCallback)  # it prints to stdout, which belongs to data
    trainer.pop_callback(ProgressCallback)
    for callback in callbacks:
        trainer.add_callback(callback)
    return trainer


def trial_class(kind: Any) -> Any:
    """Return a subclass of a Trainer's class with `TrialMixin` before it, called as it is."""
    if kind not in _trial_classes:
        _trial_classes[kind] = type(kind)(kind.__name__, (TrialMixin, kind), {"__module__": kind.__module__})
    return _trial_classes[kind]


_trial_classes: WeakKeyDictionary[type, type] = WeakKeyDictionary()


def made_for(run: Training, making: Making, configuration: Configuration) -> Any:
    """Return the Trainer of a trial, and tell the other ranks what to make."""
    each = run.ranks.shared(configuration)
    run.ranks.tell(leg_of(run, configuration))
    with run.booked(DATA):
        splits = run.splits(configuration)
    trainer = made(
        making,
        each,
        train=splits.train,
        evaluation=splits.selection,
        callbacks=[
            run.budget,
            run.environment,
            *scheduled(configuration),
            *run.callbacks,
            *run.trackers(configuration),
        ],
        run=run,
        **trial_arguments(run),
    )
    if run.check is not None and trainer.compute_metrics is not None:
        trainer.compute_metrics = run.check.watching(trainer.compute_metrics)
    trainer.compute_metrics = watching(trainer.compute_metrics, run.predicted)
    return trainer


def leg_of(run: Training, configuration: Configuration) -> Leg:
    """Return what the other ranks of a trial have to know of a training."""
    return Leg(
        configuration=configuration,
        folder=str(run.folder),
        is_aside=run.is_aside,
        predicts_report=run.predicts_report,
        looks=run.budget.looks,
        stop_after=run.budget.stop_after,
        keeps_weights=run.budget.keeps_weights,
    )


def booked(run: Training | None, kind: str) -> contextlib.AbstractContextManager[None]:
    """Return the block whose time is booked with a training, where anybody books it."""
    return contextlib.nullcontext() if run is None else run.booked(kind)


@contextlib.contextmanager
def loss_as_it_is(trainer: Any) -> Iterator[None]:
    """Judge by the loss without smoothed labels: more of them makes any loss larger, and says nothing of the model."""
    run, smoother = trainer.hpsearch_run, getattr(trainer, "label_smoother", None)
    if run is None or smoother is None or not run.unsmoothed:
        yield
        return
    trainer.label_smoother = None
    try:
        yield
    finally:
        trainer.label_smoother = smoother


def scheduled(configuration: Configuration) -> list[TrainerCallback]:
    """Return what applies the changes on a configuration's way, if it has any."""
    changes = [Change.from_dict(change) for change in configuration.schedule]
    return [ScheduleCallback(changes)] if changes else []


def trial_arguments(run: Training) -> dict[str, Any]:
    """Return the fields of `TrainingArguments` that hpsearch sets in a trial, see `configuration.RUN_FIELDS`."""
    keep_best = {"save_strategy": "best", "save_total_limit": 1}
    # `steps` with a step never reached saves once, at the end.
    keep_last = {"save_strategy": "steps", "save_steps": 10**12}
    # At a rung the weights are kept with all that it takes to go on from them; `BudgetCallback` says when.
    keep_all = {"save_strategy": "no", "save_only_model": False}
    return {
        "output_dir": str(run.folder),
        "eval_strategy": "steps",
        "eval_steps": 1 / LOOKS,
        "eval_delay": 0,
        "eval_on_start": False,
        "save_only_model": True,
        "load_best_model_at_end": False,
        "metric_for_best_model": run.objective.name,
        "greater_is_better": run.objective.maximizes,
        "logging_strategy": "steps",
        "logging_steps": 0.05,
        "logging_first_step": False,
        "disable_tqdm": True,
        "push_to_hub": False,
        **(keep_best if run.score_from == "best" else keep_last),
        **({"load_best_model_at_end": True} if run.predicts_report and run.score_from == "best" else {}),
        **(keep_all if run.budget.stop_after < LOOKS else {}),
        **({"save_strategy": "no"} if run.is_aside else {}),
        **({"report_to": []} if run.reports else {}),
    }


def accepted_sections(model_init: Callable[..., Any]) -> bool:
    """Return whether a space may have `model.*` values for this `model_init`; raises on an unusable one."""
    try:
        count = transformers.trainer_utils.number_of_arguments(model_init)
    except (TypeError, ValueError) as error:
        raise BadInput(f"model_init {model_init!r} cannot be inspected: {error}") from None
    if count > 1:
        raise BadInput(
            f"model_init takes {count} arguments {inspect.signature(model_init)}",
            hint="let it take none, or one: a dict of the model.* values",
        )
    return count == 1
