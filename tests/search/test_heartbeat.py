"""A worker's sign of life: leases are renewed whatever the worker does, and it hears of one that was taken away."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from transformers import TrainerCallback

from hpsearch.search.errors import TrialTaken, TrialTimedOut
from hpsearch.search.trial.progress import TrialCallback
from hpsearch.search.view import View
from hpsearch.search.workers.heartbeat import Heartbeat
from hpsearch.studies.errors import StoreAway
from hpsearch.studies.leases import LeaseWatch
from hpsearch.studies.optuna_storage import optuna_storage
from hpsearch.studies.outbox import Outbox
from hpsearch.studies.records import Study, Trial, TrialState
from hpsearch.studies.store import StudyStore
from hpsearch.studies.worker import worker_name

ELSEWHERE = "another-machine:1:1.00"  #: a worker that cannot be seen from here
BEAT_S = 0.02


class Place:
    """A study in a store, and hearts that beat for it."""

    def __init__(self, folder: Path) -> None:
        self.url, self.outbox = f"sqlite:///{folder}/store.db", Outbox(folder / "outbox")
        self.store = StudyStore.open(self.url, create=True)
        about = {"task": "t", "model": "m", "backend": "optuna", "objective": "eval_loss", "direction": "minimize"}
        spec: dict[str, Any] = {"identity": {}}
        self.study: Study = self.store.create_study(name="s", spec=spec, trials=10, **about)

    def heart(self, **times: float) -> Heartbeat:
        """Return a heart that beats fast."""
        return Heartbeat(self.url, self.study.study_id, self.outbox, **{"lease_s": 60.0, "renew_s": BEAT_S, **times})

    def claim(self, worker: str | None = None, lease_s: float = 1.0) -> Trial:
        """Claim a trial, for this process unless told otherwise."""
        trial = self.store.claim(self.study.study_id, worker=worker or worker_name(), lease_s=lease_s)
        assert trial is not None
        return trial

    def now(self, trial: Trial) -> Trial:
        """Return the trial as it is by now."""
        return self.store.trial(self.study.study_id, trial.number)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A study and its store."""
    place = Place(tmp_path)
    yield place
    place.store.close()


def soon(true: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Return whether something becomes true before long."""
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.005)
    return true()


def take_away(store: StudyStore, study_id: int) -> None:
    """Take the running trials from their workers, as somebody does who believes that they are gone.

    In one of several tries: a lease that is renewed at that very moment is left alone.
    """
    while not store.recover(study_id, lambda row, now: True):
        time.sleep(0.001)


def until(trial: Trial) -> str:
    """Return the end of a lease."""
    assert trial.lease_until is not None
    return trial.lease_until


def test_a_lease_is_renewed_while_its_worker_is_busy(place):
    """B3: however long an evaluation takes, the trial stays its worker's, and everybody sees how far it is."""
    trial = place.claim(lease_s=0.3)
    with place.heart() as heart:
        heart.begin(trial)
        heart.progress = 0.25
        time.sleep(0.4)  # this thread does nothing for longer than the lease lasts
        seen = place.now(trial)
        heart.progress = 0.5
        assert soon(lambda: place.now(trial).progress == 0.5)

    assert (TrialState.RUNNING, 1, 0.25) == (seen.state, seen.attempt, seen.progress)
    assert until(seen) > until(trial)
    assert not heart.lost.is_set()


def test_a_trial_that_has_ended_is_renewed_no_more(place):
    """Between two trials nothing is renewed, and the next trial begins at nought."""
    first, second = place.claim(), place.claim()
    with place.heart() as heart:
        heart.begin(first)
        heart.progress = 0.75
        assert soon(lambda: place.now(first).progress == 0.75)
        heart.end()
        time.sleep(3 * BEAT_S)
        before = place.now(first).lease_until
        heart.begin(second)
        assert soon(lambda: place.now(second).lease_until != second.lease_until)

        assert 0.0 == place.now(second).progress
        assert before == place.now(first).lease_until


def test_a_trial_that_was_taken_away_is_lost(place):
    """B3: the worker hears of it at the next beat, and of the trial after that one nothing bad."""
    trial = place.claim()
    with place.heart() as heart:
        heart.begin(trial)
        assert not heart.lost.is_set()
        take_away(place.store, place.study.study_id)
        assert heart.lost.wait(10)

        heart.begin(place.claim())
        time.sleep(5 * BEAT_S)
        assert not heart.lost.is_set()


def test_a_trial_of_a_deleted_study_is_lost(place):
    """Whoever deletes a study ends its trials, too."""
    with place.heart() as heart:
        heart.begin(place.claim())
        place.store.delete_study(place.study.study_id)
        assert heart.lost.wait(10)


def test_a_heart_stops_with_its_search(place):
    """No thread is left behind, and no lease is renewed by it."""
    trial = place.claim()
    with place.heart() as heart:
        heart.begin(trial)
        assert soon(lambda: place.now(trial).lease_until != trial.lease_until)
        assert "hpsearch-heartbeat" in {thread.name for thread in threading.enumerate()}
    after = place.now(trial).lease_until
    time.sleep(5 * BEAT_S)

    assert "hpsearch-heartbeat" not in {thread.name for thread in threading.enumerate()}
    assert after == place.now(trial).lease_until


def test_a_heart_takes_back_what_the_dead_left(place):
    """B3: a dead worker's trial waits again, and a result that it could not send is sent."""
    dead = f"{worker_name().partition(':')[0]}:1:1.00"  # process 1 of this machine started at another time
    held, finished = place.claim(dead), place.claim(dead)
    folder, store = place.outbox.folder, place.store
    with pytest.raises(StoreAway):
        place.outbox.send(Away(place.url), finished, TrialState.COMPLETE, None, {"score": 0.25})
    assert 1 == len(list(folder.iterdir()))

    with place.heart():
        assert soon(lambda: store.summary(place.study.study_id).running == 0)

    assert (TrialState.WAITING, 2) == (place.now(held).state, place.now(held).attempt)
    assert (TrialState.COMPLETE, 0.25) == (place.now(finished).state, place.now(finished).score)
    assert [] == list(folder.iterdir())


class Away(StudyStore):
    """A store that does not answer when it is written to, for as long as `away` is set."""

    away = True

    def renew(self, *given: Any, **named: Any) -> bool:
        if self.away:
            raise StoreAway("the database does not answer")
        return super().renew(*given, **named)

    def finish(self, *given: Any, **named: Any) -> Trial:
        raise StoreAway("the database does not answer")


class HandClock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def pass_time(heart: Heartbeat, clock: HandClock, seconds: float) -> None:
    """Let time pass in small steps, with a beat or more after each."""
    for _ in range(10):
        clock.seconds += seconds / 10
        looks = heart.looks = []
        assert soon(lambda looks=looks: len(looks) >= 2)


class Noting(Heartbeat):
    """Notes its beats, also those that fail."""

    looks: ClassVar[list[int]] = []

    def beat(self) -> None:
        try:
            super().beat()
        finally:
            self.looks.append(1)


def test_a_store_that_was_away_costs_nobody_a_trial(place):
    """B2, B3: while nobody can renew, no lease runs out: it is watched anew, for its whole length, from when the store
    answers again.
    """
    mine, theirs = place.claim(), place.claim(ELSEWHERE, lease_s=3600)
    clock = HandClock()
    heart = Noting(place.url, place.study.study_id, place.outbox, lease_s=10, renew_s=BEAT_S)
    heart.watch, heart.store = LeaseWatch(10, clock), Away(place.url)
    heart.store.away = False
    with heart:
        heart.begin(mine)
        pass_time(heart, clock, 8)
        assert [theirs.trial_id] == list(heart.watch.seen)

        heart.store.away = True
        pass_time(heart, clock, 8)
        assert [] == list(heart.watch.seen)
        assert not heart.lost.is_set()

        heart.store.away = False
        pass_time(heart, clock, 9)
        assert TrialState.RUNNING is place.now(theirs).state
        pass_time(heart, clock, 2)
        assert (TrialState.WAITING, 2) == (place.now(theirs).state, place.now(theirs).attempt)

    assert TrialState.RUNNING is place.now(mine).state


def test_a_training_stops_at_the_next_step_once_its_trial_is_lost(place):
    """B3: also within an evaluation, which may be long; not before it is lost."""
    heart = place.heart()
    trial = place.claim()
    callback = TrialCallback(trial, View(), heart, None)
    callback.on_prediction_step(None, None, None)
    heart.lost.set()

    with pytest.raises(TrialTaken):
        callback.on_prediction_step(None, None, None)
    heart.begin(trial)
    callback.check()


def test_the_time_of_a_trial_is_that_of_all_its_segments(place):
    """C7: a trial that waited at a rung has used up what it trained before; the waiting costs it nothing."""
    trial = dataclasses.replace(place.claim(), rung=1, seconds={"train": 50.0, "evaluate": 9.0})
    TrialCallback(trial, View(), place.heart(), 60.0).check()

    with pytest.raises(TrialTimedOut):
        TrialCallback(trial, View(), place.heart(), 58.0).check()


class TakenAway(TrainerCallback):
    """At the fourth step of trial 1, gives the trial to another worker, who ends it when trial 3 has begun."""

    store: ClassVar[StudyStore | None] = None
    study_id: ClassVar[int] = 1
    steps: ClassVar[list[tuple[int, int]]] = []

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        name = Path(args.output_dir).name.partition("-")[0]
        if self.store is None or not name.isdecimal():  # it is tried out first, in a folder of its own
            return
        number = int(name)
        self.steps.append((number, state.global_step))
        if (number, state.global_step) == (1, 4):
            take_away(self.store, self.study_id)
            assert self.store.claim(self.study_id, worker=ELSEWHERE, lease_s=3600) is not None
            time.sleep(0.5)
        elif (number, state.global_step) == (3, 1):
            other = self.store.trial(self.study_id, 1).trial_id
            self.store.record(other, worker=ELSEWHERE, curve=[{"budget": 1.0, "score": 0.125}])
            self.store.finish(other, TrialState.COMPLETE, worker=ELSEWHERE, score=0.125)


class Says(View):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


@pytest.mark.parametrize(
    ("renew_s", "steps"), [(0.05, 4), (60.0, 6)], ids=["heard at a beat", "heard at an evaluation"]
)
def test_a_search_drops_the_trial_that_was_given_away(renew_s, steps, toy, monkeypatch):
    """B3, B4: whether it hears of it at a beat or where the store refuses a result, the old holder stops, writes
    nothing more, says so and goes on with other trials; the new holder's result stands, and the total is exact.
    """
    run = toy.search(toy.trainer(callbacks=[TakenAway()], args={"num_train_epochs": 2}), trials=1)._run
    asked, view = run.store.update_study(run.study.study_id, trials=5), Says()
    longer = dataclasses.replace(run, study=asked, view=view)
    monkeypatch.setattr(TakenAway, "steps", [])
    with StudyStore.open(toy.store) as store, longer.quietly():
        monkeypatch.setattr(TakenAway, "store", store)
        dataclasses.replace(longer.loop(optuna_storage(toy.store)), renew_s=renew_s).run()

    trials = run.store.trials(run.study.study_id)
    assert [(number, TrialState.COMPLETE) for number in range(5)] == [(one.number, one.state) for one in trials]
    given = trials[1]
    assert (2, ELSEWHERE, 0.125) == (given.attempt, given.worker, given.score)
    assert [{"budget": 1.0, "score": 0.125}] == given.curve
    assert {worker_name()} == {one.worker for one in trials if one.number != 1}
    assert ["trial 1 was given to another worker: this one was silent for too long"] == view.said
    assert not run.paths.trial(1).exists()
    assert [(1, step) for step in range(1, steps + 1)] == [one for one in TakenAway.steps if one[0] == 1]
