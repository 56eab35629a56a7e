"""Sweeps for the tests of their server: files, a runner that claims as the real one does, and time that is moved."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import time_machine
from apscheduler.executors.debug import DebugExecutor
from apscheduler.schedulers.base import BaseScheduler
from sqlalchemy import Column, Engine, MetaData, String, Table, insert
from sqlalchemy.exc import IntegrityError

from hpsearch.search.sweep.server import SweepServer
from hpsearch.search.sweep.timetable import Timetable
from hpsearch.spaces.errors import BadInput
from hpsearch.studies.clock import utc_now, utc_text
from hpsearch.studies.engine import make_engine, transaction
from hpsearch.studies.schema import upgrade

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
RUNS = Table(
    "made_runs",
    MetaData(),
    Column("sweep", String(60), primary_key=True),
    Column("due_at", String(32), primary_key=True),
)


def moment(words: str) -> datetime:
    """Return a moment in UTC."""
    return datetime.fromisoformat(words).replace(tzinfo=UTC)


def prepare(url: str) -> str:
    """Make a store, and in it a table where runs are claimed."""
    upgrade(url)
    RUNS.create(engine_of(url))
    return url


@dataclass(frozen=True)
class Sweep:
    """What the server asks of a sweep file."""

    name: str
    path: Path
    store: str
    timetable: Timetable | None


def load(path: Path) -> Sweep:
    """Read a sweep file of these tests."""
    try:
        name, store, *schedule = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise BadInput(f"{path.name} cannot be read: {type(error).__name__}", hint="mend it") from None
    return Sweep(name, path, store, Timetable(*schedule) if schedule else None)


def write(folder: Path, name: str, store: str, *schedule: str, file: str | None = None) -> Path:
    """Write a sweep file."""
    path = folder / (file or f"{name}.json")
    path.write_text(json.dumps([name, store, *schedule]))
    return path


@cache
def engine_of(url: str) -> Engine:
    """Return one engine for each store of these tests."""
    return make_engine(url)


class Runner:
    """Claims due runs in the store as the real one does, by a unique key, and knows which it ran and when."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, datetime]] = []
        self.ran: list[tuple[str, datetime, datetime]] = []

    def __call__(self, path: str, *, now: datetime, stop: threading.Event) -> None:
        sweep = load(Path(path))
        due = sweep.timetable.last_due(now)
        self.calls.append((sweep.name, now))
        try:
            with transaction(engine_of(sweep.store)) as connection:
                connection.execute(insert(RUNS).values(sweep=sweep.name, due_at=utc_text(due)))
        except IntegrityError:
            return
        self.ran.append((sweep.name, due, now))
        self.run()

    def run(self) -> None:
        """Run the sweep, in no time."""

    def dues(self, name: str) -> list[datetime]:
        """Return the due times for which a sweep was run, in the order of running."""
        return [due for sweep, due, _ in self.ran if sweep == name]


class Stepped(BaseScheduler):
    """APScheduler without its thread: it looks at the clock when it is told to."""

    def wakeup(self) -> None:
        """Nobody sleeps."""

    def shutdown(self, wait: bool = True) -> None:
        """Stop."""
        super().shutdown(wait)


def server(*paths: Path, run_due: Any, executor: Any = None) -> SweepServer:
    """Return a server whose scheduler the test steps."""
    return SweepServer(paths, load=load, run_due=run_due, scheduler=Stepped, executor=executor or DebugExecutor())


def started(*paths: Path, **given: Any) -> SweepServer:
    """Return a server that serves."""
    made = server(*paths, **given)
    made.start()
    made.scheduler._process_jobs()
    return made


def pass_time(clock: time_machine.Traveller, until: str | datetime, *servers: SweepServer) -> None:
    """Let time pass, half an hour at a time; after each, the servers look at the clock."""
    end = moment(until) if isinstance(until, str) else until
    while (now := utc_now()) < end:
        clock.move_to(min(end, now + HOUR / 2))
        for one in servers:
            one.look()
            one.scheduler._process_jobs()
