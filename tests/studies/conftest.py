"""Databases for the tests of this folder; plain helpers are in `making.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ..databases import own_databases


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
