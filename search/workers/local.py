"""The workers of a crew as processes of this machine.

A Ctrl-C reaches them all: each gives its trial back.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

import psutil

from ...studies.optuna_storage import optuna_storage
from ...studies.worker import worker_name
from ..checks import check_jobs
from . import devices
from .crew import crew_of, orders_of
from .orders import Complaint, Orders
from .processes import kill_tree, started, worker_context

if TYPE_CHECKING:
    from ..study_run import StudyRun


def warm_up() -> None:
    """Begin to import what workers need, in a process beside this one, while this one prepares the study."""
    with suppress(ImportError, ValueError):  # no fork server on this platform: each worker imports by itself
        from multiprocessing import forkserver

        worker_context()
        forkserver.ensure_running()


def search(
    run: StudyRun,
    jobs: str,
    places: Mapping[str, str] | None = None,
    processes: int = 1,
    killable: bool = True,
) -> None:
    """Search a study with `jobs` workers on this machine, a number or `auto`; see `Crew.run` for what it raises.

    `places` is as in `stored_problem`; each trial is trained by so many `processes`. Where `auto` is
    one worker, and it need not be `killable`, that is this process.
    """
    found = devices.gpus()
    count = check_jobs(jobs)
    if count is None:
        count, why = devices.suitable_jobs(
            parameters=sum(one.numel() for one in run.problem.trainer.model.parameters()),
            cores=devices.cores(),
            gpus=found,
            memory=psutil.virtual_memory().available,
            trials=run.study.trials,
        )
        if processes > 1:
            count, why = max(1, count // processes), f"{why}, {processes} of them for each trial"
        run.view.say(why)
        if count == 1 and processes == 1 and not killable:
            run.search()
            return
    shares = devices.shares(count, devices.cores(), found, processes)
    told = orders_of(run, shares, places or {}, count * processes <= len(found), processes)
    orders = [dataclasses.replace(one, room=devices.Room(devices.cores(), count)) for one in told]
    with run.quietly():
        run.enter_in_optuna(optuna_storage(run.store.url))
        crew_of(run, orders, start).run()


def search_here(run: StudyRun, places: Mapping[str, str] | None, processes: int) -> None:
    """Search a study with this process for the only worker, and several for each trial; see `SearchLoop.run`."""
    from ..ranks.launch import Launcher

    shares = devices.shares(1, devices.cores(), devices.gpus(), processes)
    (orders,) = orders_of(run, shares, places or {}, False, processes)
    dataclasses.replace(run, launcher=Launcher.of(orders)).search()


def start(orders: Orders) -> LocalMember:
    """Start a worker."""
    from .worker import work

    here, there = Pipe(duplex=False)
    process = started(work, orders, there)
    there.close()
    return LocalMember(orders=orders, process=process, news=here, name=_name(process.pid))


def _name(pid: int) -> str | None:
    try:
        return worker_name(pid)
    except psutil.NoSuchProcess:  # killed already
        return None


@dataclass(kw_only=True)
class LocalMember:
    """A worker process of this machine."""

    orders: Any
    process: Any
    news: Connection
    name: str | None
    words: Complaint | None = None

    @property
    def is_over(self) -> bool:
        """Whether the process has ended."""
        return self.process.exitcode is not None

    @property
    def died(self) -> bool:
        """Whether it was killed: it ended with neither success nor a word."""
        return self.is_over and self.process.exitcode != 0 and self.words is None

    @property
    def cause_of_death(self) -> str:
        """How the process ended."""
        code = self.process.exitcode
        return f"the last with signal {-code}" if code < 0 else f"the last with exit code {code}"

    def listen(self) -> None:
        """Hear what it has to say."""
        with suppress(EOFError, OSError):
            if self.words is None and self.news.poll():
                self.words = self.news.recv()

    def end(self) -> None:
        """Tell it to give its trial back and end."""
        self.process.terminate()

    def bury(self, seconds: float) -> None:
        """Wait so long for its end, then kill it with all that it started."""
        self.process.join(seconds)
        if not self.is_over:
            kill_tree(self.process.pid)
            self.process.join()
