"""Optuna's half of the store: its storage on the same URL, and putting back what a dead worker left.

Ours is the truth (`store.py`); Optuna's study of the same name is what samplers, pruners and the dashboard
read. Its tables are made in `optuna_tables.py`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, column, delete, literal_column, table, update

from .errors import StoreOutdated, StoreTooNew
from .optuna_tables import connected, older_versions
from .schema import require_current, schema_status
from .url import parse_url, safe_url

if TYPE_CHECKING:
    from optuna.storages import BaseStorage, RDBStorage

#: The part of Optuna's schema that `requeue` touches; a test fails when a release changes it.
TRIALS = table("trials", column("trial_id"), column("state"))
CURVES = table("trial_intermediate_values", column("trial_id"))
MARKS = table("trial_system_attributes", column("trial_id"), column("key"))
RUNNING: ColumnElement[str] = literal_column("'RUNNING'")  # bare: the column is of an enum type on PostgreSQL
WAITING: ColumnElement[str] = literal_column("'WAITING'")
PRUNER_MARKS = "completed_rung_"  # successive halving and Hyperband: "this trial has passed that rung"


def optuna_storage(url: str) -> RDBStorage:
    """Return Optuna's storage on the store at `url`, which `schema.upgrade` has made.

    Raises `StoreUnusable`, `StoreNotFound`, and `StoreOutdated` or `StoreTooNew` where its tables belong to
    another release of Optuna.
    """
    require_current(schema_status(url))
    storage = connected(parse_url(url))
    _require_current(storage, safe_url(url))
    return storage


def _require_current(storage: RDBStorage, url: str) -> None:
    found = storage.get_current_version()
    if found == storage.get_head_version():
        return
    problem = f"Optuna's tables in {url!r} have version {found}, the installed Optuna has another"
    if found in older_versions(storage):
        raise StoreOutdated(problem, hint=f"`hpsearch db upgrade --store {url}` brings them up to date")
    raise StoreTooNew(problem, hint="pip install -U optuna, or use another store with --store")


def requeue(storage: BaseStorage, optuna_trial_id: int) -> bool:
    """Put a trial that Optuna believes RUNNING back to WAITING; return whether it was running.

    The next `study.optimize` takes this very trial, with its number and the parameters it had. What the lost
    attempt reported goes, in the same transaction: Optuna ignores a second report of a step (with a warning),
    and a pruner would compare the trial with its own past.
    """
    mine: ColumnElement[bool] = TRIALS.c.trial_id == optuna_trial_id
    with _rdb(storage).engine.begin() as connection:
        back = update(TRIALS).where(mine, TRIALS.c.state == RUNNING).values(state=WAITING)
        if connection.execute(back).rowcount == 0:
            return False
        connection.execute(delete(CURVES).where(CURVES.c.trial_id == optuna_trial_id))
        marks = MARKS.c.trial_id == optuna_trial_id, MARKS.c.key.startswith(PRUNER_MARKS, autoescape=True)
        connection.execute(delete(MARKS).where(*marks))
    return True


def optuna_zombies(storage: BaseStorage, study_name: str, live: Collection[int]) -> list[int]:
    """Return the ids of Optuna's RUNNING trials that are none of `live` (`Trial.optuna_trial_id` of ours).

    A worker that has asked Optuna for a trial and not yet recorded its id looks the same: call this while no
    other worker of the study is between the two.
    """
    from optuna.trial import TrialState

    study_id = storage.get_study_id_from_name(study_name)
    running = storage.get_all_trials(study_id, deepcopy=False, states=(TrialState.RUNNING,))
    return [trial._trial_id for trial in running if trial._trial_id not in live]


def forget_optuna_study(url: str, study_name: str) -> None:
    """Delete Optuna's study of that name with its trials, where there is one."""
    storage = optuna_storage(url)
    try:
        storage.delete_study(storage.get_study_id_from_name(study_name))
    except KeyError:
        return  # a search with another backend, or one that ended before its first trial
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _rdb(storage: BaseStorage) -> RDBStorage:
    """Return the storage behind the cache that `optuna.create_study` puts in front of it."""
    return getattr(storage, "_backend", storage)
