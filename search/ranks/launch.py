"""A trial in several processes: its controller starts them, finds out whose fault a failure is, and buries them.

The controller is the worker that claimed the trial: it keeps the lease, and so no process but it needs to be alive for
the study to know what becomes of the trial. What a process does is `rank`.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any

from ...studies.optuna_study import reconcile
from ...studies.records import Failure, Trial, TrialState
from ...studies.worker import is_alive, worker_name
from ..errors import HpsearchError, SearchFailed, TrialTaken
from ..interrupts import raise_if_interrupted
from ..sampling.proposals import SpaceExhausted
from ..trial.progress import Pulse
from ..trial.run import still_ours
from ..view import View
from ..workers.crew import told
from ..workers.devices import VISIBLE, Share, gpus
from ..workers.orders import Orders
from ..workers.processes import kill_tree, started
from .line import Ending, Fault, Over, Progress, Remark
from .rank import RankOrders, work
from .rendezvous import Rendezvous

if TYPE_CHECKING:
    from ..loop import SearchLoop
    from ..workers.heartbeat import Heartbeat

LOOK_S = 0.25  #: seconds between two looks at the clock and the lease
#: Seconds to wait for a rank that failed by itself when others say that somebody is gone, and for rank 0 to ask.
SETTLE_S = 5.0
#: Seconds for the ranks to end by themselves when the trial is over.
FAREWELL_S = 5.0
#: Seconds that a trial may take beyond its time: less than its crew waits before it kills the controller, too.
GRACE_S = 5.0


@dataclass(frozen=True, kw_only=True)
class Launcher:
    """Runs each trial that a worker claims in several processes."""

    orders: Orders  #: what each of them is told; the share of the machine is that of one

    @classmethod
    def of(cls, orders: Orders) -> Launcher:
        """Return the launcher of a worker; its share is divided among the processes of a trial, GPUs one each."""
        threads = max(1, orders.share.threads // orders.processes)
        gpu = os.environ.get(VISIBLE) if orders.alone_on_gpu else orders.share.gpu  # those it leased in the end
        return cls(orders=dataclasses.replace(orders, share=Share(threads, gpu)))

    def warm_up(self) -> None:
        """Wait until processes can be started in no time: the first one is not to pay for everybody's imports."""
        started(nothing).join()

    def run(self, loop: SearchLoop, trial: Trial, heart: Heartbeat) -> None:
        """Run a claimed trial to its end; raises as `SearchLoop.train` does."""
        SearchLaunch(view=loop.view, trial=trial, heart=heart, loop=loop).run(self.orders)


def nothing() -> None:
    """Do nothing, in a process that has imported what a rank needs."""


@dataclass
class Member:
    """A rank's process, as its controller sees it."""

    number: int
    process: Any
    wire: Connection
    over: bool = False  #: it has done its part
    failed: bool = False
    deaf: bool = False  #: it says nothing any more

    @property
    def is_gone(self) -> bool:
        """Whether the process has ended."""
        return self.process.exitcode is not None

    def kill(self) -> None:
        """Kill it with all that it started."""
        if not self.is_gone:
            kill_tree(self.process.pid)

    def words(self) -> Iterator[Any]:
        """Yield what it has said since."""
        try:
            while not self.deaf and self.wire.poll():
                yield self.wire.recv()
        except (EOFError, OSError):
            self.deaf = True

    def fault_by_death(self) -> Fault:
        """Return the fault of one that ended without a word."""
        code = self.process.exitcode
        killed = code is not None and code < 0
        how = f"was killed by {signal.Signals(-code).name}" if killed else f"ended by itself with exit code {code}"
        failure = Failure.LOST if killed else Failure.CODE
        return Fault(rank=self.number, at=time.time(), failure=failure, message=f"rank {self.number} {how}")


@dataclass(kw_only=True)
class Launch:
    """One trial in several processes; what a failure means is for a subclass to say."""

    view: View
    trial: Trial
    heart: Pulse
    members: list[Member] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    asked: bool = False  #: rank 0 waits to hear whose fault it is
    answered: bool = False
    ending: Ending | None = None
    began: float = field(default_factory=time.monotonic)

    def run(self, orders: Orders, *, again: bool = False) -> None:
        """Start the processes, look after them to the end of the trial, and bury them."""
        with Rendezvous(orders.processes) as there, self.burying():
            environment = there.environment if gpus() else {**there.environment, "ACCELERATE_USE_CPU": "true"}
            self.start(RankOrders(orders=orders, trial=self.trial, environment=environment, again=again))
            self.attend()

    def start(self, orders: RankOrders) -> None:
        """Start the processes."""
        for number in range(orders.orders.processes):
            here, there = Pipe()
            process = started(work, orders, number, there)
            there.close()
            self.members.append(Member(number, process, here))

    @contextmanager
    def burying(self) -> Iterator[None]:
        """Let no process outlive the block."""
        try:
            yield
        finally:
            for member in self.members:
                member.kill()
            for member in self.members:
                member.process.join()
                member.wire.close()

    def attend(self) -> None:
        """Look after the processes until the trial has ended."""
        while self.ending is None:
            raise_if_interrupted()
            self.listen(LOOK_S)
            if self.is_stuck() or self.is_failed():
                return
        self.take_leave()
        self.raise_ending(self.ending)

    def listen(self, seconds: float) -> None:
        """Hear what the processes say, or how they died, waiting so long for it."""
        living = [member for member in self.members if not (member.deaf and member.is_gone)]
        wait(
            [member.wire for member in living if not member.deaf]
            + [member.process.sentinel for member in living if not member.is_gone],
            timeout=seconds,
        )
        for member in living:
            is_gone = member.is_gone  # what it said before is still to be heard
            for word in member.words():
                self.hear(member, word)
            if is_gone and not (member.over or member.failed or self.ending):
                member.failed = True
                self.faults.append(member.fault_by_death())

    def hear(self, member: Member, word: Any) -> None:
        """Take note of what a rank says."""
        if isinstance(word, Progress):
            self.heart.progress = word.share
            self.view.progress(word.share, self.trial.number)
        elif isinstance(word, Remark):
            self.view.say(word.text)
        elif isinstance(word, Over):
            member.over = True
        elif isinstance(word, Fault):
            self.faults.append(word)
            member.failed, self.asked = member.number != 0, self.asked or member.number == 0
        elif isinstance(word, Ending) and self.ending is None:
            self.ending = word

    def is_stuck(self) -> bool:
        """Return whether the trial is given up, for the time it takes or because it is somebody else's by now."""
        return False

    def is_failed(self) -> bool:
        """Return whether the trial has failed, and rank 0 cannot write it down; then it is written here."""
        fault = self.blamed()
        if fault is None:
            return False
        if fault.complaint is not None:
            raise told(*fault.complaint)
        first = self.members[0]
        if self.asked and not first.is_gone:
            self.answer(fault)
            return False
        if not first.is_gone and time.time() - fault.at < SETTLE_S:
            return False  # it is about to find out
        self.fail(fault.failure, fault.message, time.monotonic() - self.began)
        return True

    def answer(self, fault: Fault) -> None:
        """Tell rank 0, once, whose fault it is that it has to write down; the others are of no use any more."""
        if self.answered:
            return
        self.answered = True
        for member in self.members[1:]:
            member.failed = True
            member.kill()
        with suppress(OSError):
            self.members[0].wire.send((fault.failure, fault.message))

    def blamed(self) -> Fault | None:
        """Return the fault that came first; those that say only that others are gone come last, and not at once."""
        first = min(self.faults, key=lambda fault: (fault.secondary, fault.at), default=None)
        if first is None or (first.secondary and time.time() - first.at < SETTLE_S):
            return None
        return first

    def fail(self, failure: Failure, message: str, seconds: float) -> None:
        """Do what is to be done about a failure that rank 0 cannot write down. Raises `HpsearchError`."""
        raise HpsearchError(message)

    def take_leave(self) -> None:
        """Let the processes end by themselves, for a while."""
        deadline = time.monotonic() + FAREWELL_S
        for member in self.members:
            member.process.join(max(0.0, deadline - time.monotonic()))

    def raise_ending(self, ending: Ending) -> None:
        """Raise what rank 0 ended with."""
        if ending.cause == SpaceExhausted.__name__:
            raise SpaceExhausted
        if ending.cause == TrialTaken.__name__:
            raise TrialTaken
        if ending.cause is not None:
            raise told(*(ending.complaint or (ending.cause, None, SearchFailed.exit_code)))


@dataclass(kw_only=True)
class SearchLaunch(Launch):
    """A trial of a search, which its controller has claimed."""

    loop: SearchLoop

    def is_stuck(self) -> bool:
        """Return whether the trial took longer than it may, and longer than it needs to say so; then it has failed.

        Raises `TrialTaken` where this worker does not hold it any more.
        """
        if self.heart.lost.is_set() and not self.is_written():
            raise TrialTaken
        limit = self.loop.limits.trial_timeout
        spent = time.monotonic() - self.began
        since = spent + sum(self.trial.seconds.values())
        if limit is None or since < limit + GRACE_S:
            return False
        self.fail(Failure.TIMEOUT, f"stuck, and killed after {since:.0f} s of the {limit:g} s allowed", spent)
        return True

    def is_written(self) -> bool:
        """Return whether rank 0 has written down how the trial ended: such a trial is nobody's any more."""
        row = self.loop.store.trial(self.trial.study_id, self.trial.number)
        return row.state.is_finished and (row.worker, row.attempt) == (self.trial.worker, self.trial.attempt)

    def fail(self, failure: Failure, message: str, seconds: float) -> None:
        """Write down that the trial has failed, unless rank 0 has sent off how it ended before it died."""
        for member in self.members:
            member.kill()
        loop = self.loop

        def alive(worker: str) -> bool | None:
            return worker != worker_name() and is_alive(worker)

        sent = loop.outbox.replay(loop.store, alive)
        if self.trial.trial_id not in [one.trial_id for one in sent]:
            values = {"failure_message": message, "seconds": {"train": seconds}}
            with still_ours():
                loop.outbox.send(loop.store, self.trial, TrialState.FAILED, failure, values)
        reconcile(loop.storage, loop.store, loop.study.study_id, alive=alive)
