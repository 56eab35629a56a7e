"""How a model scores on a test file that has labels: every metric of its task, each with an interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..metrics import score
from ..tasks import Task
from ..verdict.statistics import Interval, rate_interval, score_interval

#: How the intervals are made, and what they hold; see `verdict.statistics`.
METHOD = (
    "95% intervals hold the noise of the rows alone, not that of another seed: exact for accuracy (Clopper & Pearson "
    "1934), else by the jackknife over rows (Efron & Stein 1981)"
)
#: Of the groups of rows that are left out of many.
SEED = 42
#: The least and the largest value of a metric, where it has both or one.
BOUNDS = dict.fromkeys(("matthews_correlation", "pearson", "spearmanr"), (-1.0, 1.0)) | dict.fromkeys(
    ("mse", "mae"), (0.0, math.inf)
)


class MetricScore(NamedTuple):
    """A metric on a file, and its interval where one is known."""

    value: float
    interval: Interval | None


@dataclass(frozen=True, kw_only=True)
class FileScores:
    """The metrics of a model on a labelled file."""

    file: str  #: its name, not where it lies
    rows: int
    metrics: Mapping[str, MetricScore]  #: in the task's order
    remark: str | None = None  #: what to think of before they are believed

    def to_json(self) -> dict[str, Any]:
        """Return them as plain JSON values; a score that is no number is null."""
        return {
            "file": self.file,
            "rows": self.rows,
            "metrics": {name: _as_json(one) for name, one in self.metrics.items()},
            "level": 0.95,
            "method": METHOD,
            "remark": self.remark,
        }


def _as_json(one: MetricScore) -> dict[str, Any]:
    interval = None if one.interval is None else [one.interval.low, one.interval.high]
    return {"score": one.value if math.isfinite(one.value) else None, "interval": interval}


def file_scores(task: Task, file: Path, predictions: Sequence[Any], labels: Sequence[Any]) -> FileScores:
    """Return how predictions (ids of classes, or numbers) score on the labels of a file, row by row."""
    predicted, true = np.asarray(predictions), np.asarray(labels)
    metrics = {name: _scored(task, name, predicted, true) for name in task.metrics}
    return FileScores(file=file.name, rows=len(true), metrics=metrics, remark=_remark(task, true))


def _scored(task: Task, name: str, predicted: np.ndarray, true: np.ndarray) -> MetricScore:
    if not np.isfinite(predicted).all():
        return MetricScore(math.nan, None)
    value = score(task, name, predicted, true)
    if name in ("accuracy", "subset_accuracy"):
        return MetricScore(value, rate_interval(int((predicted == true).sum()), len(true)))
    if len(true) < 2 or not math.isfinite(value):
        return MetricScore(value, None)
    try:
        found = score_interval(predicted, true, lambda one, other: score(task, name, one, other), seed=SEED)
    except ValueError:  # two numbers without one of them have no correlation
        found = None
    return MetricScore(value, found and _within(found, *BOUNDS.get(name, (0.0, 1.0))))


def _within(found: Interval, low: float, high: float) -> Interval:
    return Interval(max(found.low, low), min(found.high, high), found.level)


def _remark(task: Task, true: np.ndarray) -> str | None:
    if len(true) < 2 or len(np.unique(true)) > 1:
        return None
    if task.is_several:
        return f"all {len(true)} rows have the same labels: is that what they are, or what stands for none?"
    label = f"{true[0]:g}" if task.is_regression else repr((task.labels or ())[int(true[0])])
    return f"all {len(true)} rows have the label {label}: is that what they are, or what stands for no label?"
