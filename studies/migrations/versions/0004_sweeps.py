"""Sweeps: their runs, the cells of each, when they are due, and trials that begin with another study's winner."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ON_SERVERS: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_bin",
}
OPTIONS: dict[str, Any] = {"sqlite_autoincrement": True, **ON_SERVERS}


def upgrade() -> None:
    """Make three tables and a column.

    MariaDB cannot take back what a killed upgrade did: what is there already is passed over.
    """
    found = sa.inspect(op.get_bind())
    tables = set(found.get_table_names())
    if "prior" not in {column["name"] for column in found.get_columns("hpsearch_trials")}:
        op.add_column("hpsearch_trials", sa.Column("prior", sa.String(100)))
    if "hpsearch_sweep_runs" not in tables:
        make_runs()
    if "hpsearch_sweep_cells" not in tables:
        make_cells()
    if "hpsearch_sweep_schedules" not in tables:
        make_schedules()


def make_runs() -> None:
    """Make the table of the runs of sweeps."""
    op.create_table(
        "hpsearch_sweep_runs",
        sa.Column("run_id", sa.Integer, nullable=False),
        sa.Column("sweep", sa.String(60), nullable=False),
        sa.Column("due_at", sa.String(32), nullable=False),
        sa.Column("label", sa.String(20), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("started_at", sa.String(32), nullable=False),
        sa.Column("finished_at", sa.String(32)),
        sa.Column("worker", sa.String(255)),
        sa.Column("lease_until", sa.String(32)),
        sa.Column("failure_message", sa.Text),
        sa.Column("spec", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("run_id", name="pk_hpsearch_sweep_runs"),
        sa.UniqueConstraint("sweep", "due_at", name="uq_hpsearch_sweep_runs_sweep_due_at"),
        sa.UniqueConstraint("sweep", "label", name="uq_hpsearch_sweep_runs_sweep_label"),
        **OPTIONS,
    )


def make_cells() -> None:
    """Make the table of the cells of those runs."""
    op.create_table(
        "hpsearch_sweep_cells",
        sa.Column("sweep_cell_id", sa.Integer, nullable=False),
        sa.Column("run_id", sa.Integer, nullable=False),
        sa.Column("cell", sa.String(60), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("study", sa.String(100), nullable=False),
        sa.Column("started_at", sa.String(32), nullable=False),
        sa.Column("finished_at", sa.String(32)),
        sa.Column("history", sa.String(64)),
        sa.Column("failure_message", sa.Text),
        sa.Column("measured", sa.JSON),
        sa.Column("finding", sa.JSON),
        sa.PrimaryKeyConstraint("sweep_cell_id", name="pk_hpsearch_sweep_cells"),
        sa.UniqueConstraint("run_id", "cell", name="uq_hpsearch_sweep_cells_run_id_cell"),
        sa.ForeignKeyConstraint(
            ["run_id"], ["hpsearch_sweep_runs.run_id"], name="fk_hpsearch_sweep_cells_run_id", ondelete="CASCADE"
        ),
        **OPTIONS,
    )


def make_schedules() -> None:
    """Make the table of the schedules by which sweeps are served."""
    op.create_table(
        "hpsearch_sweep_schedules",
        sa.Column("sweep", sa.String(60), nullable=False),
        sa.Column("cron", sa.Text, nullable=False),
        sa.Column("timezone", sa.String(64), nullable=False),
        sa.Column("since", sa.String(32), nullable=False),
        sa.Column("next_due", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("sweep", name="pk_hpsearch_sweep_schedules"),
        **ON_SERVERS,
    )
