"""The store and Optuna's half of it keep their contracts: on SQLite, and on the configured servers.

`SERVER` is the environment variable with the URL of a server where a test may make databases of its own.
"""

from __future__ import annotations

from .contract import StoreContract
from .optuna_contract import OptunaContract

POSTGRES = "HPSEARCH_TEST_POSTGRES_URL"
MYSQL = "HPSEARCH_TEST_MYSQL_URL"


class TestSqliteStore(StoreContract):
    """The contract on a SQLite file."""

    SERVER = None


class TestSqliteOptuna(OptunaContract):
    """Optuna's half on a SQLite file."""

    SERVER = None


class TestPostgresStore(StoreContract):
    """The contract on PostgreSQL."""

    SERVER = POSTGRES


class TestPostgresOptuna(OptunaContract):
    """Optuna's half on PostgreSQL."""

    SERVER = POSTGRES


class TestMysqlStore(StoreContract):
    """The contract on MariaDB or MySQL."""

    SERVER = MYSQL


class TestMysqlOptuna(OptunaContract):
    """Optuna's half on MariaDB or MySQL."""

    SERVER = MYSQL
