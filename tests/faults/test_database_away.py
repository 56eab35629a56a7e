"""The database goes away in the middle of a search, and comes back."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from sqlalchemy import make_url

from ..proxy import Proxy
from .searching import Search, check_whole, ended

#: Seconds that the database is away: longer than a fail-over where one wants to know.
AWAY_S = float(os.environ.get("HPSEARCH_FAULT_AWAY_S", "6"))


@pytest.mark.parametrize("url", ["postgresql", pytest.param("mariadb", marks=pytest.mark.slow)], indirect=True)
def test_a_database_that_is_away_costs_nothing_but_waiting(url: str, tmp_path: Path) -> None:
    """B11: the connection of all workers is cut for a while in mid-search: no trial is lost, failed or run twice."""
    address = make_url(url)
    port = address.port or {"postgresql": 5432}.get(address.get_backend_name(), 3306)
    with Proxy(address.host or "127.0.0.1", port) as proxy, Search(proxy.url(url), tmp_path, 6) as search:
        process = search.start("--jobs", "2")
        search.wait_for(2)
        proxy.cut()
        time.sleep(AWAY_S)
        still_there = process.poll() is None
        proxy.restore()
        said = ended(process)
        trials = check_whole(search)

    assert still_there
    assert {1} == {one.attempt for one in trials}
    assert [] == [one for one in trials if one.failure]
    assert "does not answer" in said
    assert "given to another worker" not in said
