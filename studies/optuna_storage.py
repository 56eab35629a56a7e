"""Optuna's half of the store: its storage on the same URL.

Ours is the truth (`store.py`); Optuna's study of the same name is what samplers, pruners and the dashboard
read. Its tables are made in `optuna_tables.py`, its rows of a trial that is claimed or lost in `optuna_rows.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import StoreOutdated, StoreTooNew, StoreUnusable
from .foreign import ALEMBIC, is_optunas_version
from .optuna_tables import connected, older_versions, refusals_of
from .schema import require_current, schema_status
from .url import parse_url, safe_url

if TYPE_CHECKING:
    from optuna.storages import RDBStorage


def optuna_storage(url: str, *, read_only: bool = False) -> RDBStorage:
    """Return Optuna's storage on the store at `url`, which `schema.upgrade` has made; see `engine.make_engine`.

    Raises `StoreUnusable`, `StoreNotFound`, and `StoreOutdated` or `StoreTooNew` where its tables belong to
    another release of Optuna.
    """
    require_current(schema_status(url))
    storage = connected(parse_url(url), read_only=read_only)
    _require_current(storage, safe_url(url))
    return storage


def _require_current(storage: RDBStorage, url: str) -> None:
    found = storage.get_current_version()
    if found == storage.get_head_version():
        return
    problem = f"Optuna's tables in {url!r} have version {found}, the installed Optuna has another"
    if found in older_versions(storage):
        raise StoreOutdated(problem, hint=f"`hpsearch db upgrade --store {url}` brings them up to date")
    if is_optunas_version(found):
        raise StoreTooNew(problem, hint="pip install -U optuna, or use another store with --store")
    raise StoreUnusable(
        f"the table {ALEMBIC!r} in {url!r} says {found!r}: another program keeps its version there, too"
    )


def forget_optuna_study(url: str, study_name: str) -> None:
    """Delete Optuna's study of that name with its trials, where there is one. Raises as `StudyStore` does."""
    address = parse_url(url)
    with refusals_of(address):
        _forget(connected(address), study_name, safe_url(url))


def _forget(storage: RDBStorage, study_name: str, url: str) -> None:
    try:
        _require_current(storage, url)
        storage.delete_study(storage.get_study_id_from_name(study_name))
    except KeyError:
        return  # a search with another backend, or one that ended before its first trial
    finally:
        storage.remove_session()
        storage.engine.dispose()
