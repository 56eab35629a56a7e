"""A trial's row in Optuna's own tables, written in the same transaction as ours, so that no death leaves the two apart.

Only the tables below are touched, and a test fails when a release of Optuna changes them. Everything else goes through
Optuna's public storage (`optuna_storage.py`).
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    DateTime,
    Integer,
    MetaData,
    String,
    Table,
    delete,
    insert,
    literal_column,
    select,
    update,
)

_optunas = MetaData()
STUDIES = Table("studies", _optunas, Column("study_id", Integer, primary_key=True), Column("study_name", String))
TRIALS = Table(
    "trials",
    _optunas,
    Column("trial_id", Integer, primary_key=True),
    Column("number", Integer),
    Column("study_id", Integer),
    Column("state", String),
    Column("datetime_complete", DateTime),
)
CURVES = Table("trial_intermediate_values", _optunas, Column("trial_id", Integer))
MARKS = Table("trial_system_attributes", _optunas, Column("trial_id", Integer), Column("key", String))
PRUNER_MARKS = "completed_rung_"  # successive halving and Hyperband: "this trial has passed that rung"

# Bare words: the column is of an enum type on PostgreSQL.
RUNNING: ColumnElement[str] = literal_column("'RUNNING'")
WAITING: ColumnElement[str] = literal_column("'WAITING'")
FAIL: ColumnElement[str] = literal_column("'FAIL'")


def add_waiting(connection: Connection, study_name: str, number: int) -> int | None:
    """Add the trial of our `number` to Optuna's study of that name; return its id, None where there is no such study.

    The worker that claimed the number takes this very trial: Optuna's own numbering never comes into it.
    """
    study_id = connection.scalar(select(STUDIES.c.study_id).where(STUDIES.c.study_name == study_name))
    if study_id is None:
        return None
    key = connection.execute(
        insert(TRIALS).values(study_id=study_id, number=number, state=WAITING)
    ).inserted_primary_key
    return key[0] if key else None


def find(connection: Connection, study_name: str, number: int) -> int | None:
    """Return the id of Optuna's trial of that number: before release 0.2 it was made before ours knew it."""
    of_study = select(STUDIES.c.study_id).where(STUDIES.c.study_name == study_name).scalar_subquery()
    return connection.scalar(select(TRIALS.c.trial_id).where(TRIALS.c.study_id == of_study, TRIALS.c.number == number))


def put_back(connection: Connection, optuna_trial_id: int | None, rung: int) -> None:
    """Let a trial that Optuna believes RUNNING wait again, with its parameters.

    What the lost attempt reported goes: Optuna ignores a second report of a step (with a warning), and a pruner would
    compare the trial with its own past. At a rung above 0 it stays: from there the trial goes on.
    """
    mine: ColumnElement[bool] = TRIALS.c.trial_id == optuna_trial_id
    back = update(TRIALS).where(mine, TRIALS.c.state == RUNNING).values(state=WAITING)
    if optuna_trial_id is None or connection.execute(back).rowcount == 0 or rung > 0:
        return
    connection.execute(delete(CURVES).where(CURVES.c.trial_id == optuna_trial_id))
    marks = MARKS.c.trial_id == optuna_trial_id, MARKS.c.key.startswith(PRUNER_MARKS, autoescape=True)
    connection.execute(delete(MARKS).where(*marks))


def fail(connection: Connection, optuna_trial_id: int | None) -> None:
    """End a trial that nobody will run again."""
    mine = TRIALS.c.trial_id == optuna_trial_id, TRIALS.c.state.in_([RUNNING, WAITING])
    now = datetime.now(UTC).replace(tzinfo=None)  # what Optuna keeps: UTC without saying so
    connection.execute(update(TRIALS).where(*mine).values(state=FAIL, datetime_complete=now))


def remove(connection: Connection, optuna_trial_id: int | None) -> None:
    """Remove a trial that was claimed and never had a parameter."""
    for rows in (CURVES, MARKS, TRIALS):
        connection.execute(delete(rows).where(rows.c.trial_id == optuna_trial_id))
