"""A Trainer that runs one trial, mended where the stock `Trainer.hyperparameter_search` is wrong.

`twin_of(trainer)` gives a twin of any `transformers.Trainer` that has a `model_init`; the twin is handed to
`twin.hyperparameter_search(...)` for one trial, or trained alone for a retraining. The original is never touched.

How it mends the stock search (rows of table A in the project's list of users' pains, each reproduced by a test):

- A1, A9: the twin is *rebuilt* for its trial, before `model_init`, from a fresh `TrainingArguments`: the trial's own
  seed, nothing left from another trial, fresh copies of the user's callbacks;
- A6, A7, A8: values come from a space that was bound to `TrainingArguments` and are handed to its constructor, never
  assigned and never cast;
- A2, A3: the objective is one key of the evaluation's metrics;
- A4: the trial's value is its best evaluation's (or the last, if asked), and the kept checkpoint is from that step;
- A13: Optuna is told shares of the budget, never optimiser steps;
- A14: a trial writes to its own folder only.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import inspect
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import transformers
from transformers import PrinterCallback, ProgressCallback, TrainerCallback
from transformers.trainer_callback import DefaultFlowCallback

from ...spaces.errors import BadInput
from ...studies.claimed_storage import FAILURE
from ..data.lengths import with_lengths_read
from ..errors import StopSearch, TrialEnded
from ..failures import ends_search
from ..metrics import first_logits
from ..model.adapters import adapted
from ..model.generation import with_generation
from ..ranks.evaluation import shared_evaluation, shared_step
from ..ranks.item_count import divides_by_items
from ..ranks.ranks import ALONE, END, PREDICT, Leg
from .budget import LOOKS, BudgetCallback
from .collapse import watching
from .configuration import Configuration
from .ledger import CHECKPOINT, DATA, EVALUATE
from .schedule import Change, ScheduleCallback
from .training import Training

if TYPE_CHECKING:
    from .run import TrialRun

#: What `transformers.Trainer` keeps under the name of the constructor argument it was given.
CARRIED = (
    "data_collator",
    "processing_class",
    "model_init",
    "compute_loss_func",
    "compute_metrics",
    "optimizer_cls_and_kwargs",
    "preprocess_logits_for_metrics",
)

#: What a subclass or its maker may have set after the constructor, which finds it in the class of the model.
SETTLED = ("label_names", "model_accepts_loss_kwargs", "can_return_loss")

#: What `hyperparameter_search` keeps in the Trainer while it is under way.
SEARCHED_BY = ("hp_search_backend", "hp_space", "hp_name", "compute_objective")


def takes_parameters(model_init: Any) -> bool:
    """Return whether `model_init` takes an argument: the `model.*` values of a configuration."""
    return transformers.trainer_utils.number_of_arguments(model_init) > 0


class TrialMixin:
    """What a trial adds to a Trainer class; made by `twin_of`, never by hand."""

    hpsearch_run: TrialRun
    hpsearch_model: dict[str, Any]
    hpsearch_peft: dict[str, Any]
    hpsearch_scaled: bool  #: whether it is known how its loss has to be scaled where several processes share a batch

    def call_model_init(self, trial: Any = None) -> Any:
        """Return a new model, with adapters where the configuration has `peft.*` values.

        A `model_init` that takes an argument receives the configuration's `model.*` values.
        """
        twin: Any = self
        given = (dict(self.hpsearch_model),) if takes_parameters(twin.model_init) else ()
        model = with_generation(twin.model_init(*given), twin.args)
        return adapted(model, self.hpsearch_peft) if self.hpsearch_peft else model

    def train(self, resume_from_checkpoint: Any = None, trial: Any = None, ignore_keys_for_eval: Any = None) -> Any:
        """Train; in a search, resolve the trial and rebuild this trainer for it first."""
        parent: Any = super()
        if trial is None:
            return parent.train(resume_from_checkpoint, trial, ignore_keys_for_eval)
        run = self.hpsearch_run
        with stopping_search():
            return self.train_trial(run, trial, ignore_keys_for_eval)

    def train_trial(self, run: TrialRun, trial: Any, ignore_keys_for_eval: Any) -> Any:
        """Train the trial and write down how it ended; its failures go on to Optuna, which was told to expect them."""
        parent: Any = super()
        try:
            params = self.hp_space(trial)  # type: ignore[attr-defined]
            for name, value in run.marks().items():
                trial.set_user_attr(name, value)
            checkpoint = run.segment.checkpoint
            rebuild_for_trial(self, run.start(params))
            output = parent.train(None if checkpoint is None else str(checkpoint), trial, ignore_keys_for_eval)
            run.look_for_signal()
            if run.predicts_report:
                run.predictions = self.report_predictions(run)
            run.ranks.tell(END)
            self.objective = run.complete()
        except Exception as error:
            if ends_search(error) is not None:
                raise
            run.ended_by(error)
            raise TrialEnded from error
        finally:
            if run.ended is not None and run.ended.failure is not None:
                trial.set_user_attr(FAILURE, run.ended.failure.value)
        return output

    def report_predictions(self, run: Any) -> list[Any] | None:
        """Return what the trained model predicts for the report split; the labels there are not looked at."""
        if run.configuration is None or (report := run.splits(run.configuration).report) is None:
            return None
        run.ranks.tell(PREDICT)
        twin: Any = self
        twin.compute_metrics = None
        twin.args.train_sampling_strategy = "random"  # grouped by length, rows would come in another order
        with booked(run, EVALUATE):
            found = first_logits(twin.predict(report).predictions)
        if found.ndim == 2 and found.shape[1] > 1:
            return [int(one) for one in found.argmax(axis=1)]
        return [float(one) for one in found.reshape(len(found), -1)[:, 0]]

    def compute_loss(self, model: Any, inputs: Any, *args: Any, **named: Any) -> Any:
        """Return the loss; where ranks share a batch, find out first how it is to be scaled, see `ranks.item_count`."""
        parent: Any = super()
        twin: Any = self
        items = named.get("num_items_in_batch")
        if self.is_shared and items is not None and not self.hpsearch_scaled:
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
        """Evaluate, and book the time; ranks of one trial take the numbers of the first, so that they agree on them."""
        parent: Any = super()
        ranks = ALONE if self.hpsearch_run is None else self.hpsearch_run.ranks
        with booked(self.hpsearch_run, EVALUATE):
            return ranks.agreed(parent.evaluate(*args, **named))

    def _save_checkpoint(self, *args: Any, **named: Any) -> Any:
        """Save a checkpoint, and book the time."""
        parent: Any = super()
        with booked(self.hpsearch_run, CHECKPOINT):
            return parent._save_checkpoint(*args, **named)

    def _get_train_sampler(self, *args: Any, **kwargs: Any) -> Any:
        """Return the sampler of the training set, see `with_lengths_read`."""
        parent: Any = super()
        return with_lengths_read(parent._get_train_sampler(*args, **kwargs))

    def _get_eval_sampler(self, *args: Any, **kwargs: Any) -> Any:
        """Return the sampler of the evaluation set, see `with_lengths_read`."""
        parent: Any = super()
        return with_lengths_read(parent._get_eval_sampler(*args, **kwargs))

    def _hp_search_setup(self, trial: Any) -> None:
        """Remember the trial; `train` has resolved it already, where stock assigns it to the arguments here."""
        self._trial = trial

    def _report_to_hp_search(self, trial: Any, step: int, metrics: dict[str, float]) -> None:
        """Take note of an evaluation, and report it to the search, if there is one, once for each look it completes."""
        run: Training | None = self.hpsearch_run
        if run is None:  # a retraining
            return
        parent: Any = super()
        with run.ranks.deciding():
            for look in run.evaluated(step, metrics):
                if trial is not None:
                    parent._report_to_hp_search(trial, look, metrics)


def twin_of(trainer: Any, run: Training | None = None) -> Any:
    """Return a twin of `trainer` that can be rebuilt; what a subclass added to it is shared with the original."""
    twin = copy.copy(trainer)
    kind = type(trainer)
    twin.__class__ = type(f"Trial{kind.__name__}", (TrialMixin, kind), {"__module__": kind.__module__})
    twin.hpsearch_original = trainer
    twin.hpsearch_run = run
    twin.hpsearch_model, twin.hpsearch_peft = {}, {}
    return twin


def rebuild(
    twin: Any,
    args: Any,
    *,
    train: Any,
    evaluation: Any,
    callbacks: list[Any],
    model: Mapping[str, Any],
    peft: Mapping[str, Any] | None = None,
) -> None:
    """Run the base class's constructor on `twin` again, so that nothing in it stems from other arguments.

    `model` and `peft` are the values of these sections of a configuration.

    The base class's, because a subclass's may take anything; what the subclass set besides stays as it was.
    """
    carried = {name: getattr(twin.hpsearch_original, name) for name in CARRIED}
    twin.hpsearch_model, twin.hpsearch_peft = dict(model), dict(peft or {})
    twin.hpsearch_scaled = False
    transformers.Trainer.__init__(
        twin,
        args=args,
        train_dataset=train,
        eval_dataset=evaluation,
        callbacks=callbacks,
        **carried,
    )
    original = twin.hpsearch_original
    if type(twin.model) is type(original.model):
        vars(twin).update({name: getattr(original, name) for name in SETTLED})
    twin.pop_callback(PrinterCallback)  # it prints to stdout, which belongs to data
    twin.pop_callback(ProgressCallback)


def rebuild_for_trial(twin: Any, configuration: Configuration) -> None:
    """Make `twin` the trainer of its trial, and let the search that is under way, if one is, go on with it."""
    search = {name: vars(twin)[name] for name in SEARCHED_BY if name in vars(twin)}
    run = twin.hpsearch_run
    each = run.ranks.shared(configuration)
    run.ranks.tell(
        Leg(
            configuration=configuration,
            folder=str(run.folder),
            is_aside=run.is_aside,
            predicts_report=run.predicts_report,
            looks=run.budget.looks,
            stop_after=run.budget.stop_after,
            keeps_weights=run.budget.keeps_weights,
        )
    )
    with booked(run, DATA):
        splits = run.splits(configuration)
    rebuild(
        twin,
        each.arguments(twin.hpsearch_original.args, **trial_arguments(run)),
        train=splits.train,
        evaluation=splits.selection,
        callbacks=[
            *fresh_callbacks(twin),
            run.budget,
            run.environment,
            *scheduled(configuration),
            *run.callbacks,
            *run.trackers(configuration),
        ],
        model=configuration.model,
        peft=configuration.peft,
    )
    if run.check is not None and twin.compute_metrics is not None:
        twin.compute_metrics = run.check.watching(twin.compute_metrics)
    twin.compute_metrics = watching(twin.compute_metrics, run.predicted)
    vars(twin).update(search, objective=None)


@contextlib.contextmanager
def booked(run: Any, kind: str) -> Iterator[None]:
    """Book the time in the block with a trial, where it keeps a ledger; a retraining and a replay keep none."""
    ledger = getattr(run, "ledger", None)
    with contextlib.nullcontext() if ledger is None else ledger.on(kind):
        yield


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
        "metric_for_best_model": run.objective,
        "greater_is_better": run.direction == "maximize",
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


def fresh_callbacks(twin: Any) -> list[TrainerCallback]:
    """Return copies of the callbacks the user gave, as they were before any trial (pains A9).

    A callback may hold the trainer: in the copy that is the twin, so that neither model nor data are copied.
    """
    original = twin.hpsearch_original
    given = [callback for callback in original.callback_handler.callbacks if not _is_builtin(callback, original)]
    shared = (original.train_dataset, original.eval_dataset, original.model, original.processing_class)
    memo = {id(original): twin, **{id(item): item for item in shared}}
    try:
        return [copy.deepcopy(callback, memo) for callback in given]
    except Exception as error:
        names = ", ".join(type(callback).__name__ for callback in given)
        raise BadInput(
            f"a callback of the trainer cannot be copied ({names}): {error}",
            hint="each trial gets its own copy, so that none sees another's state; make it copyable (copy.deepcopy)",
        ) from error


def _is_builtin(callback: Any, trainer: Any) -> bool:
    reporting = transformers.integrations.get_reporting_integration_callbacks(trainer.args.report_to)
    kinds = (DefaultFlowCallback, PrinterCallback, ProgressCallback, BudgetCallback, *reporting)
    return isinstance(callback, kinds) or type(callback).__name__ == "NotebookProgressCallback"


def accepted_sections(model_init: Any) -> bool:
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


@contextlib.contextmanager
def stopping_search() -> Iterator[None]:
    """Let through how a trial ended; turn whatever else is raised into the end of the search.

    A full disk, Ctrl-C or a store that refuses says nothing about the trial: Optuna must not take it for a failure.
    """
    try:
        yield
    except TrialEnded as ended:
        raise ended.__cause__ or ended from None
    except (Exception, KeyboardInterrupt) as error:
        raise StopSearch(ends_search(error) or error) from error
