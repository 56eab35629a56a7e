"""What holds where configurations are run again, on more data or with another seed: subclass as `contract.py` says.

Which of them is best is `standing_contract.py`.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState as OptunaState

from hpsearch.studies.errors import ConfigurationTaken, StudyNotFound
from hpsearch.studies.leases import lost_if
from hpsearch.studies.optuna_study import open_optuna_study
from hpsearch.studies.promotion import Promotion
from hpsearch.studies.records import Failure, Phase, Study, Trial, TrialState
from hpsearch.studies.store import StudyStore

from .making import claimed, completed, make_study
from .sharing import SharedStore, answer_lost, new_name

ASKED = 3  # trials of a study in these tests
SIGNAL = {"fraction": 0.1 + 0.2, "checks": [{"fraction": 0.1, "score": None}], "found": True}
VERDICT = {"winner": 3, "gain": 1 / 3, "ranks": {"0.1": [1, 0]}, "名": None}
#: What an attempt writes, and what is left of it when another begins.
WRITTEN = {
    "curve": [{"budget": 0.25, "score": 0.5}],
    "metrics": {"m": 1},
    "seconds": {"train": 2.0},
    "checkpoint": "/a",
    "progress": 0.25,
    "device": "cpu",
    "predictions": [0, 1.5],
    "environment": {"torch": "2"},
}
FRESH = {**dict.fromkeys(WRITTEN), "curve": [], "metrics": {}, "seconds": {}}


class PromotionContract(SharedStore):
    """Every database passes these."""

    @pytest.fixture
    def study(self, store: StudyStore) -> Study:
        return make_study(store, new_name(), trials=ASKED)

    # Adding

    def test_a_promotion_waits(self, store, study, twin):
        """It has its configuration, fraction, seed, origin, phase and rung, the numbers go on, and so do Optuna's."""
        for number in range(ASKED):
            searched(store, study, number)
        climbs = promotion(2, params={"lr": 1 / 3, "名": None}, seed=2**63 - 1, fraction=0.1 + 0.2)
        final = promotion(0, phase=Phase.FINAL, rung=3, fraction=1.0)

        assert store.promote(study.study_id, [climbs, final])

        third, fourth = store.trials(study.study_id)[ASKED:]
        assert [{"lr": 1 / 3, "名": None}, {"lr": 0}] == [third.params, fourth.params]
        assert [(0.1 + 0.2, 2**63 - 1), (1.0, 7)] == [(one.fraction, one.seed) for one in (third, fourth)]
        assert [(2, 2, False), (0, 0, True)] == [
            (one.origin, one.first_number, one.baseline) for one in (third, fourth)
        ]
        assert [("promotion", 1), ("final", 3)] == [(one.phase, one.rung) for one in (third, fourth)]
        for trial in (third, fourth):
            assert (TrialState.WAITING, 1, study.objective) == (trial.state, trial.attempt, trial.objective)
            assert (None, None, None, {}) == (trial.score, trial.worker, trial.started_at, trial.config)
            assert FRESH == {name: getattr(trial, name) for name in FRESH}
        twins = [(one.number, one._trial_id, one.state) for one in twin.get_trials(deepcopy=False)[ASKED:]]
        assert [(one.number, one.optuna_trial_id, OptunaState.WAITING) for one in (third, fourth)] == twins
        assert [3, 4] == [third.number, fourth.number]

    def test_the_same_promotion_is_refused(self, store, study, twin):
        """All or none: beside one that is there already, a new one is not added either, with us or with Optuna."""
        assert store.promote(study.study_id, [promotion(0), promotion(1)])
        before = store.trials(study.study_id)

        again = [
            store.promote(study.study_id, promotions)
            for promotions in (
                [promotion(1)],
                [promotion(2), promotion(0)],
                [promotion(2), promotion(2)],
                [promotion(1, rung=2)],
            )
        ]

        assert [False] * 4 == again
        assert before == store.trials(study.study_id)
        assert [0, 1] == [one.number for one in twin.get_trials(deepcopy=False)]
        assert store.promote(study.study_id, [promotion(2)])
        assert [0, 1, 2] == [one.number for one in store.trials(study.study_id)]

    def test_another_fraction_seed_or_phase_is_another(self, store, study):
        """A configuration may climb, and be run with several seeds; other studies may promote it, too, and so may two
        trials of one study that had it both: in an old or an imported study there may be such.
        """
        others = [{}, {"fraction": 0.9}, {"seed": 8}, {"phase": Phase.FINAL}, {"params": {"lr": 0.25}}]

        added = [store.promote(study.study_id, [promotion(1, **changes)]) for changes in others]

        assert [True] * 5 == added
        assert store.promote(study.study_id, [promotion(2, params={"lr": 1})])
        assert store.promote(make_study(store, new_name()).study_id, [promotion(1)])

    def test_nothing_to_promote_is_promoted(self, store, study):
        """An empty list is no refusal, and takes no number."""
        assert store.promote(study.study_id, [])
        assert 0 == claimed(store, study).number

    def test_a_deleted_study_promotes_nobody(self, store, study):
        """Who promotes in a study that was deleted meanwhile is told so."""
        store.delete_study(study.study_id)

        with pytest.raises(StudyNotFound, match="deleted meanwhile"):
            store.promote(study.study_id, [promotion(0)])

    def test_one_of_many_promotes(self, store, study, twin, url):
        """Of four workers that promote the same at the same moment one does, the others are told that it was done."""
        for number in range(ASKED):
            searched(store, study, number)
        promotions = [promotion(number) for number in range(ASKED)]

        did = at_once([lambda own: own.promote(study.study_id, promotions)] * 4, url)

        assert [False, False, False, True] == sorted(did)
        numbers = [(one.number, one.origin) for one in store.trials(study.study_id)]
        assert [(0, None), (1, None), (2, None), (3, 0), (4, 1), (5, 2)] == numbers
        assert list(range(6)) == [one.number for one in twin.get_trials(deepcopy=False)]

    def test_promoting_and_claiming_share_the_numbers(self, store, study, twin, url):
        """Workers that take slots while others promote: each trial has a number of its own, on both sides."""
        workers = [lambda own, n=n: own.promote(study.study_id, [promotion(n)]) for n in range(ASKED)]
        workers += [lambda own, n=n: own.claim(study.study_id, worker=f"{n}", lease_s=60) for n in range(ASKED)]

        at_once(workers, url)

        trials = store.trials(study.study_id)
        assert list(range(2 * ASKED)) == [one.number for one in trials]
        assert ASKED == sum(one.phase is Phase.SEARCH for one in trials)
        assert list(range(2 * ASKED)) == [one.number for one in twin.get_trials(deepcopy=False)]

    def test_a_promotion_not_heard_of_is_added_once(self, store, study, twin):
        """Where the answer was lost the repetition finds it there, as if another worker had been quicker."""
        with answer_lost(store) as lost:
            store.promote(study.study_id, [promotion(0), promotion(1)])

        assert [1] == lost
        assert [0, 1] == [one.number for one in store.trials(study.study_id)]
        assert [0, 1] == [one.number for one in twin.get_trials(deepcopy=False)]

    def test_a_promotion_that_failed_is_repeated(self, store, study):
        """Where the database was not reached it is tried again."""
        with answer_lost(store, committed=False):
            assert store.promote(study.study_id, [promotion(0)])

        assert [0] == [one.number for one in store.trials(study.study_id)]

    # Claiming

    def test_a_promotion_takes_no_slot(self, store, study):
        """B4: the asked total is one of search trials: all of them are claimed, before and after; then none."""
        completed(store, study)
        store.promote(study.study_id, [promotion(0), promotion(0, seed=8)])

        search = [claimed(store, study) for _ in range(ASKED - 1)]
        for trial in search:
            store.finish(trial.trial_id, TrialState.COMPLETE, score=1.0)
        later = [store.claim(study.study_id, worker="me", lease_s=60) for _ in range(3)]

        assert [3, 4] == [one.number for one in search]
        assert [1, 2, None] == [one and one.number for one in later]
        store.update_study(study.study_id, trials=ASKED + 1)
        assert (5, Phase.SEARCH) == ((last := claimed(store, study)).number, last.phase)
        assert store.claim(study.study_id, worker="me", lease_s=60) is None

    def test_a_claim_gives_what_was_promoted(self, store, study, twin):
        """The worker gets the whole row, and may reserve its configuration no more than anybody."""
        first = searched(store, study, 0)
        store.promote(study.study_id, [promotion(0, fraction=0.3)])
        (waiting,) = store.trials(study.study_id)[1:]

        trial = store.claim(study.study_id, worker="me", lease_s=60, new=False)

        held = {"state": "RUNNING", **{name: getattr(trial, name) for name in ("worker", "lease_until", "started_at")}}
        assert {**waiting.to_dict(), **held} == trial.to_dict() == store.trial(study.study_id, 1).to_dict()
        assert ("me", first.params) == (trial.worker, trial.params)
        with pytest.raises(ConfigurationTaken):
            store.reserve(trial.trial_id, first.params)

    def test_lower_rungs_come_first(self, store, study):
        """Nobody is taken while an unfinished trial is below: whether it runs, waits or was put back."""
        store.promote(study.study_id, [promotion(0, rung=2), promotion(0, seed=8), promotion(1)])
        below = [claimed(store, study) for _ in range(ASKED)]
        taken = []
        for ends in (lambda: None, lambda: store.release(below[2].trial_id)):
            ends()
            taken.append(store.claim(study.study_id, worker="other", lease_s=60))
        below[2] = taken.pop()
        for trial in below:
            taken.append(store.claim(study.study_id, worker="other", lease_s=60))
            store.finish(trial.trial_id, TrialState.PRUNED, score=0.5)

        first = [claimed(store, study), claimed(store, study)]
        for trial in first:
            taken.append(store.claim(study.study_id, worker="other", lease_s=60))
            store.finish(trial.trial_id, TrialState.FAILED, failure=Failure.NAN)

        assert (5, [None] * 6) == (below[2].number, taken)
        assert [1, 2] == [one.number for one in first]
        assert 0 == claimed(store, study).number
        assert store.claim(study.study_id, worker="me", lease_s=60) is None

    def test_each_promotion_is_claimed_once(self, store, study, url):
        """Many workers that claim at the same moment get one each."""
        store.promote(study.study_id, [promotion(number) for number in range(4)])

        claims = [lambda own, n=n: own.claim(study.study_id, worker=f"{n}", lease_s=60, new=False) for n in range(5)]
        found = at_once(claims, url)

        assert [-1, 0, 1, 2, 3] == sorted(-1 if one is None else one.number for one in found)

    def test_a_claim_not_heard_of_takes_one_promotion(self, store, study):
        """A claim that is repeated returns the promotion it took, and not the next one, too."""
        store.promote(study.study_id, [promotion(0), promotion(1)])

        with answer_lost(store):
            trial = store.claim(study.study_id, worker="me", lease_s=60, new=False)

        assert 0 == trial.number
        assert ["RUNNING", "WAITING"] == [one.state for one in store.trials(study.study_id)]

    # Ending

    def test_a_failed_promotion_gives_no_slot_back(self, store, study):
        """However it fails, no search trial takes its place, and it stays its own."""
        for _ in range(ASKED):
            completed(store, study)
        store.promote(study.study_id, [promotion(0), promotion(1), promotion(2)])

        failed = claimed(store, study)
        store.finish(failed.trial_id, TrialState.FAILED, failure=Failure.OOM)
        for _ in range(2):
            claimed(store, study)
            store.recover(study.study_id, lost_if(lambda worker: False))
        assert store.withdraw(claimed(store, study).trial_id)

        assert store.claim(study.study_id, worker="me", lease_s=60) is None
        later = [(one.failure, one.attempt) for one in store.trials(study.study_id)[ASKED:]]
        assert [(Failure.OOM, 1), (Failure.LOST, 2)] == later
        assert not store.promote(study.study_id, [promotion(0)])
        store.update_study(study.study_id, trials=ASKED + 1)
        claimed(store, study)
        assert store.claim(study.study_id, worker="me", lease_s=60) is None

    @pytest.mark.parametrize("lost", [True, False])
    def test_a_promotion_begins_anew(self, store, study, storage, twin, lost):
        """B3: lost or released, it is what it was when it was promoted: nothing that the attempt wrote is left."""
        store.promote(study.study_id, [promotion(0, fraction=0.3)])
        (before,) = store.trials(study.study_id)
        run_a_little(store, storage, store.claim(study.study_id, worker="me", lease_s=60, new=False))

        if lost:
            store.recover(study.study_id, lost_if(lambda worker: False))
        else:
            store.release(before.trial_id, worker="me")

        (after,) = store.trials(study.study_id)
        assert {**before.to_dict(), "attempt": 1 + lost, "config": {"a": 1}} == after.to_dict()
        (told,) = twin.get_trials(deepcopy=False)
        assert (OptunaState.WAITING, {}) == (told.state, told.intermediate_values)
        assert before.number == store.claim(study.study_id, worker="next", lease_s=60, new=False).number

    def test_a_search_trial_begins_anew_as_well(self, store, study, storage, twin):
        """Predictions and environment of an attempt that was given up are not the next one's."""
        trial = claimed(store, study)
        run_a_little(store, storage, trial)

        store.release(trial.trial_id)

        found = store.trial(study.study_id, 0)
        assert FRESH == {name: getattr(found, name) for name in FRESH}

    def test_a_promotion_lost_for_good_has_failed_on_both_sides(self, store, study, storage, twin):
        """Its second worker dies too: FAILED with us, FAIL with Optuna."""
        store.promote(study.study_id, [promotion(0)])
        for _ in range(2):
            run_a_little(store, storage, store.claim(study.study_id, worker="me", lease_s=60, new=False))
            store.recover(study.study_id, lost_if(lambda worker: False))

        assert [Failure.LOST] == [one.failure for one in store.trials(study.study_id)]
        assert [OptunaState.FAIL] == [one.state for one in twin.get_trials(deepcopy=False)]

    def test_a_final_keeps_what_it_predicted(self, store, study):
        """Predictions and environment are there as they were given; what is not a number is none."""
        store.promote(study.study_id, [promotion(0, phase=Phase.FINAL)])
        trial = store.claim(study.study_id, worker="me", lease_s=60, new=False)
        environment = {"versions": {"torch": "2"}, "名": [0.1 + 0.2, None]}

        done = store.finish(
            trial.trial_id,
            TrialState.COMPLETE,
            score=0.5,
            predictions=[0, 1, 0.1 + 0.2, float("nan")],
            environment=environment,
        )

        assert done == store.trial(study.study_id, 0)
        assert ([0, 1, 0.1 + 0.2, None], environment) == (done.predictions, done.environment)

    # Optuna's half

    def test_a_promotion_waits_for_optunas_study(self, store, study, storage):
        """Promoted without Optuna, it gets Optuna's trial of its number when it is claimed with it."""
        store.promote(study.study_id, [promotion(0), promotion(1)])
        twin = open_optuna_study(storage, study.name, direction="maximize", metric_name="m")
        before = [one.optuna_trial_id for one in store.trials(study.study_id)]

        trial = store.claim(study.study_id, worker="me", lease_s=60, new=False)

        (found,) = twin.get_trials(deepcopy=False)
        assert [None, None] == before
        assert (0, trial.optuna_trial_id, OptunaState.WAITING) == (found.number, found._trial_id, found.state)

    # The share of the data that has a signal

    def test_a_study_is_open_from_the_start(self, store, study):
        """One that checks nothing has no signal to wait for."""
        assert (False, None, None) == (study.checking, study.signal, study.verdict)
        assert not store.end_checking(study.study_id, SIGNAL)
        assert store.study(study.name).signal is None

    def test_a_signal_is_noted_and_keeps_nobody_waiting(self, store):
        """What the first trial found out is kept, the latest of it; the others are claimed all the same."""
        study = make_study(store, new_name(), trials=ASKED)
        numbers = [claimed(store, study).number for _ in range(2)]
        store.note_signal(study.study_id, {"fraction": 0.1, "found": False})
        store.note_signal(study.study_id, SIGNAL)

        assert [0, 1] == numbers
        assert (False, SIGNAL) == (store.study(study.name).checking, store.study(study.name).signal)

    def test_while_checking_there_is_one_trial(self, store):
        """The first trial alone can be claimed, again where it was put back or lost, until checking has ended."""
        study = make_study(store, new_name(), trials=ASKED, checking=True)
        numbers = []
        for ends in (store.release, lambda trial: store.recover(study.study_id, lost_if(lambda worker: False))):
            trial = claimed(store, study)
            others = [store.claim(study.study_id, worker="other", lease_s=60, new=new) for new in (True, False)]
            ends(trial.trial_id)
            numbers.append((trial.number, others))
        claimed(store, study)

        assert [(0, [None, None])] * 2 == numbers
        assert study.checking
        assert store.claim(study.study_id, worker="other", lease_s=60) is None
        assert store.end_checking(study.study_id, SIGNAL)
        assert [1, 2] == [claimed(store, study).number for _ in range(2)]
        assert store.claim(study.study_id, worker="me", lease_s=60) is None

    def test_checking_ends_once(self, store):
        """The first word stays: who comes later is told so, and changes nothing."""
        study = make_study(store, new_name(), checking=True)

        ended = [store.end_checking(study.study_id, signal) for signal in (SIGNAL, {"fraction": 1.0})]

        found = store.study(study.name)
        assert [True, False] == ended
        assert (False, SIGNAL) == (found.checking, found.signal)

    def test_workers_check_together(self, store, url):
        """Of four workers one gets the first trial; of four that end the checking at the same moment one does."""
        study = make_study(store, new_name(), checking=True)

        got = at_once([lambda own, n=n: own.claim(study.study_id, worker=f"{n}", lease_s=60) for n in range(4)], url)
        did = at_once([lambda own, n=n: own.end_checking(study.study_id, {"fraction": n / 4}) for n in range(4)], url)

        assert [0] == [one.number for one in got if one is not None]
        assert {"fraction": did.index(True) / 4} == store.study(study.name).signal
        assert 1 == sum(did)

    @pytest.mark.parametrize("lost", [True, False])
    def test_a_first_trial_that_failed_leaves_it_to_its_worker(self, store, lost):
        """Nothing begins until somebody says at which share of the data; then its slot is free for another."""
        study = make_study(store, new_name(), trials=1, checking=True)
        trial = claimed(store, study)
        if lost:
            for _ in range(2):
                store.recover(study.study_id, lost_if(lambda worker: False))
                store.claim(study.study_id, worker="me", lease_s=60)
        else:
            store.finish(trial.trial_id, TrialState.FAILED, failure=Failure.OOM)

        assert store.claim(study.study_id, worker="me", lease_s=60) is None
        assert store.end_checking(study.study_id, SIGNAL)
        assert 1 == claimed(store, study).number

    def test_an_end_of_checking_not_heard_of_has_come(self, store):
        """Where the answer was lost it is repeated, and the study is open with that signal."""
        study = make_study(store, new_name(), checking=True)

        with answer_lost(store):
            store.end_checking(study.study_id, SIGNAL)

        found = store.study(study.name)
        assert (False, SIGNAL) == (found.checking, found.signal)

    # What came out

    def test_a_verdict_is_kept(self, store, study):
        """A later one replaces it, whole; nothing else of the study changes."""
        first = store.conclude(study.study_id, VERDICT)
        listed = store.studies()[-1].study
        second = store.conclude(study.study_id, {"winner": 1, "gain": float("nan")})

        assert {**study.to_dict(), "verdict": VERDICT} == first.to_dict() == listed.to_dict()
        assert {"winner": 1, "gain": None} == second.verdict == store.study(study.name).verdict

    def test_a_study_that_is_gone_has_no_verdict(self, store, study):
        """Who concludes a study that was deleted meanwhile is told so."""
        store.delete_study(study.study_id)

        with pytest.raises(StudyNotFound, match="deleted meanwhile"):
            store.conclude(study.study_id, VERDICT)


def promotion(origin: int, **changes: Any) -> Promotion:
    """Return a promotion of the trial that `searched` would make of that number."""
    values: dict[str, Any] = {
        "origin": origin,
        "baseline": origin == 0,
        "params": {"lr": origin},
        "phase": Phase.PROMOTION,
        "rung": 1,
        "fraction": 0.5,
        "seed": 7,
    }
    return Promotion(**{**values, **changes})


def searched(store: StudyStore, study: Study, value: int, *, score: float | None = 0.5, **fields: Any) -> Trial:
    """Claim a trial, reserve a configuration for it and complete it."""
    trial = claimed(store, study)
    store.reserve(trial.trial_id, {"lr": value}, worker="me")
    return store.finish(trial.trial_id, TrialState.COMPLETE, score=score, **{"fraction": 0.1, "seed": 7, **fields})


def run_a_little(store: StudyStore, storage: optuna.storages.RDBStorage, trial: Trial) -> None:
    """Begin a claimed trial, with us and with Optuna."""
    storage.set_trial_state_values(trial.optuna_trial_id, OptunaState.RUNNING)
    storage.set_trial_intermediate_value(trial.optuna_trial_id, 25, 0.5)
    store.record(trial.trial_id, worker="me", config={"a": 1}, **WRITTEN)


def at_once(works: list[Any], url: str) -> list[Any]:
    """Let workers, each with a store of its own, do what they do at the same moment; return what they found."""
    start = threading.Barrier(len(works))

    def work(one: Any) -> Any:
        with StudyStore.open(url) as own:
            start.wait(timeout=60)
            return one(own)

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(work, works))
