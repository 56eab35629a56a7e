"""What Optuna's half must keep on every database: subclass `OptunaContract` as `contract.py` says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import RDBStorage
from optuna.trial import TrialState as OptunaState

from hpsearch.studies.claimed_storage import FAILURE, ClaimedStorage
from hpsearch.studies.errors import StoreFailed
from hpsearch.studies.leases import LeaseWatch, lost_if
from hpsearch.studies.optuna_storage import optuna_storage
from hpsearch.studies.optuna_study import open_optuna_study, reconcile
from hpsearch.studies.patience import Patience
from hpsearch.studies.records import Failure, Trial, TrialState
from hpsearch.studies.store import StudyStore

from .making import claimed, make_study

OPTIMIZER = Path(__file__).with_name("optimizer.py")


class OptunaContract:
    """Every database passes these."""

    @pytest.fixture
    def storage(self, url: str) -> Iterator[RDBStorage]:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        with StudyStore.open(url, create=True) as store:
            for summary in store.studies():
                store.delete_study(summary.study.study_id)
        storage = optuna_storage(url)
        for study in storage.get_all_studies():
            storage.delete_study(study._study_id)
        yield storage
        storage.remove_session()
        storage.engine.dispose()

    @pytest.fixture
    def store(self, storage: RDBStorage, url: str) -> Iterator[StudyStore]:
        """A store that has the study `cola`, on both sides."""
        with StudyStore.open(url) as store:
            study = make_study(store)
            open_optuna_study(storage, study.name, direction=study.direction, metric_name=study.objective)
            yield store

    def test_workers_run_the_trials_they_claimed(self, storage, store):
        """B4: whoever is quicker to ask Optuna, each gets the trial of the number it claimed."""
        first, second = (claimed(store, store.study("cola"), worker) for worker in ("a", "b"))

        for trial in (second, first):
            optimize(storage, trial, lambda trial: float(trial.number))

        (zero, one) = optuna.load_study(study_name="cola", storage=storage).trials
        assert [first.optuna_trial_id, second.optuna_trial_id] == [zero._trial_id, one._trial_id]
        assert [(0, 0.0), (1, 1.0)] == [(zero.number, zero.value), (one.number, one.value)]

    def test_a_killed_worker_leaves_no_zombie(self, storage, store, url):
        """B3: a trial whose process was killed is run again with its number and parameters, no zombie is
        left, and it reports from its start without a warning.
        """
        study = store.study("cola")
        killed_while_running(url)
        before = trials_of(storage)

        (lost,) = store.recover(study.study_id, LeaseWatch().is_lost)
        between = trials_of(storage)
        again, another = claimed(store, study), claimed(store, study)
        for trial in (again, another):
            optimize(storage, trial, report_twice)

        assert [OptunaState.RUNNING, {0: 1.0}] == [before[0].state, before[0].intermediate_values]
        assert [OptunaState.WAITING, {}] == [between[0].state, between[0].intermediate_values]
        assert (lost.trial_id, 2) == (again.trial_id, again.attempt)
        after, next_one = trials_of(storage)
        assert (before[0].number, before[0].params["x"]) == (after.number, after.params["x"])
        assert {0: 10.0, 1: 11.0} == after.intermediate_values
        assert [OptunaState.COMPLETE] * 2 == [after.state, next_one.state]

    def test_a_trial_put_back_forgets_its_rungs(self, storage, store):
        """What successive halving noted for an interrupted attempt does not count against the next."""
        noted: dict[str, Any] = {}
        pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=2)
        trial = claimed(store, store.study("cola"))

        def interrupted(running: optuna.Trial) -> float:
            running.set_user_attr("ours", 1)
            running.report(1.0, 1)
            running.should_prune()
            noted.update(running.storage.get_trial(running._trial_id).system_attrs)
            raise Interrupted

        with pytest.raises(Interrupted):
            optimize(storage, trial, interrupted, pruner=pruner)
        store.release(trial.trial_id)

        (found,) = trials_of(storage)
        assert "completed_rung_0" in noted
        assert ({}, {"ours": 1}, {}) == (found.system_attrs, found.user_attrs, found.intermediate_values)

    def test_a_trial_lost_for_good_has_failed_on_both_sides(self, storage, store):
        """Its second worker dies too: FAILED with us, FAIL with Optuna, and a new trial takes its place."""
        study = store.study("cola")
        for _ in range(2):
            trial = claimed(store, study)
            storage.set_trial_state_values(trial.optuna_trial_id, OptunaState.RUNNING)
            store.recover(study.study_id, lost_if(lambda worker: False))

        assert [TrialState.FAILED] == [one.state for one in store.trials(study.study_id)]
        assert [OptunaState.FAIL] == [one.state for one in trials_of(storage)]
        assert 1 == claimed(store, study).number

    def test_a_withdrawn_claim_leaves_nothing(self, storage, store):
        """A claim for which nothing was left to try is undone on both sides, and its slot is free."""
        study = store.study("cola")
        kept, trial = claimed(store, study), claimed(store, study)

        assert store.withdraw(trial.trial_id, worker="me")
        assert not store.withdraw(trial.trial_id, worker="me")

        assert [kept] == store.trials(study.study_id)
        assert [kept.optuna_trial_id] == [one._trial_id for one in trials_of(storage)]
        assert 9 == len([store.claim(study.study_id, worker="me", lease_s=60) for _ in range(9)])
        assert store.claim(study.study_id, worker="me", lease_s=60) is None

    def test_optuna_is_told_what_a_dead_worker_could_not(self, storage, store):
        """B11: a result that is with us reaches Optuna once, and not from under a worker that lives."""
        study = store.study("cola")
        ended = (
            (TrialState.COMPLETE, 0.75, None),
            (TrialState.PRUNED, 0.5, None),
            (TrialState.FAILED, None, Failure.NAN),
        )
        for state, score, failure in ended:
            trial = claimed(store, study)
            storage.set_trial_state_values(trial.optuna_trial_id, OptunaState.RUNNING)
            store.finish(trial.trial_id, state, score=score, failure=failure)

        reconcile(storage, store, study.study_id, alive=lambda worker: True)
        reconcile(storage, store, study.study_id, alive=lambda worker: None)
        untouched = [one.state for one in trials_of(storage)]
        for _ in range(2):
            reconcile(storage, store, study.study_id, alive=lambda worker: False)

        assert [OptunaState.RUNNING] * 3 == untouched
        told = [(one.state, one.values) for one in trials_of(storage)]
        assert [(OptunaState.COMPLETE, [0.75]), (OptunaState.PRUNED, [0.5]), (OptunaState.FAIL, None)] == told

    def test_samplers_learn_from_failures(self, storage, store):
        """B9: a configuration that failed looks pruned at once to a sampler, and failed to everybody else; one whose
        worker was lost is not blamed.
        """
        for failure in (Failure.OOM, Failure.LOST):
            optimize(storage, claimed(store, store.study("cola")), fails_with(failure), catch=(ArithmeticError,))

        seen = ClaimedStorage(storage, None, Patience()).get_all_trials(storage_study(storage))

        assert [(OptunaState.PRUNED, {}), (OptunaState.FAIL, {1: 5.0})] == [
            (one.state, one.intermediate_values) for one in seen
        ]
        assert [OptunaState.FAIL] * 2 == [one.state for one in trials_of(storage)]

    def test_only_claimed_trials_are_run(self, storage, store):
        """A worker whose trial another program removed from Optuna's tables makes no trial of its own."""
        trial = claimed(store, store.study("cola"))
        storage.delete_study(storage_study(storage))
        optuna.create_study(study_name="cola", storage=storage)

        with pytest.raises(StoreFailed, match="another program"):
            optimize(storage, trial, report_twice)

    def test_deleting_a_study_deletes_optunas(self, storage, store):
        """`delete` leaves nothing behind for the dashboard to show, and another study's trials stay."""
        optuna.create_study(storage=storage, study_name="other").optimize(report_twice, n_trials=1)
        claimed(store, store.study("cola"))

        store.delete_study(store.study("cola").study_id)

        assert ["other"] == optuna.get_all_study_names(storage)
        assert 1 == len(optuna.load_study(study_name="other", storage=storage).trials)


class Interrupted(BaseException):
    """Passes through Optuna untouched, as `search.errors.StopSearch` does."""


def optimize(storage: RDBStorage, trial: Trial, objective: Any, *, pruner: Any = None, **options: Any) -> None:
    """Let Optuna run a claimed trial, as a worker does."""
    mine = ClaimedStorage(storage, trial.optuna_trial_id, Patience())
    study = optuna.load_study(study_name="cola", storage=mine, pruner=pruner)
    study.optimize(objective, n_trials=1, **options)


def trials_of(storage: RDBStorage) -> list[Any]:
    return optuna.load_study(study_name="cola", storage=storage).trials


def storage_study(storage: RDBStorage) -> int:
    return storage.get_study_id_from_name("cola")


def report_twice(trial: optuna.Trial) -> float:
    trial.suggest_float("x", 0, 1)
    trial.suggest_float("y", 0, 1)
    for step in range(2):
        trial.report(10.0 + step, step)
        trial.should_prune()
    return 1.0


def fails_with(failure: Failure) -> Any:
    def objective(trial: optuna.Trial) -> float:
        trial.report(5.0, 1)
        trial.set_user_attr(FAILURE, failure.value)
        raise ArithmeticError

    return objective


def killed_while_running(url: str) -> None:
    """Run a worker that is killed in its trial: `x` is suggested and step 0 reported, `y` not yet."""
    command = [sys.executable, str(OPTIMIZER), url, "cola"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ)
    assert "reported\n" == process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.communicate()
