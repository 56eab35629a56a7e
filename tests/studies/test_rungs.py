"""Trials that wait for each other at rungs: on SQLite, and on the configured servers (see `test_store.py`)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from optuna.trial import TrialState as OptunaState

from hpsearch.studies.errors import LeaseLost
from hpsearch.studies.optuna_storage import optuna_storage
from hpsearch.studies.optuna_study import open_optuna_study
from hpsearch.studies.records import Failure, Study, Trial, TrialState
from hpsearch.studies.store import StudyStore

from .making import claimed, make_study
from .sharing import new_name
from .test_store import MYSQL, POSTGRES

POINT = {"budget": 0.25, "score": 0.5, "metrics": {}}


class RungContract:
    """Every database passes these."""

    @pytest.fixture
    def store(self, url: str) -> Iterator[StudyStore]:
        with StudyStore.open(url, create=True) as store:
            yield store

    @pytest.fixture
    def study(self, store: StudyStore) -> Study:
        return make_study(store, new_name(), trials=3)

    def test_nobody_goes_on_before_all_are_as_far(self, store, study):
        """New trials come first, then those at the lowest rung; while one is below, those above it wait."""
        first = paused(store, study, rung=1)
        second = paused(store, study, rung=1)
        third = claimed(store, study)
        assert (0, 1, 2) == (first.number, second.number, third.number)
        assert store.claim(study.study_id, worker="me", lease_s=60) is None

        store.pause(third.trial_id, rung=2, seconds={}, worker="me")

        assert 0 == claimed(store, study).number
        assert 1 == claimed(store, study).number
        assert store.claim(study.study_id, worker="me", lease_s=60) is None

    def test_a_finished_trial_holds_nobody_up(self, store, study):
        """Those that ended are no more waited for, and a failed one is replaced before the others go on."""
        waiting = paused(store, study, rung=1)
        store.finish(claimed(store, study).trial_id, TrialState.COMPLETE, score=1.0)
        store.finish(claimed(store, study).trial_id, TrialState.FAILED, failure=Failure.NAN)

        replacement = claimed(store, study)
        assert 3 == replacement.number
        store.finish(replacement.trial_id, TrialState.COMPLETE, score=1.0)

        assert waiting.number == claimed(store, study).number

    def test_where_nothing_is_left_to_try_the_waiting_go_on(self, store, study):
        """A space that is exhausted starts no new trial, and leaves none behind that was put back or waits."""
        waiting = paused(store, study, rung=1)
        back = claimed(store, study)
        store.release(back.trial_id, worker="me")

        found = [store.claim(study.study_id, worker="me", lease_s=60, new=False) for _ in range(2)]
        store.finish(back.trial_id, TrialState.COMPLETE, score=1.0)
        last = store.claim(study.study_id, worker="me", lease_s=60, new=False)

        assert [back.number, None] == [one and one.number for one in found]
        assert last is not None
        assert waiting.number == last.number

    def test_a_paused_trial_keeps_what_it_did(self, store, study):
        """Its curve, its time and its parameters stay, with us and with Optuna, also when its worker is lost later."""
        storage = optuna_storage(store.url)
        open_optuna_study(storage, study.name, direction=study.direction, metric_name=study.objective)
        trial = claimed(store, study)
        storage.set_trial_state_values(trial.optuna_trial_id, OptunaState.RUNNING)
        storage.set_trial_intermediate_value(trial.optuna_trial_id, 25, 0.5)
        store.record(trial.trial_id, worker="me", curve=[POINT], params={"lr": 0.1})
        store.pause(trial.trial_id, rung=1, seconds={"train": 2.0}, worker="me")
        others = [paused(store, study, rung=1) for _ in range(2)]

        again = claimed(store, study)
        storage.set_trial_state_values(trial.optuna_trial_id, OptunaState.RUNNING)
        store.record(again.trial_id, worker="me", curve=[POINT, {**POINT, "budget": 0.5}])
        store.recover(study.study_id, lambda row, now: True)

        for found in (again, store.trial(study.study_id, trial.number)):
            assert (1, {"train": 2.0}, {"lr": 0.1}) == (found.rung, found.seconds, found.params)
            assert POINT == found.curve[0]
        assert [0, 1, 2] == sorted({one.number for one in others} | {again.number})
        told = storage.get_trial(trial.optuna_trial_id)
        assert (OptunaState.WAITING, {25: 0.5}) == (told.state, told.intermediate_values)
        storage.engine.dispose()

    def test_a_trial_that_is_put_back_at_the_start_begins_anew(self, store, study):
        """Below the first rung nothing is kept: what the lost attempt reported is not the next one's."""
        trial = claimed(store, study)
        store.record(trial.trial_id, worker="me", curve=[POINT])

        store.recover(study.study_id, lambda row, now: True)

        found = store.trial(study.study_id, trial.number)
        assert ([], {}, 2) == (found.curve, found.seconds, found.attempt)

    def test_only_its_worker_pauses_a_trial(self, store, study):
        """A worker that lost its trial cannot put it anywhere; pausing the same twice is once."""
        trial = claimed(store, study)
        with pytest.raises(LeaseLost):
            store.pause(trial.trial_id, rung=1, seconds={}, worker="somebody else")

        store.pause(trial.trial_id, rung=1, seconds={}, worker="me")
        store.pause(trial.trial_id, rung=1, seconds={}, worker="me")  # as after an answer that was lost

        assert TrialState.WAITING is store.trial(study.study_id, 0).state


class TestSqliteRungs(RungContract):
    """SQLite."""

    SERVER = None


class TestPostgresRungs(RungContract):
    """PostgreSQL."""

    SERVER = POSTGRES


class TestMysqlRungs(RungContract):
    """MariaDB or MySQL."""

    SERVER = MYSQL


def paused(store: StudyStore, study: Study, *, rung: int) -> Trial:
    """Claim a new trial and let it wait at a rung."""
    trial = claimed(store, study)
    store.pause(trial.trial_id, rung=rung, seconds={}, worker="me")
    return trial
