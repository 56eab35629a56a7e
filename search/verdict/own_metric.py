"""Scores of a user's own metric on rows of the report split, from what the models said of them (`trial.outputs`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from transformers import EvalPrediction

from ...studies.objective import key_of
from ...studies.records import Trial
from ..objectives import value_of
from ..rows import arrays_in, load_rows, take_rows
from ..study_run import StudyRun
from .paired_rows import Rows, ScoreRows, paired_rows
from .statistics import Comparison


def compared_by_rows(run: StudyRun, pairs: Sequence[tuple[Trial, Trial]], sign: float) -> tuple[Comparison, Any] | None:
    """Return how much better the first of each pair is, and the mean scores of both; None where that is not known.

    It is not where a model's outputs are not here, or the metric has no score for samples of so few rows.
    """
    if run.problem.source.splits({}).report is None:
        return None
    try:
        scores = [
            [score_of(run, run.paths.outputs(trial.number), sign) for trial in side]
            for side in zip(*pairs, strict=True)
        ]
        counts = {count for side in scores for _, count in side}
        if len(counts) != 1:
            return None  # written for other rows
        rows = counts.pop()
        better, worse = ([score for score, _ in side] for side in scores)
        found = paired_rows(better, worse, rows, seed=run.problem.plan.seed)
        everything = np.arange(rows)
        means = tuple(sign * float(np.mean([score(everything) for score in side])) for side in (better, worse))
    except (OSError, ValueError, ArithmeticError, LookupError, TypeError, AttributeError):
        return None
    return found, means


def score_of(run: StudyRun, path: Path, sign: float) -> tuple[ScoreRows, int]:
    """Return the function that scores rows of the report split, higher is better, and how many there are."""
    found = load_rows(path)
    if "losses" in found:
        losses, weights = found["losses"], found["rows"]
        return lambda rows: sign * float(np.average(losses[rows], weights=weights[rows])), len(losses)
    making = run.problem.making

    def compute_metrics(prediction: EvalPrediction) -> Mapping[str, Any]:
        metrics = making.template.compute_metrics(prediction)
        own = making.own_objective
        return metrics if own is None else own.added({key_of(name): one for name, one in metrics.items()})

    rows_there = len(next(arrays_in(found)))
    return (lambda rows: sign * metric(found, rows, compute_metrics, run.problem.objective.name)), rows_there


def metric(found: Mapping[str, Any], rows: Rows, compute_metrics: Callable[..., Any], objective: str) -> float:
    """Return the user's metric of some rows."""
    taken = take_rows(dict(found), rows)
    prediction = EvalPrediction(predictions=taken["predictions"], label_ids=taken["labels"], inputs=taken["inputs"])
    return float(value_of(compute_metrics(prediction), objective))
