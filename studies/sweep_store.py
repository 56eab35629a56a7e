"""The sweeps of a store: which run was due when, who runs it, and what became of its cells."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy.exc import IntegrityError

from . import sweep_statements as sql
from . import transactions as step
from .clock import utc_text
from .database import Database
from .leases import is_over, lost_if
from .plain import clean_text
from .sweeps import RunState, SweepCell, SweepRun
from .trial_fields import LONGEST_MESSAGE
from .worker import is_alive

#: Seconds that whoever runs a sweep may be silent before another machine takes the run over: longer than any two
#: clocks differ that are set by a network, for this lease is compared with another machine's clock.
SWEEP_LEASE_S = 900.0


class Claim(NamedTuple):
    """A run, and whether the caller is to work on it; if not, it is over or somebody else has it."""

    run: SweepRun
    mine: bool


class Measured(NamedTuple):
    """A complete cell, and which run it is of."""

    cell: SweepCell
    sweep: str
    due_at: str
    label: str


class SweepStore(Database):
    """Where the runs of sweeps are kept, beside the studies of their cells.

    What it promises, on every database: a sweep has one run for each due time, which one process works on at a time;
    one that dies loses it to whoever claims it next. Errors are those of `StudyStore`.
    """

    # Runs

    def runs(self, sweep: str) -> list[SweepRun]:
        """Return the runs of a sweep in the order of their due times."""
        return [SweepRun.from_row(row) for row in self._read(sql.runs_of(sweep))]

    def busy(self, sweep: str) -> SweepRun | None:
        """Return the run of a sweep that somebody works on now; one whose worker is gone is nobody's."""
        rows = [row for row in self._read(sql.runs_of(sweep)) if row["state"] == RunState.RUNNING.value]
        return next((SweepRun.from_row(row) for row in rows if not self._is_lost(row)), None)

    def unfinished(self, sweep: str) -> SweepRun | None:
        """Return the newest run of a sweep that was begun, is not finished, and that nobody works on."""
        rows = [row for row in self._read(sql.runs_of(sweep)) if self._is_free(row)]
        return SweepRun.from_row(rows[-1]) if rows else None

    def claim(
        self, sweep: str, due: datetime, *, label: str, longer_label: str, worker: str, spec: Mapping[str, Any]
    ) -> Claim:
        """Take the run of a sweep that is due at `due`, made if it is not there; earlier ones that wait are given up.

        One that failed is taken again, for its failed cells. It is called `label`, or `longer_label` where another run
        of the sweep has that name.
        """
        due_at, held = utc_text(due), self._held(worker)
        self._give_up_before(sweep, due_at)
        new = {"sweep": sweep, "due_at": due_at, "started_at": self._now(), "spec": dict(spec), **held}
        for name in (label, longer_label):
            found = self._read(sql.run_due_at(sweep, due_at))
            if found:
                return self._take(found[0], held)
            try:
                row = self._added(sql.add_run({**new, "label": name, "state": RunState.RUNNING.value}), sql.run_by_id)
            except IntegrityError:  # somebody else was first, or the label is another run's
                continue
            return Claim(SweepRun.from_row(row), mine=True)
        return self._take(step.only(self._read(sql.run_due_at(sweep, due_at))), held)

    def renew(self, run: SweepRun) -> bool:
        """Hold a run for another while; False when it is not this worker's any more."""
        return self._changed(sql.change_held_run(run.run_id, run.worker or "", self._held(run.worker or "")))

    def end(self, run: SweepRun, state: RunState, message: str | None = None) -> bool:
        """Give a run its last state, or let it wait to be continued; False when it is not this worker's any more."""
        finished = self._now() if state.is_over else None
        values: dict[str, Any] = {
            "state": state.value,
            "finished_at": finished,
            "lease_until": None,
            "failure_message": _kept(message),
        }
        return self._changed(sql.change_held_run(run.run_id, run.worker or "", values))

    def skip(self, sweep: str, due: datetime, *, label: str, state: RunState, message: str, worker: str) -> None:
        """Note that a run did not take place; nothing where somebody has begun or noted it."""
        values: dict[str, Any] = {
            "sweep": sweep,
            "due_at": utc_text(due),
            "label": label,
            "state": state.value,
            "started_at": self._now(),
            "finished_at": self._now(),
            "worker": worker,
            "failure_message": _kept(message),
            "spec": {},
        }
        try:
            self._added(sql.add_run(values), sql.run_by_id)
        except IntegrityError:
            return

    def _give_up_before(self, sweep: str, due_at: str) -> None:
        for row in self._read(sql.runs_of(sweep)):
            if row["due_at"] < due_at and self._is_free(row):
                self._changed(sql.give_up(row, self._now()))

    def _is_free(self, row: step.Row) -> bool:
        """Return whether a run is unfinished and nobody works on it."""
        lost = row["state"] == RunState.RUNNING.value and self._is_lost(row)
        return lost or row["state"] == RunState.WAITING.value

    def _take(self, row: step.Row, held: Mapping[str, Any]) -> Claim:
        if not self._is_free(row) and row["state"] != RunState.FAILED.value:
            return Claim(SweepRun.from_row(row), mine=False)
        mine = self._changed(sql.take_run(row, held))
        return Claim(SweepRun.from_row(step.only(self._read(sql.run_by_id(row["run_id"])))), mine)

    def _is_lost(self, row: step.Row) -> bool:
        return lost_if(is_alive, is_over)(row, self._clock())

    def _held(self, worker: str) -> dict[str, Any]:
        return {"worker": worker, "lease_until": utc_text(self._clock() + timedelta(seconds=SWEEP_LEASE_S))}

    def _now(self) -> str:
        return utc_text(self._clock())

    # Cells

    def cells(self, run_id: int) -> list[SweepCell]:
        """Return the cells of a run that were begun."""
        return [SweepCell.from_row(row) for row in self._read(sql.cells_of(run_id))]

    def begin_cell(self, run_id: int, cell: str, study: str) -> SweepCell:
        """Begin a cell of a run, or begin it again: what it failed of is forgotten."""
        begun = {"state": RunState.RUNNING.value, "study": study, "started_at": self._now()}
        for one in self.cells(run_id):
            if one.cell == cell:
                self._changed(sql.change_cell(one.sweep_cell_id, {**begun, "finished_at": None}))
                return SweepCell.from_row(self._read(sql.cell_by_id(one.sweep_cell_id))[0])
        return SweepCell.from_row(self._added(sql.add_cell({"run_id": run_id, "cell": cell, **begun}), sql.cell_by_id))

    def complete_cell(
        self, cell: SweepCell, *, history: str, measured: Mapping[str, Any], finding: Mapping[str, Any]
    ) -> None:
        """Write down what came out of a cell."""
        values = {"history": history, "measured": dict(measured), "finding": dict(finding), "failure_message": None}
        self._end_cell(cell, RunState.COMPLETE, values)

    def fail_cell(self, cell: SweepCell, message: str) -> None:
        """Write down why a cell came to nothing."""
        self._end_cell(cell, RunState.FAILED, {"failure_message": _kept(message)})

    def put_back_cell(self, cell: SweepCell) -> None:
        """Let a cell wait that was interrupted."""
        self._changed(sql.change_cell(cell.sweep_cell_id, {"state": RunState.WAITING.value}))

    def _end_cell(self, cell: SweepCell, state: RunState, values: Mapping[str, Any]) -> None:
        written = {"state": state.value, "finished_at": self._now(), **values}
        self._changed(sql.change_cell(cell.sweep_cell_id, written))

    def measured(self, sweep: str | None = None, cell: str | None = None) -> list[Measured]:
        """Return the complete cells of a sweep, or of all sweeps, in the order of their due times."""
        found = self._read(sql.measured(sweep, cell))
        return [Measured(SweepCell.from_row(row), row["sweep"], row["due_at"], row["label"]) for row in found]


def _kept(message: str | None) -> str | None:
    return clean_text(message)[-LONGEST_MESSAGE:] if message else None
