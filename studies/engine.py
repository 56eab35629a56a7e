"""Connections to the store: one engine for every database, and what its refusals mean.

URLs are understood in `url.py`; the schema is looked after in `schema.py`.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import sqlite3
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, PendingRollbackError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from ..spaces.errors import HpsearchError
from .errors import StoreAway, StoreFailed, StoreFull, StoreUnusable
from .plain import dumps
from .url import missing_driver, parse_url, safe_url, sqlite_path

BUSY_S = 60  # how long a writer waits for the others; each of our transactions takes milliseconds
CONNECT_S = 10
TRIES = 8
SILENT_S = 120  # a server that says nothing for so long is away; locks are waited for less long
#: What each driver calls these, and how it notices a server that vanished without a word.
LIBPQ = {"connect_timeout": CONNECT_S, "keepalives_idle": 30, "tcp_user_timeout": 1000 * SILENT_S}
MYSQL = {"connect_timeout": CONNECT_S, "read_timeout": SILENT_S, "write_timeout": SILENT_S}
TIMES: dict[str, dict[str, Any]] = {"psycopg": LIBPQ, "psycopg2": LIBPQ, "pymysql": MYSQL, "mysqldb": MYSQL}
ROOM = 2**16  # bytes that SQLite needs to open a file: its log and the index of it
READ_ONLY = "hpsearch_read_only"
#: What makes a database refuse every write of a connection. SQLite's file is opened as usual all the same: beside a
#: reader that opened it read-only, the last writer leaves its log behind, and a copy of the file would lack trials.
REFUSE_WRITES = {
    "sqlite": "PRAGMA query_only = ON",
    "postgresql": "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    "mysql": "SET SESSION TRANSACTION READ ONLY",
    "mariadb": "SET SESSION TRANSACTION READ ONLY",
}

#: What databases say when there is no room: SQLite's name, PostgreSQL's SQLSTATE, MariaDB's two numbers.
FULL = ("SQLITE_FULL", "53100", 1021, 1114)
#: What they say when the same transaction may succeed later: connection lost or refused, shutting or starting up, too
#: many connections, deadlock, lock wait time-out.
SQLITE_AWAY = ("SQLITE_BUSY", "SQLITE_LOCKED")
POSTGRES_AWAY = ("08", "57P0", "53300", "40001", "40P01", "55P03")
MARIADB_AWAY = (0, 1040, 1053, 1159, 1160, 1161, 1205, 1213, 1927, 2002, 2003, 2006, 2013, 2055)
#: What they say of a database that cannot be opened: it is not there, the role is not let in, nobody answers there.
NO_DATABASE, NOT_LET_IN, NO_SERVER = ("3D000", 1049), ("28000", "28P01", 1045, 1698), (2002, 2003, 2005)
NO_FILE = ("SQLITE_NOTADB", "SQLITE_CANTOPEN")
NO_DATABASE_WORDS = re.compile(r'database "[^"]*" does not exist')
NOT_LET_IN_WORDS = re.compile(r'role "[^"]*" does not exist|password authentication failed|no password supplied')
NO_SERVER_WORDS = re.compile(r"Connection refused|failed to resolve host|connection timeout|No route to host")
AGAIN = "run the same command again: it continues"


def make_engine(url: str, *, read_only: bool = False) -> Engine:
    """Return an engine for the store at `url`, without connecting yet.

    SQLite waits 60 s for other writers and keeps foreign keys (write-ahead logging is a property of the file,
    set by `schema.upgrade`); servers get a small pool of connections that are tried before use, and see each
    other's commits at once (READ COMMITTED). On a `read_only` one the database refuses every write. Raises
    `StoreUnusable`.
    """
    address = parse_url(url)
    try:
        engine = create_engine(
            address,
            json_serializer=dumps,
            hide_parameters=True,
            **engine_options(address, read_only=read_only),
            **_isolation(address),
        )
    except ImportError as error:
        raise missing_driver(url, error) from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    _close_before_fork(engine)
    return engine


def engine_options(address: URL, *, read_only: bool = False) -> dict[str, Any]:
    """Return the `create_engine` arguments that Optuna's engine shares with ours."""
    looking = {"pool_events": [(_refusing_writes(address), "connect")]} if read_only else {}
    return {**_pool_options(address), **looking}


def _refusing_writes(address: URL) -> Callable[[Any, object], None]:
    statement = REFUSE_WRITES[address.get_backend_name()]

    def refuse(connection: Any, _record: object) -> None:
        connection.cursor().execute(statement)
        connection.commit()  # a roll-back would undo it on PostgreSQL

    return refuse


def _pool_options(address: URL) -> dict[str, Any]:
    if address.get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": BUSY_S}}
    return {
        "pool_pre_ping": True,
        "pool_size": 2,
        "max_overflow": 4,
        "connect_args": TIMES.get(address.get_driver_name(), {}),
    }


def _isolation(address: URL) -> dict[str, Any]:
    """MariaDB's default would answer a retry from an old snapshot; PostgreSQL's is this one already."""
    return {} if address.get_backend_name() == "sqlite" else {"isolation_level": "READ COMMITTED"}


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself: `_begin_sqlite` does
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: Connection) -> None:
    """Take the write lock at the start of a transaction that will write.

    A transaction that first reads and then writes is refused at once by SQLite when another one wrote in
    between, whatever the time-out.
    """
    read_only = connection.get_execution_options().get(READ_ONLY, False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def _close_before_fork(engine: Engine) -> None:
    """Close idle connections before this process forks; both sides open their own when they need one.

    A connection used by two processes garbles both. SQLite's must be closed before, not forgotten after: the
    child would inherit the belief that it holds the locks of its parent.
    """
    known = weakref.ref(engine)

    def close_idle() -> None:
        if (mine := known()) is not None:
            mine.dispose()

    os.register_at_fork(before=close_idle)


@contextmanager
def transaction(engine: Engine, *, read_only: bool = False) -> Iterator[Connection]:
    """Open one short transaction, committed at the end and rolled back by an exception.

    What the database refuses is raised as `StoreFailed` (`StoreFull` where there is no room); a broken
    constraint stays `sqlalchemy.exc.IntegrityError`, for the caller knows what it means.
    """
    try:
        with engine.connect().execution_options(**{READ_ONLY: read_only}) as connection, connection.begin():
            yield connection
    except IntegrityError:
        raise
    except (DBAPIError, PoolTimeout) as error:
        raise refusal(engine.url, error) from error


def again_where_others_interfere(work: Callable[[], None]) -> None:
    """Run `work`, which may be repeated, until no other process starting at the same moment spoils it."""
    for _ in range(TRIES - 1):
        try:
            return work()
        except StoreFull:
            raise
        except StoreFailed:
            time.sleep(random.uniform(0.05, 0.5))
    return work()


def refusal(address: URL, error: BaseException) -> StoreFailed:
    """Return the error of our own for what a database driver raised."""
    if isinstance(error, PendingRollbackError) and error.__context__ is not None:
        error = error.__context__  # what broke the transaction that somebody then went on to use
    where = f"the store {safe_url(address)!r}"
    if has_no_room(address, error):
        return StoreFull(
            f"{where} has no room left: {reason(address, error)}",
            hint="make room and run the same command again: it continues",
        )
    if is_away(address, error):
        return StoreAway(f"{where} does not answer: {reason(address, error)}", hint=AGAIN)
    return StoreFailed(f"{where} refused: {reason(address, error)}")


def is_away(address: URL, error: BaseException) -> bool:
    """Return whether a refusal says nothing of the work: no connection, or others were in the way (a deadlock)."""
    if isinstance(error, PoolTimeout | PendingRollbackError) or getattr(error, "connection_invalidated", False):
        return True
    code = code_of(error)
    if address.get_backend_name() == "postgresql":
        unconnected = isinstance(error, OperationalError) and getattr(error.orig, "sqlstate", None) is None
        return unconnected or str(code).startswith(POSTGRES_AWAY)
    return code in MARIADB_AWAY or str(code).startswith(SQLITE_AWAY)


def has_no_room(address: URL, error: BaseException) -> bool:
    """Return whether a refusal means that the disk is full; SQLite calls some of these "disk I/O error"."""
    code, path = code_of(error), sqlite_path(address)
    if path is None or not str(code).startswith("SQLITE_IOERR"):
        return code in FULL
    return shutil.disk_usage(path.parent).free < ROOM


def unopened(address: URL, error: BaseException) -> HpsearchError:
    """Return the error for a store that could not be opened: unusable, unless it is only full or busy."""
    if has_no_room(address, error) or str(code_of(error)).startswith("SQLITE_BUSY"):
        return refusal(address, error)
    return StoreUnusable(
        f"the store {safe_url(address)!r} cannot be opened: {reason(address, error)}",
        hint=opening_hint(address, error),
    )


def opening_hint(address: URL, error: BaseException) -> str | None:
    """Return what to do about a database that cannot be opened; None where the cause is not known.

    PostgreSQL's driver gives no code for what happens before there is a connection, only the words.
    """
    code, said = code_of(error), reason(address, error)
    if code in NO_DATABASE or NO_DATABASE_WORDS.search(said):
        return "make it first (CREATE DATABASE), or name another in the URL given with --store"
    if code in NOT_LET_IN or NOT_LET_IN_WORDS.search(said):
        return "check user and password in the URL given with --store"
    if code in NO_SERVER or NO_SERVER_WORDS.search(said):
        return "check host and port in the URL given with --store, and that the server runs"
    return "name another file with --store" if code in NO_FILE else None


def code_of(error: BaseException) -> str | int | None:
    """Return the code a driver gave its error: SQLite's name, PostgreSQL's SQLSTATE or MariaDB's number.

    MariaDB's number comes first: PyMySQL has given the SQLSTATE as well since 1.2, which says less.
    """
    cause = getattr(error, "orig", error)
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorname", None)
    first = next(iter(getattr(cause, "args", ())), None)
    return first if isinstance(first, int) else getattr(cause, "sqlstate", None) or first


def reason(address: URL, error: BaseException) -> str:
    """Return what the driver said, in one line, without SQL and without the password."""
    cause = getattr(error, "orig", error)
    text = str(cause.args[-1] if cause.args else cause)
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    password = str(address.password or "")
    return (line.replace(password, "***") if password else line)[:300]
