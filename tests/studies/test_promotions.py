"""Configurations are run again on more data: on SQLite, and on the configured servers (see `test_store.py`)."""

from __future__ import annotations

import pytest

from hpsearch.studies.records import Phase

from .promotion_contract import PromotionContract, promotion
from .standing_contract import StandingContract
from .test_store import MYSQL, POSTGRES


class TestSqlitePromotions(PromotionContract):
    """Promoting on a SQLite file."""

    SERVER = None


class TestSqliteStanding(StandingContract):
    """Who is best on a SQLite file."""

    SERVER = None


class TestPostgresPromotions(PromotionContract):
    """Promoting on PostgreSQL."""

    SERVER = POSTGRES


class TestPostgresStanding(StandingContract):
    """Who is best on PostgreSQL."""

    SERVER = POSTGRES


class TestMysqlPromotions(PromotionContract):
    """Promoting on MariaDB or MySQL."""

    SERVER = MYSQL


class TestMysqlStanding(StandingContract):
    """Who is best on MariaDB or MySQL."""

    SERVER = MYSQL


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"fraction": 1}, True),
        ({"rung": 2}, True),
        ({"params": {"b": 2, "a": 0.1 + 0.2}}, True),
        ({"params": {"a": 0.3, "b": 2}}, False),
        ({"fraction": 1 - 2**-53}, False),
        ({"seed": 8}, False),
        ({"origin": 1}, False),
        ({"phase": Phase.PROMOTION}, False),
    ],
)
def test_what_one_promotion_is(change, same):
    """Whose configuration, why it is run, at which fraction and with which seed: 1 of the data is 1.0 of it."""
    values = {"origin": 0, "params": {"a": 0.1 + 0.2, "b": 2}, "phase": Phase.FINAL, "fraction": 1.0}

    keys = {promotion(**one).to_row()["params_key"] for one in (values, {**values, **change})}

    assert same is (len(keys) == 1)
