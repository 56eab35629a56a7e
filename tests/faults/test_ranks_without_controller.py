"""What becomes of the processes of a trial when the one that started them is stopped or killed."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import psutil
import pytest

from hpsearch.studies.records import TrialState

from ..search.rank_processes import ranks_below
from .searching import QUICK, Search

#: Trials that last: nobody waits for their end.
LONG = (*QUICK, "--set", "num_train_epochs=400", "--processes-per-trial", "2")


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_ranks_end_with_their_controller(url: str, tmp_path: Path) -> None:
    """A12: after a polite kill the trial waits as if it had not been started and no rank is left; after a kill that
    nothing can answer, the ranks end by themselves all the same.
    """
    with Search(url, tmp_path, 1, LONG) as search:
        polite = search.start()
        ranks = training(search, polite.pid)
        polite.send_signal(signal.SIGTERM)
        said, _ = polite.communicate(timeout=60)
        left, (waiting,) = [one for one in ranks if one.is_running()], search.found()

        killed = search.start()
        orphans = training(search, killed.pid)
        killed.kill()
        gone, alive = psutil.wait_procs(orphans, timeout=10)

    assert 130 == polite.returncode, said
    assert "Traceback" not in said
    assert [] == left
    assert (TrialState.WAITING, 1) == (waiting.state, waiting.attempt)
    assert [] == alive
    assert 2 == len(gone)


def training(search: Search, pid: int) -> list[psutil.Process]:
    """Wait until the ranks of a trial train, and return them."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if any(one.state is TrialState.RUNNING and one.config for one in search.found()):
            found = ranks_below(pid, seconds=0.0)
            if 2 == len(found):
                return found
        time.sleep(0.1)
    raise AssertionError("no trial trains")
