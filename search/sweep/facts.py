"""What the report on a sweep tells, read from its rows and its file: nothing is trained, and no torch is imported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...spaces.errors import HpsearchError
from ...studies.sweep_store import SweepStore
from ...studies.sweeps import SweepRun
from ..stored_problem import model_of, task_of
from ..strategy import LADDER
from .cells import Cell, label_of
from .file import Sweep
from .point import BETTER, FAILED, NOT_RUN, WORSE, Point

NEW_HISTORY = "new history"


@dataclass(frozen=True, kw_only=True)
class Change:
    """A time since when the scores of a cell are others, or are of other data."""

    cell: str
    run: str  #: label of the run in which it was told
    due_at: str
    since: str  #: label of the first run that is so
    since_due: str
    state: str  #: worse, better or new history
    words: str
    lines: Sequence[str] = ()  #: what else is different since then
    rows: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class CellFacts:
    """A cell over time."""

    name: str
    task: str
    model: str
    variant: Mapping[str, str]  #: the other options that the lists of a sweep's file can set
    points: Sequence[Point]  #: oldest first

    @property
    def latest(self) -> Point | None:
        """Its last run that has a score."""
        return next((one for one in reversed(self.points) if one.score is not None), None)

    @property
    def histories(self) -> list[list[Point]]:
        """The runs that have a score, parted where other data or another metric begin a new history."""
        found: list[list[Point]] = []
        for one in self.points:
            if one.score is None:
                continue
            if not found or found[-1][-1].history != one.history:
                found.append([])
            found[-1].append(one)
        return found

    @property
    def changes(self) -> list[Change]:
        """What was told of it, oldest first."""
        begun = [one[0] for one in self.histories[1:]]
        found = [self._new_history(one) for one in begun]
        found += [self._change(one) for one in self.points if one.state in (WORSE, BETTER)]
        return sorted(found, key=lambda one: one.due_at)

    def _new_history(self, point: Point) -> Change:
        why = point.finding.get("new_history") or "the data or the metric changed"
        return self._told(point, point, state=NEW_HISTORY, words=str(why), rows={})

    def _change(self, point: Point) -> Change:
        since = point.finding.get("since_due")
        first = next((one for one in self.points if one.due_at == since), point)
        return self._told(point, first, state=point.state, words=point.words, lines=point.changes, rows=point.rows)

    def _told(self, point: Point, first: Point, **values: Any) -> Change:
        return Change(
            cell=self.name, run=point.run, due_at=point.due_at, since=first.run, since_due=first.due_at, **values
        )


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """A run with its cells."""

    run: SweepRun
    points: Mapping[str, Point]  #: by the names of the cells that were begun

    @property
    def is_taken(self) -> bool:
        """Whether it took place, or does."""
        return bool(self.points) or not self.run.state.is_over

    @property
    def seconds(self) -> float:
        """How long all trials of its cells took together."""
        return sum(one.seconds or 0.0 for one in self.points.values())

    @property
    def trainings(self) -> float:
        """What its cells cost, in trainings on all the data."""
        return sum(one.trainings or 0.0 for one in self.points.values())

    @property
    def measured(self) -> int:
        """How many cells have a measurement."""
        return sum(one.history is not None for one in self.points.values())

    @property
    def failed(self) -> int:
        """How many cells came to nothing."""
        return sum(one.state == FAILED for one in self.points.values())


@dataclass(frozen=True, kw_only=True)
class SweepFacts:
    """A sweep with all its runs."""

    name: str
    file: str
    cells: Sequence[CellFacts]  #: in the order of the file
    retired: Sequence[CellFacts]  #: cells that the file has no longer
    runs: Sequence[RunFacts]  #: oldest first

    @classmethod
    def of(cls, sweep: Sweep, store: SweepStore | None) -> SweepFacts:
        """Read the facts of a sweep; `store` is None where there is none yet."""
        runs = list(_runs(sweep.name, store)) if store is not None else []
        points: dict[str, list[Point]] = {}
        for run in runs:
            for name, point in run.points.items():
                points.setdefault(name, []).append(point)
        cells = [cell_of(one, points.pop(one.name, [])) for one in sweep.cells]
        retired = [retired_cell(name, found) for name, found in points.items()]
        return cls(name=sweep.name, file=sweep.path.name, cells=cells, retired=retired, runs=runs)

    @property
    def last(self) -> RunFacts | None:
        """The newest run that took place, or does; None before the first."""
        return next((one for one in reversed(self.runs) if one.is_taken), None)

    @property
    def changes(self) -> list[Change]:
        """What was told of all cells, newest first."""
        found = [change for cell in (*self.cells, *self.retired) for change in cell.changes]
        return sorted(found, key=lambda one: one.due_at, reverse=True)

    @property
    def failures(self) -> list[tuple[str, Point]]:
        """Cells and the runs in which they came to nothing, newest first."""
        return [(name, one) for run in reversed(self.runs) for name, one in run.points.items() if one.state == FAILED]

    def now(self, cell: str) -> Point | None:
        """Return a cell in the last run; None where it was not begun."""
        return self.last.points.get(cell) if self.last else None

    def state(self, cell: str) -> str:
        """Return how a cell stands in the last run."""
        point = self.now(cell)
        return NOT_RUN if point is None else point.state

    def having(self, *states: str) -> list[CellFacts]:
        """Return the cells of the file that stand so in the last run."""
        return [one for one in self.cells if self.state(one.name) in states]


def _runs(sweep: str, store: SweepStore) -> Iterator[RunFacts]:
    for run in store.runs(sweep):
        yield RunFacts(run=run, points={one.cell: Point.of(run, one) for one in store.cells(run.run_id)})


def cell_of(cell: Cell, points: Sequence[Point]) -> CellFacts:
    """Return a cell of the file; its model is called as the file says, or as its studies call it."""
    options = cell.options
    latest = next((one for one in reversed(points) if one.history is not None), None)
    task, model = (latest.task, latest.model) if latest else planned(cell)
    variant = {
        "space": label_of("spaces", {"space": options.space}),
        "backend": options.backend,
        "strategy": options.strategy or LADDER,
    }
    return CellFacts(name=cell.name, task=task, model=cell.model_name or model, variant=variant, points=points)


def planned(cell: Cell) -> tuple[str, str]:
    """Return task and model of a cell that was never measured; of one that cannot be searched, what its name says."""
    try:
        return task_of(cell.options).name, model_of(cell.options).short_name
    except HpsearchError:
        return by_name(cell.name)


def retired_cell(name: str, points: Sequence[Point]) -> CellFacts:
    """Return a cell that is in the store alone."""
    latest = next((one for one in reversed(points) if one.history is not None), None)
    task, model = (latest.task, latest.model) if latest else by_name(name)
    return CellFacts(name=name, task=task, model=model, variant={}, points=points)


def by_name(name: str) -> tuple[str, str]:
    """Return task and model as a cell's name has them unless its file says otherwise."""
    task, _, model = name.partition("-")
    return task, model
