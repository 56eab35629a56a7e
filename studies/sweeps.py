"""Records of sweeps: a run of one at a due time, and the cells of that run; `sweep_store.py` hands them out.

Names are as in `records.py`.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self


class RunState(enum.StrEnum):
    """The life of a sweep's run, and of a cell in it. Members are added, never renamed.

    What waits was begun and is not finished: it is continued.
    """

    WAITING = "WAITING"
    RUNNING = "RUNNING"
    COMPLETE = "COMPLETE"
    FAILED = "FAILED"  #: of a run: at least one of its cells
    SKIPPED = "SKIPPED"  #: it came due while another run of the sweep was running
    SUPERSEDED = "SUPERSEDED"  #: it was unfinished when a later one began

    @property
    def is_over(self) -> bool:
        """Whether nobody will work on a run in this state, unless somebody asks for its failed cells."""
        return self not in (RunState.WAITING, RunState.RUNNING)


@dataclass(frozen=True, kw_only=True)
class SweepRun:
    """One run of a sweep."""

    run_id: int
    sweep: str  #: name of the sweep
    due_at: str  #: when it was due; a sweep has one run for each such moment
    label: str  #: its date, in names of studies; with the time where one date has several runs
    state: RunState
    started_at: str
    finished_at: str | None = None
    worker: str | None = None  #: who runs it, or ran it last
    lease_until: str | None = None
    failure_message: str | None = None
    spec: dict[str, Any] = field(default_factory=dict)  #: the sweep's file as it was; not interpreted here

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Make the record of one row of `hpsearch_sweep_runs`."""
        return cls(**{**_own_columns(cls, row), "state": RunState(row["state"])})

    def to_dict(self) -> dict[str, Any]:
        """Return the record for JSON."""
        return {**{one.name: getattr(self, one.name) for one in fields(self)}, "state": self.state.value}


@dataclass(frozen=True, kw_only=True)
class SweepCell:
    """One cell of a run of a sweep."""

    sweep_cell_id: int
    run_id: int
    cell: str  #: name of the cell, the same from run to run
    state: RunState
    study: str  #: name of the study that searched it
    started_at: str
    finished_at: str | None = None
    history: str | None = None  #: fingerprint of what scores can be compared over: the data and the metric
    failure_message: str | None = None
    measured: dict[str, Any] | None = None  #: scores of winner and baseline over the seeds; not interpreted here
    finding: dict[str, Any] | None = None  #: how it stands against its own history; not interpreted here

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Make the record of one row of `hpsearch_sweep_cells`."""
        return cls(**{**_own_columns(cls, row), "state": RunState(row["state"])})

    def to_dict(self) -> dict[str, Any]:
        """Return the record for JSON."""
        return {**{one.name: getattr(self, one.name) for one in fields(self)}, "state": self.state.value}


def _own_columns(record: type[Any], row: Mapping[str, Any]) -> dict[str, Any]:
    return {column.name: row[column.name] for column in fields(record)}
