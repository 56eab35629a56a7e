"""What several workers on one study must be able to rely on: subclass `WorkerContract` as `contract.py` says.

The half about answers that are lost is `answer_contract.py`.
"""

from __future__ import annotations

import math
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from optuna.trial import TrialState as OptunaState
from sqlalchemy import update

from hpsearch.studies.engine import transaction
from hpsearch.studies.errors import ConfigurationTaken, LeaseLost, StudyNotFound, TrialFinished, TrialNotFound
from hpsearch.studies.optuna_study import open_optuna_study
from hpsearch.studies.records import Failure, Trial, TrialState, Tried
from hpsearch.studies.store import StudyStore
from hpsearch.studies.tables import trials

from .answer_contract import AnswerContract
from .making import claimed, completed, make_study
from .sharing import COUNT, free_slots, new_name


class WorkerContract(AnswerContract):
    """Every database passes these."""

    # No configuration is tried twice

    def test_a_configuration_is_had_once(self, store, study):
        """A configuration that another trial has is refused, in a sentence with it, and the row stays as it was."""
        first, second = claimed(store, study), claimed(store, study)
        store.reserve(first.trial_id, {"lr": 0.125}, worker="me")
        store.reserve(second.trial_id, {"lr": 0.5}, worker="me")

        with pytest.raises(ConfigurationTaken, match=r"\{'lr': 0\.125\}"):
            store.reserve(second.trial_id, {"lr": 0.125}, worker="me")

        assert [{"lr": 0.125}, {"lr": 0.5}] == [trial.params for trial in store.trials(study.study_id)]
        assert {**second.to_dict(), "params": {"lr": 0.5}} == store.trial(study.study_id, 1).to_dict()

    def test_a_configuration_may_be_had_by_another_study(self, store, study):
        """Studies do not look at each other's configurations."""
        other = make_study(store, new_name())
        for one in (study, other):
            store.reserve(claimed(store, one).trial_id, {"lr": 0.125})

        assert [{"lr": 0.125}] * 2 == [store.trial(one.study_id, 0).params for one in (study, other)]

    def test_a_trial_may_reserve_again(self, store, study):
        """Its own configuration is never in a trial's way, and another one makes room for the rest."""
        first, second = claimed(store, study), claimed(store, study)
        for params in ({"lr": 1.0}, {"lr": 1.0}, {"lr": 2.0}):
            store.reserve(first.trial_id, params)
        store.reserve(second.trial_id, {"lr": 1.0})

        assert [{"lr": 2.0}, {"lr": 1.0}] == [trial.params for trial in store.trials(study.study_id)]

    def test_one_of_many_gets_a_configuration(self, store, study):
        """B8: of four workers that draw the same configuration at the same moment exactly one has it."""
        running = [claimed(store, study, f"worker {n}") for n in range(4)]
        at_once = threading.Barrier(len(running))

        def reserve(trial: Trial) -> bool:
            at_once.wait(timeout=30)
            try:
                store.reserve(trial.trial_id, {"lr": 0.1}, worker=trial.worker)
            except ConfigurationTaken:
                return False
            return True

        with ThreadPoolExecutor(len(running)) as pool:
            got_it = list(pool.map(reserve, running))

        assert 1 == sum(got_it)
        assert [{"lr": 0.1} if got else None for got in got_it] == [one.params for one in store.running(study.study_id)]

    @pytest.mark.parametrize(
        ("one", "other", "same"),
        [
            ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
            ({"a": [1, {"b": 2, "c": 3}]}, {"a": (1, {"c": 3, "b": 2})}, True),
            ({"a": 0.1 + 0.2}, {"a": 0.30000000000000004}, True),
            ({"a": 0.1 + 0.2}, {"a": 0.3}, False),
            ({"a": 1}, {"a": 1.0}, False),
            ({"a": 1}, {"a": True}, False),
            ({"a": 1.0}, {"a": True}, False),
            ({"a": 1}, {"a": "1"}, False),
            ({"a": 0.0}, {"a": -0.0}, False),
            ({"a": None}, {}, False),
        ],
    )
    def test_what_one_configuration_is(self, one, other, same, store, study):
        """Names in another order are the same configuration; a value of another type (1, 1.0, true, "1") or with
        another last bit is another one: what counts is the text that a person reads in the store.
        """
        first, second = claimed(store, study), claimed(store, study)
        store.reserve(first.trial_id, one)
        try:
            store.reserve(second.trial_id, other)
            taken = False
        except ConfigurationTaken:
            taken = True

        assert same is taken

    def test_a_configuration_that_ended_stays_taken(self, store, study):
        """B9: however a trial ended, and while it waits, its configuration is not drawn again."""
        endings = {None: TrialState.COMPLETE, **dict.fromkeys(Failure, TrialState.FAILED)}
        for number, (failure, state) in enumerate(endings.items()):
            trial = claimed(store, study)
            store.reserve(trial.trial_id, {"n": number})
            store.finish(trial.trial_id, state, failure=failure)
        waiting = claimed(store, study)
        store.reserve(waiting.trial_id, {"n": len(endings)})
        trial = claimed(store, study)
        store.release(waiting.trial_id)

        for number in range(len(endings) + 1):
            with pytest.raises(ConfigurationTaken):
                store.reserve(trial.trial_id, {"n": number})

    def test_a_replicate_may_have_it_too(self, store, study):
        """B9: what ran out of memory is tried again with less, as a replicate with a name; each name once."""
        first, second, third = (claimed(store, study) for _ in range(3))
        store.reserve(first.trial_id, {"lr": 0.1})
        store.finish(first.trial_id, TrialState.FAILED, failure=Failure.OOM)

        store.reserve(second.trial_id, {"lr": 0.1}, replicate="less memory")
        for replicate in ("", "less memory"):
            with pytest.raises(ConfigurationTaken):
                store.reserve(third.trial_id, {"lr": 0.1}, replicate=replicate)
        store.reserve(third.trial_id, {"lr": 0.1}, replicate="another")

        assert [{"lr": 0.1}] * 3 == [trial.params for trial in store.trials(study.study_id)]

    def test_only_its_worker_reserves(self, store, study):
        """A configuration is written like anything else: by who holds the trial, while it runs."""
        trial = claimed(store, study)

        with pytest.raises(LeaseLost):
            store.reserve(trial.trial_id, {"lr": 1}, worker="other")
        store.finish(trial.trial_id, TrialState.COMPLETE)
        with pytest.raises(TrialFinished):
            store.reserve(trial.trial_id, {"lr": 1}, worker="me")
        with pytest.raises(TrialNotFound):
            store.reserve(10**6, {"lr": 1}, worker="me")

        assert store.trial(study.study_id, 0).params is None

    def test_what_was_tried_is_listed(self, store, study):
        """Each configuration with what became of it, in the order of the numbers; a trial without one is not there."""
        for params in ({"lr": 0.1 + 0.2}, {"lr": 1}, None, {"lr": 2}, {"lr": 3}):
            trial = claimed(store, study)
            if params:
                store.reserve(trial.trial_id, params)
        store.finish(trial.trial_id, TrialState.COMPLETE, score=0.25)
        store.finish(trial.trial_id - 1, TrialState.FAILED, failure=Failure.NAN)
        store.release(trial.trial_id - 4)

        assert [
            Tried(number=0, state=TrialState.WAITING, failure=None, params={"lr": 0.1 + 0.2}),
            Tried(number=1, state=TrialState.RUNNING, failure=None, params={"lr": 1}),
            Tried(number=3, state=TrialState.FAILED, failure=Failure.NAN, params={"lr": 2}),
            Tried(number=4, state=TrialState.COMPLETE, failure=None, params={"lr": 3}, score=0.25),
        ] == store.tried(study.study_id)

    def test_a_withdrawn_claim_was_never_there(self, store, study):
        """A claim for which no configuration is left leaves no trial; slot and configuration are free, its number is
        not used again. Another worker's trial, or a finished one, cannot be withdrawn.
        """
        done, trial, others = completed(store, study), claimed(store, study), claimed(store, study, "other")
        store.reserve(trial.trial_id, {"lr": 1})

        undone = [store.withdraw(one.trial_id, worker="me") for one in (trial, trial, others, done)]

        assert [True, False, False, False] == undone
        assert [done, others] == store.trials(study.study_id)
        store.reserve((last := claimed(store, study)).trial_id, {"lr": 1})
        assert (3, COUNT - 3) == (last.number, free_slots(store, study))

    # Questions

    def test_the_best_are_ranked(self, store, study):
        """By score in the asked direction, equal ones by number; what has no score or is not complete is not ranked."""
        for score in (0.5, 0.9, None, 0.5, math.nan, 0.1):
            completed(store, study, score)
        store.finish(claimed(store, study).trial_id, TrialState.PRUNED, score=7.0)
        store.finish(claimed(store, study).trial_id, TrialState.FAILED, failure=Failure.NAN, score=8.0)

        assert [1, 0, 3, 5] == store.ranking(study.study_id, "maximize", COUNT)
        assert [5, 0, 3] == store.ranking(study.study_id, "minimize", 3)
        assert [] == store.ranking(study.study_id, "maximize", 0)

    def test_who_runs_is_listed(self, store, study):
        """All running trials and no others, whoever runs them, as they are now."""
        completed(store, study)
        mine, others, back = claimed(store, study), claimed(store, study, "other"), claimed(store, study)
        store.release(back.trial_id)
        store.record(others.trial_id, curve=[{"budget": 0.5, "score": 1.0}])

        assert [mine, store.trial(study.study_id, others.number)] == store.running(study.study_id)

    def test_what_ended_lately_is_listed(self, store, study, clock):
        """In the order of the ends and not of the numbers, with what ended at that very moment."""
        running = [claimed(store, study) for _ in range(4)]
        ended = []
        for trial in (running[2], running[0], running[1]):
            clock.move(1)
            ended.append(store.finish(trial.trial_id, TrialState.COMPLETE))

        assert ended == store.ended_since(study.study_id, "")
        assert ended[1:] == store.ended_since(study.study_id, ended[1].finished_at)
        clock.move(1)
        assert [] == store.ended_since(study.study_id, clock().isoformat(timespec="microseconds"))

    def test_which_have_finished_is_answered(self, store, study):
        """Those of the asked numbers that are complete, pruned or failed; a number nobody has is not there."""
        for state, failure in (("COMPLETE", None), ("PRUNED", None), ("FAILED", Failure.OOM), ("COMPLETE", None)):
            store.finish(claimed(store, study).trial_id, TrialState(state), failure=failure)
        back, _ = claimed(store, study), claimed(store, study)
        store.release(back.trial_id)

        assert {0, 1, 2} == store.finished_among(study.study_id, [0, 1, 2, 4, 5, 99])
        assert set() == store.finished_among(study.study_id, [])

    def test_failures_of_one_kind_are_listed(self, store, study):
        """Those of another kind, and trials that did not fail, are not there."""
        for failure in (Failure.OOM, Failure.NAN, Failure.OOM):
            store.finish(claimed(store, study).trial_id, TrialState.FAILED, failure=failure)
        completed(store, study)

        assert [0, 2] == [trial.number for trial in store.failed_with(study.study_id, Failure.OOM)]
        assert [] == store.failed_with(study.study_id, Failure.CODE)

    def test_limits_are_kept_with_the_study(self, store, study):
        """Every worker finds the limits that the search was started with; they change as a whole or not at all."""
        limits = {"max_failures": 3, "keep": 1, "trial_timeout": 0.1 + 0.2, "none": None}
        made = make_study(store, new_name(), limits=limits)

        assert ({}, limits, limits) == (study.limits, made.limits, store.study(made.name).limits)
        assert limits == store.update_study(made.study_id, trials=99).limits
        assert {"keep": 2} == store.update_study(made.study_id, limits={"keep": 2}).limits
        assert {} == store.update_study(made.study_id, limits={}).limits == store.study(made.name).limits

    def test_a_study_that_is_gone_is_not_changed(self, store, study):
        """Who changes a study that was deleted meanwhile is told so."""
        store.delete_study(study.study_id)

        with pytest.raises(StudyNotFound, match="deleted meanwhile"):
            store.update_study(study.study_id, limits={"keep": 1})

    # Optuna's half of a claim

    def test_a_claim_makes_optunas_trial(self, store, study, twin):
        """One transaction makes both: the same number, and waiting for this worker."""
        ours = [claimed(store, study) for _ in range(2)]

        found = [(one.number, one._trial_id, one.state) for one in twin.get_trials(deepcopy=False)]

        assert [(one.number, one.optuna_trial_id, OptunaState.WAITING) for one in ours] == found

    def test_without_optunas_study_there_is_no_trial_of_its(self, store, study):
        """A search with another backend claims all the same."""
        assert claimed(store, study).optuna_trial_id is None

    def test_an_old_trial_is_linked(self, store, study, storage, twin):
        """A trial put back before release 0.2 gets Optuna's trial of its number, which waits again."""
        first, second = claimed(store, study), claimed(store, study)
        storage.set_trial_state_values(second.optuna_trial_id, OptunaState.RUNNING)
        as_before_release_02(store, first)
        as_before_release_02(store, second)

        again = [claimed(store, study), claimed(store, study)]

        assert [(0, first.optuna_trial_id), (1, second.optuna_trial_id)] == [
            (one.number, one.optuna_trial_id) for one in again
        ]
        assert again == store.trials(study.study_id)
        assert [OptunaState.WAITING] * 2 == [one.state for one in twin.get_trials(deepcopy=False)]

    def test_an_old_trial_gets_one_where_optuna_has_none(self, store, study, storage):
        """A trial that was put back before Optuna's study was made is in it from then on, under its own number."""
        claimed(store, study)
        second = claimed(store, study)
        store.release(second.trial_id)
        twin = open_optuna_study(storage, study.name, direction="maximize", metric_name="m")

        again = claimed(store, study)

        (found,) = twin.get_trials(deepcopy=False)
        assert (second.trial_id, found._trial_id) == (again.trial_id, again.optuna_trial_id)
        assert (1, OptunaState.WAITING) == (found.number, found.state)

    def test_an_old_trial_is_not_linked_to_another_study(self, store, study, storage, twin):
        """Optuna's trial of the same number in a study of another name is not ours."""
        other = make_study(store, new_name())
        trial = claimed(store, other)
        claimed(store, study)
        store.release(trial.trial_id)

        assert claimed(store, other).optuna_trial_id is None

    def test_what_optuna_was_not_told_is_listed(self, store, study, storage, twin):
        """Trials that ended here and not there; those that were told, still run or have no trial there are not."""
        untold, told, _ = (claimed(store, study) for _ in range(3))
        ended = [store.finish(one.trial_id, TrialState.COMPLETE, score=1.0) for one in (untold, told)]
        storage.set_trial_state_values(told.optuna_trial_id, OptunaState.COMPLETE, [1.0])
        apart = claimed(store, study)
        with transaction(store._engine) as connection:
            connection.execute(update(trials).where(trials.c.trial_id == apart.trial_id).values(optuna_trial_id=None))
        store.finish(apart.trial_id, TrialState.COMPLETE, score=1.0)

        assert ended[:1] == store.untold(study.study_id)


def as_before_release_02(store: StudyStore, trial: Trial) -> None:
    """Let a running trial wait, as an old release left it: it does not know Optuna's trial."""
    values = {"state": "WAITING", "worker": None, "lease_until": None, "optuna_trial_id": None}
    with transaction(store._engine) as connection:
        connection.execute(update(trials).where(trials.c.trial_id == trial.trial_id).values(**values))
