"""Whether a subset tells configurations apart: the baseline must beat its own predictions against shuffled labels.

On a tenth of a small task a pretrained encoder may predict one class for every row, whatever its hyperparameters, and a
search there picks at random. The first trial finds out, before any other begins. Where the baseline finds nothing, a
training with a larger learning rate is asked before more of the data is taken: on few steps the usual rates are often
too small to learn anything, and a subset that tells one configuration from chance is enough to search on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from transformers import EvalPrediction

from .statistics import chance_level

#: Standard deviations of chance that a score must be better by.
DEVIATIONS = 2.0
PERMUTATIONS = 50
#: Times the baseline's learning rate that is tried where the baseline finds nothing.
BOLDER = 8


@dataclass(kw_only=True)
class SignalCheck:
    """What the first trial of a study has seen of the signal, fraction after fraction."""

    objective: str  #: key of the evaluation's metrics
    direction: str
    seed: int
    settle: Callable[[dict[str, Any]], Any]  #: told once, what `StudyStore.end_checking` takes
    checks: list[dict[str, float]] = field(default_factory=list)
    chance: tuple[float, float] | None = None  #: mean and standard deviation for the latest predictions
    settled: bool = False

    def measuring(self, compute_metrics: Callable[..., Any]) -> Callable[..., Any]:
        """Return `compute_metrics` that also finds what the same predictions score by chance."""

        def measured(prediction: Any, *args: Any, **named: Any) -> Any:
            self.chance = self.by_chance(prediction, compute_metrics)
            return compute_metrics(prediction, *args, **named)

        return measured

    def by_chance(self, prediction: Any, compute_metrics: Callable[..., Any]) -> tuple[float, float] | None:
        """Return mean and standard deviation of the objective for shuffled labels; None where that is not known."""
        labels = prediction.label_ids
        if not shuffles(labels):
            return None

        def score(order: Any, references: Any) -> float:
            shuffled = EvalPrediction(
                predictions=in_order(prediction.predictions, order),
                label_ids=references,
                inputs=in_order(getattr(prediction, "inputs", None), order),
                losses=getattr(prediction, "losses", None),
            )
            return float(value_of(compute_metrics(shuffled), self.objective))

        try:
            rows = np.arange(len(labels))
            mean, deviation = chance_level(score, rows, labels, seed=self.seed, permutations=PERMUTATIONS)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            return None  # a function that takes its predictions in batches, or gives no such number
        return mean, deviation

    def look(self, fraction: float, score: float, learning_rate: float) -> bool:
        """Return whether a training on a fraction found a signal; its score is that of the latest predictions.

        Where chance is not known, it is taken for granted that it did.
        """
        if self.chance is None:
            return True
        mean, deviation = self.chance
        seen = {"fraction": fraction, "score": score, "chance": mean, "deviation": deviation}
        self.checks.append({**seen, "learning_rate": learning_rate})
        gain = score - mean if self.direction == "maximize" else mean - score
        return gain > DEVIATIONS * deviation

    def end(self, fraction: float, *, found: bool) -> None:
        """Let the search begin at a fraction."""
        if not self.settled:
            self.settled = True
            self.settle({"fraction": fraction, "found": found, "checks": self.checks})


def shuffles(labels: Any) -> bool:
    """Return whether a row's label may be another row's: one class or number a row, or several numbers.

    Labels of tokens may not: what is padding in one row is none in another.
    """
    if not isinstance(labels, np.ndarray) or len(labels) < 2:
        return False
    return labels.ndim == 1 or (labels.ndim == 2 and labels.dtype.kind == "f")


def in_order(predictions: Any, order: np.ndarray) -> Any:
    """Return what a model predicted, in whatever nest of tuples, with its rows in another order."""
    if isinstance(predictions, tuple | list):
        return tuple(in_order(one, order) for one in predictions)
    return None if predictions is None else predictions[order]


def value_of(metrics: Mapping[str, Any], objective: str) -> Any:
    """Return the objective from what `compute_metrics` gives, with or without its prefix."""
    return metrics[objective] if objective in metrics else metrics[objective.removeprefix("eval_")]
