"""The first schema: studies, trials and models."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

OPTIONS: dict[str, Any] = {
    "sqlite_autoincrement": True,
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_bin",
}


def upgrade() -> None:
    """Make the three tables and their indexes."""
    make_studies()
    make_trials()
    make_models()


def make_studies() -> None:
    """Make the table of studies."""
    op.create_table(
        "hpsearch_studies",
        sa.Column("study_id", sa.Integer, nullable=False),
        sa.Column("uid", sa.String(8), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.Column("identity", sa.String(64), nullable=False),
        sa.Column("backend", sa.String(32), nullable=False),
        sa.Column("direction", sa.String(8), nullable=False),
        sa.Column("trials", sa.Integer, nullable=False),
        sa.Column("slots", sa.Integer, nullable=False),
        sa.Column("next_number", sa.Integer, nullable=False),
        sa.Column("forked_from", sa.String(100)),
        sa.Column("objective", sa.Text, nullable=False),
        sa.Column("task", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("folder", sa.Text, nullable=False),
        sa.Column("spec", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("study_id", name="pk_hpsearch_studies"),
        sa.UniqueConstraint("name", name="uq_hpsearch_studies_name"),
        sa.UniqueConstraint("uid", name="uq_hpsearch_studies_uid"),
        **OPTIONS,
    )


def make_trials() -> None:
    """Make the table of trials."""
    op.create_table(
        "hpsearch_trials",
        sa.Column("trial_id", sa.Integer, nullable=False),
        sa.Column("study_id", sa.Integer, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("failure", sa.String(16)),
        sa.Column("baseline", sa.Boolean, nullable=False),
        sa.Column("phase", sa.String(16), nullable=False),
        sa.Column("rung", sa.Integer, nullable=False),
        sa.Column("fraction", sa.Double),
        sa.Column("seed", sa.BigInteger),
        sa.Column("score", sa.Double),
        sa.Column("started_at", sa.String(32)),
        sa.Column("finished_at", sa.String(32)),
        sa.Column("worker", sa.String(255)),
        sa.Column("lease_until", sa.String(32)),
        sa.Column("optuna_trial_id", sa.Integer),
        sa.Column("objective", sa.Text, nullable=False),
        sa.Column("failure_message", sa.Text),
        sa.Column("checkpoint", sa.Text),
        sa.Column("params", sa.JSON),
        sa.Column("config", sa.JSON, nullable=False),
        sa.Column("metrics", sa.JSON, nullable=False),
        sa.Column("curve", sa.JSON, nullable=False),
        sa.Column("seconds", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("trial_id", name="pk_hpsearch_trials"),
        _of_a_study("fk_hpsearch_trials_study_id"),
        sa.UniqueConstraint("study_id", "number", name="uq_hpsearch_trials_study_id_number"),
        **OPTIONS,
    )
    queue = ["study_id", "state", "number", "score"]
    op.create_index("ix_hpsearch_trials_study_id_state_number_score", "hpsearch_trials", queue)
    op.create_index("ix_hpsearch_trials_study_id_finished_at", "hpsearch_trials", ["study_id", "finished_at"])


def make_models() -> None:
    """Make the table of retrained models."""
    op.create_table(
        "hpsearch_models",
        sa.Column("model_id", sa.Integer, nullable=False),
        sa.Column("study_id", sa.Integer, nullable=False),
        sa.Column("trial_number", sa.Integer, nullable=False),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.Column("fingerprint", sa.String(128), nullable=False),
        sa.Column("folder", sa.Text, nullable=False),
        sa.Column("metrics", sa.JSON, nullable=False),
        sa.Column("seconds", sa.JSON, nullable=False),
        sa.Column("spec", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("model_id", name="pk_hpsearch_models"),
        _of_a_study("fk_hpsearch_models_study_id"),
        **OPTIONS,
    )
    op.create_index("ix_hpsearch_models_study_id", "hpsearch_models", ["study_id"])


def _of_a_study(name: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["study_id"], ["hpsearch_studies.study_id"], name=name, ondelete="CASCADE")
