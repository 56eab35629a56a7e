"""Nothing is made in a database of another program, or by a role that may not: `check` says so before a search does."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import optuna
import pytest
from sqlalchemy import create_engine, inspect, make_url, text
from sqlalchemy.engine import URL

from hpsearch.studies import foreign
from hpsearch.studies.errors import StoreNotFound, StoreTooNew, StoreUnusable
from hpsearch.studies.optuna_storage import optuna_storage
from hpsearch.studies.schema import SchemaState, check_usable, schema_status, upgrade
from hpsearch.studies.store import StudyStore

from ..databases import own_databases
from .making import make_study

POSTGRES, MYSQL = "HPSEARCH_TEST_POSTGRES_URL", "HPSEARCH_TEST_MYSQL_URL"
VERSIONED = "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"
#: What other programs leave in a database, and what is said of it.
OTHERS = {
    "mlflow": (
        [VERSIONED, "INSERT INTO alembic_version VALUES ('1b49d398cd23')", "CREATE TABLE experiments (id INTEGER)"],
        "its alembic_version is '1b49d398cd23', which is no version of Optuna's tables, and is MLflow's, it seems",
    ),
    "old mlflow": (
        ["CREATE TABLE experiments (id INTEGER)", "CREATE TABLE runs (id INTEGER)"],
        "it has the tables experiments, runs, and is MLflow's, it seems",
    ),
    "airflow": (
        [VERSIONED, "INSERT INTO alembic_version VALUES ('e3a246e0dc1')", "CREATE TABLE dag_run (id INTEGER)"],
        "and is Airflow's, it seems",
    ),
    "a clinic": (
        ["CREATE TABLE trials (patient INTEGER)"],
        "its table 'trials' is not the one that Optuna makes",
    ),
    "a shop": ([f"CREATE TABLE shop_{n} (id INTEGER)" for n in range(6)], "shop_0, shop_1, shop_2, shop_3 and 2 more"),
    "one table": (["CREATE TABLE notes (id INTEGER)"], "it has the table notes; nothing is made there"),
}
#: What is no other program's.
FREE = {
    "nothing": [],
    "an extension": ["CREATE TABLE spatial_ref_sys (srid INTEGER)"],
    "alembic began": [VERSIONED],
    "ours began": ["CREATE TABLE hpsearch_thing (id INTEGER)"],
}


@pytest.fixture(params=[None, POSTGRES, MYSQL], ids=["sqlite", "postgres", "mariadb"], scope="module")
def new_url(request, tmp_path_factory) -> Iterator[Callable[[], str]]:
    """A function that returns the URL of an empty database."""
    if request.param is None:
        yield lambda: f"sqlite:///{tmp_path_factory.mktemp('store') / 'other.db'}"
    else:
        with own_databases(request.param) as new_url:
            yield new_url


def ran(url: str | URL, *statements: str) -> None:
    """Run statements as they are."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


@contextmanager
def closed_after(storage: optuna.storages.RDBStorage) -> Iterator[optuna.storages.RDBStorage]:
    """Close the connections of a storage of Optuna's, which leaves them to chance."""
    yield storage
    storage.remove_session()
    storage.engine.dispose()


def tables(url: str | URL) -> set[str]:
    """The tables of a database."""
    engine = create_engine(url)
    found = set(inspect(engine).get_table_names())
    engine.dispose()
    return found


@pytest.mark.parametrize("name", OTHERS)
def test_nothing_is_made_in_the_database_of_another_program(name, new_url):
    """It is told by its tables, on every road, and whose it seems to be is said."""
    url, (statements, told) = new_url(), OTHERS[name]
    ran(url, *statements)
    before = tables(url)

    for road in (check_usable, upgrade, StudyStore.open, lambda url: StudyStore.open(url, create=True)):
        with pytest.raises(StoreUnusable, match="is the database of another program") as caught:
            road(url)
        assert told in str(caught.value)
        assert "a database of its own" in caught.value.hint
    assert SchemaState.FOREIGN is schema_status(url).state
    assert before == tables(url)


@pytest.mark.parametrize("name", FREE)
def test_a_database_that_is_free_is_used(name, new_url):
    """What an extension brought, or a process that makes a store at the same time, is in nobody's way."""
    url = new_url()
    ran(url, *FREE[name], *(["SELECT 1"] if not FREE[name] else []))
    before = tables(url)

    assert SchemaState.EMPTY is check_usable(url).state
    assert before == tables(url)
    with pytest.raises(StoreNotFound):
        StudyStore.open(url)


def test_optunas_own_database_is_welcome_with_what_is_beside_it(new_url):
    """Who has put Optuna's tables into a database of theirs has decided that."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    url = new_url()
    with closed_after(optuna.storages.RDBStorage(url)) as storage:
        optuna.create_study(storage=storage, study_name="older")
    ran(url, "CREATE TABLE notes (id INTEGER)")

    check_usable(url)
    StudyStore.open(url, create=True).close()

    with closed_after(optuna_storage(url)) as storage:
        assert ["older"] == optuna.get_all_study_names(storage)


def test_optunas_tables_are_known(sqlite_url):
    """Each table of the installed Optuna is known, with a column that it has."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with closed_after(optuna.storages.RDBStorage(sqlite_url)) as storage:
        found = inspect(storage.engine)

        assert set(foreign.OPTUNA) | {foreign.ALEMBIC} == set(found.get_table_names())
        assert all(key in {one["name"] for one in found.get_columns(name)} for name, key in foreign.OPTUNA.items())


@pytest.mark.parametrize(
    ("version", "error", "hint"),
    [("v99.0.0.a", StoreTooNew, "pip install -U optuna"), ("1b49d398cd23", StoreUnusable, None)],
)
def test_whose_version_it_is_decides_what_to_do(version, error, hint, sqlite_url):
    """A newer Optuna's is for pip; of a program that came to our database later, it is said."""
    StudyStore.open(sqlite_url, create=True).close()
    ran(sqlite_url, f"UPDATE alembic_version SET version_num = '{version}'")  # noqa: S608

    with pytest.raises(error) as caught:
        optuna_storage(sqlite_url)

    assert (hint is None) == (caught.value.hint is None)
    assert hint is None or hint in caught.value.hint


class Role:
    """A role on a server, with a database that another one owns."""

    def __init__(self, owner: str, name: str) -> None:
        self.owner, self.name, self.password = owner, name, secrets.token_hex(8)
        address = make_url(owner).set(username=name, password=self.password)
        self.url = address.render_as_string(hide_password=False)
        self.database = address.database

    def may(self, *statements: str) -> None:
        """Let the owner grant what is said, of `role` in `database`."""
        names = {"role": self.name, "database": self.database, "password": self.password}
        ran(self.owner, *(one.format(**names) for one in statements))


@pytest.fixture
def postgres_role() -> Iterator[Role]:
    """A role on PostgreSQL that may connect, and nothing else."""
    with own_databases(POSTGRES) as new_url:
        role = Role(new_url(), f"hpsearch_role_{secrets.token_hex(4)}")
        role.may("CREATE ROLE {role} LOGIN PASSWORD '{password}'", "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        yield role
        role.may("DROP OWNED BY {role}", "DROP ROLE {role}")


@pytest.fixture
def mysql_role() -> Iterator[Role]:
    """A user of MariaDB that may look at one database."""
    with own_databases(MYSQL) as new_url:
        role = Role(new_url(), f"hps_{secrets.token_hex(4)}")
        role.may("CREATE USER '{role}'@'%' IDENTIFIED BY '{password}'", "GRANT SELECT ON {database}.* TO '{role}'@'%'")
        yield role
        role.may("DROP USER '{role}'@'%'")


def test_a_role_of_postgresql_that_may_not_make_tables_is_found_out(postgres_role):
    """Since PostgreSQL 15 that is every role but the owner; `check` says so, and is right once it may."""
    with pytest.raises(
        StoreUnusable, match="no table can be made there: permission denied for schema public"
    ) as caught:
        check_usable(postgres_role.url)
    assert "GRANT" in caught.value.hint
    assert postgres_role.password not in str(caught.value)

    postgres_role.may("GRANT CREATE ON SCHEMA public TO {role}")
    check_usable(postgres_role.url)
    assert set() == tables(postgres_role.url)

    postgres_role.may("ALTER ROLE {role} SET default_transaction_read_only = on")
    with pytest.raises(StoreUnusable, match="read-only transaction") as caught:
        check_usable(postgres_role.url)
    assert caught.value.hint is None

    postgres_role.may("ALTER ROLE {role} RESET default_transaction_read_only")
    StudyStore.open(postgres_role.url, create=True).close()


def test_a_role_of_postgresql_without_a_schema_is_found_out(postgres_role):
    """A search path that leads nowhere is no place for tables."""
    postgres_role.may("ALTER ROLE {role} SET search_path = nowhere")

    with pytest.raises(StoreUnusable, match="no table can be made there: no schema has been selected"):
        check_usable(postgres_role.url)


def test_a_role_of_postgresql_that_may_only_look_is_found_out(postgres_role):
    """A store that somebody else has made is looked at by `show`, and not searched in."""
    with StudyStore.open(postgres_role.owner, create=True) as store:
        make_study(store, name="theirs")
    postgres_role.may("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")

    with StudyStore.open(postgres_role.url) as store:
        assert ["theirs"] == [one.study.name for one in store.studies()]
    with pytest.raises(StoreUnusable, match="it cannot be written: permission denied for table"):
        check_usable(postgres_role.url)

    postgres_role.may("GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}")
    assert SchemaState.CURRENT is check_usable(postgres_role.url).state
    with StudyStore.open(postgres_role.owner) as store:
        assert ["theirs"] == [one.study.name for one in store.studies()]


@pytest.mark.parametrize(
    ("rights", "lacking"), [("SELECT", "CREATE"), ("SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER", "INDEX")]
)
def test_a_user_of_mariadb_that_may_not_make_tables_is_found_out(rights, lacking, mysql_role):
    """Each right that making them takes is asked for, and nothing is made by asking."""
    mysql_role.may(f"GRANT {rights} ON {{database}}.* TO '{{role}}'@'%'")
    with pytest.raises(StoreUnusable, match=f"no table can be made there: {lacking} command denied") as caught:
        check_usable(mysql_role.url)
    assert "GRANT" in caught.value.hint

    mysql_role.may("GRANT ALL ON {database}.* TO '{role}'@'%'")
    check_usable(mysql_role.url)
    assert set() == tables(mysql_role.url)


def test_a_user_of_mariadb_that_may_only_look_is_found_out(mysql_role):
    """As on PostgreSQL."""
    StudyStore.open(mysql_role.owner, create=True).close()

    with pytest.raises(StoreUnusable, match="it cannot be written: INSERT command denied"):
        check_usable(mysql_role.url)

    mysql_role.may("GRANT ALL ON {database}.* TO '{role}'@'%'")
    assert SchemaState.CURRENT is check_usable(mysql_role.url).state


@pytest.mark.parametrize(
    ("server", "changes", "hint"),
    [
        (POSTGRES, {"database": "nope"}, "CREATE DATABASE"),
        (POSTGRES, {"username": "nobody_at_all"}, "user and password"),
        (POSTGRES, {"port": 1}, "host and port"),
        (POSTGRES, {"query": {"application_name": "x", "sslmode": "require"}}, None),
        (MYSQL, {"database": "nope"}, "CREATE DATABASE"),
        (MYSQL, {"username": "nobody_at_all", "password": "x"}, "user and password"),
        (MYSQL, {"port": 1}, "host and port"),
    ],
)
def test_a_server_that_cannot_be_opened_has_the_hint_of_its_cause(server, changes, hint):
    """No database, no such role, no server: each has its own, and what is none of these has none."""
    with own_databases(server) as new_url:
        address = make_url(new_url()).set(**changes).render_as_string(hide_password=False)
    with pytest.raises(StoreUnusable) as caught:
        schema_status(address)

    assert (hint is None) == (caught.value.hint is None), caught.value
    assert hint is None or hint in caught.value.hint


def test_a_file_that_is_no_database_has_the_hint_of_its_cause(tmp_path):
    """Another kind of file is not to be upgraded, and no password of it to be checked."""
    (tmp_path / "notes.txt").write_text("this is no database\n" * 100)

    with pytest.raises(StoreUnusable, match="not a database") as caught:
        schema_status(f"sqlite:///{tmp_path / 'notes.txt'}")

    assert "name another file with --store" == caught.value.hint
