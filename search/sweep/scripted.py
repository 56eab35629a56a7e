"""The report on a sweep for scripts: all that the page tells, and each seed's score."""

from __future__ import annotations

import dataclasses
from typing import Any

from .facts import CellFacts, RunFacts, SweepFacts
from .matrix import Matrix
from .point import Point


def scripted(facts: SweepFacts) -> dict[str, Any]:
    """Return the facts; the newest run comes first."""
    matrix = Matrix.of(facts.cells)
    return {
        "last_run": facts.last.run.label if facts.last else None,
        "matrix": [
            {"task": task, "column": column, "cell": cell.name} for (task, column), cell in matrix.cells.items()
        ],
        "glue": {column: glue_json(matrix, column) for column in matrix.columns},
        "cells": [{**cell_json(one), "state": facts.state(one.name)} for one in facts.cells],
        "retired": [cell_json(one) for one in facts.retired],
        "changes": [dataclasses.asdict(one) for one in facts.changes],
        "failures": [{"cell": name, "run": one.run, "words": one.words} for name, one in facts.failures],
        "runs": [run_json(one) for one in reversed(facts.runs)],
    }


def cell_json(cell: CellFacts) -> dict[str, Any]:
    """Return a cell with all its runs, the newest first."""
    runs = [point_json(one) for one in reversed(cell.points)]
    return {"cell": cell.name, "task": cell.task, "model": cell.model, **cell.variant, "runs": runs}


def point_json(point: Point) -> dict[str, Any]:
    """Return a cell in a run."""
    return {
        **{name: getattr(point, name) for name in ("run", "due_at", "study", "state", "words", "history")},
        **{name: getattr(point, name) for name in ("metric", "direction", "split", "score", "interval", "seeds")},
        "winner": dict(point.winner.scores),
        "baseline": dict(point.baseline.scores),
        "baseline_score": point.baseline_score,
        "finding": dict(point.finding),
        "seconds": point.seconds,
        "trainings": point.trainings,
        "failed_trials": point.failed_trials,
    }


def run_json(one: RunFacts) -> dict[str, Any]:
    """Return a run without its file, which may be long and is the same each time."""
    known = {name: value for name, value in one.run.to_dict().items() if name != "spec"}
    cost = {"seconds": one.seconds, "trainings": one.trainings}
    return {**known, **cost, "measured": one.measured, "failed": one.failed}


def glue_json(matrix: Matrix, column: str) -> dict[str, Any]:
    """Return the GLUE averages of a column."""
    winners, baselines = (matrix.glue(column, side) for side in ("winner", "baseline"))
    return {
        "average": winners.average,
        "without_wnli": winners.without_wnli,
        "baselines": baselines.average,
        "baselines_without_wnli": baselines.without_wnli,
        "scores": dict(winners.scores),
        "missing": winners.missing,
        "words": winners.words,
    }
