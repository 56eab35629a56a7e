"""Optuna's own tables in the store: made by `schema.upgrade`, never as a side effect of opening.

`optuna_storage.py` uses them. Optuna is imported inside the functions: listing studies needs none of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from .engine import again_where_others_interfere, engine_options, refusal
from .url import parse_url

if TYPE_CHECKING:
    from optuna.storages import RDBStorage


def make_optuna_tables(url: str) -> None:
    """Make Optuna's tables, or bring them up to date. May be repeated, by several processes at once.

    Optuna looks first and creates then, so that processes started together may trip over each other: the one
    that does tries again. Raises `StoreFailed`.
    """
    address = parse_url(url)
    again_where_others_interfere(lambda: _make_tables(address))


def _make_tables(address: URL) -> None:
    from optuna.exceptions import StorageInternalError

    try:
        storage = connected(address, make_tables=True)
        if storage.get_current_version() in older_versions(storage):
            storage.upgrade()
        storage.engine.dispose()
    except (StorageInternalError, DBAPIError) as error:
        cause = error if isinstance(error, DBAPIError) else error.__cause__
        raise refusal(address, cause or error) from error


def connected(address: URL, *, make_tables: bool = False) -> RDBStorage:
    """Return Optuna's storage at `address`, whatever the version of its tables."""
    from optuna.storages import RDBStorage

    text = address.render_as_string(hide_password=False)
    return RDBStorage(
        text.replace("{", "{{").replace("}", "}}"),  # Optuna fills in {SCHEMA_VERSION}
        engine_kwargs=engine_options(address),
        skip_table_creation=not make_tables,
        skip_compatibility_check=True,  # `optuna_storage` says what to do in our words
    )


def older_versions(storage: RDBStorage) -> list[str]:
    """Return the versions of its tables that the installed Optuna knows and has left behind."""
    return [known for known in storage.get_all_versions() if known != storage.get_head_version()]
