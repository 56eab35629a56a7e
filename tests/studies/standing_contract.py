"""Which configuration is best, and what is counted, where some are run again: subclass as `contract.py` says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from hpsearch.studies.records import Failure, Phase, Study, StudySummary, TrialState
from hpsearch.studies.store import StudyStore

from .making import claimed, make_study
from .promotion_contract import promotion, searched
from .sharing import COUNT, SharedStore, new_name

FINAL: dict[str, Any] = {"phase": Phase.FINAL, "rung": 2, "fraction": 1.0}


class StandingContract(SharedStore):
    """Every database passes these; a study is maximised and has ten trials, unless it says otherwise."""

    # The best

    def test_more_data_counts_more(self, store, study):
        """A bad score on more of the data stands before any on less; one without a fraction stands last."""
        for number, (score, fraction) in enumerate([(0.5, 0.1), (9.0, None), (0.75, 0.1), (0.9, 5e-324)]):
            searched(store, study, number, score=score, fraction=fraction)
        assert [2, 0, 3, 1] == ranking(store, study)

        again(store, study, [promotion(0, fraction=0.3), promotion(2, fraction=0.3)], [-0.5, -0.25])

        assert [5, 4, 2, 0, 3, 1] == ranking(store, study)
        assert (5, -0.25) == ((best := store.best(study.study_id)).number, best.score)

    def test_fractions_that_differ_in_the_last_bit_differ(self, store, study):
        """What is compared is what every trial of a rung has, to the bit."""
        searched(store, study, 0, score=0.1, fraction=0.1 + 0.2)
        searched(store, study, 1, score=0.9, fraction=0.3)

        assert [0, 1] == ranking(store, study)

    @pytest.mark.parametrize("direction", ["maximize", "minimize"])
    def test_the_mean_of_the_seeds_decides(self, store, direction):
        """The best is the first trial of the configuration with the best mean, and not the one with the best score."""
        study = make_study(store, new_name(), direction=direction)
        lucky, steady = ([0.0, 1.0], [0.75, 0.5]) if direction == "maximize" else ([1.0, 0.0], [0.25, 0.5])
        for number in range(2):
            searched(store, study, number)

        # Seed by seed, as they are run: 2 and 4 are of the first configuration, 3 and 5 of the second.
        finals = [promotion(number, seed=seed, **FINAL) for seed in (7, 8) for number in range(2)]
        again(store, study, finals, [lucky[0], steady[0], lucky[1], steady[1]])

        assert [3, 2, 0, 1] == ranking(store, study)
        assert 3 == store.best(study.study_id).number

    def test_more_seeds_stand_before_fewer(self, store, study):
        """A finalist of which a seed failed, or has no score, cannot win by the seeds that went well."""
        for number in range(4):
            searched(store, study, number)
        finals = [promotion(number, seed=seed, **FINAL) for number in range(4) for seed in (7, 8, 9)]
        scores = [0.9, 0.9, None, 0.9, 0.9, Failure.NAN, 0.1, 0.1, 0.1, 0.8, Failure.OOM, Failure.LOST]

        again(store, study, finals, scores)

        assert [10, 4, 7, 13, 0, 1, 2, 3] == ranking(store, study)

    def test_of_equal_means_the_first_stands_first(self, store, study):
        """By the number of their first trial at that fraction, whatever the order of the seeds."""
        for number in range(3):
            searched(store, study, number)
        finals = [promotion(number, seed=seed, **FINAL) for seed in (7, 8) for number in (2, 0, 1)]

        again(store, study, finals, [0.25, 0.75, 0.5, 0.75, 0.25, 0.5])

        assert [3, 4, 5, 0, 1, 2] == ranking(store, study)

    def test_a_trial_of_the_search_is_a_seed_as_well(self, store, study):
        """Where the search saw all the data already, its trial counts with the finals of its configuration."""
        searched(store, study, 0, score=1.0, fraction=1.0)
        searched(store, study, 1, score=0.5, fraction=1.0)
        assert [0, 1] == ranking(store, study)

        again(store, study, [promotion(number, seed=8, **FINAL) for number in range(2)], [0.0, 0.75])

        assert [1, 0] == ranking(store, study)
        assert (1, 0.5) == ((best := store.best(study.study_id)).number, best.score)

    def test_only_complete_trials_stand(self, store, study):
        """What runs, waits, failed, was pruned or has no score is not ranked, however much data it saw."""
        searched(store, study, 0)
        again(store, study, [promotion(0, **FINAL)], [None])
        store.promote(study.study_id, [promotion(0, seed=seed, **FINAL) for seed in (8, 9, 10, 11)])
        for state, failure in ((TrialState.PRUNED, None), (TrialState.FAILED, Failure.NAN)):
            trial = store.claim(study.study_id, worker="me", lease_s=60, new=False)
            store.finish(trial.trial_id, state, score=9.0, failure=failure)
        store.claim(study.study_id, worker="me", lease_s=60, new=False)

        assert [0] == ranking(store, study)
        assert (0, 0.5) == (store.best(study.study_id).number, store.summary(study.study_id).best_score)

    def test_scores_may_be_huge(self, store, study):
        """The mean of scores that diverged is a number, too, and no refusal."""
        for number in range(3):
            searched(store, study, number)
        finals = [promotion(number, seed=seed, **FINAL) for number in range(3) for seed in (7, 8)]
        largest = 1.7976931348623157e308

        again(store, study, finals, [largest, -largest, 1.0, 1.0, largest, largest])

        assert [7, 5, 3, 0, 1, 2] == ranking(store, study)
        assert (7, largest) == ((best := store.best(study.study_id)).number, best.score)

    def test_a_few_are_asked_for(self, store, study):
        """The best, as many as are wanted; each configuration stands once at each fraction."""
        for number, score in enumerate((0.25, 0.5, 0.75)):
            searched(store, study, number, score=score)
        again(store, study, [promotion(1, seed=seed, **FINAL) for seed in (7, 8)], [0.0, 0.0])

        assert [[], [3], [3, 2], [3, 2, 1]] == [store.ranking(study.study_id, "maximize", n) for n in range(4)]

    # The counts

    def test_counts_are_of_the_search(self, store, study):
        """How far a search is does not change with what is run again: that is counted for itself, all and ended."""
        endings = ("COMPLETE", None), ("COMPLETE", None), ("PRUNED", None), ("FAILED", Failure.OOM)
        for state, failure in endings:
            store.finish(claimed(store, study).trial_id, TrialState(state), score=0.5, failure=failure)
        before = store.summary(study.study_id)
        store.promote(study.study_id, [promotion(0, seed=seed) for seed in range(5)])
        waiting = store.summary(study.study_id)
        for state, failure in endings[1:]:
            trial = store.claim(study.study_id, worker="me", lease_s=60, new=False)
            store.finish(trial.trial_id, TrialState(state), failure=failure)
        store.claim(study.study_id, worker="me", lease_s=60, new=False)

        running = store.summary(study.study_id)
        claimed(store, study)

        found = [counts_of(one) for one in (before, waiting, running, store.summary(study.study_id))]
        assert [(2, 1, 1, 0, 0, 0), (2, 1, 1, 0, 5, 0), (2, 1, 1, 0, 5, 3), (2, 1, 1, 1, 5, 3)] == found
        assert store.summary(study.study_id) in store.studies()
        assert (5, 3) == tuple(running.to_dict()[name] for name in ("later", "later_done"))

    def test_nothing_is_counted_before_it_begins(self, store, study):
        """A study without a trial has zeros and no best score."""
        summary = store.summary(study.study_id)

        assert ((0, 0, 0, 0, 0, 0), None) == (counts_of(summary), summary.best_score)

    @pytest.mark.parametrize(("direction", "best"), [("maximize", 0.5), ("minimize", 0.25)])
    def test_the_best_score_is_one_on_most_data(self, store, direction, best):
        """A score on less of the data is not comparable, and a trial without a score hides nobody's."""
        study = make_study(store, new_name(), direction=direction)
        other = make_study(store, new_name(), direction=direction)
        for number, score in enumerate((0.0, 1.0)):
            searched(store, study, number, score=score)
        searched(store, other, 0, score=7.0, fraction=1.0)
        again(store, study, [promotion(n, fraction=0.3) for n in range(2)], [0.5, 0.25])
        again(store, study, [promotion(n, **FINAL) for n in range(2)], [None, Failure.NAN])

        assert best == store.summary(study.study_id).best_score == store.best(study.study_id).score


def again(store: StudyStore, study: Study, promotions: Sequence[Any], outcomes: Sequence[Any]) -> None:
    """Promote, and run in that order: to a score, to none, or to a failure."""
    assert store.promote(study.study_id, promotions)
    for outcome in outcomes:
        trial = store.claim(study.study_id, worker="me", lease_s=60, new=False)
        if isinstance(outcome, Failure):
            store.finish(trial.trial_id, TrialState.FAILED, failure=outcome)
        else:
            store.finish(trial.trial_id, TrialState.COMPLETE, score=outcome)


def ranking(store: StudyStore, study: Study) -> list[int]:
    return store.ranking(study.study_id, study.direction, 2 * COUNT)


def counts_of(found: StudySummary) -> tuple[int, ...]:
    return found.complete, found.pruned, found.failed, found.running, found.later, found.later_done
