"""Databases for the faults, and how often each fault is tried.

On your own server: set `HPSEARCH_TEST_POSTGRES_URL` or `HPSEARCH_TEST_MYSQL_URL` to a URL where a database may be made
(it is dropped at the end), and `HPSEARCH_FAULT_ROUNDS` to the number of rounds; then `pytest tests/faults`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..databases import own_databases

SERVERS = {
    "sqlite": None,
    "postgresql": "HPSEARCH_TEST_POSTGRES_URL",
    "mariadb": "HPSEARCH_TEST_MYSQL_URL",
}


@pytest.fixture
def rounds() -> int:
    """How many rounds of a fault: one in the suite, twenty where one wants to know."""
    return int(os.environ.get("HPSEARCH_FAULT_ROUNDS", "1"))


@pytest.fixture(params=SERVERS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database, on each kind of database in turn."""
    variable = SERVERS[request.param]
    if variable is None:
        yield f"sqlite:///{tmp_path}/hpsearch.db"
        return
    with own_databases(variable) as new_url:
        yield new_url()
