"""A search on a real local Ray cluster is the search it would be without one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from hpsearch.search.workers.devices import Share
from hpsearch.search.workers.orders import Orders
from hpsearch.search.workers.ray_actors import RayWorker
from hpsearch.studies.errors import StoreNotFound, StoreOutdated, StudyNotFound
from hpsearch.studies.optuna_storage import optuna_storage
from hpsearch.studies.records import Trial, TrialState
from hpsearch.studies.store import StudyStore

from .command import COLUMNS, MAIN, ONE_RUNG, TINY, csv_text, done, rows

#: Trials of about a second, whose scores are told apart by the last bit of a loss.
QUICK = ("--objective", "loss", "--set", "num_train_epochs=1", "--no-retrain", "--precision", "fp32", *ONE_RUNG)
RAY = ("--backend", "ray")
PATIENCE_S = 300.0  #: with a machine that has other work to do
#: What differs between two runs of the same trial: when, by whom and how fast.
OF_THE_RUN = ("study_id", "trial_id", "optuna_trial_id", "worker", "started_at", "finished_at", "checkpoint")
SPEED = ("_runtime", "_per_second")


class Place:
    """A folder with a store in which commands run, each with all that it starts marked by the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("RAY_")},
            "HPSEARCH_CACHE": str(folder / "cache"),
            "HPSEARCH_MARK": str(folder),
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
        }

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a command."""
        pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        argv = [sys.executable, "-c", MAIN, *words]
        return subprocess.Popen(argv, cwd=self.folder, env=self.env, start_new_session=True, **pipes)

    def run(self, *words: str) -> str:
        """Run a command that must succeed; return what it said to people."""
        process = self.start("run", *QUICK, *words)
        _, said = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, said
        return said

    def trials(self, study: str) -> list[Trial]:
        """Return the trials of a study."""
        with StudyStore.open(f"sqlite:///{self.folder}/hpsearch.db") as store:
            return store.trials(store.study(study).study_id)

    def left(self) -> list[str]:
        """Return the processes that commands of this place left running; they have some time to end."""
        deadline = time.monotonic() + PATIENCE_S / 5
        while (found := self.running()) and time.monotonic() < deadline:
            time.sleep(0.5)
        return found

    def running(self) -> list[str]:
        """Return the processes that commands of this place started and that run now."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("HPSEARCH_MARK") == str(self.folder) and process.status() != "zombie":
                    found.append(" ".join(process.cmdline())[:100])
        return found


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A place where a study was begun on Ray and continued without, and another one is the same without Ray."""
    place = Place(tmp_path_factory.mktemp("ray"))
    place.said = place.run("--study", "both", "--trials", "4", *RAY)  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place.folder)
        patch.setenv("HPSEARCH_CACHE", place.env["HPSEARCH_CACHE"])
        done("run", *QUICK, "--study", "both", "--trials", "5")
        done("run", *QUICK, "--study", "plain", "--trials", "1")
    yield place
    assert [] == place.left()


def test_a_trial_is_the_same_trial_on_either_backend(place: Place) -> None:
    """C1: the baseline's row is the same to the last bit of its scores, and only names another worker and time."""
    both, plain = ([comparable(trial) for trial in place.trials(study)] for study in ("both", "plain"))

    assert plain[0] == both[0]
    assert both[0]["config"]["args"]
    assert 4 == len(both[0]["curve"])


def test_a_study_begun_on_ray_is_continued_without(place: Place) -> None:
    """Exactly the asked trials, all in one study, and Optuna has the same numbers, states, values and curves."""
    trials = place.trials("both")
    assert [(number, TrialState.COMPLETE) for number in range(5)] == [(one.number, one.state) for one in trials]
    assert 5 == len({str(one.params) for one in trials})
    assert place.trials("both")[4].worker not in {one.worker for one in trials[:4]}

    storage = optuna_storage(f"sqlite:///{place.folder}/hpsearch.db")
    told = storage.get_all_trials(storage.get_study_id_from_name("both"))
    assert [(one.number, one.score) for one in trials] == [(one.number, one.value) for one in told]
    assert [{25, 50, 75, 100}] * 5 == [set(one.intermediate_values) for one in told]
    storage.engine.dispose()


def test_several_workers_share_the_trials_and_stay_warm(place: Place) -> None:
    """C5: workers are processes of their own that take one trial after the other, never one for each trial."""
    by = [one.worker for one in place.trials("both")[:4]]

    assert 1 <= len(set(by)) <= len(os.sched_getaffinity(0))


def test_the_console_is_ours(place: Place) -> None:
    """C7: people read our lines and none of Ray's; the study's folder has its log, and the checkpoint of the best."""
    said = place.said.splitlines()  # type: ignore[attr-defined]
    understood = ("labels: ", "F1 is of", "largest class", "rows: ")
    ours = ("preparing", "precision", "study 'both'", "trial ", "next:", "  hpsearch ", *understood)
    assert "on Ray, each with 1 CPU" in place.said  # type: ignore[attr-defined]
    late = "no worker has begun after"  # on a machine that is busy with something else
    assert [] == [line for line in said if not line.startswith((*ours, late)) and "workers on Ray" not in line]
    (folder,) = (place.folder / "hpsearch-output").glob("both-*")
    assert (folder / "log.txt").exists()
    assert 1 == len(list(folder.glob("trials/*/kept/checkpoint-*")))


def test_an_interrupted_search_gives_its_trials_back(place: Place) -> None:
    """Ctrl-C ends the cluster that was started, and its trials wait for the same command with what they had."""
    process = place.start("run", *QUICK, "--study", "stopped", "--trials", "30", *RAY)
    wait_for_trials(place, "stopped", 2)
    os.kill(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE_S)

    assert 130 == process.returncode, said
    assert "Traceback" not in said
    states = [one.state for one in place.trials("stopped")]
    assert TrialState.RUNNING not in states
    assert TrialState.FAILED not in states
    assert {1} == {one.attempt for one in place.trials("stopped")}
    assert [] == place.left()


def test_missing_data_is_said(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that cannot make the problem again says what is missing, and trains nothing."""
    data = tmp_path / "data.csv"
    data.write_text(csv_text(rows()))
    monkeypatch.chdir(place.folder)
    monkeypatch.setenv("HPSEARCH_CACHE", str(tmp_path / "here"))
    done("run", "--train-file", data, *COLUMNS, *TINY, "--study", "moved", "--trials", "1", "--no-retrain")
    data.unlink()
    with StudyStore.open(f"sqlite:///{place.folder}/hpsearch.db") as store:
        study = store.study("moved")
    orders = Orders(store_url=store.url, study_name="moved", folder=study.folder, share=Share(1), verbose=True)

    monkeypatch.setenv("HPSEARCH_CACHE", str(tmp_path / "there"))
    complaint = RayWorker().work(orders.to_json())

    assert complaint is not None
    sentence, _, code = complaint
    assert (2, True) == (code, str(data) in sentence), sentence
    assert 1 == len(place.trials("moved"))


def comparable(trial: Trial) -> dict[str, Any]:
    """Return what two runs of the same trial have in common."""
    row = {name: value for name, value in trial.to_dict().items() if name not in OF_THE_RUN and "seconds" not in name}
    for metrics in [row["metrics"], *(point["metrics"] for point in row["curve"])]:
        for name in [name for name in metrics if name.endswith(SPEED)]:
            del metrics[name]
    return row


def wait_for_trials(place: Place, study: str, count: int) -> None:
    """Wait until so many trials have ended."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with suppress(StoreNotFound, StoreOutdated, StudyNotFound):
            if sum(one.state.is_finished for one in place.trials(study)) >= count:
                return
        time.sleep(0.2)
    raise AssertionError(f"{study} has not {count} trials")
