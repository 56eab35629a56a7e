"""What holds where the database did what it was asked, and its answer never came: nothing counts twice.

`WorkerContract` includes these.
"""

from __future__ import annotations

import math
from typing import Any

import pytest

from hpsearch.studies.errors import StudyExists, TrialFinished
from hpsearch.studies.leases import lost_if
from hpsearch.studies.records import Failure, TrialState

from .making import claimed, completed, make_study
from .sharing import COUNT, SharedStore, answer_lost, free_slots, new_name


class AnswerContract(SharedStore):
    """Every database passes these."""

    def test_a_claim_takes_one_slot(self, store, study):
        """B4: a claim whose success was not heard of is repeated, and the trial it took is what it returns."""
        with answer_lost(store) as lost:
            trial = claimed(store, study)

        assert [1] == lost
        assert [trial] == store.trials(study.study_id)
        assert COUNT - 1 == free_slots(store, study)

    def test_a_claim_of_a_returned_trial_takes_one(self, store, study):
        """B4: the same holds for trials that were put back: the next one is not taken, too."""
        first, second = claimed(store, study), claimed(store, study)
        for trial in (first, second):
            store.release(trial.trial_id)

        with answer_lost(store):
            again = claimed(store, study)

        assert first.trial_id == again.trial_id
        assert ["RUNNING", "WAITING"] == [trial.state for trial in store.trials(study.study_id)]

    def test_a_claim_that_failed_takes_one_slot(self, store, study, clock):
        """B4: where the first try did not reach the database the repetition claims; neither another worker's trial nor
        an earlier one of the same worker is taken for the new one.
        """
        earlier = claimed(store, study)
        clock.move(1)
        others = claimed(store, study, "other")

        with answer_lost(store, committed=False):
            trial = claimed(store, study)

        assert [earlier, others, trial] == store.trials(study.study_id)
        assert ("me", COUNT - 3) == (trial.worker, free_slots(store, study))

    def test_a_claim_of_nothing_is_nothing(self, store):
        """Nothing left is nothing left, asked once or twice."""
        study = make_study(store, new_name(), trials=0)

        with answer_lost(store) as lost:
            assert store.claim(study.study_id, worker="me", lease_s=60) is None

        assert [1] == lost

    def test_a_result_is_written_once(self, store, study):
        """A result whose success was not heard of is no second result; another one afterwards is refused."""
        trial = claimed(store, study)

        with answer_lost(store):
            finished = store.finish(trial.trial_id, TrialState.COMPLETE, score=1 / 3, metrics={"m": 1}, worker="me")

        assert [finished] == store.trials(study.study_id)
        assert (TrialState.COMPLETE, 1 / 3) == (finished.state, finished.score)
        for other in ({"score": 0.25}, {"score": None}):
            with pytest.raises(TrialFinished):
                store.finish(trial.trial_id, TrialState.COMPLETE, worker="me", **other)
        with pytest.raises(TrialFinished):
            store.finish(trial.trial_id, TrialState.PRUNED, score=1 / 3, worker="me")
        assert [finished] == store.trials(study.study_id)

    def test_a_later_equal_result_is_another(self, store, study, clock):
        """The same score a second later was not lost on the way: somebody ends an ended trial, and is refused."""
        trial = completed(store, study, 0.5)
        clock.move(1)

        with pytest.raises(TrialFinished):
            store.finish(trial.trial_id, TrialState.COMPLETE, score=0.5)

    def test_a_failure_gives_one_slot_back(self, store, study):
        """B4: a failure whose success was not heard of is replaced by one trial and not by two."""
        trial = claimed(store, study)

        with answer_lost(store):
            failed = store.finish(trial.trial_id, TrialState.FAILED, failure=Failure.CODE, score=math.nan)

        assert [failed] == store.trials(study.study_id)
        assert COUNT == free_slots(store, study)

    def test_a_study_is_made_once(self, store):
        """A study whose making was not heard of is returned, and a name that somebody else took meanwhile is taken."""
        with answer_lost(store):
            made = make_study(store, name := new_name())

        assert made == store.study(name)
        with answer_lost(store), pytest.raises(StudyExists):
            make_study(store, name)

    def test_a_configuration_is_its_own(self, store, study):
        """A configuration whose writing was not heard of is not in its own way."""
        trial = claimed(store, study)

        with answer_lost(store):
            store.reserve(trial.trial_id, {"lr": 1}, worker="me")

        assert {"lr": 1} == store.trial(study.study_id, 0).params

    def test_what_is_undone_is_undone_once(self, store, study):
        """B4: a claim withdrawn, a trial released and one lost for good, none of them heard of, free no slot twice."""
        gone, back, lost = (claimed(store, study, worker) for worker in ("gone", "back", "lost"))
        for attempt in (1, 2):
            with answer_lost(store):
                store.recover(study.study_id, only_lost("lost"))
            lost = claimed(store, study, "lost") if attempt == 1 else store.trial(study.study_id, 2)
        with answer_lost(store):
            store.withdraw(gone.trial_id, worker="gone")
        with answer_lost(store):
            store.release(back.trial_id, worker="back")

        assert (TrialState.FAILED, Failure.LOST, 2) == (lost.state, lost.failure, lost.attempt)
        assert [(1, "WAITING"), (2, "FAILED")] == [(one.number, one.state) for one in store.trials(study.study_id)]
        assert back.trial_id == claimed(store, study).trial_id
        assert COUNT - 1 == free_slots(store, study)

    def test_a_model_is_added_once(self, store, study):
        """A model whose adding was not heard of is listed once."""
        with answer_lost(store):
            model = store.add_model(
                study_id=study.study_id, trial_number=0, folder="/m", metrics={}, seconds={}, fingerprint="f", spec={}
            )

        assert [model] == store.models(study.study_id)

    def test_a_repeated_claim_makes_one_trial_of_optunas(self, store, study, twin):
        """B11: a claim whose success was not heard of leaves no second trial with Optuna."""
        with answer_lost(store):
            trial = claimed(store, study)

        assert [trial.optuna_trial_id] == [one._trial_id for one in twin.get_trials(deepcopy=False)]


def only_lost(worker: str) -> Any:
    return lost_if(lambda name: name != worker)
