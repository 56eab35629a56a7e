"""The processes that train one trial together, its ranks, and what they tell one another while they train.

Rank 0 runs the trial as one process would: it samples, writes rows and decides. The others (`follower`) build the same
Trainer from the configuration that rank 0 tells them, and end where it says. What their controller is told is `line`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import torch.distributed as dist

from ...studies.records import Failure
from ..failures import classify, describe
from ..trial.configuration import Configuration
from .batch import shared

#: What a follower is told to do, other than a `Leg`.
PREDICT, END = "predict", "end"


def own_fault(error: Exception) -> tuple[Failure, str]:
    """Return class and message of a failure that nobody else may be to blame for."""
    return classify(error), describe(error)


class TrialStopped(Exception):
    """Rank 0 has ended the trial; it alone knows how."""


@dataclass(frozen=True, kw_only=True)
class Leg:
    """One training of a trial that all its ranks do together."""

    configuration: Configuration
    folder: str
    is_aside: bool
    predicts_report: bool
    looks: int  #: these three: see `trial.budget.BudgetCallback`
    stop_after: int
    keeps_weights: bool


@dataclass(frozen=True, kw_only=True)
class Ranks:
    """One of the processes of a trial; where it has only one, everything here does nothing.

    What is exchanged must be called on all ranks, in the same order: it is a collective of `torch.distributed`.
    """

    number: int = 0
    count: int = 1
    #: What a failure of this process is written down as: another rank's may have caused it.
    blame: Callable[[Exception], tuple[Failure, str]] = own_fault

    def agreed(self, value: Any) -> Any:
        """Return what rank 0 calls this with, on every rank."""
        if self.count == 1:
            return value
        box = [value if self.number == 0 else None]
        dist.broadcast_object_list(box, src=0)
        return box[0]

    def tell(self, what: Any) -> None:
        """On rank 0, tell the others what to do next."""
        if self.number == 0:
            self.agreed(what)

    @contextmanager
    def deciding(self) -> Iterator[None]:
        """Let all ranks go on after the block if rank 0 leaves it well; raises `TrialStopped` on the others if not."""
        if self.number:
            yield
            if not self.agreed(None):
                raise TrialStopped
            return
        try:
            yield
        except BaseException:
            with suppress(RuntimeError):  # they are gone
                self.agreed(False)
            raise
        self.agreed(True)

    def shared(self, configuration: Configuration) -> Configuration:
        """Return a configuration as each of the ranks has to be told it, see `batch`."""
        if self.count == 1:
            return configuration
        return configuration.with_arguments(shared(configuration.args, self.count))

    def device(self, name: str) -> str:
        """Return what the trial runs on, given what each rank does."""
        return name if self.count == 1 else f"{self.count} x {name}"


ALONE = Ranks()
