"""Whose trial is lost: a lease is renewed by its worker's heartbeat, and watched by everybody else's.

No two machines' clocks are compared. A lease is over when the *watcher* has seen the same lease, unrenewed, for as long
as leases last, by its own clock and with a store that answered all the while: clocks that differ, a database that was
away and a watcher that slept take no trial from a worker that lives.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from .clock import utc_text
from .worker import is_alive

#: Seconds that a worker on another machine may be silent; longer than a pause of its process or its network.
LEASE_S = 120.0
#: Seconds between two signs of life.
RENEW_S = 10.0
#: Seconds by which no two clocks differ: a lease that is over for so long needs no watching.
SKEW_S = 3600.0

Row = Mapping[str, Any]
IsAlive = Callable[[str], bool | None]
IsLost = Callable[[Row, datetime], bool]


def is_over(row: Row, now: datetime) -> bool:
    """Return whether the lease is over by the clocks alone."""
    return (row["lease_until"] or "") < utc_text(now)


def lost_if(alive: IsAlive, over: IsLost = is_over) -> IsLost:
    """Return the rule: lost is a trial whose worker is dead, or unknown from here and its lease is over."""

    def is_lost(row: Row, now: datetime) -> bool:
        living = alive(row["worker"]) if row["worker"] else None
        return living is False or (living is None and over(row, now))

    return is_lost


class LeaseWatch:
    """Watches the leases of workers that cannot be seen from here."""

    def __init__(self, lease_s: float = LEASE_S, clock: Callable[[], float] = time.monotonic) -> None:
        self.lease_s, self.clock = lease_s, clock
        self.seen: dict[int, tuple[tuple[Any, ...], float]] = {}
        self.last_look = clock()

    def is_over(self, row: Row, now: datetime) -> bool:
        """Return whether this lease was seen unrenewed for long enough."""
        if is_over(row, now - timedelta(seconds=SKEW_S)):
            return True
        if self.clock() - self.last_look > self.lease_s / 2:
            self.forget()  # this process slept, or its store did not answer: it watched nothing meanwhile
        self.last_look = self.clock()
        lease = (row["attempt"], row["worker"], row["lease_until"])
        before, since = self.seen.get(row["trial_id"], (None, 0.0))
        if before != lease:
            self.seen[row["trial_id"]] = (lease, self.clock())
            return False
        return self.clock() - since >= self.lease_s

    def forget(self) -> None:
        """Begin anew: the store was away, and the workers may have been unable to renew."""
        self.seen.clear()

    def is_lost(self, row: Row, now: datetime) -> bool:
        """Return whether a running trial's worker is dead, or silent for too long."""
        return lost_if(is_alive, self.is_over)(row, now)
