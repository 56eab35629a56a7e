"""Waiting for a database that is away: a restart, a fail-over or a cut line costs time and nothing else."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from .errors import StoreAway

Result = TypeVar("Result")

FIRST_PAUSE_S, WORTH_TELLING_S, LONGEST_PAUSE_S = 0.1, 1.0, 5.0
#: Seconds that a search waits for its database before it gives up.
PATIENCE_S = 900.0


def say_nothing(text: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, kw_only=True)
class Patience:
    """Tries again what a database that is away refused, with pauses that grow and are never the same for two workers.

    What is tried must be a whole transaction, or something else that may be done twice.
    """

    seconds: float = 0.0  #: how long to go on trying
    say: Callable[[str], None] = say_nothing  #: tells people, once for each time the database is away
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def keep_trying(self, work: Callable[[], Result], again: Callable[[], Result] | None = None) -> Result:
        """Return what `work` returns; after a refusal `again` is run in its place, if given.

        Raises `StoreAway` when the time is over.
        """
        deadline, pause, told = self.clock() + self.seconds, FIRST_PAUSE_S, False
        while True:
            try:
                return work()
            except StoreAway as error:
                if self.clock() >= deadline:
                    raise
                if pause > WORTH_TELLING_S and not told:
                    self.say(f"{error}; waiting for it")
                    told = True
            self.sleep(random.uniform(0.5, 1.0) * pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)
            work = again or work
