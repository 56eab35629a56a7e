"""What Optuna's half must keep on every database: subclass `OptunaContract` as `contract.py` says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest
from optuna.storages import RDBStorage
from optuna.trial import TrialState as OptunaState

from hpsearch.studies.optuna_storage import optuna_storage, optuna_zombies, requeue
from hpsearch.studies.store import StudyStore

from .making import make_study

OPTIMIZER = Path(__file__).with_name("optimizer.py")


class OptunaContract:
    """Every database passes these."""

    @pytest.fixture
    def storage(self, url: str) -> Iterator[RDBStorage]:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        with StudyStore.open(url, create=True) as store:
            for summary in store.studies():
                store.delete_study(summary.study.study_id)
            make_study(store)
        storage = optuna_storage(url)
        for study in storage.get_all_studies():
            storage.delete_study(study._study_id)
        yield storage
        storage.remove_session()
        storage.engine.dispose()

    def test_a_requeued_trial_is_the_same_trial(self, storage, url):
        """B3: a trial whose process was killed is run again with its number and parameters, no zombie is
        left, and it reports from its start without a warning.
        """
        study = optuna.create_study(storage=storage, study_name="cola")
        killed_while_running(url)
        (before,) = study.get_trials()

        assert requeue(storage, before._trial_id)
        study.optimize(report_twice, n_trials=2)

        after, next_one = study.get_trials()
        assert (OptunaState.RUNNING, {0: 1.0}) == (before.state, before.intermediate_values)
        assert (before.number, before.params["x"]) == (after.number, after.params["x"])
        assert {0: 10.0, 1: 11.0} == after.intermediate_values
        assert {"x", "y"} == after.params.keys()
        assert [OptunaState.COMPLETE] * 2 == [after.state, next_one.state]

    def test_a_requeued_trial_forgets_its_rungs(self, storage):
        """What successive halving noted for the lost attempt does not count against the next."""
        pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=2)
        study = optuna.create_study(storage=storage, study_name="cola", pruner=pruner)
        trial = study.ask()
        trial.set_user_attr("ours", 1)
        trial.report(1.0, 1)
        trial.should_prune()
        noted = study.get_trials()[0].system_attrs

        requeue(study._storage, trial._trial_id)

        (found,) = study.get_trials()
        assert "completed_rung_0" in noted
        assert ({}, {"ours": 1}, {}) == (found.system_attrs, found.user_attrs, found.intermediate_values)

    def test_only_a_running_trial_is_requeued(self, storage):
        """A finished trial stays finished, with its curve."""
        study = optuna.create_study(storage=storage, study_name="cola")
        study.optimize(report_twice, n_trials=1)
        (done,) = study.get_trials()

        assert not requeue(storage, done._trial_id)
        assert [done] == study.get_trials()

    def test_zombies_are_the_running_trials_nobody_holds(self, storage):
        """Trials that run for one of our workers, wait or are finished are none."""
        study = optuna.create_study(storage=storage, study_name="cola")
        live, zombie, done = (study.ask() for _ in range(3))
        study.tell(done, 1.0)
        study.enqueue_trial({"x": 0.5})

        assert [zombie._trial_id] == optuna_zombies(storage, "cola", {live._trial_id})

    def test_deleting_a_study_deletes_optunas(self, storage, url):
        """`delete` leaves nothing behind for the dashboard to show, and another study's trials stay."""
        for name in ("cola", "other"):
            optuna.create_study(storage=storage, study_name=name).optimize(report_twice, n_trials=1)

        with StudyStore.open(url) as store:
            store.delete_study(store.study("cola").study_id)

        assert ["other"] == optuna.get_all_study_names(storage)
        assert 1 == len(optuna.load_study(study_name="other", storage=storage).trials)


def report_twice(trial: optuna.Trial) -> float:
    trial.suggest_float("x", 0, 1)
    trial.suggest_float("y", 0, 1)
    for step in range(2):
        trial.report(10.0 + step, step)
        trial.should_prune()
    return 1.0


def killed_while_running(url: str) -> None:
    """Run a process that is killed in a trial: `x` is suggested and step 0 reported, `y` not yet."""
    command = [sys.executable, str(OPTIMIZER), url, "cola"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ)
    assert "reported\n" == process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.communicate()
