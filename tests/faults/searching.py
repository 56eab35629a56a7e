"""A real search in processes of its own, and what is in its store while somebody does it harm."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hpsearch.studies.errors import StoreFailed, StoreNotFound, StoreOutdated, StudyNotFound
from hpsearch.studies.optuna_storage import optuna_storage
from hpsearch.studies.records import Trial, TrialState
from hpsearch.studies.store import StudyStore

from ..search.command import MAIN, ONE_RUNG

#: As small a model as there is: the faults are in what surrounds it.
SMALLEST = [
    f"--model-config={name}={value}"
    for name, value in {
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
    }.items()
]
#: Trials of about a second on one thread. A loss tells models apart that have learned little.
QUICK = (
    *("--objective", "loss", "--set", "num_train_epochs=1", "--subset", "0.1", "--no-retrain", "--precision", "fp32"),
    *SMALLEST,
)


@dataclass
class Search:
    """The search of one study by `hpsearch run` and `hpsearch worker`."""

    url: str
    folder: Path
    trials: int
    options: tuple[str, ...] = QUICK
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start `hpsearch run`, with further options."""
        places = ["--study", "faults", "--output-dir", str(self.folder / "out"), "--trials", str(self.trials)]
        return self.command("run", *places, *ONE_RUNG, *self.options, *words)

    def command(self, *words: str) -> subprocess.Popen[str]:
        """Start a command on the store, whose URL is in the environment."""
        env = {
            **os.environ,
            "HPSEARCH_STORE": self.url,
            "HPSEARCH_CACHE": str(self.folder / "cache"),
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
        }
        pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        argv = [sys.executable, "-c", MAIN, *words]
        process = subprocess.Popen(argv, cwd=self.folder, env=env, start_new_session=True, **pipes)
        self.processes.append(process)
        return process

    def __enter__(self) -> Search:
        """Nothing is started yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave no process behind, whatever happened."""
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()

    @contextlib.contextmanager
    def store(self) -> Iterator[StudyStore]:
        """Open the store."""
        with StudyStore.open(self.url) as store:
            yield store

    def found(self) -> list[Trial]:
        """Return the trials by now; none while there is no study."""
        with contextlib.suppress(StoreNotFound, StoreOutdated, StudyNotFound, StoreFailed), self.store() as store:
            return store.trials(store.study("faults").study_id)
        return []

    def workers(self) -> list[int]:
        """Return the process ids of those who hold a trial."""
        return [int(str(one.worker).split(":")[1]) for one in self.found() if one.state is TrialState.RUNNING]

    def seconds_a_trial(self) -> float:
        """Return what a trial takes here, as far as that is known."""
        took = [one.total_seconds for one in self.found() if one.state is TrialState.COMPLETE]
        return sum(filter(None, took)) / len(took) if took else 4.0

    def wait_for(self, count: int, seconds: float = 240) -> None:
        """Wait until so many trials have ended."""
        deadline = time.monotonic() + seconds
        while sum(one.state.is_finished for one in self.found()) < count:
            if time.monotonic() > deadline:
                raise AssertionError(f"only {self.found()} after {seconds} s")
            time.sleep(0.1)

    def optuna_states(self) -> dict[int, str]:
        """Return Optuna's states by the ids of its trials."""
        import optuna

        storage = optuna_storage(self.url)
        try:
            study = optuna.load_study(study_name="faults", storage=storage)
            return {one._trial_id: one.state.name for one in study.get_trials(deepcopy=False)}
        finally:
            storage.remove_session()
            storage.engine.dispose()


def ended(process: subprocess.Popen[str], seconds: float = 900) -> str:
    """Wait for a command that must succeed; return what it said."""
    said, _ = process.communicate(timeout=seconds)
    assert process.returncode == 0, said
    return said


def check_whole(search: Search) -> list[Trial]:
    """Check what every fault must leave intact; return the trials.

    Exactly the asked total is COMPLETE or PRUNED, none waits or runs, no configuration was tried twice, and Optuna says
    the same of each trial.
    """
    trials = search.found()
    states = [one.state for one in trials]
    assert search.trials == states.count(TrialState.COMPLETE) + states.count(TrialState.PRUNED), states
    assert not {TrialState.RUNNING, TrialState.WAITING} & set(states), states
    assert [] == [(one.number, one.failure) for one in trials if one.failure and one.failure.value != "lost"]

    configurations = [tuple(sorted((one.params or {}).items())) for one in trials if not one.failure]
    assert len(configurations) == len(set(configurations))
    assert len(trials) == len({one.number for one in trials}) == len({one.optuna_trial_id for one in trials})

    same = {"COMPLETE": "COMPLETE", "PRUNED": "PRUNED", "FAILED": "FAIL"}
    assert {one.optuna_trial_id: same[one.state.value] for one in trials} == search.optuna_states()
    return trials
