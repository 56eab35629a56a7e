"""Optuna's own tables in the store: made by `schema.upgrade`, never as a side effect of opening.

`optuna_storage.py` uses them. Optuna is imported inside the functions: listing studies needs none of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import Engine, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from .engine import again_where_others_interfere, engine_options, refusal
from .url import parse_url

if TYPE_CHECKING:
    from optuna.storages import RDBStorage

#: Optuna's columns that hold names of ours. MariaDB and MySQL compare text as the server was told to, by most rules of
#: which `Cola` and `cola` are one name, and so are all emoji.
NAMES = {
    "studies": "study_name",
    "study_user_attributes": "key",
    "study_system_attributes": "key",
    "trial_user_attributes": "key",
    "trial_system_attributes": "key",
    "trial_params": "param_name",
}
EXACT = "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"  # as in `tables.OPTIONS`
ALTER_S = 10  # how long one attempt waits for those who use the table; the server's default is a day
INEXACT = text(
    "SELECT column_type AS kind, is_nullable AS nullable FROM information_schema.columns"
    " WHERE table_schema = DATABASE() AND table_name = :of_table AND column_name = :name"
    " AND collation_name <> 'utf8mb4_bin'"
)


def make_optuna_tables(url: str) -> None:
    """Make Optuna's tables, or bring them up to date. May be repeated, by several processes at once.

    Optuna looks first and creates then, so that processes started together may trip over each other: the one
    that does tries again. Raises `StoreFailed`.
    """
    address = parse_url(url)
    again_where_others_interfere(lambda: _make_tables(address))


def _make_tables(address: URL) -> None:
    with refusals_of(address):
        storage = connected(address, make_tables=True)
        if storage.get_current_version() in older_versions(storage):
            storage.upgrade()
        make_names_exact(storage.engine)
        storage.engine.dispose()


@contextmanager
def refusals_of(address: URL) -> Iterator[None]:
    """Raise what Optuna's storage at `address` could not do as the `StoreFailed` that our own tables would raise."""
    from optuna.exceptions import StorageInternalError

    try:
        yield
    except (StorageInternalError, SQLAlchemyError) as error:
        cause = error if isinstance(error, SQLAlchemyError) else error.__cause__
        raise refusal(address, cause or error) from error


def connected(address: URL, *, make_tables: bool = False, read_only: bool = False) -> RDBStorage:
    """Return Optuna's storage at `address`, whatever the version of its tables."""
    from optuna.storages import RDBStorage

    text = address.render_as_string(hide_password=False)
    return RDBStorage(
        text.replace("{", "{{").replace("}", "}}"),  # Optuna fills in {SCHEMA_VERSION}
        engine_kwargs=engine_options(address, read_only=read_only),
        skip_table_creation=not make_tables,
        skip_compatibility_check=True,  # `optuna_storage` says what to do in our words
    )


def older_versions(storage: RDBStorage) -> list[str]:
    """Return the versions of its tables that the installed Optuna knows and has left behind."""
    return [known for known in storage.get_all_versions() if known != storage.get_head_version()]


def make_names_exact(engine: Engine) -> None:
    """Let MariaDB and MySQL tell Optuna's names apart, as our tables and the other databases do.

    May be repeated: only what is not exact yet is changed. Raises `DBAPIError`.
    """
    if engine.dialect.name not in ("mysql", "mariadb"):
        return
    with engine.connect() as connection:
        connection.execute(text(f"SET SESSION lock_wait_timeout = {ALTER_S}"))
        for of_table, name in NAMES.items():
            found = connection.execute(INEXACT, {"of_table": of_table, "name": name}).one_or_none()
            if found is not None:
                null = "NULL" if found.nullable == "YES" else "NOT NULL"
                connection.execute(text(f"ALTER TABLE `{of_table}` MODIFY `{name}` {found.kind} {EXACT} {null}"))
