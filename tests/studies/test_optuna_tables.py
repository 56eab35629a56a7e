"""Names that only a careless comparison takes for one stand side by side, in our tables and in Optuna's.

MariaDB and MySQL compare text by the server's rules unless told otherwise: `Cola` is `cola`, and all emoji are one.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import optuna
import pytest
from optuna.storages import RDBStorage
from sqlalchemy import Engine, create_engine, event, text

from hpsearch.studies.optuna_storage import optuna_storage
from hpsearch.studies.optuna_tables import NAMES, make_optuna_tables
from hpsearch.studies.schema import upgrade
from hpsearch.studies.store import StudyStore

from .making import make_study, said_by

#: Each is a name for `check_study_name`, and another one than each other.
ALIKE = [
    *("cola", "Cola", "COLA", "colá", "cola\N{COMBINING ACUTE ACCENT}", "col\N{FULLWIDTH LATIN SMALL LETTER A}"),
    *("a b", "a  b", "strasse", "straße", "\N{GRINNING FACE}", "\N{SNOWMAN}", "\N{PILE OF POO}", "ひ", "ヒ", "び"),
    *("x" * 99 + "y", "x" * 99 + "Y"),
]
MAKE = "import sys; from hpsearch.studies.optuna_tables import make_optuna_tables; make_optuna_tables(sys.argv[1])"
COLLATIONS = """
    SELECT table_name, column_name, collation_name, is_nullable FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name NOT LIKE 'hpsearch%' AND character_maximum_length = 512
"""


@pytest.fixture(autouse=True)
def quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)


class NamesContract:
    """Every database passes these."""

    def test_names_that_look_alike_are_two(self, new_url):
        """Studies, parameters and attributes: each is found under its own name, with its own values."""
        url = new_url()
        with StudyStore.open(url, create=True) as store:
            made = {name: make_study(store, name) for name in ALIKE}
            storage = optuna_storage(url)
            for number, name in enumerate(ALIKE):
                use_optuna(storage, name, number)

            assert made == {name: store.study(name) for name in ALIKE}
            assert sorted(ALIKE) == sorted(optuna.get_all_study_names(storage))
            found = [optuna.load_study(study_name=name, storage=storage) for name in ALIKE]
            assert [dict.fromkeys(ALIKE, number) for number in range(len(ALIKE))] == [one.user_attrs for one in found]
            assert [set(ALIKE)] * len(ALIKE) == [set(study.trials[0].params) for study in found]
            assert [dict.fromkeys(ALIKE, number) for number in range(len(ALIKE))] == [
                study.trials[0].user_attrs for study in found
            ]

            store.delete_study(made["cola"].study_id)
            assert sorted(set(ALIKE) - {"cola"}) == sorted(optuna.get_all_study_names(storage))
        storage.remove_session()
        storage.engine.dispose()


def use_optuna(storage: RDBStorage, name: str, number: int) -> None:
    """Make a study with a trial that has a parameter and attributes of every name."""
    study = optuna.create_study(storage=storage, study_name=name)
    trial = study.ask()
    for key in ALIKE:
        study.set_user_attr(key, number)
        trial.suggest_float(key, 0, 1)
        trial.set_user_attr(key, number)
    study.tell(trial, float(number))


class TestSqliteNames(NamesContract):
    """On a SQLite file."""

    SERVER = None


class TestPostgresNames(NamesContract):
    """On PostgreSQL."""

    SERVER = "HPSEARCH_TEST_POSTGRES_URL"


class TestMysqlNames(NamesContract):
    """On MariaDB or MySQL, whose server compares names as it likes."""

    SERVER = "HPSEARCH_TEST_MYSQL_URL"

    @pytest.fixture
    def optunas_url(self, new_url) -> str:
        """A database where plain Optuna made its tables and a study, with the collation of Windows and of old MySQL."""
        url = new_url()
        engine = create_engine(url)
        with engine.connect() as connection:
            connection.execute(text(f"ALTER DATABASE {engine.url.database} COLLATE latin1_swedish_ci"))
        engine.dispose()
        storage = RDBStorage(url)
        use_optuna_plainly(storage)
        storage.remove_session()
        storage.engine.dispose()
        return url

    def test_tables_of_plain_optuna_become_exact(self, optunas_url):
        """Every column of names, and nothing else of them: what was there stays, and Optuna's schema is its own."""
        before = columns_of(optunas_url)

        upgrade(optunas_url)

        after = columns_of(optunas_url)
        assert sorted(NAMES.items()) == sorted((name, column) for name, column, *_ in before)
        assert {"latin1_swedish_ci"} == {collation for *_, collation, _ in before}
        assert [(*row[:2], "utf8mb4_bin", row[3]) for row in before] == after
        storage = optuna_storage(optunas_url)
        assert ["Café"] == optuna.get_all_study_names(storage)
        assert {"size": 0.5} == optuna.load_study(study_name="Café", storage=storage).trials[0].params
        optuna.create_study(storage=storage, study_name="café")
        storage.remove_session()
        storage.engine.dispose()

    def test_exact_names_are_left_alone(self, optunas_url):
        """Once is enough: the second time alters no table, which would wait for everybody who reads it."""
        with statements_of("ALTER") as first:
            make_optuna_tables(optunas_url)
        with statements_of("ALTER") as second:
            make_optuna_tables(optunas_url)

        assert (len(NAMES), []) == (len(first), second)

    def test_processes_make_names_exact_together(self, optunas_url):
        """Four workers started at the same moment: none fails, and the names are exact."""
        command = [sys.executable, "-W", "error", "-c", MAKE, optunas_url]
        said_by([subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)])

        assert {"utf8mb4_bin"} == {collation for *_, collation, _ in columns_of(optunas_url)}


def use_optuna_plainly(storage: RDBStorage) -> None:
    study = optuna.create_study(storage=storage, study_name="Café")
    study.enqueue_trial({"size": 0.5})
    study.optimize(lambda trial: trial.suggest_float("size", 0, 1), n_trials=1)


def columns_of(url: str) -> list[tuple[str, str, str, str]]:
    """Return (table, column, collation, nullable) of each of Optuna's columns as long as a name."""
    return ask(url, text(f"{COLLATIONS} ORDER BY table_name, column_name"))


@contextmanager
def statements_of(kind: str) -> Iterator[list[str]]:
    """Collect the statements of a kind that this process executes."""
    found: list[str] = []

    def executed(connection, cursor, statement, parameters, context, executemany) -> None:
        if statement.startswith(kind):
            found.append(statement)

    event.listen(Engine, "after_cursor_execute", executed)
    try:
        yield found
    finally:
        event.remove(Engine, "after_cursor_execute", executed)


def ask(url: str, query) -> list[tuple[object, ...]]:
    engine = create_engine(url)
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(query)]
    engine.dispose()
    return found
