"""Databases of other programs: told by their tables before anything of ours is made there.

Our tables stand beside Optuna's, in a database that is empty or Optuna's own. Both keep their version in a table called
`alembic_version`, as MLflow and many others do, and Optuna's `trials` and `studies` are words of other programs, too:
what such a table holds is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from sqlalchemy import Connection, Inspector, column, inspect, select, table

from .tables import PREFIX

ALEMBIC = "alembic_version"
#: Optuna's tables, each with the column that no other program is likely to have.
OPTUNA = {
    "studies": "study_id",
    "study_directions": "study_direction_id",
    "study_user_attributes": "study_user_attribute_id",
    "study_system_attributes": "study_system_attribute_id",
    "trials": "trial_id",
    "trial_user_attributes": "trial_user_attribute_id",
    "trial_system_attributes": "trial_system_attribute_id",
    "trial_params": "param_id",
    "trial_values": "trial_value_id",
    "trial_intermediate_values": "trial_intermediate_value_id",
    "trial_heartbeats": "trial_heartbeat_id",
    "version_info": "version_info_id",
}
#: How Optuna names the versions of its tables, those to come included.
OPTUNA_VERSION = re.compile(r"v\d+\.\d+\.\d+\.[a-z]")
#: What extensions of a database bring along in every database.
OF_EXTENSIONS = ("spatial_ref_sys",)
#: Programs by a table that tells them.
PROGRAMS = {
    "experiments": "MLflow",
    "dag_run": "Airflow",
    "ab_user": "Superset",
    "django_migrations": "a Django program",
    "ar_internal_metadata": "a Rails program",
    "flow_run": "Prefect",
    "event_logs": "Dagster",
    "spawners": "JupyterHub",
    "flyway_schema_history": "a program that uses Flyway",
    "databasechangelog": "a program that uses Liquibase",
}
SHOWN = 4


def whose(connection: Connection) -> str | None:
    """Return why a database without our version is another program's, as half a sentence; None where it is free."""
    inspector = inspect(connection)
    tables = set(inspector.get_table_names())
    if (version := _foreign_version(connection, tables)) is not None:
        return f"its {ALEMBIC} is {version!r}, which is no version of Optuna's tables{_program(tables)}"
    taken = sorted(name for name in tables & OPTUNA.keys() if not _is_optunas(inspector, name))
    if taken:
        return f"its table {taken[0]!r} is not the one that Optuna makes{_program(tables)}"
    others = sorted(name for name in tables - OPTUNA.keys() - {ALEMBIC, *OF_EXTENSIONS} if not name.startswith(PREFIX))
    if others and not tables >= {"studies", "version_info"}:
        more = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
        return f"it has the table{'s' * (len(others) > 1)} {', '.join(others[:SHOWN])}{more}{_program(tables)}"
    return None


def is_optunas_version(version: str) -> bool:
    """Return whether a version is one that Optuna may have written."""
    return OPTUNA_VERSION.fullmatch(version) is not None


def _foreign_version(connection: Connection, tables: Collection[str]) -> str | None:
    if ALEMBIC not in tables:
        return None
    found = connection.scalars(select(table(ALEMBIC, column("version_num")).c.version_num)).all()
    return next((str(one) for one in found if not is_optunas_version(str(one))), None)


def _is_optunas(inspector: Inspector, name: str) -> bool:
    return OPTUNA[name] in {one["name"] for one in inspector.get_columns(name)}


def _program(tables: Collection[str]) -> str:
    name = next((program for sign, program in PROGRAMS.items() if sign in tables), None)
    return "" if name is None else f", and is {name}'s, it seems"
