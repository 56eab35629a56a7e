"""A search that is killed or interrupted goes on with the same command, and ends as if nothing had happened."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from hpsearch.studies.errors import StoreNotFound, StoreOutdated, StudyNotFound
from hpsearch.studies.records import Trial, TrialState
from hpsearch.studies.store import StudyStore

from .command import COLUMNS, MAIN, ONE_RUNG, csv_text, rows

TRIALS = 6
PATIENCE_S = 300.0  #: with a machine that has other work to do
#: Trials of about a second, whose scores are told apart by the last bit of a loss.
SEARCH = [
    *("run", "--train-file", "data.csv", *COLUMNS, "--model", "tiny", "--subset", "1", "--objective", "loss"),
    *("--set", "num_train_epochs=3", "--set", "per_device_train_batch_size=8", "--study", "mine"),
    *("--trials", str(TRIALS), *ONE_RUNG),
]
#: What differs between two runs of the same trial: when, by whom and how fast.
OF_THE_RUN = ("study_id", "trial_id", "optuna_trial_id", "worker", "attempt", "started_at", "finished_at", "seconds")
SPEED = ("eval_runtime", "eval_samples_per_second", "eval_steps_per_second")


class Search:
    """The search of a folder, each time in a process of its own, on one thread."""

    def __init__(self, folder: Path, cache: Path) -> None:
        folder.mkdir()
        (folder / "data.csv").write_text(csv_text(rows(400)))
        self.folder = folder
        self.store = f"sqlite:///{folder}/hpsearch.db"
        self.env = {**os.environ, "HPSEARCH_CACHE": str(cache), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}

    def start(self) -> subprocess.Popen[str]:
        """Start it."""
        words = [sys.executable, "-c", MAIN, *SEARCH]
        pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(words, cwd=self.folder, env=self.env, **pipes)

    def to_the_end(self) -> str:
        """Run it to its end; return what it said."""
        with self.start() as process:
            _, said = process.communicate(timeout=PATIENCE_S)
        assert 0 == process.returncode, said
        return said

    def trials(self) -> list[Trial]:
        """Return the trials, none while there is no study."""
        with StudyStore.open(self.store) as store:
            return store.trials(store.study("mine").study_id)

    def models(self) -> list[Path]:
        """Return the folders of the retrained models."""
        with StudyStore.open(self.store) as store:
            return [Path(model.folder) for model in store.models(store.study("mine").study_id)]

    def in_the_middle_of(self, number: int) -> subprocess.Popen[str]:
        """Start it and return when trial `number` has been evaluated at least once and is still running."""
        process, deadline = self.start(), time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and process.poll() is None:
            running = [one for one in self.seen() if one.number == number and one.state is TrialState.RUNNING]
            if running and running[0].curve:
                return process
            time.sleep(0.05)
        process.kill()
        raise AssertionError(f"trial {number} was never seen running: {process.communicate()[1]}")

    def seen(self) -> list[Trial]:
        """Return the trials that another process can see by now."""
        with contextlib.suppress(StoreNotFound, StoreOutdated, StudyNotFound):
            return self.trials()
        return []

    def optuna_states(self) -> list[str]:
        """Return the states in Optuna's own table."""
        with contextlib.closing(sqlite3.connect(self.folder / "hpsearch.db")) as database:
            return [state for (state,) in database.execute("select state from trials order by number")]


def results(trials: list[Trial]) -> list[dict[str, Any]]:
    """Return all of the trials that two runs must have in common, to the last bit."""
    found = []
    for trial in trials:
        kept = {name: value for name, value in trial.to_dict().items() if name not in (*OF_THE_RUN, "total_seconds")}
        metrics = [kept["metrics"], *(point["metrics"] for point in kept["curve"])]
        for one in metrics:
            for name in SPEED:
                one.pop(name, None)
        kept.pop("checkpoint")
        found.append(kept)
    return found


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the prepared data is."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Search:
    """The search that nothing happened to."""
    search = Search(tmp_path_factory.mktemp("undisturbed") / "here", cache)
    search.to_the_end()
    return search


def test_a_killed_search_goes_on_as_if_nothing_had_happened(tmp_path, cache, undisturbed):
    """B3, B4, B6: kill -9 in a trial and again in the retraining; in the end there are the trials, scores and model
    that an undisturbed run of the same seed has, to the last bit.
    """
    search = Search(tmp_path / "here", cache)
    with search.in_the_middle_of(2) as process:
        process.kill()
    killed = search.trials()
    assert ["COMPLETE", "COMPLETE", "RUNNING"] == [trial.state.value for trial in killed]

    with search.start() as process:
        assert any("retraining" in line for line in process.stderr)
        process.kill()
    assert [] == search.models()
    search.to_the_end()

    trials = search.trials()
    assert list(range(TRIALS)) == [trial.number for trial in trials]
    assert [1, 1, 2, 1, 1, 1] == [trial.attempt for trial in trials]
    assert killed[2].params == trials[2].params
    assert killed[:2] == trials[:2]
    assert ["COMPLETE"] * TRIALS == [trial.state.value for trial in trials] == search.optuna_states()
    assert results(undisturbed.trials()) == results(trials)
    assert TRIALS == len({trial.score for trial in trials})
    assert weights(undisturbed) == weights(search)
    assert [] == list(search.folder.rglob(".*.part"))


def weights(search: Search) -> bytes:
    """Return the weights of the one model."""
    (folder,) = search.models()
    return (folder / "model.safetensors").read_bytes()


def test_an_interrupted_search_gives_its_trial_back(tmp_path, cache, undisturbed):
    """Ctrl-C is exit code 130 and one line; the trial waits as if it had not been started, and the rest follows."""
    search = Search(tmp_path / "here", cache)
    with search.in_the_middle_of(1) as process:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_S)

    assert (130, "") == (process.returncode, out)
    assert "hpsearch: interrupted; run the same command again to go on" == err.splitlines()[-1]
    assert 1 == err.count("hpsearch: ")
    assert "Traceback" not in err
    assert [("COMPLETE", 1), ("WAITING", 1)] == [(trial.state.value, trial.attempt) for trial in search.trials()]
    assert ["COMPLETE", "WAITING"] == search.optuna_states()[:2]

    said = search.to_the_end()

    assert f"1 of {TRIALS} trials done" in said
    assert [1] * TRIALS == [trial.attempt for trial in search.trials()]
    assert results(undisturbed.trials()) == results(search.trials())
    assert ["COMPLETE"] * TRIALS == search.optuna_states()
