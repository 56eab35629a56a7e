"""What a trained model says of each row of the report split, kept for the comparison of winner and baseline.

For a Trainer of the user's own: what its metric is computed from, in arrays, or the loss of each batch where the
objective is the loss. What it scores is looked at once, in the verdict (`verdict.own_metric`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from ..failures import first_line
from ..ranks.ranks import PREDICT
from ..rows import save_rows
from .ledger import EVALUATE

if TYPE_CHECKING:
    from .training import Training

#: The name under which it is kept why there is nothing to compare.
WHY_NOT = "why_not"
#: Arrays of more numbers than these are not kept: logits of a language model for each token of each row.
MOST_NUMBERS = 50_000_000
#: Batches that a loss is to be compared on, where the evaluation set has so many rows.
BATCHES = 100
#: Batches that tell how much losses vary, at the least.
FEWEST_BATCHES = 8


def keep_outputs(trainer: Any, run: Training) -> None:
    """Evaluate the report split and keep what its score is made of, where the trial may be the one that counts."""
    configuration = run.configuration
    report = None if configuration is None else run.splits(configuration).report
    if report is None:
        return
    run.ranks.tell(PREDICT)
    with run.booked(EVALUATE):
        try:
            keep(run, outputs_of(trainer, report, losses=run.objective.is_loss))
        except ValueError as error:  # what is no array, or no row's
            keep(run, {WHY_NOT: np.array(first_line(error))})


def keep(run: Training, found: Mapping[str, Any]) -> None:
    """Write what was found to the trial's file. Raises `ValueError` for what is too large, or no arrays."""
    if size_of(found) > MOST_NUMBERS:
        raise ValueError(f"its predictions are {size_of(found):,} numbers, and up to {MOST_NUMBERS:,} are kept")
    if run.outputs is not None:
        save_rows(run.outputs, **found)


def outputs_of(trainer: Any, report: Any, *, losses: bool) -> dict[str, Any]:
    """Return what the score of a data set is made of: `predictions` and `labels`, or `losses` and their `rows`.

    Raises `ValueError`, with why, for what cannot be taken apart into rows.
    """
    if losses:
        with batch_losses(trainer, len(report)) as found:
            trainer.evaluate(report)
        if len(found) < FEWEST_BATCHES:
            raise ValueError(f"{len(found)} batches say too little of how their losses vary")
        values, rows = zip(*found, strict=True)
        return {"losses": np.array(values, dtype=np.float64), "rows": np.array(rows)}
    why = why_no_rows(trainer)
    if why is not None:
        raise ValueError(why)
    with handed_to_metrics(trainer) as seen:
        trainer.evaluate(report)
    if not seen:
        raise ValueError("its metric is not made of predictions and labels")
    prediction = seen[-1]
    return {
        "predictions": getattr(prediction, "predictions", None),
        "labels": getattr(prediction, "label_ids", None),
        "inputs": getattr(prediction, "inputs", None),
    }


def why_no_rows(trainer: Any) -> str | None:
    """Return why what a Trainer's metric is handed cannot be taken apart into rows; None where it may be."""
    if getattr(trainer, "compute_metrics", None) is None:
        return "its metric is not made of predictions and labels"
    if getattr(trainer.args, "batch_eval_metrics", False):
        return "batch_eval_metrics=True hands the metric one batch at a time"
    if not getattr(trainer.args, "eval_do_concat_batches", True):
        return "eval_do_concat_batches=False hands the metric lists of batches"
    return None


@contextmanager
def handed_to_metrics(trainer: Any) -> Iterator[list[Any]]:
    """Yield a list that gets what the metric is computed from in the block; nothing is computed."""
    seen: list[Any] = []
    kept = trainer.compute_metrics, trainer.hpsearch_objective

    def take(prediction: Any, *args: Any, **named: Any) -> dict[str, float]:
        seen.append(prediction)
        return {}

    trainer.compute_metrics, trainer.hpsearch_objective = take, None
    try:
        yield seen
    finally:
        trainer.compute_metrics, trainer.hpsearch_objective = kept


@contextmanager
def batch_losses(trainer: Any, rows: int) -> Iterator[list[tuple[float, int]]]:
    """Yield a list that gets the loss of each batch that is evaluated in the block, and its rows."""
    found: list[tuple[float, int]] = []
    step, size = trainer.prediction_step, trainer.args.per_device_eval_batch_size

    def noted(model: Any, inputs: Any, *rest: Any, **named: Any) -> Any:
        count = next((len(value) for value in inputs.values() if hasattr(value, "__len__")), 1)
        result = step(model, inputs, *rest, **named)
        if result[0] is not None:
            found.append((float(result[0].detach().mean()), count))
        return result

    trainer.prediction_step = noted
    if is_mean_of_rows(trainer):
        trainer.args.per_device_eval_batch_size = max(1, min(size, rows // BATCHES))
    try:
        yield found
    finally:
        del trainer.prediction_step
        trainer.args.per_device_eval_batch_size = size


def is_mean_of_rows(trainer: Any) -> bool:
    """Return whether the loss of a batch is known to be that of its rows, whichever they are.

    A contrastive loss compares the rows of a batch with one another, and groups of generations have to fit into one.
    """
    kind = type(trainer).__mro__[2]  # after the trial's class and `TrialMixin`
    known = kind.__module__.startswith(("transformers.", "trl."))
    return known and trainer.compute_loss_func is None and not hasattr(trainer, "num_generations")


def size_of(nest: Any) -> int:
    """Return how many numbers there are in a nest of arrays."""
    if isinstance(nest, Mapping):
        return sum(map(size_of, nest.values()))
    if isinstance(nest, tuple | list):
        return sum(map(size_of, nest))
    return int(getattr(nest, "size", 0) or 0)


def follow_outputs(trainer: Any, run: Training, report: Any) -> None:
    """Take part in the evaluation of the report split, on a rank that keeps nothing."""
    with suppress(ValueError):
        outputs_of(trainer, report, losses=run.objective.is_loss)
