"""A database that is away costs time and nothing else: on the configured servers, by way of a line that is cut.

"Cut" is: connections dropped and new ones refused, as where a server restarts.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import count
from typing import Any

import optuna
import pytest
from optuna.storages import RDBStorage
from optuna.trial import TrialState as OptunaState
from sqlalchemy import Connection, Engine, make_url, update

from hpsearch.studies.claimed_storage import ClaimedStorage
from hpsearch.studies.errors import StoreAway
from hpsearch.studies.optuna_storage import optuna_storage
from hpsearch.studies.optuna_study import open_optuna_study
from hpsearch.studies.patience import Patience
from hpsearch.studies.records import Failure, Study, TrialState
from hpsearch.studies.store import StudyStore
from hpsearch.studies.tables import trials

from ..proxy import Proxy
from .making import claimed, listening, make_study
from .sharing import COUNT, free_slots, new_name
from .test_store import MYSQL, POSTGRES

AWAY_S = 2.0  # a restart
BLINK_S = 0.2
WORD = "hunter2"  # as the password of a user


class AwayContract:
    """Every server passes these."""

    @pytest.fixture
    def proxy(self, url: str) -> Iterator[Proxy]:
        """A line to the server of `url`."""
        StudyStore.open(url, create=True).close()
        with Proxy.of(url) as proxy:
            yield proxy

    @pytest.fixture
    def store(self, url: str, proxy: Proxy) -> Iterator[StudyStore]:
        """A patient store, by way of the line."""
        with StudyStore.open(proxy.url(url), patience=Patience(seconds=30)) as store:
            yield store

    @pytest.fixture
    def study(self, store: StudyStore) -> Study:
        return make_study(store, new_name(), trials=COUNT)

    @pytest.fixture
    def storage(self, url: str, proxy: Proxy) -> Iterator[RDBStorage]:
        """Optuna's storage, by way of the line."""
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        storage = optuna_storage(proxy.url(url))
        yield storage
        storage.remove_session()
        storage.engine.dispose()

    def test_a_restart_is_waited_for(self, store, study, proxy):
        """B11: what four threads ask of one store while it is cut for two seconds is answered afterwards, and happens
        once.
        """
        written, ended = claimed(store, study), claimed(store, study)
        asked = [
            partial(store.claim, study.study_id, worker="me", lease_s=60),
            partial(store.record, written.trial_id, worker="me", metrics={"m": 1}),
            partial(store.finish, ended.trial_id, TrialState.FAILED, failure=Failure.CODE, worker="me"),
            partial(store.trials, study.study_id),
        ]
        proxy.cut_for(AWAY_S)

        with ThreadPoolExecutor(len(asked)) as pool:
            answers = [answer.result() for answer in [pool.submit(timed, question) for question in asked]]

        waited, (new, _, failed, seen) = zip(*answers, strict=True)
        assert [] == [seconds for seconds in waited if not AWAY_S - 0.1 < seconds < 20]
        assert len(seen) in (2, 3)
        assert {"m": 1} == store.trial(study.study_id, 0).metrics
        assert [failed, new] == store.trials(study.study_id)[1:]
        assert COUNT - 2 == free_slots(store, study)

    def test_without_patience_it_is_said_at_once(self, url, study, proxy, storage):
        """`StoreAway` is one sentence with the store's URL, and no password is in it or in its traceback."""
        proxy.cut()
        address = make_url(proxy.url(url)).set(password=WORD)
        said: list[str] = []
        store = StudyStore(address.render_as_string(hide_password=False), patience=Patience())
        quick = Patience(seconds=10, say=said.append, sleep=lambda seconds: None, clock=partial(next, count()))
        patient = StudyStore(store.url, patience=quick)
        for ask in (
            partial(store.claim, study.study_id, worker="me", lease_s=60),
            partial(store.record, 1, metrics={}),
            partial(store.finish, 1, TrialState.COMPLETE),
            partial(store.trials, study.study_id),
            partial(patient.study, study.name),
            ClaimedStorage(storage, None, Patience()).get_all_studies,
        ):
            with pytest.raises(StoreAway, match=r"^the store '.*' does not answer: .") as caught:
                ask()

            assert "it continues" in caught.value.hint
            assert WORD not in "".join([*traceback.format_exception(caught.value), *said])
        assert 1 == len(said)

    @pytest.mark.parametrize("reached", [False, True], ids=["before", "after"])
    def test_a_cut_at_a_commit_changes_nothing(self, reached, store, proxy):
        """B4, B11: each step of a trial's life is cut once in the middle of its commit, before the server has it or
        after: no second slot is taken, no result is lost, and none is refused for its own sake.
        """
        cut = partial(cut_at_commit, store._engine, proxy, reached=reached)
        with cut():
            study = make_study(store, new_name(), trials=COUNT)
        with cut():
            trial = claimed(store, study)
        with cut():
            store.reserve(trial.trial_id, {"lr": 0.1}, worker="me")
        with cut():
            store.record(trial.trial_id, worker="me", metrics={"m": 1})
        with cut():
            finished = store.finish(trial.trial_id, TrialState.COMPLETE, score=0.5, worker="me")
        failing = claimed(store, study)
        with cut():
            failed = store.finish(failing.trial_id, TrialState.FAILED, failure=Failure.NAN, worker="me")

        assert study == store.study(study.name)
        assert [finished, failed] == store.trials(study.study_id)
        assert ({"lr": 0.1}, {"m": 1}, 0.5) == (finished.params, finished.metrics, finished.score)
        assert COUNT - 1 == free_slots(store, study)

    def test_idle_connections_that_were_dropped_are_opened_anew(self, store, study, proxy):
        """A restart between two questions is not even noticed: no patience is needed."""
        store.patience = Patience()
        trial = claimed(store, study)
        for _ in range(2):
            proxy.cut()
            proxy.restore()

            store.record(trial.trial_id, worker="me", metrics={"m": 1})
            assert [{"m": 1}] == [one.metrics for one in store.trials(study.study_id)]

    def test_a_study_is_deleted_across_a_cut(self, store, study, proxy):
        """Deleting waits, too, were the line cut between its looking for the study and its deleting Optuna's."""
        claimed(store, study)

        with cut_when_idle(store._engine, proxy):
            store.delete_study(study.study_id)

        assert study.name not in [summary.study.name for summary in store.studies()]

    def test_a_deadlock_is_tried_again(self, store, study):
        """Two transactions that wait for each other's rows both come to their end: the database gives one of them up,
        and that one is run again as a whole.
        """
        first, second = claimed(store, study).trial_id, claimed(store, study).trial_id
        orders = [(first, second), (second, first)]
        both_hold_one, tries = threading.Barrier(2), []

        def count_both(connection: Connection, rows: tuple[int, int]) -> None:
            tries.append(rows)
            for trial_id in rows:
                mine = update(trials).where(trials.c.trial_id == trial_id)
                connection.execute(mine.values(rung=trials.c.rung + 1))
                if trial_id == rows[0] and tries.count(rows) == 1:
                    both_hold_one.wait(timeout=30)

        with ThreadPoolExecutor(2) as pool:
            for done in [pool.submit(store._write, partial(count_both, rows=rows)) for rows in orders]:
                done.result()

        assert [2, 2] == [trial.rung for trial in store.trials(study.study_id)]
        assert 3 == len(tries)

    # Optuna's half

    def test_an_optuna_trial_survives_a_restart(self, store, study, proxy, storage):
        """B11: a trial that is taken, asked, reported and told across cuts is as if there were none."""
        trial = claimed_with_optuna(store, study, storage)

        def objective(running: optuna.Trial) -> float:
            found = []
            for step in range(2):
                proxy.cut_for(BLINK_S)
                found.append(running.suggest_float(f"x{step}", 0, 1))
                proxy.cut_for(BLINK_S)
                running.report(float(step), step)
                running.should_prune()
            running.set_user_attr("found", found)
            proxy.cut_for(BLINK_S)
            return 0.75

        proxy.cut_for(BLINK_S)
        optimize(storage, study, trial.optuna_trial_id, objective)

        (told,) = trials_of(storage, study)
        assert (trial.number, OptunaState.COMPLETE, 0.75) == (told.number, told.state, told.value)
        assert {0: 0.0, 1: 1.0} == told.intermediate_values
        assert told.user_attrs["found"] == list(told.params.values())

    @pytest.mark.parametrize("reached", [False, True], ids=["before", "after"])
    def test_a_cut_at_optunas_commit_changes_nothing(self, reached, store, study, proxy, storage):
        """B11: each write to Optuna's tables is cut once in the middle of its commit, before the server has it or
        after: the trial has its parameter, its curve and its value once.
        """
        cut = partial(cut_at_commit, storage.engine, proxy, reached=reached)
        trial = claimed_with_optuna(store, study, storage)
        mine = ClaimedStorage(storage, trial.optuna_trial_id, Patience(seconds=30))
        twin = optuna.load_study(study_name=study.name, storage=mine)

        with cut(of="UPDATE trials"):
            running = twin.ask()
        with cut(of="INSERT INTO trial_params"):
            x = running.suggest_float("x", 0, 1)
        with cut(of="INSERT INTO trial_intermediate_values"):
            running.report(1.0, 0)
        with cut(of="INSERT INTO trial_user_attributes"):
            running.set_user_attr("ours", 1)
        with cut(of="UPDATE trials"):
            twin.tell(running, 0.5)

        (told,) = trials_of(storage, study)
        assert (trial.optuna_trial_id, OptunaState.COMPLETE, 0.5) == (told._trial_id, told.state, told.value)
        assert ({"x": x}, {0: 1.0}, {"ours": 1}) == (told.params, told.intermediate_values, told.user_attrs)

    def test_a_cut_at_optunas_list_of_trials_is_waited_for(self, store, study, proxy, storage):
        """B11: Optuna asks for the trials a second time in the transaction whose connection it has just lost, and is
        told of the transaction, not of the connection.
        """
        trial = claimed_with_optuna(store, study, storage)
        mine = ClaimedStorage(storage, trial.optuna_trial_id, Patience(seconds=30))
        optuna_study_id = mine.get_study_id_from_name(study.name)

        with cut_at(storage.engine, proxy, "FROM trials"):
            seen = mine.get_all_trials(optuna_study_id)

        assert [trial.optuna_trial_id] == [one._trial_id for one in seen]


class TestPostgresAway(AwayContract):
    """PostgreSQL."""

    SERVER = POSTGRES


class TestMysqlAway(AwayContract):
    """MariaDB or MySQL."""

    SERVER = MYSQL


def timed(question: Callable[[], Any]) -> tuple[float, Any]:
    """Return how long an answer took, and the answer."""
    began = time.monotonic()
    answer = question()
    return time.monotonic() - began, answer


@contextmanager
def cut_at_commit(engine: Engine, proxy: Proxy, *, reached: bool, of: str = "") -> Iterator[None]:
    """Cut the line once at the commit of a transaction (with a statement that begins with `of`): before the server
    hears of it, or after it `reached` the server and before the answer is back.
    """
    statements: list[str] = []
    cuts: list[bool] = []

    def executed(connection: Connection, cursor: Any, statement: str, *rest: Any) -> None:
        statements.append(statement.replace('"', "").replace("`", ""))

    def commits(connection: Connection) -> None:
        if not cuts and any(statement.startswith(of) for statement in statements):
            cuts.append(reached)
            (proxy.cut_at_answer if reached else proxy.cut_for)(BLINK_S)

    with listening(engine, "after_cursor_execute", executed), listening(engine, "commit", commits):
        yield
    assert [reached] == cuts


@contextmanager
def cut_at(engine: Engine, proxy: Proxy, part: str) -> Iterator[None]:
    """Cut the line once just before the first statement that contains `part`."""
    cuts: list[str] = []

    def about_to_run(connection: Connection, cursor: Any, statement: str, *rest: Any) -> None:
        if not cuts and part in " ".join(statement.split()):
            cuts.append(part)
            proxy.cut_for(BLINK_S)

    with listening(engine, "before_cursor_execute", about_to_run):
        yield
    assert [part] == cuts


@contextmanager
def cut_when_idle(engine: Engine, proxy: Proxy) -> Iterator[None]:
    """Cut the line once, as soon as the next transaction is over and its connection idle."""
    cuts: list[float] = []

    def is_idle(*about: Any) -> None:
        if not cuts:
            cuts.append(BLINK_S)
            proxy.cut_for(BLINK_S)

    with listening(engine, "checkin", is_idle):
        yield
    assert [BLINK_S] == cuts


def claimed_with_optuna(store: StudyStore, study: Study, storage: RDBStorage) -> Any:
    """Claim a trial of a study that is on both sides."""
    open_optuna_study(storage, study.name, direction=study.direction, metric_name=study.objective)
    return claimed(store, study)


def optimize(storage: RDBStorage, study: Study, optuna_trial_id: int, objective: Any) -> None:
    """Let Optuna run a claimed trial, as a worker does, with patience."""
    mine = ClaimedStorage(storage, optuna_trial_id, Patience(seconds=30))
    optuna.load_study(study_name=study.name, storage=mine).optimize(objective, n_trials=1)


def trials_of(storage: RDBStorage, study: Study) -> list[Any]:
    return optuna.load_study(study_name=study.name, storage=storage).trials
