"""Stores of released schemas, from `tests/data/stores/`: the rows they have, and how a database comes to have them."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from optuna.storages import RDBStorage
from sqlalchemy import Connection, column, func, insert, make_url, select, table, text, update

from hpsearch.studies import schema
from hpsearch.studies.engine import make_engine, transaction
from hpsearch.studies.identity import fingerprint
from hpsearch.studies.schema import REVISIONS, run_steps
from hpsearch.studies.tables import PREFIX, metadata

STORES = Path(__file__).parents[1] / "data" / "stores"
RELEASED = sorted(path.stem for path in STORES.glob("*.json"))
OUTDATED = [revision for revision in RELEASED if revision != REVISIONS[-1]]
#: Whose trials had configurations without reserving them: two could have the same.
WITHOUT_RESERVATIONS = [revision for revision in OUTDATED if revision < "0002"]
JSON_COLUMNS = (
    "spec",
    "limits",
    "signal",
    "verdict",
    "params",
    "config",
    "metrics",
    "curve",
    "seconds",
    "predictions",
    "environment",
)

Rows = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class OldStore:
    """A store of a released schema, and the rows it has."""

    url: str
    revision: str
    rows: Rows

    def expected(self, name: str) -> list[dict[str, Any]]:
        """Return the rows of a table of ours, as the newest release should read them."""
        found = [with_json_read(row) for row in self.rows[PREFIX + name]]
        return [without_own_release(row) for row in found] if name == "studies" else found

    def taken(self, study_id: int) -> list[dict[str, Any]]:
        """Return the configurations of a study that no other trial may have: those reserved, or all there were."""
        reserved = [row for row in self.expected("trials") if row["study_id"] == study_id and row.get("params_key", 1)]
        return [row["params"] for row in reserved if row["params"] is not None]


def rows_of(revision: str) -> Rows:
    return json.loads((STORES / f"{revision}.json").read_text(encoding="utf-8"))["rows"]


def with_json_read(row: dict[str, Any]) -> dict[str, Any]:
    texts = {key: value for key, value in row.items() if key in JSON_COLUMNS and value is not None}
    return {**row, **{key: json.loads(value) for key, value in texts.items()}}


def without_own_release(study: dict[str, Any]) -> dict[str, Any]:
    """Return a study as it is since 0002: the release of hpsearch is no part of its problem."""
    study["spec"]["identity"].get("versions", {}).pop("hpsearch", None)
    return {**study, "identity": fingerprint(study["spec"]["identity"])}


def put_old_store(url: str, revision: str) -> OldStore:
    """Make a database what the old release left: the file itself, or on a server its tables and rows."""
    old = OldStore(url, revision, rows_of(revision))
    if url.startswith("sqlite"):
        shutil.copy(STORES / f"{revision}.db", str(make_url(url).database))
    else:
        with pytest.MonkeyPatch.context() as then:
            then.setattr(schema, "REVISIONS", REVISIONS[: REVISIONS.index(revision) + 1])
            make_old_tables(url)
        fill(old)
    return old


def make_old_tables(url: str) -> None:
    """Make Optuna's tables as Optuna makes them, and ours by the steps up to the last of `schema.REVISIONS`."""
    storage = RDBStorage(url)
    storage.remove_session()
    storage.engine.dispose()
    engine = make_engine(url)
    with transaction(engine) as connection:
        run_steps(connection)
    engine.dispose()


def fill(old: OldStore) -> None:
    """Write the rows of a store into its empty tables, and let the keys go on after them."""
    engine = make_engine(old.url)
    with engine.begin() as connection:
        for name, rows in old.rows.items():
            if rows:
                connection.execute(insert(table(name, *map(column, rows[0]))), rows)
            if rows and engine.dialect.name == "postgresql":
                key = next(iter(rows[0]))
                last = max(row[key] for row in rows)
                connection.execute(select(func.setval(func.pg_get_serial_sequence(name, key), last)))
    engine.dispose()


def change_trials(old: OldStore, **values: Any) -> None:
    """Write the same values to every trial of a store."""
    engine = make_engine(old.url)
    with engine.begin() as connection:
        connection.execute(update(table("hpsearch_trials", *map(column, values))).values(**values))
    engine.dispose()


def everything(url: str) -> list[list[Any]]:
    """Return every row of our tables."""
    engine = make_engine(url)
    with engine.connect() as connection:
        found = [connection.execute(select(one).order_by(one.c[0])).all() for one in metadata.sorted_tables]
    engine.dispose()
    return found


def all_of(connection: Connection, name: str) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(text(f'SELECT * FROM "{name}" ORDER BY 1')).mappings()]  # noqa: S608
