"""What happens inside one transaction of the store: each function here is run, or run again, as a whole.

`store.py` opens the transactions, `statements.py` has the SQL.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from sqlalchemy import Connection, Executable, Insert

from . import optuna_rows as optuna
from . import statements as sql
from .errors import LeaseLost, StudyNotFound, TrialFinished, TrialNotFound
from .records import Phase, TrialState

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


def add_model(connection: Connection, values: Row) -> Row:
    """Add a model and return it."""
    return add(connection, sql.add_model(values), sql.model_by_id)


def add_model_again(connection: Connection, values: Row) -> Row:
    """Add a model after an adding whose success was not heard of: return the one it added, if it added one."""
    found = rows(connection, sql.same_model(values))
    return found[0] if found else add_model(connection, values)


def change_study(connection: Connection, study_id: int, values: Row) -> Row:
    """Change a study and return it. Raises `StudyNotFound`."""
    if values:
        connection.execute(sql.change_study(study_id, values))
    return only(rows(connection, sql.study_by_id(study_id)))


def claim(connection: Connection, study_id: int, held: Row, new: bool) -> Row | None:
    """Take a trial that was put back, or else a free slot, or one that waits at a rung; None where there is none."""
    waiting = claim_waiting(connection, sql.next_waiting(study_id), held)
    if waiting is not None:
        return waiting
    if not new or connection.execute(sql.take_slot(study_id)).rowcount == 0:
        return claim_waiting(connection, sql.next_at_rung(study_id), held)
    study = only(rows(connection, sql.study_by_id(study_id)))
    optuna_trial_id = optuna.add_waiting(connection, study["name"], study["next_number"] - 1)
    return add(connection, sql.add_trial(study, {**held, "optuna_trial_id": optuna_trial_id}), sql.trial_by_id)


def claim_waiting(connection: Connection, query: Executable, held: Row) -> Row | None:
    """Take the trial that `query` finds, whoever else wants it; None where there is none."""
    while (trial_id := connection.scalar(query)) is not None:
        if connection.execute(sql.take_waiting(trial_id, held)).rowcount == 1:
            return ready_in_optuna(connection, rows(connection, sql.trial_by_id(trial_id))[0])
    return None


def claim_again(connection: Connection, study_id: int, held: Row, new: bool) -> Row | None:
    """Claim after a claim whose success was not heard of: return the trial it took, if it took one."""
    found = rows(connection, sql.claimed_by(study_id, held["worker"], held["started_at"]))
    return found[0] if found else claim(connection, study_id, held, new)


def ready_in_optuna(connection: Connection, row: Row) -> Row:
    """Return a trial that was put back, with Optuna's trial waiting as well; it is made where there is none yet."""
    if row["optuna_trial_id"] is not None:
        optuna.put_back(connection, row["optuna_trial_id"], goes_on_from(row))
        return row
    name, number = only(rows(connection, sql.study_by_id(row["study_id"])))["name"], row["number"]
    key = optuna.find(connection, name, number) or optuna.add_waiting(connection, name, number)
    optuna.put_back(connection, key, goes_on_from(row))
    connection.execute(sql.write_trial(row["trial_id"], None, {"optuna_trial_id": key}))
    return {**row, "optuna_trial_id": key}


def write_held(connection: Connection, trial_id: int, worker: str | None, values: Row) -> None:
    """Write to a running trial, or raise why it cannot be written to."""
    if connection.execute(sql.write_trial(trial_id, worker, values)).rowcount == 0:
        refuse(connection, trial_id)


def finish(connection: Connection, trial_id: int, worker: str | None, attempt: int | None, values: Row) -> Row:
    """End a running trial (in that attempt, if one is named), give its slot back where it failed, and return it."""
    if connection.execute(sql.end_trial(trial_id, worker, attempt, values)).rowcount == 0:
        return finished_before(connection, trial_id, values)
    if values["state"] == TrialState.FAILED.value:
        connection.execute(sql.give_slot_back(trial_id))
    return rows(connection, sql.trial_by_id(trial_id))[0]


def finished_before(connection: Connection, trial_id: int, values: Row) -> Row:
    """Return the trial if this very end is written already, in a transaction whose success was not heard of."""
    found = rows(connection, sql.trial_by_id(trial_id))
    same = found and all(found[0][name] == values[name] for name in ("state", "finished_at", "score"))
    return found[0] if same else refuse(connection, trial_id)


def release(connection: Connection, trial_id: int, worker: str | None) -> bool:
    """Put a running trial back, with us and with Optuna; return whether it was running."""
    if connection.execute(sql.put_back(trial_id, worker)).rowcount == 0:
        return False
    row = rows(connection, sql.trial_by_id(trial_id))[0]
    optuna.put_back(connection, row["optuna_trial_id"], goes_on_from(row))
    return True


def pause(connection: Connection, trial_id: int, worker: str | None, rung: int, values: Row) -> None:
    """Let a running trial wait at a rung; both tables keep its curve."""
    waiting = {"state": TrialState.WAITING.value, "rung": rung, "worker": None, "lease_until": None}
    if connection.execute(sql.write_trial(trial_id, worker, {**values, **waiting})).rowcount == 0:
        paused_before(connection, trial_id, rung)
    optuna.put_back(connection, connection.scalar(sql.optuna_id_of(trial_id)), rung)


def paused_before(connection: Connection, trial_id: int, rung: int) -> None:
    """Raise why a trial cannot be paused, unless it is, by a transaction whose success was not heard of."""
    found = rows(connection, sql.trial_by_id(trial_id))
    if not found or (found[0]["state"], found[0]["rung"]) != (TrialState.WAITING.value, rung):
        refuse(connection, trial_id)


def withdraw(connection: Connection, trial_id: int, worker: str | None) -> bool:
    """Undo a claim for which there is nothing to run; return whether it was there to undo."""
    optuna_trial_id = connection.scalar(sql.optuna_id_of(trial_id))
    if connection.execute(sql.write_trial(trial_id, worker, {"curve": []})).rowcount == 0:
        return False
    connection.execute(sql.give_slot_back(trial_id))
    connection.execute(sql.remove_trial(trial_id))
    optuna.remove(connection, optuna_trial_id)
    return True


def refuse(connection: Connection, trial_id: int) -> NoReturn:
    """Raise why a trial cannot be written to."""
    found = rows(connection, sql.trial_by_id(trial_id))
    if not found:
        raise TrialNotFound("the trial is gone: its study was deleted", hint="`hpsearch studies` lists what is left")
    number, state = found[0]["number"], TrialState(found[0]["state"])
    if state.is_finished:
        raise TrialFinished(f"trial {number} is {state.value} and never changes again")
    raise LeaseLost(f"trial {number} is not this worker's any more: it is {state.value}")


def lose(connection: Connection, lost: Row, now: str) -> Row | None:
    """Take a trial from its lost worker and return it; None where the worker was quicker."""
    last = lost["attempt"] >= MAX_ATTEMPTS
    ending = sql.lost_again(lost, now) if last else sql.run_again(lost)
    if connection.execute(sql.lose(lost, ending)).rowcount == 0:
        return None
    row = rows(connection, sql.trial_by_id(lost["trial_id"]))[0]
    if last:
        connection.execute(sql.give_slot_back(lost["trial_id"]))
        optuna.fail(connection, row["optuna_trial_id"])
    else:
        optuna.put_back(connection, row["optuna_trial_id"], goes_on_from(row))
    return row


def goes_on_from(row: Row) -> int:
    """Return the rung that a trial goes on from when it is taken up again; 0 where it begins anew."""
    return int(row["rung"]) if row["phase"] == Phase.SEARCH.value else 0


def promote(connection: Connection, study_id: int, promotions: Sequence[Row]) -> None:
    """Add trials that wait to run configurations again; one that is there already is an integrity error."""
    for values in promotions:
        connection.execute(sql.take_number(study_id))
        study = only(rows(connection, sql.study_by_id(study_id)))
        key = optuna.add_waiting(connection, study["name"], study["next_number"] - 1)
        connection.execute(sql.add_promotion(study, {**values, "optuna_trial_id": key}))
