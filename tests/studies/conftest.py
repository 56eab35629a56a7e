"""Databases for the tests of this folder; plain helpers are in `making.py`."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url

DROP_OPTIONS = {"postgresql": " WITH (FORCE)"}  # also where a killed process has not let go of it yet


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of a SQLite file that is not there yet."""
    return f"sqlite:///{tmp_path / 'hpsearch.db'}"


@pytest.fixture(scope="class")
def new_url(request, tmp_path_factory) -> Iterator[Callable[[], str]]:
    """A function that returns the URL of an empty database, on the `SERVER` of the test class."""
    if request.cls.SERVER is None:
        yield lambda: f"sqlite:///{tmp_path_factory.mktemp('store') / 'hpsearch.db'}"
    else:
        with own_databases(request.cls.SERVER) as new_url:
            yield new_url


@pytest.fixture(scope="class")
def url(new_url: Callable[[], str]) -> str:
    """The URL of the database that the tests of a class share."""
    return new_url()


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

    yield new_url
    with admin.connect() as connection:
        for name in names:
            connection.exec_driver_sql(f"DROP DATABASE {name}{DROP_OPTIONS.get(admin.name, '')}")
    admin.dispose()
