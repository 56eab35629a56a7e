"""What a role may do in a database, found out without doing it: no table is made, no row is changed.

A server checks rights before anything else. So it is asked for a table that cannot be made, for two of its columns have
one name, and what it says of that tells whether the role may make tables; and for changes of no row at all.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Engine, Executable, TableClause, column, delete, false, insert, select, table, text, update
from sqlalchemy.exc import DBAPIError

from .engine import code_of, reason, transaction
from .errors import StoreFailed, StoreUnusable
from .foreign import OPTUNA
from .tables import metadata
from .url import safe_url

MAKE = "CREATE TABLE hpsearch_nowhere (twice INTEGER, twice INTEGER)"
#: Rights that MariaDB and MySQL give one by one, on a table that is not there.
OTHERS = (
    "ALTER TABLE hpsearch_nowhere ADD one INTEGER",
    "CREATE INDEX one ON hpsearch_nowhere (one)",
    "INSERT INTO hpsearch_nowhere (one) VALUES (1)",
    "UPDATE hpsearch_nowhere SET one = 1",
    "DELETE FROM hpsearch_nowhere",
)
#: What a server says that would do it if it could: the column is there twice, there is no such table.
WOULD = {"postgresql": ("42701",), "mysql": (1060, 1146), "mariadb": (1060, 1146)}
#: What it says of a role that may not.
DENIED = ("42501", 1044, 1142, 1143)
GRANT = "let the role make and change tables there (GRANT), or name another store with --store"


def check_may_make_tables(engine: Engine) -> None:
    """Raise `StoreUnusable` where the role of a server's URL may not make our tables; of a file nothing is asked."""
    for statement in () if engine.dialect.name == "sqlite" else _asked(engine):
        refused = _refusal(engine, text(statement))
        if refused is not None and code_of(refused) not in WOULD[engine.dialect.name]:
            raise _unusable(engine, "no table can be made there", refused)


def check_may_write(engine: Engine) -> None:
    """Raise `StoreUnusable` where rows cannot be changed, in a store of a server that is there; a file is not asked."""
    for change in () if engine.dialect.name == "sqlite" else _changes_of_nothing():
        refused = _refusal(engine, change)
        if refused is not None:
            raise _unusable(engine, "it cannot be written", refused)


def _asked(engine: Engine) -> tuple[str, ...]:
    return (MAKE,) if engine.dialect.name == "postgresql" else (MAKE, *OTHERS)


def _changes_of_nothing() -> Iterator[Executable]:
    """Yield statements that change no row of our tables and of Optuna's, and need the right to change all of them."""
    for one in metadata.sorted_tables:
        yield insert(one).from_select(one.columns.keys(), select(one).where(false()))
        yield from _changes(one, one.columns.keys()[0])
    for name in ("studies", "trials"):
        yield from _changes(table(name, column(OPTUNA[name])), OPTUNA[name])


def _changes(one: TableClause, key: str) -> Iterator[Executable]:
    yield update(one).values({key: one.columns[key]}).where(false())
    yield delete(one).where(false())


def _refusal(engine: Engine, statement: Executable) -> BaseException | None:
    """Return what a server says against a statement. Raises `StoreFailed` where it does not answer."""
    try:
        with transaction(engine) as connection:
            connection.execute(statement)
    except StoreFailed as error:
        if isinstance(error.__cause__, DBAPIError) and not error.__cause__.connection_invalidated:
            return error.__cause__
        raise
    return None


def _unusable(engine: Engine, what: str, error: BaseException) -> StoreUnusable:
    hint = GRANT if code_of(error) in DENIED else None
    return StoreUnusable(
        f"the store {safe_url(engine.url)!r} cannot be used, {what}: {reason(engine.url, error)}", hint=hint
    )
