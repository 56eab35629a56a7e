"""Several workers on this machine: started together, shown together, buried and replaced when they die.

Each is a process (`worker_process`) that runs `loop` on the study by itself; the crew only looks after them. A Ctrl-C
reaches them all: each gives its trial back.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from ..spaces.errors import HpsearchError
from ..studies.errors import LeaseLost, StoreAway, TrialFinished
from ..studies.leases import LeaseWatch
from ..studies.optuna_storage import optuna_storage
from ..studies.outbox import Outbox
from ..studies.records import Failure, Study, Trial, TrialState
from ..studies.store import StudyStore
from . import devices
from .checks import check_jobs
from .errors import SearchFailed
from .interrupts import raise_if_interrupted
from .limits import Limits
from .paths import StudyPaths
from .study_watch import StudyWatch
from .view import View

if TYPE_CHECKING:
    from .study_run import StudyRun
    from .worker_process import Orders

LOOK_S = 0.25  #: seconds between two looks at the workers
#: Seconds that a trial may take beyond its time, to end by itself at the next step.
GRACE_S = 10.0
#: Seconds for a worker to give its trial back when it is told to end.
FAREWELL_S = 30.0
#: Deaths in a row, for each worker, without a finished trial in between: then something kills every one of them.
DEATHS = 5
WORKERS = "hpsearch.search.worker_process"


def worker_context() -> Any:
    """Return how workers are started: from a server that imports what is slow once, where there is such a thing."""
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    if "forkserver" in methods:
        context.set_forkserver_preload([WORKERS])
    return context


def warm_up() -> None:
    """Begin to import what workers need, in a process beside this one, while this one prepares the study."""
    with suppress(ImportError, ValueError):  # no fork server on this platform: each worker imports by itself
        from multiprocessing import forkserver

        worker_context()
        forkserver.ensure_running()


def search(run: StudyRun, jobs: str, places: Mapping[str, str] | None = None) -> None:
    """Search a study with `jobs` workers on this machine, a number or `auto`; see `Crew.run` for what it raises.

    `places` is as in `stored_problem`.
    """
    from .worker_process import Orders

    found = devices.gpus()
    count = check_jobs(jobs)
    if count is None:
        count, why = devices.suitable_jobs(
            parameters=run.problem.trainer.model.num_parameters(),
            cores=devices.cores(),
            gpus=found,
            memory=psutil.virtual_memory().available,
        )
        run.view.say(why)
    orders = [
        Orders(
            store_url=run.store.url,
            study_name=run.study.name,
            folder=run.study.folder,
            share=share,
            alone_on_gpu=count <= len(found),
            timeout=run.timeout,
            verbose=run.verbose,
            places=dict(places or {}),
        )
        for share in devices.shares(count, devices.cores(), found)
    ]
    trial_timeout = Limits.of(run.study).trial_timeout
    with run.quietly():
        run.enter_in_optuna(optuna_storage(run.store.url))
        Crew(store=run.store, study=run.study, view=run.view, orders=orders, trial_timeout=trial_timeout).run()


@dataclass(kw_only=True)
class Member:
    """One worker of a crew."""

    orders: Orders
    process: Any
    news: Connection
    words: tuple[str, str | None, int] | None = None  #: what it said when it failed

    @property
    def is_over(self) -> bool:
        """Whether the process has ended."""
        return self.process.exitcode is not None

    @property
    def died(self) -> bool:
        """Whether it was killed: it ended with neither success nor a word."""
        return self.is_over and self.process.exitcode != 0 and self.words is None

    def listen(self) -> None:
        """Hear what it has to say."""
        with suppress(EOFError, OSError):
            if self.words is None and self.news.poll():
                self.words = self.news.recv()

    def runs(self, trial: Trial) -> bool:
        """Whether this process holds the trial."""
        return (trial.worker or "").split(":")[1:2] == [str(self.process.pid)]


@dataclass(kw_only=True)
class Crew:
    """The workers of one search on this machine."""

    store: StudyStore
    study: Study
    view: View
    orders: Sequence[Orders]
    trial_timeout: float | None = None
    clock: Callable[[], float] = time.monotonic
    members: list[Member] = field(default_factory=list)
    deaths: int = 0
    done: int = 0
    first_seen: dict[tuple[int, int], float] = field(default_factory=dict)

    def run(self) -> None:
        """Search until every worker has found nothing left to do.

        Raises what a worker could not go on for, and `SearchFailed` when one after the other is killed.
        """
        watch = StudyWatch(store=self.store, study=self.study, view=self.view)
        with self.ending():
            self.members = [self.start(orders) for orders in self.orders]
            while not all(member.is_over and not member.died for member in self.members):
                raise_if_interrupted()
                time.sleep(LOOK_S)
                self.look(watch)
            watch.look()

    def look(self, watch: StudyWatch) -> None:
        """Look after the workers once. A store that is away is waited for by them, not here."""
        for member in self.members:
            member.listen()
            if member.is_over and member.words is not None:
                raise told(*member.words)
        try:
            self.replace_the_dead()
            if self.trial_timeout is not None:
                self.end_overdue(self.trial_timeout)
            watch.look()
        except StoreAway as error:
            self.view.say(f"{error}; the workers wait for it")

    def start(self, orders: Orders) -> Member:
        """Start a worker."""
        from .worker_process import work

        context = worker_context()
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=work, args=(orders, there), daemon=False)
        process.start()
        there.close()
        return Member(orders=orders, process=process, news=here)

    def replace_the_dead(self) -> None:
        """Put back the trials of workers that were killed, and start others in their places."""
        dead = [member for member in self.members if member.died]
        if not dead:
            return
        summary = self.store.summary(self.study.study_id)
        done = summary.complete + summary.pruned + summary.failed
        self.deaths = len(dead) if done > self.done else self.deaths + len(dead)
        self.done = done
        if self.deaths > DEATHS * len(self.members):
            raise SearchFailed(
                f"{self.deaths} workers were killed and no trial was finished (the last with {_exit(dead[-1])})",
                hint="is there too little memory? fewer --jobs need less",
            )
        Outbox(StudyPaths(Path(self.study.folder)).outbox).replay(self.store)
        self.store.recover(self.study.study_id, LeaseWatch().is_lost)
        self.members = [self.start(member.orders) if member in dead else member for member in self.members]

    def end_overdue(self, trial_timeout: float) -> None:
        """Kill workers that are stuck in a trial, with all processes they started; the trial has failed."""
        now = self.clock()
        for trial in self.store.running(self.study.study_id):
            since = self.first_seen.setdefault((trial.number, trial.attempt), now)
            member = next((member for member in self.members if member.runs(trial)), None)
            if member is None or now - since < trial_timeout + GRACE_S:
                continue
            with suppress(LeaseLost, TrialFinished):
                self.store.finish(
                    trial.trial_id,
                    TrialState.FAILED,
                    failure=Failure.TIMEOUT,
                    failure_message=f"stuck, and killed after {now - since:.0f} s of the {trial_timeout:g} s allowed",
                    worker=trial.worker,
                    seconds={"train": now - since},
                )
            kill_tree(member.process.pid)
            member.process.join()

    @contextmanager
    def ending(self) -> Iterator[None]:
        """Let no worker outlive the crew: each is told to end, gives its trial back, and is killed if it does not."""
        try:
            yield
        finally:
            running = [member for member in self.members if not member.is_over]
            for member in running:
                member.process.terminate()
            deadline = self.clock() + FAREWELL_S
            for member in running:
                member.process.join(max(0.0, deadline - self.clock()))
                if not member.is_over:
                    kill_tree(member.process.pid)
                    member.process.join()


def told(sentence: str, hint: str | None, exit_code: int) -> HpsearchError:
    """Return the error that a worker ended with."""
    error = SearchFailed(sentence, hint=hint)
    error.exit_code = exit_code
    return error


def kill_tree(pid: int) -> None:
    """Kill a process and all that it started."""
    with suppress(psutil.NoSuchProcess):
        top = psutil.Process(pid)
        for process in [*top.children(recursive=True), top]:
            with suppress(psutil.NoSuchProcess):
                process.kill()


def _exit(member: Member) -> str:
    code = member.process.exitcode
    return f"signal {-code}" if code < 0 else f"exit code {code}"
