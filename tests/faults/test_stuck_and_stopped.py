"""Workers that hang, and people who stop a search of several workers."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from hpsearch.search.workers.processes import kill_tree
from hpsearch.studies.records import Failure, TrialState

from .searching import QUICK, Search, check_whole, ended

pytestmark = pytest.mark.parametrize("url", ["sqlite"], indirect=True)


def test_a_stuck_worker_is_killed(url: str, tmp_path: Path) -> None:
    """C7: a worker that hangs so that nothing in it can notice is killed ten seconds after its trial's time; the trial
    is FAILED `timeout` and replaced, and the search ends well.
    """
    with Search(url, tmp_path, 4, (*QUICK, "--trial-timeout", "6")) as search:
        process = search.start("--jobs", "2")
        search.wait_for(1)
        while not (workers := search.workers()):
            time.sleep(0.05)
        freeze(workers[0], url)
        ended(process)
        trials = search.found()

    (failed,) = [one for one in trials if one.failure]
    assert Failure.TIMEOUT is failed.failure
    assert f":{workers[0]}:" in str(failed.worker)
    assert "stuck" in str(failed.failure_message)
    assert 4 == sum(one.state is TrialState.COMPLETE for one in trials)
    assert not psutil.pid_exists(workers[0])


def freeze(pid: int, url: str) -> None:
    """Stop a process while it trains: one that is stopped within a write to SQLite keeps all others waiting."""
    while True:
        os.kill(pid, signal.SIGSTOP)
        with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=2)) as database:
            try:
                database.execute("begin immediate")
            except sqlite3.OperationalError:
                os.kill(pid, signal.SIGCONT)
                time.sleep(0.2)
            else:
                database.rollback()
                return


def test_killing_a_worker_kills_what_it_started(url: str) -> None:
    """C7: no child of a killed worker is left behind, such as a process that loads data."""
    sleep = "import time; time.sleep(600)"
    words = (
        f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', '{sleep}']).pid, flush=True); {sleep}"
    )
    with subprocess.Popen([sys.executable, "-c", words], stdout=subprocess.PIPE, text=True) as parent:
        child = int(parent.stdout.readline())
        kill_tree(parent.pid)

    deadline = time.monotonic() + 10
    while psutil.pid_exists(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_crew_gives_its_trials_back(url: str, tmp_path: Path, stop: signal.Signals) -> None:
    """Ctrl-C reaches all workers, a polite kill the command alone: each trial waits as if it had not been started, no
    process is left, and the same command goes on.
    """
    with Search(url, tmp_path, 4) as search:
        process = search.start("--jobs", "2")
        search.wait_for(1)
        if stop is signal.SIGINT:
            os.killpg(process.pid, stop)
        else:
            process.send_signal(stop)
        said, _ = process.communicate(timeout=60)
        left = search.found()
        ended(search.start("--jobs", "2"))
        trials = check_whole(search)

    assert 130 == process.returncode, said
    assert "hpsearch: interrupted; run the same command again to go on" == said.splitlines()[-1]
    assert "Traceback" not in said
    assert TrialState.RUNNING not in [one.state for one in left]
    assert {1} == {one.attempt for one in trials}
    assert 4 == len(trials)


def test_the_password_is_in_no_process_title(url: str, tmp_path: Path) -> None:
    """A store URL typed with a password is out of the command's words, and of its workers', as soon as it runs."""
    secret = "s3cret"  # noqa: S105 - of nobody
    with Search(url, tmp_path, 1) as search:
        process = search.command(
            *("run", "--store", f"postgresql+psycopg://me:{secret}@127.0.0.1:1/none", "--study", "faults")
        )
        titles, deadline = [], time.monotonic() + 30
        while process.poll() is None and time.monotonic() < deadline:
            titles.append(psutil.Process(process.pid).cmdline() if psutil.pid_exists(process.pid) else [])
            time.sleep(0.02)
        said, _ = process.communicate(timeout=60)

    assert 2 == process.returncode, said
    assert secret not in said
    assert "does not answer" in said or "cannot be opened" in said
    late = [" ".join(words) for words in titles[len(titles) // 2 :]]
    assert [] == [title for title in late if secret in title]
