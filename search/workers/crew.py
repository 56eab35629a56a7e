"""Several workers of one search: started together, shown together, buried and replaced when they die.

Each runs `loop` on the study by itself, in a process of this machine (`local`) or of a Ray cluster
(`ray_actors`); the crew only looks after them.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ...spaces.errors import BadInput, HpsearchError
from ...studies.errors import LeaseLost, StoreAway, StoreFailed, StudyNotFound, TrialFinished
from ...studies.leases import LeaseWatch, lost_if
from ...studies.outbox import Outbox, take_back
from ...studies.records import Failure, Study, Trial, TrialState
from ...studies.store import StudyStore
from ...studies.worker import is_alive, same_process
from ..errors import SearchFailed
from ..interrupts import raise_if_interrupted, uninterrupted
from ..limits import Limits
from ..paths import StudyPaths
from ..view import View
from .devices import Share
from .orders import Complaint, Orders
from .study_watch import StudyWatch

if TYPE_CHECKING:
    from ..study_run import StudyRun

LOOK_S = 0.25  #: seconds between two looks at the workers
#: Seconds that a trial may take beyond its time, to end by itself at the next step.
GRACE_S = 10.0
#: Seconds for a worker to give its trial back when it is told to end.
FAREWELL_S = 30.0
#: Seconds after which it is said that no worker has begun.
LATE_S = 60.0
#: Deaths in a row, for each worker, without a finished trial in between: then something kills every one of them.
DEATHS = 5


class Member(Protocol):
    """One worker of a crew."""

    orders: Any
    name: str | None  #: as the store knows it, once it has begun
    words: Complaint | None  #: what it said when it failed

    @property
    def cause_of_death(self) -> str:
        """How it was killed, in a few words."""

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""

    @property
    def died(self) -> bool:
        """Whether it was killed: it ended with neither success nor a word."""

    def listen(self) -> None:
        """Hear what it has to say."""

    def end(self) -> None:
        """Tell it to end."""

    def bury(self, seconds: float) -> None:
        """Wait so long for its end, then kill it with all that it started."""


Start = Callable[[Orders], Member]


def orders_of(
    run: StudyRun, shares: Sequence[Share], places: Mapping[str, str], alone_on_gpu: bool, processes: int = 1
) -> list[Orders]:
    """Return what each worker of a run is told, one for each share of the machine."""
    return [
        Orders(
            store_url=run.store.url,
            study_name=run.study.name,
            folder=run.study.folder,
            share=share,
            alone_on_gpu=alone_on_gpu,
            timeout=run.timeout,
            verbose=run.verbose,
            places=dict(places),
            code=run.code.found_from_anywhere(),
            processes=processes,
        )
        for share in shares
    ]


def crew_of(run: StudyRun, orders: Sequence[Orders], start: Start) -> Crew:
    """Return the workers of a run, not started yet."""
    return Crew(
        store=run.store,
        study=run.study,
        view=run.view,
        orders=orders,
        start=start,
        trial_timeout=Limits.of(run.study).trial_timeout,
    )


@dataclass(kw_only=True)
class Crew:
    """The workers of one search."""

    store: StudyStore
    study: Study
    view: View
    orders: Sequence[Orders]
    start: Start
    trial_timeout: float | None = None
    clock: Callable[[], float] = time.monotonic
    members: list[Member] = field(default_factory=list)
    deaths: int = 0
    done: int = 0
    said_late: bool = False
    first_seen: dict[tuple[int, int, str | None], float] = field(default_factory=dict)

    def run(self) -> None:
        """Search until every worker has found nothing left to do.

        Raises what a worker could not go on for, and `SearchFailed` when one after the other is killed.
        """
        watch = StudyWatch(store=self.store, study=self.study, view=self.view)
        with self.ending():
            self.members, began = [self.start(orders) for orders in self.orders], self.clock()
            while not all(member.is_over and not member.died for member in self.members):
                raise_if_interrupted()
                time.sleep(LOOK_S)
                self.look(watch)
                self.say_if_late(began)
            watch.look()

    def say_if_late(self, began: float) -> None:
        """Tell once that no worker has begun: a cluster may be full of other people's work."""
        if not self.said_late and self.clock() - began > LATE_S and all(one.name is None for one in self.members):
            self.view.say(f"no worker has begun after {LATE_S:.0f} s: is there room for them? waiting")
            self.said_late = True

    def look(self, watch: StudyWatch) -> None:
        """Look after the workers once. A store that is away is waited for by them, not here."""
        for member in self.members:
            member.listen()
            if member.is_over and member.words is not None:
                raise told(*member.words)
        self.dismiss_late()
        try:
            self.replace_the_dead()
            if self.trial_timeout is not None:
                self.end_overdue(self.trial_timeout)
            watch.look()
        except StoreAway as error:
            self.view.say(f"{error}; the workers wait for it")

    def dismiss_late(self) -> None:
        """Do not wait for workers that have not even begun when another one has found nothing left to do."""
        if any(member.is_over and not member.died for member in self.members):
            for member in self.members:
                if member.name is None and not member.is_over:
                    member.end()

    def replace_the_dead(self) -> None:
        """Put back the trials of workers that were killed, and start others in their places."""
        dead = [member for member in self.members if member.died]
        if not dead:
            return
        summary = self.store.summary(self.study.study_id)
        done = summary.done + summary.failed + summary.later_done
        self.deaths = len(dead) if done > self.done else self.deaths + len(dead)
        self.done = done
        if self.deaths > DEATHS * len(self.members):
            raise SearchFailed(
                f"{self.deaths} workers were killed and no trial was finished ({dead[-1].cause_of_death})",
                hint=memory_hint(dead[-1].cause_of_death),
            )
        names = {member.name for member in dead}
        is_lost = lost_if(lambda worker: False if worker in names else is_alive(worker), LeaseWatch().is_over)
        take_back(self.store, self.study.study_id, self.outbox, is_lost)
        self.members = [self.start(member.orders) if member in dead else member for member in self.members]

    @property
    def outbox(self) -> Outbox:
        """Where results wait for the store."""
        return Outbox(StudyPaths(Path(self.study.folder)).outbox)

    def holder(self, trial: Trial) -> Member | None:
        """Return the member that runs a trial, if one does."""
        holds = (member for member in self.members if same_process(member.name, trial.worker))
        return next(holds, None)

    def end_overdue(self, trial_timeout: float) -> None:
        """Kill workers that are stuck in a trial, with all processes they started; the trial has failed."""
        now = self.clock()
        for trial in self.store.running(self.study.study_id):
            key = trial.number, trial.attempt, trial.started_at
            since = self.first_seen.setdefault(key, now - sum(trial.seconds.values()))
            member = self.holder(trial)
            if member is None or now - since < trial_timeout + GRACE_S:
                continue
            message = f"stuck, and killed after {now - since:.0f} s of the {trial_timeout:g} s allowed"
            try:
                self.fail_stuck(trial, message, now - since)
            except StoreAway:  # it may be this very worker that keeps everybody from writing
                member.bury(0.0)
                self.fail_stuck(trial, message, now - since)
            member.bury(0.0)

    def fail_stuck(self, trial: Trial, message: str, seconds: float) -> None:
        """Write down that a trial was stuck, before anybody sees its worker dead and gives it another attempt."""
        with suppress(LeaseLost, TrialFinished):
            self.store.finish(
                trial.trial_id,
                TrialState.FAILED,
                failure=Failure.TIMEOUT,
                failure_message=message,
                worker=trial.worker,
                seconds={"train": seconds},
            )

    @contextmanager
    def ending(self) -> Iterator[None]:
        """Let no worker outlive the crew: each is told to end, is killed if it does not, and its trial goes back."""
        try:
            yield
        finally:
            running = [member for member in self.members if not member.is_over]
            for member in running:
                member.end()
            deadline = self.clock() + FAREWELL_S
            for member in running:
                member.bury(max(0.0, deadline - self.clock()))
            with uninterrupted(), suppress(StoreFailed, StudyNotFound):
                self.give_back()

    def give_back(self) -> None:
        """Put back the trials of members that could not do it themselves any more."""
        for trial in self.store.running(self.study.study_id):
            if self.holder(trial) is not None:
                self.store.release(trial.trial_id, worker=trial.worker)


def memory_hint(cause: str) -> str | None:
    """Return what may help where workers were killed as systems do that run out of memory; None for other ends."""
    killed = cause.endswith(f"signal {int(signal.SIGKILL)}") or "memory" in cause.lower()
    return "is there too little memory? fewer workers need less" if killed else None


def told(sentence: str, hint: str | None, exit_code: int) -> HpsearchError:
    """Return the error that a worker ended with: `BadInput` by the code of that, else `SearchFailed`."""
    error = (BadInput if exit_code == BadInput.exit_code else SearchFailed)(sentence, hint=hint)
    error.exit_code = exit_code
    return error
