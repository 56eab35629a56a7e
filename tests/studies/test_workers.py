"""Several workers can rely on the store: on SQLite, and on the configured servers (see `test_store.py`)."""

from __future__ import annotations

from .test_store import MYSQL, POSTGRES
from .worker_contract import WorkerContract


class TestSqliteWorkers(WorkerContract):
    """The contract on a SQLite file."""

    SERVER = None


class TestPostgresWorkers(WorkerContract):
    """The contract on PostgreSQL."""

    SERVER = POSTGRES


class TestMysqlWorkers(WorkerContract):
    """The contract on MariaDB or MySQL."""

    SERVER = MYSQL
