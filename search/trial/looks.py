"""How often a trial is evaluated: at each quarter of its budget, unless that would cost more than its training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from transformers import TrainingArguments

from ..data.splits import Splits, row_count
from ..plan import Plan
from .budget import LOOKS
from .early_stopping import early_stoppers

#: Rows that are predicted in the time that a training takes for one: it goes back, too, which takes twice as long.
PREDICTED_FOR_ONE = 3

#: How many looks there may be, most first; what fewer look at, more look at, too.
CHOICES = (LOOKS, LOOKS // 2, 1)


def looks_on(fraction: float, trainer: Any, splits: Splits, plan: Plan) -> int:
    """Return how often a trial on `fraction` of the training data of `splits`, which are whole, is evaluated.

    It is the same number for all trials there, whatever they sample, for the best of four evaluations is no fair match
    for the only one. Pruners and early stopping need all the looks that there are.
    """
    if getattr(trainer, "hpsearch_looks_once", False):
        return CHOICES[-1]
    if plan.pruner != "none" or early_stoppers(trainer):
        return LOOKS
    learned, predicted = learned_rows(fraction, trainer.args, splits.train), row_count(splits.selection)
    if not learned or not predicted:
        return LOOKS
    return next((looks for looks in CHOICES if looks * predicted <= PREDICTED_FOR_ONE * learned), CHOICES[-1])


def learned_rows(fraction: float, args: TrainingArguments, train: Any) -> float | None:
    """Return how many rows a training on `fraction` of a data set learns from, each as often as it is seen.

    None where nobody knows.
    """
    if args.max_steps > 0:
        return fraction * args.max_steps * args.train_batch_size * args.gradient_accumulation_steps
    rows = row_count(train)
    return None if rows is None else fraction * rows * args.num_train_epochs


def looks_of(curve: Iterable[Mapping[str, Any]]) -> int:
    """Return how many looks a training had in its plan, of which this is the learning curve."""
    shares = {point["budget"] for point in curve}
    return next((looks for looks in CHOICES if 1 / looks in shares), CHOICES[-1])


def looks_words(trainer: Any, splits: Splits, plan: Plan) -> Iterator[str]:
    """Yield what is to be told of trials that are evaluated less often than others; nothing of the others."""
    looks = looks_on(plan.fraction, trainer, splits, plan)
    if looks < LOOKS and not getattr(trainer, "hpsearch_looks_once", False):
        when = "at half of their budget and at its end" if looks > 1 else "at their end alone"
        yield (
            f"trials are evaluated {when}: {LOOKS} times the {row_count(splits.selection):,} rows of the selection "
            "split would take longer than the training"
        )
