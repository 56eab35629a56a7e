"""One run of a sweep: what is due is claimed, its cells are searched one after the other, and somebody is told.

A run that was killed is continued by whoever runs the sweep next: cells that are complete are not run again, and the
study of the one that was not goes on where it was.
"""

from __future__ import annotations

import dataclasses
import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any
from zoneinfo import ZoneInfo

from ...spaces.errors import BadInput, HpsearchError, did_you_mean
from ...studies.errors import StudyNotFound
from ...studies.patience import PATIENCE_S, Patience
from ...studies.store import StudyStore
from ...studies.sweep_store import SweepStore
from ...studies.sweeps import RunState, SweepCell, SweepRun
from ...studies.worker import worker_name
from ..removal import remove
from ..talk import tell
from .alarm import seeds_of
from .cell_run import CellStopped, run_cell
from .cells import Cell
from .ended import Ended
from .file import Sweep, read_sweep
from .history import judge
from .notice import notify
from .plan import affordable, problem_with
from .warm_start import priors_for

#: Seconds between two signs of life of whoever runs a sweep.
RENEW_S = 60.0
#: Seconds between two looks whether another run of the sweep is over.
WAIT_S = 2.0

Say = Callable[[str], None]


def run_due(path: str, *, now: datetime, stop: threading.Event) -> None:
    """Run what is due of the sweep in a file; what `sweep serve` calls at each due time."""
    sweep = read_sweep(path)
    with SweepStore.open(sweep.store, create=True) as store:
        run_sweep(sweep, store, due=due_of(sweep, store, now=now), stop=stop)


def due_of(sweep: Sweep, store: SweepStore, *, now: datetime, at_once: bool = False) -> datetime:
    """Return which run of a sweep is to be worked on: one that was begun and not finished, or else what is due.

    Without a schedule, or `at_once`, a run is due now. One that was begun is given up where a later one came due.
    """
    scheduled = None if sweep.timetable is None or at_once else sweep.timetable.last_due(now)
    begun = store.unfinished(sweep.name)
    if begun is not None and not at_once:
        due = datetime.fromisoformat(begun.due_at)
        if scheduled is None or due >= scheduled:
            return due
    return scheduled or now


def run_sweep(
    sweep: Sweep,
    store: SweepStore,
    *,
    due: datetime,
    stop: threading.Event | None = None,
    chosen: Sequence[Cell] | None = None,
    max_minutes: float | None = None,
    say: Say = tell,
    verbose: bool = False,
) -> Ended:
    """Run the cells of a sweep that are not done in its run of `due`, or those of them that were `chosen`.

    Raises `HpsearchError` where another run of the sweep is not over and the file says `overlap: fail`, and
    `KeyboardInterrupt`; a run that was interrupted can be continued.
    """
    stop = stop or threading.Event()
    if not free_to_run(sweep, store, due, stop, say):
        return Ended(sweep=sweep, run=None)
    date, moment = labels(sweep, due)
    worker = worker_name()
    spec = json.loads(json.dumps(sweep.content, default=str))
    run, mine = store.claim(sweep.name, due, label=date, longer_label=moment, worker=worker, spec=spec)
    if not mine:
        return Ended(sweep=sweep, run=run if run.state.is_over else None, cells=store.cells(run.run_id))
    store.patience = Patience(seconds=PATIENCE_S, say=say)
    deadline = None if max_minutes is None else time.monotonic() + 60 * max_minutes
    work = RunOfSweep(
        sweep=sweep,
        store=store,
        run=run,
        stop=stop,
        say=say,
        verbose=verbose,
        deadline=deadline,
        renewed=time.monotonic(),
    )
    try:
        work.run_cells(sweep.cells if chosen is None else chosen)
    except BaseException:
        store.end(run, RunState.WAITING)
        raise
    return work.ended()


def chosen_cells(sweep: Sweep, only: Sequence[str]) -> list[Cell]:
    """Return the cells that match any of `only`, such as `cola-*`; all without it. Raises `BadInput` for no match."""
    names = [one.name for one in sweep.cells]
    for pattern in only:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise BadInput(f"sweep {sweep.name!r} has no cell {pattern!r}", hint=did_you_mean(pattern, names))
    return [one for one in sweep.cells if not only or any(fnmatchcase(one.name, pattern) for pattern in only)]


def free_to_run(sweep: Sweep, store: SweepStore, due: datetime, stop: threading.Event, say: Say) -> bool:
    """Return whether the run may begin; where another one of the sweep is not over, `overlap` of its file decides."""
    told = False
    while (busy := store.busy(sweep.name)) is not None:
        if datetime.fromisoformat(busy.due_at) == due:
            return True  # it is this very run: whoever has it keeps it
        why = f"the run of {busy.label} of sweep {sweep.name!r} is not over ({busy.worker})"
        if sweep.overlap != "wait":
            state = RunState.SKIPPED if sweep.overlap == "skip" else RunState.FAILED
            moment = labels(sweep, due)[1]
            store.skip(sweep.name, due, label=moment, state=state, message=why, worker=worker_name())
            if sweep.overlap == "fail":
                raise HpsearchError(why, hint="its file says `overlap: fail`; `wait` and `skip` are the others")
            say(f"{why}: that of {moment} is skipped")
            return False
        if not told:
            say(f"{why}: waiting for it")
            told = True
        if stop.wait(WAIT_S):
            return False
    return True


def labels(sweep: Sweep, due: datetime) -> tuple[str, str]:
    """Return what a run is called: its date in the sweep's time zone, or longer the date and time."""
    zone = ZoneInfo(sweep.timetable.timezone) if sweep.timetable is not None else None
    local = due.astimezone(zone)
    return f"{local:%Y-%m-%d}", f"{local:%Y-%m-%dT%H:%M}"


@dataclass(kw_only=True)
class RunOfSweep:
    """A run that this process has claimed."""

    sweep: Sweep
    store: SweepStore
    run: SweepRun
    stop: threading.Event
    say: Say
    verbose: bool
    deadline: float | None
    renewed: float = field(default_factory=time.monotonic)  #: when the store last heard of this process

    def run_cells(self, chosen: Sequence[Cell]) -> None:
        """Run the cells that are not complete; one that fails does not stop the others."""
        for place, cell in enumerate(chosen, start=1):
            if cell.name in self.complete():
                continue
            left = None if self.deadline is None else self.deadline - time.monotonic()
            if self.stop.is_set() or (left is not None and left <= 0):
                return
            self.say(f"[{place}/{len(chosen)}] {cell.name}")
            row = self.store.begin_cell(self.run.run_id, cell.name, self.study_name(cell))
            try:
                self.run_cell(cell, row, left)
            except (CellStopped, KeyboardInterrupt) as error:
                self.store.put_back_cell(row)
                if isinstance(error, KeyboardInterrupt):
                    raise
                return
            except HpsearchError as error:
                told = f"{error}" + (f" ({error.hint})" if error.hint else "")
                self.store.fail_cell(row, told)
                self.say(f"    failed: {told}")

    def run_cell(self, cell: Cell, row: SweepCell, seconds: float | None) -> None:
        """Search a cell, and write down what came out and how it stands against its history."""
        problem = problem_with(self.sweep, cell)
        if problem is not None:
            raise HpsearchError(problem)
        earlier = self.store.measured(self.sweep.name, cell.name)
        trials = affordable(cell)
        bounds = [one for one in (seconds, cell.minutes and 60 * cell.minutes) if one is not None]
        options = dataclasses.replace(
            cell.options,
            study=row.study,
            store=self.sweep.store,
            trials=trials,
            timeout=min(bounds) if bounds else None,
        )
        measured = run_cell(
            options,
            shift=seeds_of(0, options.seeds, len(earlier))[0],
            priors=priors_for(self.store, self.sweep.name, cell, trials) if self.sweep.warm_start else [],
            folder=self.sweep.path.parent,
            stop=self.stop,
            look=self.look,
            verbose=self.verbose,
        )
        finding = judge(earlier, measured, cells=len(self.sweep.cells))
        self.store.complete_cell(row, history=measured["history"], measured=measured, finding=finding)
        self.say(f"    {score_words(measured)}; {finding['words']}")

    def look(self) -> None:
        """Hold the run, from time to time. Raises `CellStopped` where somebody else has it by now."""
        if time.monotonic() - self.renewed < RENEW_S:
            return
        self.renewed = time.monotonic()
        if not self.store.renew(self.run):
            raise CellStopped("the run was taken over by another process")

    def complete(self) -> set[str]:
        """Return the names of the cells that are done."""
        return {one.cell for one in self.store.cells(self.run.run_id) if one.state is RunState.COMPLETE}

    def study_name(self, cell: Cell) -> str:
        """Return the name of the study of a cell in this run."""
        return f"{self.sweep.name}/{self.run.label}/{cell.name}"

    def ended(self) -> Ended:
        """Give the run its state, tell whom the file says, and drop studies that are older than it wants kept."""
        cells = self.store.cells(self.run.run_id)
        over = {one.cell for one in cells if one.state.is_over}
        left = [one.name for one in self.sweep.cells if one.name not in over]
        failed = any(one.state is RunState.FAILED for one in cells)
        state = RunState.WAITING if left else RunState.FAILED if failed else RunState.COMPLETE
        self.store.end(self.run, state)
        run = next(one for one in self.store.runs(self.sweep.name) if one.run_id == self.run.run_id)
        found = Ended(sweep=self.sweep, run=run, cells=cells, left=left)
        if not left:
            notify(found, self.say)
            drop_old_studies(self.sweep, self.store, self.say)
        return found


def score_words(measured: dict[str, Any]) -> str:
    """Return the mean score of a measurement in words."""
    values = [one for one in measured["winner"]["scores"].get(measured["metric"], []) if one is not None]
    if not values:
        return "no score"
    mean = sum(values) / len(values)
    return f"{measured['metric']} {mean:.4f} ({measured['split']} split, {len(values)} seeds)"


def drop_old_studies(sweep: Sweep, sweeps: SweepStore, say: Say) -> None:
    """Delete the studies of all but the newest runs, if the file says how many it wants; the scores stay."""
    if sweep.keep_runs is None:
        return
    with StudyStore.open(sweep.store) as store:
        for run in sweeps.runs(sweep.name)[: -sweep.keep_runs]:
            for cell in sweeps.cells(run.run_id):
                try:
                    study = store.study(cell.study)
                except StudyNotFound:
                    continue
                remove(store, study)
                say(f"deleted the study {study.name!r}: {sweep.path.name} keeps those of {sweep.keep_runs} runs")
