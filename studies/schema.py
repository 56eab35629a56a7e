"""Which schema a store has, and the one explicit step that brings it to the newest.

The steps are in `migrations/versions/`; only `upgrade` runs them, and only it imports Alembic and Optuna.
"""

from __future__ import annotations

import enum
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, column, inspect, select, table, text
from sqlalchemy.exc import DBAPIError

from .engine import AGAIN, again_where_others_interfere, make_engine, transaction, unopened
from .errors import StoreAway, StoreFailed, StoreNotFound, StoreOutdated, StoreTooNew, StoreUnusable
from .foreign import whose
from .optuna_tables import make_optuna_tables
from .rights import check_may_make_tables, check_may_write
from .tables import VERSION_TABLE, metadata
from .url import EXAMPLES, is_missing, safe_url, sqlite_path, why_not_writable

#: Every revision this release knows, oldest first: opening a store must not cost the import of Alembic.
#: A test keeps it equal to `migrations/versions/`.
REVISIONS = ("0001", "0002", "0003", "0004")
MIGRATIONS = Path(__file__).parent / "migrations"

#: How a server makes two upgrades at once wait for each other; SQLite's transaction does it by itself.
LOCKS = {
    "postgresql": "SELECT pg_advisory_xact_lock(7210553431)",
    "mysql": "SELECT GET_LOCK(CONCAT('hpsearch_', SHA1(DATABASE())), 60)",
    "mariadb": "SELECT GET_LOCK(CONCAT('hpsearch_', SHA1(DATABASE())), 60)",
}


class SchemaState(enum.StrEnum):
    """What is at a store's URL."""

    MISSING = "missing"  #: no such file
    EMPTY = "empty"  #: a database without our tables
    FOREIGN = "foreign"  #: a database of another program, where nothing of ours is made
    OUTDATED = "outdated"  #: made by an older release: `hpsearch db upgrade`
    CURRENT = "current"
    NEWER = "newer"  #: made by a newer release: this one cannot read it


@dataclass(frozen=True, kw_only=True)
class SchemaStatus:
    """Which revision a store has and which is the newest this release knows."""

    url: str  #: without its password
    state: SchemaState
    revision: str | None
    newest: str
    why: str | None = None  #: of a FOREIGN one, by what it is known

    def to_dict(self) -> dict[str, Any]:
        """Return the record for JSON."""
        return {"url": self.url, "state": self.state.value, "revision": self.revision, "newest": self.newest}


def state_of(revision: str | None, known: tuple[str, ...]) -> SchemaState:
    """Return what a revision found in a database means to a release that knows the revisions `known`."""
    if revision is None:
        return SchemaState.EMPTY
    if revision not in known:
        return SchemaState.NEWER
    return SchemaState.CURRENT if revision == known[-1] else SchemaState.OUTDATED


def schema_status(url: str) -> SchemaStatus:
    """Return the state of the store at `url`, changing nothing. Raises `StoreUnusable`."""
    engine = make_engine(url)
    try:
        return read_status(engine)
    finally:
        engine.dispose()


def read_status(engine: Engine) -> SchemaStatus:
    """Return the state of the store behind `engine`, changing nothing. Raises `StoreUnusable`."""
    revision, why = (None, None) if is_missing(engine.url) else read_revision(engine)
    state = SchemaState.MISSING if is_missing(engine.url) else state_of(revision, REVISIONS)
    if why is not None:
        state = SchemaState.FOREIGN
    return SchemaStatus(url=safe_url(engine.url), state=state, revision=revision, newest=REVISIONS[-1], why=why)


def read_revision(engine: Engine) -> tuple[str | None, str | None]:
    """Return the revision recorded in the database, or None, and why it is another program's, or None.

    Raises `StoreUnusable`.
    """
    versions = table(VERSION_TABLE, column("version_num"))
    try:
        with transaction(engine, read_only=True) as connection:
            found = inspect(connection).has_table(VERSION_TABLE)
            revision = connection.scalar(select(versions.c.version_num)) if found else None
            return revision, None if revision is not None else whose(connection)
    except StoreFailed as error:
        raise unopened(engine.url, error.__cause__ or error) from error


def require_current(status: SchemaStatus) -> None:
    """Raise `StoreNotFound`, `StoreUnusable`, `StoreOutdated` or `StoreTooNew` unless the store can be used."""
    refuse_foreign(status)
    if status.state in (SchemaState.MISSING, SchemaState.EMPTY):
        raise StoreNotFound(
            f"there is no study store at {status.url!r}", hint="`hpsearch run` makes one; --store says where"
        )
    if status.state is SchemaState.OUTDATED:
        raise StoreOutdated(
            f"the store {status.url!r} has schema {status.revision}, this release needs {status.newest}",
            hint=f"`hpsearch db upgrade --store {status.url}` brings it up to date (keep a copy first)",
        )
    refuse_newer(status)


def refuse_foreign(status: SchemaStatus) -> None:
    """Raise `StoreUnusable` for a database of another program."""
    if status.state is SchemaState.FOREIGN:
        of_its_own = (
            "name another file" if status.url.startswith("sqlite") else "make a database for it (CREATE DATABASE)"
        )
        raise StoreUnusable(
            f"the store {status.url!r} is the database of another program: {status.why}; nothing is made there",
            hint=f"a store has a database of its own: {of_its_own}",
        )


def refuse_newer(status: SchemaStatus) -> None:
    """Raise `StoreTooNew` for a store made by a newer release."""
    if status.state is SchemaState.NEWER:
        raise StoreTooNew(
            f"the store {status.url!r} has schema {status.revision!r}, this release knows {status.newest!r}",
            hint="upgrade hpsearch (pip install -U hpsearch), or use another store with --store",
        )


def check_usable(url: str) -> SchemaStatus:
    """Return the state of the store at `url`, which can be used or made there; nothing is written.

    Raises `StoreUnusable`, `StoreOutdated` or `StoreTooNew` otherwise.
    """
    engine = make_engine(url)
    try:
        status = read_status(engine)
        check_writable(engine)
        if status.state in (SchemaState.MISSING, SchemaState.EMPTY):
            check_may_make_tables(engine)
        else:
            require_current(status)
            check_may_write(engine)
        return status
    finally:
        engine.dispose()


def upgrade(url: str) -> SchemaStatus:
    """Bring the store at `url` to the newest schema, ours and Optuna's, making it where there is none.

    May be called by several processes at once, and again at any time. Raises `StoreUnusable`, `StoreTooNew`,
    or `StoreFailed` where the database refuses.
    """
    engine = make_engine(url)
    try:
        before = read_status(engine)
        refuse_foreign(before)
        refuse_newer(before)
        check_writable(engine)
        _upgrade(engine, url)
        return read_status(engine)
    finally:
        engine.dispose()  # also gives MariaDB's lock back


def check_writable(engine: Engine) -> None:
    """Raise `StoreUnusable` where the file of a SQLite store may not be written."""
    why = why_not_writable(engine.url)
    if why is not None:
        raise StoreUnusable(f"the store {safe_url(engine.url)!r} cannot be used: {why}", hint=EXAMPLES)


def _upgrade(engine: Engine, url: str) -> None:
    """Optuna's tables come first: a store that has our revision has them, too."""
    if sqlite_path(engine.url) is not None:
        again_where_others_interfere(lambda: _use_write_ahead_log(engine))
    make_optuna_tables(url)
    with transaction(engine) as connection:
        if (lock := LOCKS.get(engine.dialect.name)) is not None and connection.scalar(text(lock)) == 0:
            raise StoreAway(f"the store {safe_url(url)!r} is being upgraded by somebody else", hint=AGAIN)
        run_steps(connection)


def _use_write_ahead_log(engine: Engine) -> None:
    """Let readers and one writer work at the same time; the file remembers it."""
    try:
        with closing(engine.raw_connection()) as connection:
            connection.cursor().execute("PRAGMA journal_mode = WAL")
    except (DBAPIError, sqlite3.Error) as error:
        raise unopened(engine.url, error) from error


def run_steps(connection: Connection) -> None:
    """Run the steps that are missing, in the transaction of `connection`.

    Where the database can undo a change of schema (SQLite, PostgreSQL), a step that breaks leaves no trace.
    """
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection, "metadata": metadata, "version_table": VERSION_TABLE})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    command.upgrade(config, REVISIONS[-1])
