"""Run sweeps when they are due, for as long as nobody ends it: `hpsearch sweep serve FILE...`.

APScheduler waits and fires; when a sweep is due is `timetable`, what outlives the process is `jobs`. A due run is
claimed by its runner, in the store: however many servers fire, and however often, it is run once.
"""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from apscheduler.executors.base import BaseExecutor
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import BaseScheduler

from ...spaces.errors import BadInput, HpsearchError
from ...studies.clock import Clock, utc_now
from ...studies.store import StudyStore
from ..command.complaint import in_our_words
from ..errors import Interrupted
from ..talk import tell
from .jobs import DueTimes, KeptJobs
from .scheduled import Scheduled, timetable_of
from .timetable import Timetable

#: Files are looked at so often, and the clock, which goes on while a machine sleeps.
LOOK_S = 60.0
#: One run and one that waits for it: what falls due during a long run is run after it, once.
AT_A_TIME = 2


class RunDue(Protocol):
    """Runs the sweep of a file that was due last, unless somebody has or does; hands it back when `stop` is set."""

    def __call__(self, path: str, *, now: datetime, stop: threading.Event) -> None:
        """Run it, and return when it is done or handed back."""


@dataclass
class Served:
    """A sweep that is served, as its file was when last read."""

    name: str
    path: Path
    store: str
    timetable: Timetable
    stamp: tuple[int, int] | None  #: the file's time and size; None where it is gone


class SweepServer:
    """Serves the sweeps of some files. Raises `BadInput` where one cannot be served.

    - Each is run at its due times, one after another: two at a time would fight for the machine.
    - One that was served before and missed due times is run once, at the start; one that never was, or whose schedule
      is another now, waits for its next due time.
    - A file that was changed is read again; one that cannot be read is said, and stays served.
    """

    def __init__(
        self,
        paths: Sequence[str | Path],
        *,
        load: Callable[[Path], Scheduled] | None = None,
        run_due: RunDue | None = None,
        clock: Clock = utc_now,
        scheduler: Callable[..., BaseScheduler] = BackgroundScheduler,
        executor: BaseExecutor | None = None,
    ) -> None:
        self._load = load or _reader()
        self._run_due = run_due or _runner()
        self._clock = clock
        self.scheduler = scheduler(timezone="UTC", executors={"default": executor or ThreadPoolExecutor(1)})
        self.stop = threading.Event()  #: set once: no run begins any more, and one that runs is handed back
        self._served: dict[str, Served] = {}
        for path in paths:
            self._add(self._read(Path(path).absolute()))

    def serve(self) -> None:
        """Serve until Ctrl-C or SIGTERM, which raises `Interrupted` when the running sweep has been handed back."""
        logging.getLogger("apscheduler").setLevel(logging.ERROR)  # that a run waits for another is no warning
        try:
            self.start()
            while True:
                time.sleep(LOOK_S)
                self.look()
        except KeyboardInterrupt:
            raise Interrupted from None
        finally:
            self.close()

    def start(self) -> None:
        """Begin to serve, and say what is served."""
        now = self._clock()
        for number, store in enumerate(dict.fromkeys(served.store for served in self._served.values())):
            self._start_jobs(store, f"store {number}", now)
        self.scheduler.start()
        tell("Ctrl-C ends it; a run that is not done then goes on when the same command is given again")

    def look(self) -> None:
        """Read the files that have changed, and let the scheduler look at the clock."""
        for served in self._served.values():
            if (stamp := _stamp(served.path)) != served.stamp:
                served.stamp = stamp
                self._is_as_served(served)
        self.scheduler.wakeup()

    def close(self) -> None:
        """Hand back what runs, wait for it, and serve no more."""
        self.stop.set()
        if self.scheduler.running:
            self.scheduler.shutdown()

    def _add(self, served: Served) -> None:
        if (other := self._served.get(served.name)) is not None:
            raise BadInput(
                f"two files have the sweep {served.name!r}: {other.path} and {served.path}",
                hint="give each file once, and each sweep a name of its own: its history is kept under it",
            )
        self._served[served.name] = served

    def _read(self, path: Path) -> Served:
        stamp = _stamp(path)
        sweep = self._load(path)
        return Served(sweep.name, path, sweep.store, timetable_of(sweep), stamp)

    def _start_jobs(self, store: str, alias: str, now: datetime) -> None:
        StudyStore.open(store, create=True).close()
        jobs = KeptJobs(store)
        self.scheduler.add_jobstore(jobs, alias)
        for served in self._served.values():
            if served.store == store:
                self._start_job(served, jobs.due_times(served.name, served.timetable, now), alias, now)

    def _start_job(self, served: Served, due: DueTimes, alias: str, now: datetime) -> None:
        first = due.first(now)
        self.scheduler.add_job(
            self._run,
            due,
            args=(served.name,),
            id=served.name,
            jobstore=alias,
            next_run_time=first,
            coalesce=True,
            misfire_grace_time=None,
            max_instances=AT_A_TIME,
        )
        when = served.timetable.local(first)
        begins = f"due next {when}" if first > now else f"due last {when} and run now, unless it was then"
        tell(f"sweep {served.name!r}: {served.timetable.words()}; {begins}")

    def _run(self, name: str) -> None:
        """Run what is due of a sweep now, which may be more than it was when it had to wait."""
        served = self._served[name]
        if self.stop.is_set() or not self._is_as_served(served):
            return
        try:
            self._run_due(str(served.path), now=self._clock(), stop=self.stop)
        except (KeyboardInterrupt, Interrupted):
            return  # handed back: the main thread, which was told the same, ends the server
        except Exception as error:  # noqa: BLE001 - the other sweeps go on
            _say(f"sweep {name!r}", error)

    def _is_as_served(self, served: Served) -> bool:
        """Read a file again; say so and return False where it cannot be used, or has another schedule from now on."""
        try:
            new = self._read(served.path)
            if (new.name, new.store) != (served.name, served.store):
                raise BadInput(f"{served.path} has another name or store now", hint="start the server again")
        except Exception as error:  # noqa: BLE001 - the other sweeps go on
            _say(f"sweep {served.name!r} is not run until its file is in order", error)
            return False
        if new.timetable == served.timetable:
            return True
        self._reschedule(served, new.timetable)
        return False

    def _reschedule(self, served: Served, timetable: Timetable) -> None:
        served.timetable = timetable
        now = self._clock()
        due = timetable.next_due(now)
        self.scheduler.modify_job(served.name, trigger=DueTimes(timetable, now), next_run_time=due)
        tell(f"sweep {served.name!r} has a new schedule: {timetable.words()}; due next {timetable.local(due)}")


def _say(about: str, error: Exception) -> None:
    """Say an error in a sentence; a bug, which has none, with its traceback."""
    told = error if isinstance(error, HpsearchError) else in_our_words(error)
    tell(f"{about}: {told or ''.join(traceback.format_exception(error))}")
    if told is not None and told.hint:
        tell(f"hint: {told.hint}")


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_mtime_ns, about.st_size


def _reader() -> Callable[[Path], Scheduled]:
    from .file import read_sweep

    return read_sweep


def _runner() -> RunDue:
    from .runner import run_due

    return run_due
