"""Whether the baseline tells rows apart at all: it must beat its own predictions against shuffled labels.

On a tenth of a small task a pretrained encoder may predict one class for every row, whatever its hyperparameters, and
the metric is flat there. The first trial finds out, and it is said; equal scores are ranked by the validation loss.
That more data is no cure was measured: on the recorded trainings (`tests/benchmarks/strategies.py`, section f) searches
that took three times the data where the metric was flat found nothing better, and cost a third more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from transformers import EvalPrediction

from ...studies.objective import Objective
from ..objectives import value_of
from ..rows import take_rows
from ..verdict.statistics import chance_level

#: Standard deviations of chance that a score must be better by.
DEVIATIONS = 2.0
PERMUTATIONS = 50


@dataclass(kw_only=True)
class SignalCheck:
    """What the first trial of a study sees of the signal."""

    objective: Objective
    seed: int
    settle: Callable[[dict[str, Any]], Any]  #: told what `StudyStore.note_signal` takes
    latest: tuple[Any, Callable[..., Any]] | None = None  #: what was predicted last, and what scored it
    chance: tuple[float, float] | None = None  #: mean and standard deviation for these predictions

    def watching(self, compute_metrics: Callable[..., Any]) -> Callable[..., Any]:
        """Return `compute_metrics` that keeps what it is given: the last of it alone is looked at, in the end."""

        def watched(prediction: Any, *args: Any, **named: Any) -> Any:
            self.latest = prediction, compute_metrics
            return compute_metrics(prediction, *args, **named)

        return watched

    def by_chance(self, prediction: Any, compute_metrics: Callable[..., Any]) -> tuple[float, float] | None:
        """Return mean and standard deviation of the objective for shuffled labels; None where that is not known."""
        labels: Any = getattr(prediction, "label_ids", None)
        if not shuffles(labels):
            return None

        def score(order: Any, references: Any) -> float:
            shuffled = EvalPrediction(
                predictions=take_rows(prediction.predictions, order),
                label_ids=references,
                inputs=take_rows(getattr(prediction, "inputs", None), order),
                losses=getattr(prediction, "losses", None),
            )
            return float(value_of(compute_metrics(shuffled), self.objective.name))

        try:
            rows = np.arange(len(labels))
            mean, deviation = chance_level(score, rows, labels, seed=self.seed, permutations=PERMUTATIONS)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            return None  # a function that takes its predictions in batches, or gives no such number
        return mean, deviation

    def look(self, fraction: float, score: float) -> bool:
        """Return whether a training on a fraction found a signal, and tell; its score is of the latest predictions.

        Where chance is not known, it is taken for granted that it did.
        """
        if self.latest is not None:
            self.chance, self.latest = self.by_chance(*self.latest), None
        if self.chance is None:
            self.settle({"fraction": fraction, "found": True, "checks": []})
            return True
        mean, deviation = self.chance
        gain = self.objective.sign * (score - mean)
        found = gain > DEVIATIONS * deviation
        seen = {"fraction": fraction, "score": score, "chance": mean, "deviation": deviation}
        self.settle({"fraction": fraction, "found": found, "checks": [seen]})
        return found


def shuffles(labels: Any) -> bool:
    """Return whether a row's label may be another row's: one class or number a row, or several numbers.

    Labels of tokens may not: what is padding in one row is none in another.
    """
    if not isinstance(labels, np.ndarray) or len(labels) < 2:
        return False
    return labels.ndim == 1 or (labels.ndim == 2 and labels.dtype.kind == "f")
