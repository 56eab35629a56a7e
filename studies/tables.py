"""The columns of our tables, for SQLite, PostgreSQL and MariaDB/MySQL alike; Optuna's stand beside them.

`migrations/versions/` makes them, step by step; a test keeps the sum of the steps equal to this file. Every
moment is UTC ISO text (`clock.py`), every JSON column is written through `plain.dumps`.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)

PREFIX = "hpsearch_"
VERSION_TABLE = f"{PREFIX}alembic_version"  # Optuna's own is `alembic_version`

#: Keys are never used twice (a worker of a deleted study must not write into another one), names keep their
#: case, and text is any text, on every database.
OPTIONS: dict[str, Any] = {
    "sqlite_autoincrement": True,
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_bin",
}

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _json(name: str, *, nullable: bool = False) -> Column[object]:
    return Column(name, JSON(none_as_null=True), nullable=nullable)


def _study_key() -> Column[int]:
    return Column("study_id", ForeignKey("hpsearch_studies.study_id", ondelete="CASCADE"), nullable=False)


studies = Table(
    "hpsearch_studies",
    metadata,
    Column("study_id", Integer, primary_key=True),
    Column("uid", String(8), nullable=False),
    Column("name", String(100), nullable=False),
    Column("created_at", String(32), nullable=False),
    Column("identity", String(64), nullable=False),
    Column("backend", String(32), nullable=False),
    Column("direction", String(8), nullable=False),
    Column("trials", Integer, nullable=False),
    # Trials that wait, run, are complete or pruned: `statements.take_slot` adds one while there are too few.
    Column("slots", Integer, nullable=False),
    Column("next_number", Integer, nullable=False),
    Column("forked_from", String(100)),
    Column("objective", Text, nullable=False),
    Column("task", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("folder", Text, nullable=False),
    # While it is true, nobody takes a slot but the first: it finds the share of the data that has a signal.
    Column("checking", Boolean, nullable=False, server_default=false()),
    _json("spec"),
    _json("limits", nullable=True),
    _json("signal", nullable=True),
    _json("verdict", nullable=True),
    UniqueConstraint("name"),
    UniqueConstraint("uid"),
    **OPTIONS,
)

trials = Table(
    "hpsearch_trials",
    metadata,
    Column("trial_id", Integer, primary_key=True),
    _study_key(),
    Column("number", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("failure", String(16)),
    Column("baseline", Boolean, nullable=False),
    Column("phase", String(16), nullable=False),
    Column("rung", Integer, nullable=False),
    Column("origin", Integer),
    Column("fraction", Double),
    Column("seed", BigInteger),
    Column("score", Double),
    Column("started_at", String(32)),
    Column("finished_at", String(32)),
    Column("worker", String(255)),
    Column("lease_until", String(32)),
    Column("optuna_trial_id", Integer),
    Column("progress", Double),
    Column("device", String(255)),
    Column("params_key", String(64)),
    Column("prior", String(100)),
    Column("objective", Text, nullable=False),
    Column("failure_message", Text),
    Column("checkpoint", Text),
    _json("params", nullable=True),
    _json("config"),
    _json("metrics"),
    _json("curve"),
    _json("seconds"),
    _json("predictions", nullable=True),
    _json("environment", nullable=True),
    UniqueConstraint("study_id", "number"),
    # Next in the queue, counts and standing, without the rows.
    Index("ix_hpsearch_trials_standing", "study_id", "state", "number", "phase", "fraction", "origin", "score"),
    Index(None, "study_id", "finished_at"),  # failures in a row, and what ended lately
    Index(None, "study_id", "params_key", unique=True),  # no configuration is tried twice
    **OPTIONS,
)

models = Table(
    "hpsearch_models",
    metadata,
    Column("model_id", Integer, primary_key=True),
    _study_key(),
    Column("trial_number", Integer, nullable=False),
    Column("created_at", String(32), nullable=False),
    Column("fingerprint", String(128), nullable=False),
    Column("folder", Text, nullable=False),
    _json("metrics"),
    _json("seconds"),
    _json("spec"),
    Index(None, "study_id"),
    **OPTIONS,
)

sweep_runs = Table(
    "hpsearch_sweep_runs",
    metadata,
    Column("run_id", Integer, primary_key=True),
    Column("sweep", String(60), nullable=False),
    Column("due_at", String(32), nullable=False),
    Column("label", String(20), nullable=False),
    Column("state", String(16), nullable=False),
    Column("started_at", String(32), nullable=False),
    Column("finished_at", String(32)),
    Column("worker", String(255)),
    Column("lease_until", String(32)),
    Column("failure_message", Text),
    _json("spec"),
    UniqueConstraint("sweep", "due_at"),  # whoever adds the row runs the sweep: it is run once
    UniqueConstraint("sweep", "label"),
    **OPTIONS,
)

sweep_cells = Table(
    "hpsearch_sweep_cells",
    metadata,
    Column("sweep_cell_id", Integer, primary_key=True),
    Column("run_id", ForeignKey("hpsearch_sweep_runs.run_id", ondelete="CASCADE"), nullable=False),
    Column("cell", String(60), nullable=False),
    Column("state", String(16), nullable=False),
    Column("study", String(100), nullable=False),
    Column("started_at", String(32), nullable=False),
    Column("finished_at", String(32)),
    Column("history", String(64)),
    Column("failure_message", Text),
    _json("measured", nullable=True),
    _json("finding", nullable=True),
    UniqueConstraint("run_id", "cell"),
    **OPTIONS,
)

sweep_schedules = Table(
    "hpsearch_sweep_schedules",
    metadata,
    Column("sweep", String(60), primary_key=True),
    Column("cron", Text, nullable=False),
    Column("timezone", String(64), nullable=False),
    Column("since", String(32), nullable=False),
    Column("next_due", String(32), nullable=False),
    **{name: value for name, value in OPTIONS.items() if name != "sqlite_autoincrement"},
)
