"""Empty databases on the configured servers, for the tests that need one."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, create_engine, make_url

DROPPED_AT_ONCE = 14
DROP_OPTIONS = {"postgresql": " WITH (FORCE)"}  # also where a killed process has not let go of it yet


@contextmanager
def own_databases(variable: str) -> Iterator[Callable[[], str]]:
    """Give a function that makes a database on a configured server; drop what it made at the end."""
    if not (server := os.environ.get(variable)):
        pytest.skip(f"{variable} is not set: it is the URL of a server where a test may make databases")
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    names: list[str] = []

    def new_url() -> str:
        names.append(f"hpsearch_test_{secrets.token_hex(4)}")
        with admin.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {names[-1]}")
        return make_url(server).set(database=names[-1]).render_as_string(hide_password=False)

    try:
        yield new_url
    finally:
        _drop(admin, names)


def _drop(admin: Engine, names: list[str]) -> None:
    """Drop several at once: PostgreSQL waits a second for each, for all of its processes to let go of it."""

    def drop(name: str) -> None:
        with admin.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name}{DROP_OPTIONS.get(admin.name, '')}")

    with ThreadPoolExecutor(DROPPED_AT_ONCE) as pool:
        list(pool.map(drop, names))
    admin.dispose()
