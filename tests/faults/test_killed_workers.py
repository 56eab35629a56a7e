"""Workers are killed at random moments, and somebody looks at the study all the while."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from .dashboard import Dashboard
from .searching import Search, check_whole, ended

TRIALS = int(os.environ.get("HPSEARCH_FAULT_TRIALS", "8"))
WORKERS = 4
#: Trials between two kills: each of four workers is killed about every third one, on a fast machine and on a slow one.
EVERY = (0.2, 1.2)


class Killer:
    """Kills one of the workers every few seconds, by a seeded draw; sometimes one that is only starting."""

    def __init__(self, search: Search, seed: int) -> None:
        self.search, self.draw, self.kills = search, random.Random(seed), 0
        self.over = threading.Event()

    @contextmanager
    def at_work(self) -> Iterator[Killer]:
        """Kill until the block is left."""
        thread = threading.Thread(target=self.go_on)
        thread.start()
        try:
            yield self
        finally:
            self.over.set()
            thread.join()

    def go_on(self) -> None:
        """Kill, wait, kill."""
        while not self.over.wait(self.draw.uniform(*EVERY) * self.search.seconds_a_trial()):
            workers = self.search.workers()
            if workers:
                with suppress(ProcessLookupError):
                    os.kill(self.draw.choice(workers), signal.SIGKILL)
                    self.kills += 1


@pytest.mark.parametrize(
    "url", ["sqlite", "postgresql", pytest.param("mariadb", marks=pytest.mark.slow)], indirect=True
)
def test_killed_workers_cost_nothing_but_time(url: str, tmp_path: Path, rounds: int) -> None:
    """B1, B2, B3, B4: with workers killed every few seconds and the dashboard read five times a second, the study gets
    exactly its trials: none twice, no zombie, no trial failed for either, and no lease taken from a worker that lived.
    """
    for seed in range(rounds):
        folder = tmp_path / str(seed)
        folder.mkdir()
        with Search(url, folder, TRIALS) as search, Killer(search, seed).at_work() as killer:
            process = search.start("--jobs", str(WORKERS))
            search.wait_for(1)
            with Dashboard(url) as dashboard:
                said = ended(process)
            trials = check_whole(search)
            with search.store() as store:
                store.delete_study(store.study("faults").study_id)

        assert "given to another worker" not in said
        assert sum(one.attempt - 1 + (one.failure == "lost") for one in trials) <= killer.kills
        assert dashboard.answers
        assert {200} == set(dashboard.answers)


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_a_killed_crew_is_continued(url: str, tmp_path: Path) -> None:
    """B3: kill -9 of the command itself: its workers give their trials back and end; the same command goes on."""
    with Search(url, tmp_path, 6) as search:
        first = search.start("--jobs", "2")
        search.wait_for(2)
        first.kill()
        first.wait()
        deadline = time.monotonic() + 60
        while search.workers() and time.monotonic() < deadline:
            time.sleep(0.2)
        left = [one.state.value for one in search.found()]
        ended(search.start("--jobs", "2"))
        trials = check_whole(search)

    assert "RUNNING" not in left
    assert {1} == {one.attempt for one in trials}


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_workers_join_from_elsewhere(url: str, tmp_path: Path) -> None:
    """`hpsearch worker` joins a running study from another folder, does its share, and ends when the study is done."""
    total = 24  # time enough for the other one to come
    with Search(url, tmp_path, total) as search:
        first = search.start()
        search.wait_for(1)
        search.folder = tmp_path / "elsewhere"
        search.folder.mkdir()
        joined = search.command("worker", "faults")
        said, other = ended(first), ended(joined)
        trials = check_whole(search)

    assert 2 == len({one.worker for one in trials})
    assert f"study 'faults': {total} of {total} trials done" in other
    assert f"{total} complete" in said
