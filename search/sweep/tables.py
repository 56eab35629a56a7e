"""Tables on a sweep, the newest first where there is an order of time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...studies.sweeps import RunState
from ..report.sections import Cell, Row, Table, clipped
from ..words import duration
from .facts import CellFacts, RunFacts, SweepFacts
from .glue import WNLI
from .matrix import Matrix
from .point import FAILED, NOT_RUN, Point
from .words import score_text, stand_text, standing

#: Rows of a table that grows with each night.
MOST_ROWS = 365
#: Changes that a cell of a table names.
MOST_LINES = 5
#: Why a run is in a state that nobody gave a reason for.
REASONS = {RunState.SUPERSEDED: "unfinished when a later run began"}


def matrix_table(facts: SweepFacts, matrix: Matrix) -> Table:
    """Return tasks against models: the last score of each cell, and how it stands."""
    rows = []
    for task in matrix.tasks:
        found = [matrix.cells.get((task, column)) for column in matrix.columns]
        told = [cell_text(one, facts) if one else Cell("") for one in found]
        rows.append(Row([Cell(task_text(task, [one for one in found if one])), *told]))
    return Table(
        title="Winners, means over seeds (95 % interval)",
        head=("task", *matrix.columns),
        rows=rows,
        note="The word says how the cell stands in the last run against its own history.",
    )


def task_text(task: str, cells: Sequence[CellFacts]) -> str:
    """Return a task with its metric, and with the split where it is not the report split."""
    points = [one.latest for one in cells if one.latest]
    metrics = dict.fromkeys(one.metric for one in points)
    splits = dict.fromkeys(f"{one.split} split" for one in points if one.split != "report")
    about = ", ".join([*metrics, *splits])
    return clipped(f"{task} ({about})" if about else task)


def cell_text(cell: CellFacts, facts: SweepFacts) -> Cell:
    """Return a cell of the matrix."""
    return Cell(stand_text(cell, facts), mark=f"long {facts.state(cell.name)}")


def glue_table(matrix: Matrix) -> Table:
    """Return the GLUE average of each column that has two of its tasks or more."""
    rows = []
    for column in matrix.columns:
        winners, baselines = (matrix.glue(column, side) for side in ("winner", "baseline"))
        if len(winners.scores) < 2:
            continue
        numbers = [winners.average, baselines.average]
        if any(WNLI in matrix.glue(one, "winner").scores for one in matrix.columns):
            numbers.insert(1, winners.without_wnli)
        rows.append(Row([Cell(column), *map(hundredth, numbers), Cell(winners.words, mark="long")]))
    some = len(rows[0].cells) == 5 if rows else False
    return Table(
        title="GLUE average, times 100",
        head=("model", "winners", *(["without WNLI"] if some else []), "baselines", "what is in it"),
        rows=rows,
        note="Computed as GLUE's leaderboard does, from the last score of each task; its test sets are other rows than "
        "the report splits here.",
    )


def hundredth(value: float | None) -> Cell:
    """Return an average, as published tables have it with one more decimal."""
    return Cell("-") if value is None else Cell(f"{value:.2f}", value)


def last_table(facts: SweepFacts) -> Table:
    """Return how each cell stands in the last run; columns in which nobody has anything are left out."""
    run = facts.last
    if run is None:
        return Table(title="", head=(), rows=())
    named = [last_row(one.name, run.points.get(one.name)) for one in facts.cells]
    head = [name for name in named[0] if any(row[name].text for row in named)]
    return Table(
        title=f"Run of {run.run.label}: {cells_text(run)}",
        head=head,
        rows=[Row([row[name] for name in head]) for row in named],
        note="Rows: how many of the report split are wrong more often (lost) and less often (gained) than before."
        if "rows" in head
        else "",
    )


def last_row(name: str, point: Point | None) -> dict[str, Cell]:
    """Return how a cell stands in a run, by column."""
    there = point is not None and point.history is not None
    words = point.words if point is not None and (there or point.state == FAILED) else ""
    baseline = point.baseline_score if point else None
    failed = point.failed_trials if point else 0
    return {
        "cell": Cell(name, mark="long"),
        "state": state_cell(point.state if point else NOT_RUN),
        "score": Cell(score_text(point) if point and there else "", mark="long"),
        "baseline": Cell("" if baseline is None else f"{baseline:.4f}", baseline),
        "against its history": Cell(clipped(words), mark="long"),
        "what changed": Cell(changes_text(point.changes) if point else "", mark="long"),
        "rows": Cell(rows_text(point.rows) if point else ""),
        "failed trials": Cell(str(failed) if failed else "", failed),
        "time": Cell(duration(point.seconds) if point and there else "", point.seconds if point else None),
    }


def state_cell(state: str) -> Cell:
    """Return a state in its colour."""
    return Cell(standing(state), mark=f"short {state}")


def changes_table(facts: SweepFacts) -> Table:
    """Return what was told of all cells."""
    found = facts.changes
    rows = [
        Row(
            [
                Cell(one.since, mark="short"),
                Cell(one.cell, mark="long"),
                state_cell(one.state),
                Cell(clipped(one.words), mark="long"),
                Cell(changes_text(one.lines), mark="long"),
                Cell(rows_text(one.rows)),
                Cell(one.run, mark="short"),
            ]
        )
        for one in found[:MOST_ROWS]
    ]
    head = ("since the run of", "cell", "what", "how much", "what else changed", "rows", "told in the run of")
    return Table(title="Changes that are no noise", head=head, rows=rows, note=left_out(found, rows))


def failures_table(facts: SweepFacts) -> Table:
    """Return the cells that came to nothing, with the sentence why."""
    found = facts.failures
    rows = [
        Row([Cell(one.run, mark="short"), Cell(name, mark="long"), Cell(clipped(one.words), mark="long")])
        for name, one in found[:MOST_ROWS]
    ]
    return Table(title="Failures", head=("run", "cell", "why"), rows=rows, note=left_out(found, rows))


def runs_table(facts: SweepFacts) -> Table:
    """Return the runs: what became of each, and what it cost."""
    found = list(reversed(facts.runs))
    rows = [run_row(one) for one in found[:MOST_ROWS]]
    head = ("run", "due (UTC)", "state", "cells", "full trainings", "time of all trials", "why")
    return Table(title="Runs", head=head, rows=rows, note=left_out(found, rows))


def run_row(one: RunFacts) -> Row:
    """Return a run in a row."""
    run = one.run
    return Row(
        [
            Cell(run.label, mark="short"),
            Cell(run.due_at[:16].replace("T", " "), mark="short"),
            Cell(run.state.value.lower(), mark=f"short {run.state.value.lower()}"),
            Cell(cells_text(one), mark="short"),
            Cell(f"{one.trainings:.1f}" if one.measured else "", one.trainings),
            Cell(duration(one.seconds) if one.measured else "", one.seconds),
            Cell(clipped(run.failure_message or REASONS.get(run.state, ""))),
        ]
    )


def cells_text(one: RunFacts) -> str:
    """Return how many cells of a run are done, and how many came to nothing."""
    parts = [f"{one.measured} done" if one.points else "", f"{one.failed} failed" if one.failed else ""]
    return ", ".join(part for part in [*parts, "" if one.run.state.is_over else "not over"] if part)


def retired_table(facts: SweepFacts) -> Table:
    """Return cells that the file has no longer, with the last that is known of each."""
    rows = []
    for one in facts.retired:
        latest = one.latest
        score = f"{latest.metric} {score_text(latest)}" if latest else "no score"
        rows.append(Row([Cell(clipped(one.name)), Cell(one.points[-1].run), Cell(score)]))
    return Table(title="Cells that the file has no longer", head=("cell", "last run", "last score"), rows=rows)


def changes_text(lines: Sequence[str]) -> str:
    """Return the first changes in one text."""
    more = len(lines) - MOST_LINES
    return "; ".join([*(clipped(one) for one in lines[:MOST_LINES]), *([f"and {more} more"] if more > 0 else [])])


def rows_text(rows: Any) -> str:
    """Return how many rows of the report split were lost and gained."""
    return f"{rows['lost']} lost, {rows['gained']} gained" if {"lost", "gained"} <= set(rows) else ""


def left_out(found: Sequence[Any], rows: Sequence[Row]) -> str:
    """Return how many older ones a table leaves out."""
    more = len(found) - len(rows)
    return f"{more} older ones are left out; `--format json` has all of them." if more else ""
