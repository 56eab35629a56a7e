"""Revisions and the explicit upgrade; what the tables must be is in `contract.py`."""

from __future__ import annotations

import shutil
import sqlite3

import optuna
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from hpsearch.studies import schema
from hpsearch.studies import statements as sql
from hpsearch.studies.errors import StoreOutdated, StoreTooNew
from hpsearch.studies.optuna_storage import optuna_storage
from hpsearch.studies.schema import (
    MIGRATIONS,
    REVISIONS,
    SchemaState,
    schema_status,
    state_of,
    upgrade,
)
from hpsearch.studies.store import StudyStore

from .making import completed, make_study

NEWEST = REVISIONS[-1]
NEXT = f"{int(NEWEST) + 1:04}"  # of a release to come


def test_the_known_revisions_are_the_steps():
    """The list that opening looks at is the list of migration files, in their order."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")

    steps = ScriptDirectory.from_config(config).walk_revisions()

    assert REVISIONS == tuple(reversed([step.revision for step in steps]))


def test_the_life_of_a_store(sqlite_url, tmp_path):
    """Missing, empty, current: each is told apart, and looking changes nothing."""
    found = [schema_status(sqlite_url)]
    left_by_looking = list(tmp_path.iterdir())
    (tmp_path / "hpsearch.db").touch()
    found.append(schema_status(sqlite_url))
    found.append(upgrade(sqlite_url))
    found.append(schema_status(sqlite_url))

    assert [] == left_by_looking
    assert ["missing", "empty", "current", "current"] == [status.state for status in found]
    assert [None, None, NEWEST, NEWEST] == [status.revision for status in found]
    assert {"url": sqlite_url, "state": "current", "revision": NEWEST, "newest": NEWEST} == found[3].to_dict()


@pytest.mark.parametrize(
    ("query", "how"),
    [
        (sql.next_waiting(1), "USING INDEX"),
        (sql.next_at_rung(1), "USING INDEX"),
        (sql.standing(1, "maximize"), "USING COVERING INDEX"),
        (sql.summaries(), "USING COVERING INDEX"),
    ],
)
def test_one_index_answers(sqlite_url, query, how):
    """Ten thousand ended trials are in nobody's way: not in the next one's, and what is counted reads no row."""
    with StudyStore.open(sqlite_url, create=True) as store, store._engine.connect() as connection:
        text = query.compile(store._engine, compile_kwargs={"literal_binds": True})
        plan = [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}")]

    looked_up = [line for line in plan if " hpsearch_trials" in line]
    assert [] != looked_up
    assert [] == [line for line in looked_up if f"{how} ix_hpsearch_trials_standing" not in line]


def test_a_store_that_optuna_made_is_welcome(sqlite_url):
    """Studies made with plain Optuna stay, beside ours."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    optuna.create_study(storage=sqlite_url, study_name="older")

    StudyStore.open(sqlite_url, create=True).close()

    assert ["older"] == optuna.get_all_study_names(optuna_storage(sqlite_url))


def test_a_newer_store_is_refused(sqlite_url):
    """B13: a store made by a newer release is refused with what to do, by reading, running and upgrading."""
    set_revision(sqlite_url, "hpsearch_alembic_version", "9999")

    for use in (StudyStore.open, lambda url: StudyStore.open(url, create=True), upgrade, optuna_storage):
        with pytest.raises(StoreTooNew, match="schema '9999'") as caught:
            use(sqlite_url)

        assert (2, True) == (caught.value.exit_code, "pip install -U" in caught.value.hint)
    assert SchemaState.NEWER is schema_status(sqlite_url).state


def test_an_older_store_is_told_from_a_newer_one():
    """Of the revisions a release knows only the last is current; an unknown one is newer."""
    known = ("0001", "0002")

    states = [state_of(revision, known) for revision in ("0001", "0002", "0003", None)]

    assert ["outdated", "current", "newer", "empty"] == states


def test_an_outdated_store_waits_for_its_upgrade(sqlite_url, next_release):
    """B13: an older store is refused with the command to run; after it the study goes on."""
    with StudyStore.open(sqlite_url, create=True) as store:
        done = completed(store, make_study(store))
    next_release('op.add_column("hpsearch_models", sa.Column("note", sa.Text))')

    for create in (True, False):
        with pytest.raises(StoreOutdated, match=f"schema {NEWEST}, this release needs {NEXT}") as caught:
            StudyStore.open(sqlite_url, create=create)
    upgraded = upgrade(sqlite_url)

    assert (2, f"hpsearch db upgrade --store {sqlite_url}") == (
        caught.value.exit_code,
        caught.value.hint.split("`")[1],
    )
    assert (SchemaState.CURRENT, NEXT) == (upgraded.state, upgraded.revision)
    with StudyStore.open(sqlite_url) as store:
        assert [done, completed(store, store.study("cola"))] == store.trials(done.study_id)


def test_a_step_that_breaks_leaves_no_trace(sqlite_url, next_release):
    """A failed upgrade leaves the store as it was, for the release that made it."""
    StudyStore.open(sqlite_url, create=True).close()
    before = tables_of(sqlite_url)
    next_release('op.create_table("hpsearch_half", sa.Column("a", sa.Text))\n    raise RuntimeError("broken")')

    with pytest.raises(RuntimeError, match="broken"):
        upgrade(sqlite_url)

    assert before == tables_of(sqlite_url)
    assert NEWEST == schema_status(sqlite_url).revision


@pytest.fixture
def next_release(tmp_path, monkeypatch):
    """A function that makes this release the next one, with a further step of the given body."""

    def make(body):
        folder = tmp_path / "migrations"
        shutil.copytree(MIGRATIONS, folder)
        (folder / "versions" / f"{NEXT}_next.py").write_text(NEXT_STEP.format(body=body))
        monkeypatch.setattr(schema, "MIGRATIONS", folder)
        monkeypatch.setattr(schema, "REVISIONS", (*REVISIONS, NEXT))

    return make


NEXT_STEP = f"""
import sqlalchemy as sa
from alembic import op

revision, down_revision = {NEXT!r}, {NEWEST!r}


def upgrade():
    {{body}}
"""


def tables_of(url):
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    found = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
    connection.close()
    return found


def test_optunas_tables_of_another_release(sqlite_url):
    """B13: Optuna's own outdated tables are upgraded by our command, and newer ones are refused."""
    set_revision(sqlite_url, "alembic_version", "v3.0.0.d")
    with pytest.raises(StoreOutdated, match=r"version v3\.0\.0\.d") as outdated:
        optuna_storage(sqlite_url)
    set_revision(sqlite_url, "alembic_version", "v99.0.0.a")
    with pytest.raises(StoreTooNew, match=r"version v99\.0\.0\.a"):
        optuna_storage(sqlite_url)

    assert "hpsearch db upgrade" in outdated.value.hint


def set_revision(url, table, revision):
    if schema_status(url).state is SchemaState.MISSING:
        upgrade(url)
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    connection.execute(f"UPDATE {table} SET version_num = ?", (revision,))  # noqa: S608 - one of two tables
    connection.commit()
    connection.close()
