"""Leases: a trial is lost when its worker is dead, or was seen silent for long enough, whatever the clocks say."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta

import pytest

from hpsearch.studies.clock import utc_text
from hpsearch.studies.leases import LeaseWatch, is_over
from hpsearch.studies.worker import worker_name

from .making import HandClock

LEASE_S = 120.0
ELSEWHERE = "elsewhere#12345678:7:1.0"
SAY = "from hpsearch.studies.worker import worker_name; print(worker_name())"


class HandTime:
    """Seconds that pass by hand: the watcher's own clock, which no other clock is compared with."""

    def __init__(self) -> None:
        self.seconds = 5000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def ours() -> HandTime:
    return HandTime()


@pytest.fixture
def watch(ours: HandTime) -> LeaseWatch:
    return LeaseWatch(LEASE_S, ours)


NOW = HandClock()()


def lease(until_s: float, worker: str | None = ELSEWHERE, trial_id: int = 1, attempt: int = 1) -> dict[str, object]:
    """Return the row of a lease that is over so many seconds from now, by the clock of whoever wrote it."""
    until = utc_text(NOW + timedelta(seconds=until_s))
    return {"trial_id": trial_id, "attempt": attempt, "worker": worker, "lease_until": until}


def looks(watch: LeaseWatch, ours: HandTime, rows: list[dict[str, object]], every_s: float = 10.0) -> list[bool]:
    """Look at the row there is at each moment; return what was thought of it."""
    found = []
    for row in rows:
        found.append(watch.is_lost(row, NOW))
        ours.seconds += every_s
    return found


@pytest.mark.parametrize("until_s", [-3599.0, -120.0, 0.0, 60.0, 3600.0, 10.0**8])
def test_clocks_are_not_compared(until_s, watch, ours):
    """B3: wherever a lease ends by our clock, up to an hour ago, it is lost when we saw it unrenewed for as long as
    leases last, and no moment sooner.
    """
    assert [False] * 12 + [True] == looks(watch, ours, [lease(until_s)] * 13)


def test_a_lease_over_an_hour_ago_is_lost_at_once(watch):
    """A search that is continued the next day waits for nobody: no two clocks differ by so much."""
    assert watch.is_lost(lease(-3601), NOW)
    assert watch.is_lost({**lease(0), "lease_until": None}, NOW)


def test_a_renewed_lease_is_watched_anew(watch, ours):
    """B3: each renewal begins the wait again, were it the last moment before, and were the watcher asleep meanwhile."""
    renewed = [lease(100 * step) for step in range(5)]

    assert [False] * 5 == looks(watch, ours, renewed, every_s=LEASE_S - 0.1)
    assert [False] * 5 == looks(watch, ours, [lease(-100 * step) for step in range(5)], every_s=10**5)


@pytest.mark.parametrize("change", [{"attempt": 2}, {"worker": "another#12345678:7:1.0"}])
def test_the_next_attempt_is_another_lease(change, watch, ours):
    """B3: a trial that was given to another worker is not lost for the silence of the one before."""
    silent = looks(watch, ours, [lease(0)] * 12)

    assert [False] * 12 == silent
    assert not watch.is_lost({**lease(0), **change}, NOW)


def test_each_trial_is_watched_by_itself(watch, ours):
    """A worker that renews does not vouch for another trial, nor a silent one spoil it."""
    found = []
    for step in range(13):
        found += looks(watch, ours, [lease(0, trial_id=1), lease(step, trial_id=2)], every_s=5.0)

    assert [False] * 24 + [True, False] == found


def test_forgetting_begins_anew(watch, ours):
    """B3: while the store was away nobody could renew, so that time is nobody's silence."""
    before = looks(watch, ours, [lease(0)] * 12)
    watch.forget()

    assert [False] * 12 == before
    assert [False] * 12 + [True] == looks(watch, ours, [lease(0)] * 13)


def test_a_dead_process_is_lost_at_once(watch):
    """B3: of a worker of this machine it is known: when it has ended its lease counts for nothing."""
    ended = subprocess.run([sys.executable, "-c", SAY], capture_output=True, text=True, check=True).stdout.strip()

    assert watch.is_lost(lease(3600, ended), NOW)


def test_a_living_process_is_never_lost(watch, ours):
    """B3: an evaluation may take hours, and a stopped process (Ctrl-Z) goes on some day."""
    rows = [lease(until_s, worker_name()) for until_s in (0, 0, 0, -3601, -(10**6))]

    assert [False] * 5 == looks(watch, ours, rows, every_s=10**6)


def test_a_trial_without_a_worker_is_watched(watch, ours):
    """A row that names nobody is held by nobody who could be asked: it is lost as an unknown worker's is."""
    assert [False] * 12 + [True] == looks(watch, ours, [lease(60, worker=None)] * 13)


@pytest.mark.parametrize(("until_s", "over"), [(-0.000001, True), (0.0, False), (1.0, False)])
def test_a_lease_is_over_after_its_last_moment(until_s, over):
    """By one clock alone, a lease holds up to and with the moment it names."""
    assert over is is_over(lease(until_s), NOW)
