"""Scores of a user's own metric on rows of the report split, from what the models said of them (`trial.outputs`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from transformers import EvalPrediction

from ...studies.objective import key_of
from ...studies.records import Trial
from ..data.splits import groups_of
from ..errors import NoComparison
from ..failures import describe, first_line
from ..objectives import value_of
from ..redaction import redacted
from ..rows import arrays_in, load_rows, take_rows
from ..strategy import NONE, Strategy
from ..study_run import StudyRun
from ..trial.outputs import WHY_NOT
from .paired_rows import Rows, ScoreRows, paired_rows
from .statistics import Comparison


@dataclass(frozen=True, kw_only=True)
class ComparedByRows:
    """How much better the winner is than the baseline on the report split, as far as that is known."""

    comparison: Comparison | None = None
    means: tuple[float, float] | None = None  #: of the winner's scores of all the rows, and of the baseline's
    why: str | None = None  #: why there is no comparison, or there are no means either


def compared_by_rows(run: StudyRun, pairs: Sequence[tuple[Trial, Trial]], sign: float) -> ComparedByRows:
    """Return how much better the first of each pair is, and the mean scores of both; or why that is not known.

    It is not where nothing, or nothing that is of rows, was kept of a model, where the metric fails, and where it has
    no score for samples of so few rows. Where no model was to predict a report split it is no question.
    """
    if not predicted(run, pairs):
        return ComparedByRows()
    means: tuple[float, float] | None = None
    try:
        better, worse, rows = scores_of(run, pairs, sign)
        everything = np.arange(rows)
        winner, default = (sign * float(np.mean([score(everything) for score in side])) for side in (better, worse))
        means = (winner, default)
        groups = groups_of(run.problem.source.splits({}).report)
        found = paired_rows(better, worse, rows, seed=run.problem.plan.seed, groups=groups)
    except NoComparison as error:
        means = means if means and np.isfinite(means).all() else None
        return ComparedByRows(means=means, why=redacted(first_line(error)))
    except Exception as error:  # noqa: BLE001 - whatever a user's metric raises
        return ComparedByRows(why=f"the metric cannot be computed again: {describe(error)}")
    return ComparedByRows(comparison=found, means=means)


def predicted(run: StudyRun, pairs: Sequence[tuple[Trial, Trial]]) -> bool:
    """Return whether models were to predict a report split, to be scored by the user's own metric."""
    if run.problem.score_predictions is not None or run.problem.source.splits({}).report is None:
        return False
    return Strategy.of(run.study).confirm != NONE and all(one.fraction == 1.0 for pair in pairs for one in pair)


def scores_of(
    run: StudyRun, pairs: Sequence[tuple[Trial, Trial]], sign: float
) -> tuple[list[ScoreRows], list[ScoreRows], int]:
    """Return what scores rows for the first of each pair, and for the second, seed by seed, and how many there are.

    Raises `NoComparison` where not all that were kept are of the same rows.
    """
    found = [[score_of(run, run.paths.outputs(one.number), sign) for one in side] for side in zip(*pairs, strict=True)]
    counts = {count for side in found for _, count in side}
    if len(counts) != 1:
        raise NoComparison(f"the models predicted other rows: {' and '.join(map(str, sorted(counts)))} of them")
    better, worse = ([score for score, _ in side] for side in found)
    return better, worse, counts.pop()


def score_of(run: StudyRun, path: Path, sign: float) -> tuple[ScoreRows, int]:
    """Return the function that scores rows of the report split, higher is better, and how many there are.

    Raises `NoComparison` with why nothing was kept that could be scored, or where nothing can be read.
    """
    try:
        found = load_rows(path)
    except (OSError, ValueError, KeyError) as error:
        raise NoComparison("what a model said of its rows is not here, or cannot be read") from error
    if WHY_NOT in found:
        raise NoComparison(str(found[WHY_NOT]))
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
