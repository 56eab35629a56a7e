"""What happens inside one transaction of the store: each function here is run, or run again, as a whole.

`store.py` opens the transactions, `statements.py` has the SQL.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from sqlalchemy import Connection, Executable, Insert

from . import statements as sql
from .errors import LeaseLost, StudyNotFound, TrialFinished, TrialNotFound
from .records import TrialState

MAX_ATTEMPTS = 2  # a trial that took two workers with it is not given to a third

Row = Mapping[str, Any]


def rows(connection: Connection, query: Executable) -> list[Row]:
    """Return what `query` finds, by column name."""
    return [row._asdict() for row in connection.execute(query)]


def only(found: list[Row]) -> Row:
    """Return the row of a study. Raises `StudyNotFound` where it was deleted."""
    if not found:
        raise StudyNotFound
    return found[0]


def add(connection: Connection, new: Insert, by_id: Callable[[int], Executable]) -> Row:
    """Insert a row and return it as it is stored."""
    key = connection.execute(new).inserted_primary_key
    return rows(connection, by_id(key[0] if key else -1))[0]


def change_study(connection: Connection, study_id: int, values: Row) -> Row:
    """Change a study and return it. Raises `StudyNotFound`."""
    if values:
        connection.execute(sql.change_study(study_id, values))
    return only(rows(connection, sql.study_by_id(study_id)))


def claim(connection: Connection, study_id: int, held: Row) -> Row | None:
    """Take a trial that was put back, or else a free slot; None where there is neither."""
    while (trial_id := connection.scalar(sql.next_waiting(study_id))) is not None:
        if connection.execute(sql.take_waiting(trial_id, held)).rowcount == 1:
            return rows(connection, sql.trial_by_id(trial_id))[0]
    if connection.execute(sql.take_slot(study_id)).rowcount == 0:
        return None
    study = only(rows(connection, sql.study_by_id(study_id)))
    return add(connection, sql.add_trial(study, held), sql.trial_by_id)


def write_held(connection: Connection, trial_id: int, worker: str | None, values: Row) -> None:
    """Write to a running trial, or raise why it cannot be written to."""
    if connection.execute(sql.write_trial(trial_id, worker, values)).rowcount == 0:
        refuse(connection, trial_id)


def finish(connection: Connection, trial_id: int, worker: str | None, values: Row) -> Row:
    """End a running trial, give its slot back where it failed, and return it."""
    write_held(connection, trial_id, worker, values)
    if values["state"] == TrialState.FAILED.value:
        connection.execute(sql.give_slot_back(trial_id))
    return rows(connection, sql.trial_by_id(trial_id))[0]


def refuse(connection: Connection, trial_id: int) -> NoReturn:
    """Raise why a trial cannot be written to."""
    found = rows(connection, sql.trial_by_id(trial_id))
    if not found:
        raise TrialNotFound("the trial is gone: its study was deleted", hint="`hpsearch studies` lists what is left")
    number, state = found[0]["number"], TrialState(found[0]["state"])
    if state.is_finished:
        raise TrialFinished(f"trial {number} is {state.value} and never changes again")
    raise LeaseLost(f"trial {number} is not this worker's any more: it is {state.value}")


def is_lost(row: Row, is_alive: Callable[[str], bool | None], now: str) -> bool:
    """Return whether a running trial's worker is dead, or unknown with its lease over."""
    alive = is_alive(row["worker"]) if row["worker"] else None
    return alive is False or (alive is None and (row["lease_until"] or "") < now)


def lose(connection: Connection, lost: Row, now: str) -> Row | None:
    """Take a trial from its lost worker and return it; None where the worker was quicker."""
    last = lost["attempt"] >= MAX_ATTEMPTS
    ending = sql.lost_again(lost, now) if last else sql.run_again(lost)
    if connection.execute(sql.lose(lost, ending)).rowcount == 0:
        return None
    if last:
        connection.execute(sql.give_slot_back(lost["trial_id"]))
    return rows(connection, sql.trial_by_id(lost["trial_id"]))[0]
