"""What a `SweepStore` promises, on SQLite and on the configured servers."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hpsearch.studies.sweep_store import SWEEP_LEASE_S, Claim, SweepStore
from hpsearch.studies.sweeps import RunState
from hpsearch.studies.worker import worker_name

from .making import HandClock
from .test_store import MYSQL, POSTGRES

DUE = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
DAY = timedelta(days=1)
ELSEWHERE = "another-machine#0:7:1.00"


class SweepContract:
    """Every database passes these."""

    @pytest.fixture
    def clock(self) -> HandClock:
        return HandClock()

    @pytest.fixture
    def store(self, url, clock) -> Iterator[SweepStore]:
        with SweepStore.open(url, create=True, clock=clock) as store:
            yield store

    @pytest.fixture
    def sweep(self, request) -> str:
        """A sweep that no other test of the class has."""
        return request.node.name.removeprefix("test_")[:60]

    def test_a_due_run_is_run_once_whoever_asks_for_it(self, url, store, sweep):
        """Eight servers that wake at the same moment: one has the run, and the others know."""

        def ask(number: int) -> Claim:
            with SweepStore.open(url) as own:
                return claimed(own, sweep, worker=worker_name())

        with ThreadPoolExecutor(8) as pool:
            claims = list(pool.map(ask, range(8)))

        assert [False] * 7 + [True] == sorted(one.mine for one in claims)
        assert 1 == len({one.run.run_id for one in claims})

    def test_a_run_that_is_over_is_not_run_again(self, store, sweep):
        """The same due time later, after a restart say, finds it complete."""
        run = claimed(store, sweep).run
        assert store.end(run, RunState.COMPLETE)

        again = claimed(store, sweep)

        assert (False, RunState.COMPLETE) == (again.mine, again.run.state)

    def test_a_run_that_failed_can_be_run_again(self, store, sweep):
        """Its failed cells get another chance when somebody asks for the same due time."""
        store.end(claimed(store, sweep).run, RunState.FAILED, "a cell failed")

        again = claimed(store, sweep)

        assert (True, RunState.RUNNING, None) == (again.mine, again.run.state, again.run.failure_message)

    @pytest.mark.parametrize("worker", ["here", "elsewhere"])
    def test_a_run_whose_worker_is_gone_is_taken_over(self, store, clock, sweep, worker):
        """One that died on this machine at once, one on another machine when its lease is over."""
        name = dead_worker() if worker == "here" else ELSEWHERE
        lost = claimed(store, sweep, worker=name).run
        before = claimed(store, sweep) if worker == "elsewhere" else None
        clock.move(SWEEP_LEASE_S + 1 if worker == "elsewhere" else 0)

        taken = claimed(store, sweep)

        assert before is None or not before.mine
        assert (True, lost.run_id, worker_name()) == (taken.mine, taken.run.run_id, taken.run.worker)
        assert not store.renew(lost)
        assert not store.end(lost, RunState.COMPLETE)

    def test_a_lease_that_is_renewed_lasts(self, store, clock, sweep):
        """A run of many hours is not taken from the machine that works on it."""
        run = claimed(store, sweep, worker=ELSEWHERE).run
        for _ in range(5):
            clock.move(SWEEP_LEASE_S - 1)
            assert store.renew(run)

        assert not claimed(store, sweep).mine
        assert run.run_id == store.busy(sweep).run_id

    def test_an_unfinished_run_is_given_up_for_a_later_one(self, store, sweep):
        """What was missed for days is run once: the newest."""
        waiting = claimed(store, sweep).run
        store.end(waiting, RunState.WAITING)
        lost = claimed(store, sweep, due=DUE + DAY, worker=dead_worker()).run

        newest = claimed(store, sweep, due=DUE + 3 * DAY)

        states = {run.run_id: run.state for run in store.runs(sweep)}
        given_up = RunState.SUPERSEDED
        assert {waiting.run_id: given_up, lost.run_id: given_up, newest.run.run_id: RunState.RUNNING} == states

    def test_one_date_may_have_two_runs(self, store, sweep):
        """The second is called by date and time: names of studies are made from it."""
        first = claimed(store, sweep).run
        second = claimed(store, sweep, due=DUE + timedelta(hours=6)).run

        assert ["2026-03-29", "2026-03-29T06:30"] == [first.label, second.label]

    def test_what_did_not_take_place_is_noted_once(self, store, sweep):
        """A run that came due while another was running is in the list, with the reason."""
        for _ in range(2):
            store.skip(sweep, DUE, label="x", state=RunState.SKIPPED, message="another one", worker=worker_name())

        assert [(RunState.SKIPPED, "another one")] == [(run.state, run.failure_message) for run in store.runs(sweep)]
        assert not claimed(store, sweep).mine

    def test_a_cell_has_one_row_however_often_it_is_begun(self, store, sweep):
        """It fails, is begun again in the same run, and is complete: one row, without the old complaint."""
        run = claimed(store, sweep).run
        store.fail_cell(store.begin_cell(run.run_id, "cola-tiny", "s/1"), "no such model \0")
        failed = store.cells(run.run_id)
        store.complete_cell(
            store.begin_cell(run.run_id, "cola-tiny", "s/2"), history="h", measured={"a": 1}, finding={}
        )
        done = store.cells(run.run_id)

        assert [RunState.FAILED] == [one.state for one in failed]
        assert [(RunState.COMPLETE, "s/2", None, {"a": 1})] == [
            (one.state, one.study, one.failure_message, one.measured) for one in done
        ]

    def test_measured_cells_come_in_the_order_of_their_due_times(self, store, sweep):
        """A run that was repaired later does not change the history's order; failed cells are not in it."""
        for day in (2, 0, 1):
            run = claimed(store, sweep, due=DUE + day * DAY).run
            cell = store.begin_cell(run.run_id, "cola-tiny", f"s/{day}")
            if day != 1:
                store.complete_cell(cell, history="h", measured={"day": day}, finding={})
            else:
                store.fail_cell(cell, "broken")

        assert [0, 2] == [one.cell.measured["day"] for one in store.measured(sweep, "cola-tiny")]
        assert [] == store.measured(sweep, "mrpc-tiny")


def claimed(store: SweepStore, sweep: str, due: datetime = DUE, worker: str | None = None) -> Claim:
    labels: dict[str, Any] = {"label": f"{due:%Y-%m-%d}", "longer_label": f"{due:%Y-%m-%dT%H:%M}"}
    return store.claim(sweep, due, **labels, worker=worker or worker_name(), spec={})


def dead_worker() -> str:
    """Return the name of a process of this machine that is not there."""
    host, pid, _ = worker_name().split(":")
    return f"{host}:{pid}:1.00"


class TestSqliteSweeps(SweepContract):
    """The contract on a SQLite file."""

    SERVER = None


class TestPostgresSweeps(SweepContract):
    """The contract on PostgreSQL."""

    SERVER = POSTGRES


class TestMysqlSweeps(SweepContract):
    """The contract on MariaDB or MySQL."""

    SERVER = MYSQL
