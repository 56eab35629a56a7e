"""A store that several workers share, for the contracts about them: fixtures, and answers that are lost."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import optuna
import pytest
from optuna.storages import RDBStorage
from sqlalchemy import Connection, event

from hpsearch.studies.errors import StoreAway
from hpsearch.studies.optuna_storage import optuna_storage
from hpsearch.studies.optuna_study import open_optuna_study
from hpsearch.studies.patience import Patience
from hpsearch.studies.records import Study
from hpsearch.studies.store import StudyStore

from .making import HandClock, make_study

COUNT = 10  # trials of a study in these tests


class SharedStore:
    """Fixtures: the tests of a class share one database (`url`), and each has a study of its own in it."""

    @pytest.fixture
    def clock(self) -> HandClock:
        return HandClock()

    @pytest.fixture
    def store(self, url: str, clock: HandClock) -> Iterator[StudyStore]:
        patience = Patience(seconds=5.0, sleep=lambda seconds: None)
        with StudyStore.open(url, create=True, clock=clock, patience=patience) as store:
            yield store

    @pytest.fixture
    def study(self, store: StudyStore) -> Study:
        return make_study(store, new_name(), trials=COUNT)

    @pytest.fixture
    def storage(self, store: StudyStore, url: str) -> Iterator[RDBStorage]:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        storage = optuna_storage(url)
        yield storage
        storage.remove_session()
        storage.engine.dispose()

    @pytest.fixture
    def twin(self, storage: RDBStorage, study: Study) -> optuna.Study:
        """Optuna's study beside ours."""
        return open_optuna_study(storage, study.name, direction=study.direction, metric_name=study.objective)


@contextmanager
def answer_lost(store: StudyStore, *, committed: bool = True) -> Iterator[list[int]]:
    """Let the next transaction be committed and nobody hear of it (or not reach the database); give a list that has a 1
    once that has happened.
    """
    lost: list[int] = []

    def commit(connection: Connection) -> None:
        if not lost:
            lost.append(1)
            if committed:
                connection.connection.dbapi_connection.commit()
            raise StoreAway("the store does not answer: its answer was lost")

    event.listen(store._engine, "commit", commit)
    try:
        yield lost
    finally:
        event.remove(store._engine, "commit", commit)


def new_name() -> str:
    return f"study {secrets.token_hex(4)}"


def free_slots(store: StudyStore, study: Study) -> int:
    """Count the trials that a study has left, by taking them all."""
    return sum(1 for _ in iter(lambda: store.claim(study.study_id, worker="counts", lease_s=60), None))
