"""What every database must keep: subclass `StoreContract` and name the `SERVER`, as `test_store.py` does.

The tests of a class share one database (`url`); each begins without studies.
"""

from __future__ import annotations

import math
import signal
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import column, delete, select, table

from hpsearch.spaces.errors import BadInput
from hpsearch.studies.engine import make_engine, transaction
from hpsearch.studies.errors import (
    LeaseLost,
    StudyExists,
    StudyNotFound,
    TrialFinished,
    TrialNotFound,
)
from hpsearch.studies.leases import lost_if
from hpsearch.studies.optuna_storage import optuna_storage
from hpsearch.studies.records import Failure, TrialState
from hpsearch.studies.schema import REVISIONS, SchemaState, schema_status, upgrade
from hpsearch.studies.store import StudyStore
from hpsearch.studies.tables import VERSION_TABLE, studies
from hpsearch.studies.worker import is_alive

from .making import HandClock, claimed, claimer, completed, differences, make_study, said_by

NASTY = "Robert'); DROP TABLE hpsearch_studies; -- \N{SNOWMAN} ../<b>"


def dead(worker: str) -> bool:
    return False


def alive(worker: str) -> bool:
    return True


def unknown(worker: str) -> None:
    return None


class StoreContract:
    """Every database passes these."""

    @pytest.fixture
    def clock(self) -> HandClock:
        return HandClock()

    @pytest.fixture
    def store(self, url: str, clock: HandClock) -> Iterator[StudyStore]:
        with StudyStore.open(url, create=True, clock=clock) as store:
            with transaction(store._engine) as connection:
                connection.execute(delete(studies))
            yield store

    # Studies

    def test_a_study_is_found_by_its_name(self, store):
        """What was created is what is found, to the last bit of a float and the last sign of a name."""
        spec = {"identity": {"low": 0.1 + 0.2, "名": "naïve \U0001f600"}, "notes": [1, None, True]}

        made = make_study(store, NASTY, spec=spec, forked_from="another")

        assert made == store.study(NASTY)
        assert (spec, NASTY, "another") == (made.spec, made.name, made.forked_from)

    def test_a_name_is_taken_once(self, store):
        """A second study of the same name is refused; another case is another name."""
        make_study(store, "cola")
        make_study(store, "Cola")

        with pytest.raises(StudyExists, match="'cola' exists"):
            make_study(store, "cola")

        assert ["cola", "Cola"] == [summary.study.name for summary in store.studies()]

    def test_a_name_is_a_name(self, store):
        """A name with a terminal escape never gets into the store."""
        with pytest.raises(BadInput, match="cannot be printed"):
            make_study(store, "\x1b[31mred")

        assert [] == store.studies()

    def test_an_unknown_study_gets_the_nearest_name(self, store):
        """The error of a misspelt name has exit code 3 and names the study that was meant."""
        make_study(store, "cola-small")

        with pytest.raises(StudyNotFound, match="'cola-smal'") as caught:
            store.study("cola-smal")

        assert (3, "did you mean 'cola-small'?") == (caught.value.exit_code, caught.value.hint)

    def test_summaries_count_the_trials(self, store):
        """Each study comes with its counts and, by its own direction, its best score."""
        up = make_study(store, "up")
        down = make_study(store, "down", direction="minimize")
        make_study(store, "none yet")
        for study in (up, down):
            completed(store, study, 0.2)
            completed(store, study, 0.8)
            store.finish(claimed(store, study).trial_id, TrialState.PRUNED, score=9.0)
            store.finish(claimed(store, study).trial_id, TrialState.FAILED, failure=Failure.NAN)
            claimed(store, study)

        found = store.studies()

        counts = [(s.study.name, s.complete, s.pruned, s.failed, s.running, s.best_score) for s in found]
        assert [("up", 2, 1, 1, 1, 0.8), ("down", 2, 1, 1, 1, 0.2), ("none yet", 0, 0, 0, 0, None)] == counts
        assert found[1] == store.summary(down.study_id)

    def test_total_and_folder_may_change(self, store):
        """A study may be asked for more trials, and it may move."""
        study = make_study(store, trials=1)
        completed(store, study)

        changed = store.update_study(study.study_id, trials=2, folder="/elsewhere")

        assert (2, "/elsewhere") == (changed.trials, changed.folder)
        assert changed == store.study("cola") == store.update_study(study.study_id)
        assert 1 == claimed(store, study).number

    def test_a_deleted_study_leaves_nothing(self, store):
        """Trials and models go with their study, others stay, and its key is never given to another study."""
        other = make_study(store, "other")
        kept = completed(store, other)
        gone = make_study(store, "gone")
        trial = claimed(store, gone)
        add_model(store, gone)

        store.delete_study(gone.study_id)

        assert [kept] == store.trials(other.study_id)
        assert ([], []) == (store.trials(gone.study_id), store.models(gone.study_id))
        assert gone.study_id < make_study(store, "gone").study_id
        with pytest.raises(StudyNotFound):
            store.delete_study(gone.study_id)
        with pytest.raises(TrialNotFound):
            store.finish(trial.trial_id, TrialState.COMPLETE, score=1.0)

    # Exactly as many trials as were asked for

    def test_a_study_gets_exactly_its_trials(self, store):
        """B4: `trials` is a total: numbers from 0, then nothing."""
        study = make_study(store, trials=3)

        numbers = [claimed(store, study).number for _ in range(3)]

        assert [0, 1, 2] == numbers
        assert store.claim(study.study_id, worker="me", lease_s=60) is None

    def test_failed_trials_are_replaced_and_pruned_ones_are_not(self, store):
        """B4: complete and pruned trials count towards the total, failed ones do not."""
        study = make_study(store, trials=2)
        completed(store, study)
        store.finish(claimed(store, study).trial_id, TrialState.FAILED, failure=Failure.OOM)
        store.finish(claimed(store, study).trial_id, TrialState.PRUNED, score=0.1)

        assert store.claim(study.study_id, worker="me", lease_s=60) is None
        assert ["COMPLETE", "FAILED", "PRUNED"] == [trial.state for trial in store.trials(study.study_id)]

    def test_a_returned_slot_comes_first(self, store):
        """A released trial is claimed next: same number, attempt and configuration, nothing counted."""
        study = make_study(store, trials=2)
        first = claimed(store, study)
        store.record(first.trial_id, params={"lr": 1e-5}, config={"a": 1}, baseline=True, seed=7, fraction=0.1)
        store.record(first.trial_id, curve=[{"budget": 0.5, "score": 1}], metrics={"m": 1}, seconds={"train": 2})
        claimed(store, study, "other")

        assert store.release(first.trial_id)

        waiting = store.trial(study.study_id, 0)
        assert (TrialState.WAITING, None, None) == (waiting.state, waiting.worker, waiting.started_at)
        assert ([], {}, {}) == (waiting.curve, waiting.metrics, waiting.seconds)
        again = claimed(store, study, "third")
        same = ("trial_id", "number", "attempt", "params", "config", "baseline", "seed", "fraction")
        assert [getattr(first, name) for name in same[:3]] == [getattr(again, name) for name in same[:3]]
        assert [{"lr": 1e-5}, {"a": 1}, True, 7, 0.1] == [getattr(again, name) for name in same[3:]]
        assert store.claim(study.study_id, worker="me", lease_s=60) is None

    def test_only_a_running_trial_is_released(self, store):
        """A finished trial, or another worker's, is not put back."""
        study = make_study(store)
        trial = completed(store, study)
        others = claimed(store, study, "other")

        assert not store.release(trial.trial_id)
        assert not store.release(others.trial_id, worker="me")
        assert ["COMPLETE", "RUNNING"] == [trial.state for trial in store.trials(study.study_id)]

    def test_processes_share_the_slots(self, store, url):
        """B4: four processes on 40 trials, failures among them: 40 that count, every number once."""
        study = make_study(store, trials=40)

        numbers = [int(line) for line in said_by([claimer(url, "all", study.study_id) for _ in range(4)])]

        trials = store.trials(study.study_id)
        states = Counter(trial.state for trial in trials)
        assert 40 == states[TrialState.COMPLETE]
        assert len(trials) == 40 + states[TrialState.FAILED]
        assert sorted(numbers) == [trial.number for trial in trials] == list(range(len(trials)))
        assert {trial.number: {"number": trial.number} for trial in trials} == {t.number: t.params for t in trials}

    def test_threads_share_a_store(self, store):
        """One store object used by eight threads gives 40 trials, none twice, and renews them meanwhile."""
        study = make_study(store, trials=40)

        def work(thread: int) -> list[int]:
            numbers = []
            while trial := store.claim(study.study_id, worker=f"thread {thread}", lease_s=60):
                assert store.renew(trial.trial_id, f"thread {thread}", 60)
                store.finish(trial.trial_id, TrialState.COMPLETE, score=1.0)
                numbers.append(trial.number)
            return numbers

        with ThreadPoolExecutor(8) as pool:
            numbers = [number for numbers in pool.map(work, range(8)) for number in numbers]

        assert list(range(40)) == sorted(numbers)

    # The life of a trial

    def test_a_trial_is_written_as_it_goes(self, store):
        """What was recorded is there at once and exactly; a number that is not finite is kept as none."""
        study = make_study(store)
        trial = claimed(store, study)
        params = {
            "learning_rate": 1 / 3,
            "optim": NASTY,
            "lr": 5e-324,
            "n": 2**53 + 1,
            "on": True,
            "no": None,
        }
        curve = [{"budget": 0.25, "score": -0.0}, {"budget": 0.5, "score": math.inf}]

        store.record(trial.trial_id, params=params, curve=curve, seed=2**63 - 1, fraction=0.1, rung=1)
        store.record(trial.trial_id, metrics={"eval_loss": math.nan}, checkpoint="/a/b", device="cpu")

        found = store.trial(study.study_id, 0)
        assert (params, [curve[0], {"budget": 0.5, "score": None}]) == (found.params, found.curve)
        assert (2**63 - 1, 0.1, 1) == (found.seed, found.fraction, found.rung)
        assert ({"eval_loss": None}, "/a/b", "cpu") == (found.metrics, found.checkpoint, found.device)
        assert (trial.worker, trial.lease_until) == (found.worker, found.lease_until)

    def test_what_is_returned_is_yours(self, store):
        """Changing what the store returned, or what it was given, changes nothing in the store."""
        study = make_study(store)
        params = {"layers": [1]}
        trial = claimed(store, study)
        store.record(trial.trial_id, params=params)
        read = store.trial(study.study_id, 0)

        params["layers"].append(2)
        read.params["layers"].append(3)
        study.spec["identity"]["task"] = "other"

        assert {"layers": [1]} == store.trial(study.study_id, 0).params
        assert "cola" == store.study("cola").spec["identity"]["task"]

    def test_finished_trials_never_change(self, store):
        """A second result for the same trial is refused and the first one stays."""
        study = make_study(store)
        trial = completed(store, study, 0.91)

        with pytest.raises(TrialFinished, match="trial 0 is COMPLETE"):
            store.finish(trial.trial_id, TrialState.FAILED, failure=Failure.CODE)
        with pytest.raises(TrialFinished):
            store.record(trial.trial_id, metrics={"m": 1})

        assert not store.renew(trial.trial_id, "me", 60)
        assert [trial] == store.trials(study.study_id)
        assert 9 == len([store.claim(study.study_id, worker="me", lease_s=1) for _ in range(9)])

    def test_a_failure_is_kept_with_its_message(self, store):
        """The class and the end of what was said are kept, whatever bytes are in it."""
        study = make_study(store)
        message = "x" * 5000 + f"\0\udcff{NASTY}"

        trial = store.finish(
            claimed(store, study).trial_id, TrialState.FAILED, failure=Failure.DATA, failure_message=message
        )

        assert (TrialState.FAILED, Failure.DATA) == (trial.state, trial.failure)
        assert trial.failure_message.endswith(f"x\N{REPLACEMENT CHARACTER}?{NASTY}")
        assert 4000 == len(trial.failure_message)
        assert trial == store.trial(study.study_id, 0)

    def test_a_lease_belongs_to_its_worker(self, store, clock):
        """Only the worker that holds a trial renews it, writes to it and ends it."""
        study = make_study(store)
        trial = claimed(store, study, "me", lease_s=60)
        clock.move(50)

        assert store.renew(trial.trial_id, "me", 60)
        assert not store.renew(trial.trial_id, "other", 60)
        with pytest.raises(LeaseLost, match="trial 0 is not this worker's"):
            store.record(trial.trial_id, worker="other", params={})
        with pytest.raises(LeaseLost):
            store.finish(trial.trial_id, TrialState.COMPLETE, score=1.0, worker="other")

        found = store.trial(study.study_id, 0)
        assert ("2026-03-01T09:31:50.000000+00:00", "RUNNING") == (found.lease_until, found.state)

    def test_a_trial_that_was_taken_away_is_not_written_to(self, store):
        """B3: the worker that lost its trial finds out, and the trial's next attempt is not touched."""
        study = make_study(store)
        trial = claimed(store, study, "old")
        store.recover(study.study_id, lost_if(dead))

        with pytest.raises(LeaseLost, match="WAITING"):
            store.record(trial.trial_id, params={}, worker="old")
        taken = claimed(store, study, "new")
        with pytest.raises(LeaseLost, match="RUNNING"):
            store.finish(trial.trial_id, TrialState.COMPLETE, score=1.0, worker="old")

        assert (trial.trial_id, taken) == (taken.trial_id, store.trial(study.study_id, 0))

    # Lost workers

    def test_a_lost_trial_runs_again_once(self, store, clock):
        """B3: a dead worker's trial gets a second attempt as it was; then it is FAILED and replaced."""
        study = make_study(store, trials=1)
        first = claimed(store, study, "one")
        store.record(first.trial_id, params={"lr": 0.1}, curve=[{"budget": 0.5}])

        (waiting,) = store.recover(study.study_id, lost_if(dead))
        second = claimed(store, study, "two")
        clock.move(5)
        (failed,) = store.recover(study.study_id, lost_if(dead))

        assert (TrialState.WAITING, 2, {"lr": 0.1}, []) == (
            waiting.state,
            waiting.attempt,
            waiting.params,
            waiting.curve,
        )
        assert (first.trial_id, 2, {"lr": 0.1}) == (second.trial_id, second.attempt, second.params)
        assert (TrialState.FAILED, Failure.LOST, 2) == (failed.state, failed.failure, failed.attempt)
        assert "its worker two stopped answering in attempt 2" == failed.failure_message
        assert "2026-03-01T09:30:05.000000+00:00" == failed.finished_at
        assert 1 == claimed(store, study).number

    def test_a_living_worker_keeps_its_trial(self, store, clock):
        """B3: however long its lease is over, a worker that lives is not robbed."""
        study = make_study(store)
        trial = claimed(store, study, lease_s=1)
        clock.move(1000)

        assert [] == store.recover(study.study_id, lost_if(alive))
        assert [trial] == store.trials(study.study_id)

    def test_an_unknown_worker_is_lost_when_its_lease_is_over(self, store, clock):
        """B3: a worker on another machine loses its trial only after it stopped renewing."""
        study = make_study(store)
        trial = claimed(store, study, "far", lease_s=60)

        clock.move(59)
        in_time = store.recover(study.study_id, lost_if(unknown))
        store.renew(trial.trial_id, "far", 60)
        clock.move(59)
        renewed = store.recover(study.study_id, lost_if(unknown))
        clock.move(2)

        assert ([], []) == (in_time, renewed)
        assert [2] == [lost.attempt for lost in store.recover(study.study_id, lost_if(unknown))]

    def test_a_worker_that_renews_meanwhile_is_not_lost(self, store, clock):
        """B3: a renewal between the look and the deed wins."""
        study = make_study(store)
        trial = claimed(store, study, "far", lease_s=60)
        clock.move(100)

        def renews(worker: str) -> None:
            store.renew(trial.trial_id, worker, 60)

        assert [] == store.recover(study.study_id, lost_if(renews))
        assert "RUNNING" == store.trial(study.study_id, 0).state

    def test_a_killed_process_is_recovered(self, store, url):
        """B3: after SIGKILL the slot of a real process comes back, at once, and none is left running."""
        study = make_study(store, trials=1)
        process = claimer(url, "hold", study.study_id)
        assert "0\n" == process.stdout.readline()
        held = store.recover(study.study_id, lost_if(is_alive))

        process.send_signal(signal.SIGKILL)
        process.communicate()

        assert [] == held
        assert [2] == [trial.attempt for trial in store.recover(study.study_id, lost_if(is_alive))]
        assert (0, 2) == ((again := claimed(store, study)).number, again.attempt)

    # Questions

    def test_best_follows_the_direction(self, store):
        """The best complete trial by the study's direction wins, of equal ones the first; no other does."""
        for direction, number in {"maximize": 1, "minimize": 0}.items():
            study = make_study(store, direction, direction=direction)
            before = store.best(study.study_id)
            for score in (0.1, 0.9, 0.9, 0.1, math.nan, math.inf, -math.inf, None):
                completed(store, study, score)
            for score in (100.0, -100.0):
                store.finish(claimed(store, study).trial_id, TrialState.PRUNED, score=score)

            assert (None, number) == (before, store.best(study.study_id).number)

    def test_best_of_an_unknown_study(self, store):
        """A study that was deleted meanwhile is not found, rather than without a best."""
        with pytest.raises(StudyNotFound):
            store.best(10**6)

    def test_an_unknown_trial_is_not_found(self, store):
        """Its number is in the sentence, and the exit code is 3."""
        with pytest.raises(TrialNotFound, match="no trial 7") as caught:
            store.trial(make_study(store).study_id, 7)

        assert 3 == caught.value.exit_code

    def test_failures_in_a_row_are_counted(self, store, clock):
        """A11: only failures after the last trial that ended well count."""
        study = make_study(store, trials=5)
        counts = [store.consecutive_failures(study.study_id)]
        for failure in (Failure.OOM, Failure.NAN, None, Failure.CODE):
            trial = claimed(store, study)
            clock.move(1)
            state = TrialState.FAILED if failure else TrialState.COMPLETE
            store.finish(trial.trial_id, state, failure=failure)
            counts.append(store.consecutive_failures(study.study_id))

        assert [0, 1, 2, 0, 1] == counts

    def test_models_are_kept(self, store):
        """A retrained model is found with its study, the oldest first."""
        study = make_study(store)

        first = add_model(store, study, folder=NASTY)
        second = add_model(store, study)

        assert [first, second] == store.models(study.study_id)
        assert (NASTY, 3, {"eval_loss": 0.5}) == (first.folder, first.trial_number, first.metrics)
        with pytest.raises(StudyNotFound):
            store.add_model(**{**MODEL, "study_id": 10**6})

    # Schema

    def test_the_steps_make_the_tables(self, store, url):
        """The sum of the migration steps is what `tables.py` describes, to the type and index."""
        assert [] == differences(url)

    def test_processes_make_one_store_together(self, new_url):
        """Four workers started at the same moment on no store at all find the same one, whole."""
        url = new_url()
        said_by([claimer(url, "upgrade", 0) for _ in range(4)])

        assert SchemaState.CURRENT is schema_status(url).state
        storage = optuna_storage(url)
        assert [] == storage.get_all_studies()
        storage.remove_session()
        storage.engine.dispose()

    def test_upgrading_again_changes_nothing(self, store, url):
        """`hpsearch db upgrade` may be given at any time."""
        study = make_study(store)

        assert SchemaState.CURRENT is upgrade(url).state is schema_status(url).state
        assert study == store.study("cola")

    def test_optuna_keeps_its_own_version_table(self, store, url):
        """Both histories live side by side in one database."""
        engine = make_engine(url)
        with engine.connect() as connection:
            versions = [
                connection.execute(select(column("version_num")).select_from(table(name))).scalars().all()
                for name in ("alembic_version", VERSION_TABLE)
            ]
        engine.dispose()

        assert [1, [REVISIONS[-1]]] == [len(versions[0]), versions[1]]


MODEL = {
    "trial_number": 3,
    "folder": "/model",
    "metrics": {"eval_loss": 0.5},
    "seconds": {"train": 1.5},
    "fingerprint": "abc",
    "spec": {"versions": {"torch": "2"}},
}


def add_model(store, study, **changes):
    return store.add_model(**{**MODEL, "study_id": study.study_id, **changes})
