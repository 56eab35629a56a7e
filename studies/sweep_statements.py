"""Every SQL statement about sweeps, one function each; changes that must not race are conditional."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Insert, Select, Update, insert, select, update

from .sweeps import RunState
from .tables import sweep_cells, sweep_runs


def add_run(values: Mapping[str, Any]) -> Insert:
    """Add a run."""
    return insert(sweep_runs).values(**values)


def run_by_id(run_id: int) -> Select[Any]:
    """Find a run by its key."""
    return select(sweep_runs).where(sweep_runs.c.run_id == run_id)


def runs_of(sweep: str) -> Select[Any]:
    """List the runs of a sweep in the order of their due times."""
    return select(sweep_runs).where(sweep_runs.c.sweep == sweep).order_by(sweep_runs.c.due_at)


def run_due_at(sweep: str, due_at: str) -> Select[Any]:
    """Find the run of a sweep that was due at that moment."""
    return runs_of(sweep).where(sweep_runs.c.due_at == due_at)


def take_run(run: Mapping[str, Any], held: Mapping[str, Any]) -> Update:
    """Take a run that is as it was seen."""
    values = {"state": RunState.RUNNING.value, "finished_at": None, "failure_message": None, **held}
    return _change_seen(run, values)


def give_up(run: Mapping[str, Any], now: str) -> Update:
    """Give a run up that is as it was seen."""
    return _change_seen(run, {"state": RunState.SUPERSEDED.value, "finished_at": now, "lease_until": None})


def _change_seen(run: Mapping[str, Any], values: Mapping[str, Any]) -> Update:
    """Change a run unless somebody has taken, renewed or ended it since it was read."""
    lease = sweep_runs.c.lease_until
    same = lease.is_(None) if run["lease_until"] is None else lease == run["lease_until"]
    seen = (sweep_runs.c.run_id == run["run_id"], sweep_runs.c.state == run["state"], same)
    return update(sweep_runs).where(*seen).values(**values)


def change_held_run(run_id: int, worker: str, values: Mapping[str, Any]) -> Update:
    """Change a run that `worker` holds."""
    mine = (sweep_runs.c.worker == worker, sweep_runs.c.state == RunState.RUNNING.value)
    return update(sweep_runs).where(sweep_runs.c.run_id == run_id, *mine).values(**values)


def add_cell(values: Mapping[str, Any]) -> Insert:
    """Add a cell to a run."""
    return insert(sweep_cells).values(**values)


def cell_by_id(sweep_cell_id: int) -> Select[Any]:
    """Find a cell by its key."""
    return select(sweep_cells).where(sweep_cells.c.sweep_cell_id == sweep_cell_id)


def cells_of(run_id: int) -> Select[Any]:
    """List the cells of a run in the order in which they began."""
    return select(sweep_cells).where(sweep_cells.c.run_id == run_id).order_by(sweep_cells.c.sweep_cell_id)


def change_cell(sweep_cell_id: int, values: Mapping[str, Any]) -> Update:
    """Change a cell."""
    return update(sweep_cells).where(sweep_cells.c.sweep_cell_id == sweep_cell_id).values(**values)


def measured(sweep: str | None, cell: str | None) -> Select[Any]:
    """List the complete cells of a sweep (or of all) of one name (or of all) in the order of their runs' due times."""
    query = (
        select(sweep_cells, sweep_runs.c.sweep, sweep_runs.c.due_at, sweep_runs.c.label)
        .join(sweep_runs, sweep_runs.c.run_id == sweep_cells.c.run_id)
        .where(sweep_cells.c.state == RunState.COMPLETE.value)
        .order_by(sweep_runs.c.due_at, sweep_cells.c.sweep_cell_id)
    )
    if sweep is not None:
        query = query.where(sweep_runs.c.sweep == sweep)
    return query if cell is None else query.where(sweep_cells.c.cell == cell)
