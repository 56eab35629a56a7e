"""Many workers: no configuration twice, how far a trial is and on which device, and what bounds a search for all."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _table(name: str, *columns: str | sa.ColumnClause[Any]) -> sa.TableClause:
    return sa.table(name, *(sa.column(one) if isinstance(one, str) else one for one in columns))


STUDIES = _table("hpsearch_studies", "study_id", "name", "identity", sa.column("spec", sa.JSON))
TRIALS = _table(
    *("hpsearch_trials", "trial_id", "study_id", "number", "params_key", "optuna_trial_id"),
    sa.column("params", sa.JSON),
)
KEY = ["study_id", "params_key"]

OPTUNA_STUDIES = _table("studies", "study_id", "study_name")
OPTUNA_TRIALS = _table("trials", "trial_id", "study_id", "number", "state")
OF_OPTUNA_TRIALS = [
    _table(f"trial_{what}", "trial_id")
    for what in ("system_attributes", "user_attributes", "params", "values", "intermediate_values", "heartbeats")
]


def upgrade() -> None:
    """Add the columns, and bring the old rows in line with them.

    MariaDB cannot take back what a killed upgrade did: what is there already is passed over.
    """
    add_column("hpsearch_studies", sa.Column("limits", sa.JSON))
    add_column("hpsearch_trials", sa.Column("progress", sa.Double))
    add_column("hpsearch_trials", sa.Column("device", sa.String(255)))
    add_column("hpsearch_trials", sa.Column("params_key", sa.String(64)))
    add_unique_index("ix_hpsearch_trials_study_id_params_key", "hpsearch_trials", KEY)
    take_configurations(op.get_bind())
    drop_trials_made_ahead(op.get_bind())
    forget_own_release(op.get_bind())


def add_column(table: str, column: sa.Column[Any]) -> None:
    """Add a column that is not there."""
    if column.name not in {found["name"] for found in sa.inspect(op.get_bind()).get_columns(table)}:
        op.add_column(table, column)


def add_unique_index(name: str, table: str, columns: list[str]) -> None:
    """Add an index that is not there."""
    if name not in {found["name"] for found in sa.inspect(op.get_bind()).get_indexes(table)}:
        op.create_index(name, table, columns, unique=True)


def take_configurations(connection: sa.Connection) -> None:
    """Give each old trial the key of its configuration, of equal ones the first: it is not tried again."""
    query = sa.select(TRIALS.c.trial_id, TRIALS.c.study_id, TRIALS.c.params).where(TRIALS.c.params.is_not(None))
    first: dict[tuple[int, str], int] = {}
    for trial_id, study_id, params in connection.execute(query.order_by(TRIALS.c.study_id, TRIALS.c.number)):
        first.setdefault((study_id, fingerprint({"params": params, "replicate": ""})), trial_id)
    keys = [{"of_trial": trial_id, "key": key} for (_, key), trial_id in first.items()]
    if keys:
        mine = TRIALS.c.trial_id == sa.bindparam("of_trial")
        connection.execute(sa.update(TRIALS).where(mine).values(params_key=sa.bindparam("key")), keys)


def drop_trials_made_ahead(connection: sa.Connection) -> None:
    """Remove what waits in Optuna's study and is none of ours: claims make Optuna's trial now, numbered as ours.

    Before, the first trials of a study were queued there when it was made; those that were never claimed would wait
    for ever, beside others of their numbers.
    """
    ours = TRIALS.join(STUDIES, STUDIES.c.study_id == TRIALS.c.study_id)
    known = (
        sa.select(TRIALS.c.trial_id)
        .select_from(ours)
        .where(
            STUDIES.c.name == OPTUNA_STUDIES.c.study_name,
            sa.or_(TRIALS.c.optuna_trial_id == OPTUNA_TRIALS.c.trial_id, TRIALS.c.number == OPTUNA_TRIALS.c.number),
        )
    )
    ahead = (
        sa.select(OPTUNA_TRIALS.c.trial_id)
        .join(OPTUNA_STUDIES, OPTUNA_STUDIES.c.study_id == OPTUNA_TRIALS.c.study_id)
        .where(OPTUNA_TRIALS.c.state == sa.literal_column("'WAITING'"))  # bare: of an enum type on PostgreSQL
        .where(OPTUNA_STUDIES.c.study_name.in_(sa.select(STUDIES.c.name)), ~known.exists())
    )
    found = connection.scalars(ahead).all()
    for rows in (*OF_OPTUNA_TRIALS, OPTUNA_TRIALS) if found else ():
        connection.execute(sa.delete(rows).where(rows.c.trial_id.in_(found)))


def forget_own_release(connection: sa.Connection) -> None:
    """Let a study go on after hpsearch was upgraded: its release was part of each study's identity."""
    for study_id, spec in connection.execute(sa.select(STUDIES.c.study_id, STUDIES.c.spec)).all():
        versions = spec.get("identity", {}).get("versions", {})
        if versions.pop("hpsearch", None) is not None:
            mine = STUDIES.c.study_id == study_id
            values = {"spec": spec, "identity": fingerprint(spec["identity"])}
            connection.execute(sa.update(STUDIES).where(mine).values(**values))


def fingerprint(values: dict[str, Any]) -> str:
    """Return the fingerprint as it was defined when this step was written; the package's own may change."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()
