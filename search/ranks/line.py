"""What each rank of a trial tells the controller that launched it: how far it is, what failed, how it ended.

How a trial ends is written by rank 0; of a failure it asks first who is to blame, for where one rank dies the others
fail at once in their next exchange with it, and what those say helps nobody.
"""

from __future__ import annotations

import os
import re
import threading
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import torch.distributed as dist

from ...studies.records import Failure
from ..command.complaint import in_our_words
from ..errors import HpsearchError
from ..failures import OUT_OF_MEMORY, causes, classify, describe, ends_search
from ..trial.training import Evaluation
from ..view import View
from ..workers.orders import Complaint

#: What an exchange between ranks says when another one of them is gone, or does not answer.
EXCHANGE = re.compile(
    r"Connection closed by peer|Connection reset by peer|Broken pipe|Application timeout|Timed out waiting|"
    r"\bgloo\b|\bNCCL\b|ProcessGroup|Socket Timeout",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What went wrong in a rank."""

    rank: int
    at: float  #: seconds since 1970
    failure: Failure
    message: str
    secondary: bool = False  #: another rank is to blame, if one failed
    complaint: Complaint | None = None  #: what the user is told, where it ends the search


@dataclass(frozen=True)
class Progress:
    """The share of its budget that the trial has done."""

    share: float


@dataclass(frozen=True)
class Remark:
    """Something worth telling the user."""

    text: str


@dataclass(frozen=True)
class Trained:
    """What a trial that was run again came to."""

    evaluations: list[Evaluation]
    environment: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How rank 0 left a trial: nothing is left to do for it, unless `cause` is given."""

    cause: str | None = None  #: the class of what was raised: `SpaceExhausted`, `TrialTaken`, ...
    complaint: Complaint | None = None  #: what the user is told, where it ends the search
    found: Trained | None = None  #: by a trial that was run again


class Over:
    """A follower has done its part."""


def fault_of(error: Exception, rank: int) -> Fault:
    """Return the fault that an exception in a trial is; rank 0's reads as that of a trial in one process does."""
    where = f"rank {rank}: " if rank else ""
    return Fault(
        rank=rank,
        at=time.time(),
        failure=classify(error),
        message=f"{where}{describe(error)}"[:300],
        secondary=is_secondary(error),
        complaint=None if ends_search(error) is None else complaint_of(error),
    )


def complaint_of(error: BaseException) -> Complaint:
    """Return what the user is told of an error that ends the search."""
    told = error if isinstance(error, HpsearchError) else None
    if told is None and isinstance(error, Exception):  # a full disk, too
        told = in_our_words(error)
    if told is None:
        told = HpsearchError(f"{type(error).__name__}: {error}", hint="the details are in the study's log.txt")
    return str(told), told.hint, told.exit_code


def is_secondary(error: BaseException) -> bool:
    """Return whether an error says no more than that another rank does not answer any more."""
    chain = list(causes(error))
    if any(isinstance(one, MemoryError) or OUT_OF_MEMORY.search(str(one)) for one in chain):
        return False
    return any(isinstance(one, dist.DistError | RuntimeError) and EXCHANGE.search(str(one)) for one in chain)


class Line:
    """A rank's end of the connection to its controller."""

    def __init__(self, wire: Connection, rank: int) -> None:
        self.wire, self.rank = wire, rank
        self.sending = threading.Lock()

    def send(self, word: Any) -> None:
        """Tell the controller; without one there is nobody to work for."""
        try:
            with self.sending:
                self.wire.send(word)
        except OSError:
            os._exit(1)

    def blame(self, error: Exception) -> tuple[Failure, str]:
        """Tell the controller of a failure, and return what the trial's is: an earlier one of another rank, maybe."""
        self.send(fault_of(error, self.rank))
        try:
            failure, message = self.wire.recv()
        except (EOFError, OSError):
            os._exit(1)
        return failure, message


class LineView(View):
    """Shows on the controller's screen."""

    def __init__(self, line: Line) -> None:
        self.line = line

    def say(self, text: str) -> None:
        """Tell something worth keeping on the screen."""
        self.line.send(Remark(text))

    def progress(self, share: float, number: int | None = None) -> None:
        """The trial has done this share of its budget."""
        self.line.send(Progress(share))


class LinePulse:
    """What a trial tells the heartbeat; the controller keeps the lease, and ends its ranks when that is lost."""

    def __init__(self) -> None:
        self.progress = 0.0  # told by `LineView`
        self.lost = threading.Event()
