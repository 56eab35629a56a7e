"""Rungs and finals: where a trial's configuration comes from, what a final predicted, and what a study concluded."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

STANDING = "ix_hpsearch_trials_standing"
BEFORE = "ix_hpsearch_trials_study_id_state_number_score"


def upgrade() -> None:
    """Add the columns, and an index that ranks trials by how much data they saw.

    MariaDB cannot take back what a killed upgrade did: what is there already is passed over.
    """
    studies = (
        sa.Column("checking", sa.Boolean, nullable=False, server_default=sa.false()),
        *(sa.Column(name, sa.JSON) for name in ("signal", "verdict")),
    )
    trials = (
        sa.Column("origin", sa.Integer),
        *(sa.Column(name, sa.JSON) for name in ("predictions", "environment")),
    )
    for table, columns in (("hpsearch_studies", studies), ("hpsearch_trials", trials)):
        there = {found["name"] for found in sa.inspect(op.get_bind()).get_columns(table)}
        for column in columns:
            if column.name not in there:
                op.add_column(table, column)
    indexes = {found["name"] for found in sa.inspect(op.get_bind()).get_indexes("hpsearch_trials")}
    if STANDING not in indexes:
        ranked = ["study_id", "state", "number", "phase", "fraction", "origin", "score"]
        op.create_index(STANDING, "hpsearch_trials", ranked)
    if BEFORE in indexes:
        op.drop_index(BEFORE, "hpsearch_trials")
