"""Sixteen processes write their trials to one SQLite file, as an array of cluster jobs would."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import optuna
import pytest

from hpsearch.studies.optuna_storage import optuna_storage
from hpsearch.studies.optuna_study import open_optuna_study
from hpsearch.studies.records import TrialState
from hpsearch.studies.store import StudyStore

from ..studies.making import make_study

WRITER = Path(__file__).with_name("writer.py")


@pytest.mark.parametrize(
    ("processes", "each"), [(16, 10), pytest.param(16, 200, marks=pytest.mark.slow)], ids=["160", "3200"]
)
def test_no_writer_finds_the_file_locked(tmp_path: Path, processes: int, each: int) -> None:
    """B1: every trial of every process is there, with us and with Optuna, and nobody saw `database is locked`."""
    url, total = f"sqlite:///{tmp_path}/hpsearch.db", processes * each
    with StudyStore.open(url, create=True) as store:
        study = make_study(store, trials=total)
        open_optuna_study(optuna_storage(url), study.name, direction="maximize", metric_name="score")
        env = {**os.environ, "OMP_NUM_THREADS": "1"}
        running = [
            subprocess.Popen([sys.executable, str(WRITER), url], stderr=subprocess.PIPE, text=True, env=env)
            for _ in range(processes)
        ]
        said = [process.communicate(timeout=1500)[1] for process in running]
        trials = store.trials(study.study_id)

    assert [""] * processes == said
    assert [0] * processes == [process.returncode for process in running]
    assert list(range(total)) == [one.number for one in trials]
    assert {TrialState.COMPLETE} == {one.state for one in trials}
    told = optuna.load_study(study_name=study.name, storage=optuna_storage(url)).get_trials(deepcopy=False)
    assert [one.score for one in trials] == [one.value for one in told]
