"""A store of a released schema is upgraded and its studies gone on with, by the command line that people have now.

The stores, their data and the command that made them are in `tests/data/stores/`; the upgrade itself, on each database,
is in `tests/studies/test_upgrades.py`.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import torch

from hpsearch.studies.identity import fingerprint
from hpsearch.studies.records import Trial, TrialState
from hpsearch.studies.schema import REVISIONS
from hpsearch.studies.store import StudyStore

from .command import done, hpsearch, refused

STORES = Path(__file__).parents[1] / "data" / "stores"
OUTDATED = sorted(path.stem for path in STORES.glob("*.db") if path.stem != REVISIONS[-1])
URL = "sqlite:///store.db"
FORK = ("--seed", "7", "--fork", "forked")


@pytest.fixture(params=OUTDATED)
def command(request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The command that made the old study, in a folder with the old store and the data."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HPSEARCH_CACHE", str(tmp_path / "cache"))
    shutil.copy(STORES / "data.csv", "data.csv")
    shutil.copy(STORES / f"{request.param}.db", "store.db")
    command: list[str] = json.loads((STORES / f"{request.param}.json").read_text(encoding="utf-8"))["command"]
    if not made_on_such_a_machine():
        make_it_of_this_machine(command)
    return command


def test_an_old_study_goes_on(command):
    """B13: the same command is refused with the one to type; after that it does what was left, and no more.

    What was interrupted comes first, as it was, and nothing that ended changes.
    """
    refused(hpsearch(*command), "has schema", f"hpsearch db upgrade --store {URL}")
    assert "outdated" == done("db", "status", "--store", URL, "--json").json()["state"]
    done("db", "upgrade", "--store", URL)
    before = trials("old")

    done(*command)

    after = trials("old")
    assert before[:4] == after[:4]
    assert [TrialState.WAITING] == [trial.state for trial in before[4:]]
    assert [(4, 1, before[4].params)] == [(one.number, one.attempt, one.params) for one in after[4:5]]
    assert [True, True, False, True, True, True, True] == [trial.state is TrialState.COMPLETE for trial in after]
    assert len(after) == len({json.dumps(trial.params, sort_keys=True) for trial in after})
    best = done("best", "old", "--store", URL, "--json").json()
    assert min(trial.score for trial in after if trial.score is not None) == best["score"]

    done(*command)
    assert after == trials("old")


def test_an_old_fork_goes_on(command):
    """A fork that was stopped in its baseline begins with it, then has its parent's best, which waited for its turn."""
    done("db", "upgrade", "--store", URL)
    with StudyStore.open(URL) as store:
        best = store.best(store.study("old").study_id)
    before = trials("forked")

    done(*command, *FORK, "--trials", "2")

    after = trials("forked")
    assert [(0, before[0].params), (1, best.params)] == [(trial.number, trial.params) for trial in after]
    assert [TrialState.COMPLETE] * 2 == [trial.state for trial in after]


def trials(name: str) -> list[Trial]:
    """Return the trials of a study."""
    with StudyStore.open(URL) as store:
        return store.trials(store.study(name).study_id)


def made_on_such_a_machine() -> bool:
    """Return whether the libraries here are those of the old studies, and there is no accelerator, as was there."""
    with closing(sqlite3.connect("store.db")) as database:
        ((spec,),) = database.execute("SELECT spec FROM hpsearch_studies WHERE name = 'old'")
    made_with = {name: kept for name, kept in json.loads(spec)["identity"]["versions"].items() if name != "hpsearch"}
    here = {name: ".".join(version(name).split(".")[:2]) for name in made_with}
    return made_with == here and not torch.accelerator.is_available()


def make_it_of_this_machine(command: list[str]) -> None:
    """Give the old studies the identity they would have here: other libraries are another problem, and rightly so."""
    for more in ((), FORK):
        done(*command, *more, "--trials", "1", "--store", "sqlite:///here.db")
    with StudyStore.open("sqlite:///here.db") as store, closing(sqlite3.connect("store.db")) as database:
        for summary in store.studies():
            write_identity(database, summary.study.name, summary.study.spec["identity"])
        database.commit()


def write_identity(database: sqlite3.Connection, name: str, identity: dict[str, Any]) -> None:
    """Write the identity of an old study, which keeps the release of ours that was part of it."""
    ((text,),) = database.execute("SELECT spec FROM hpsearch_studies WHERE name = ?", (name,)).fetchall()
    spec = json.loads(text)
    ours = {key: kept for key, kept in spec["identity"]["versions"].items() if key == "hpsearch"}
    spec["identity"] = {**identity, "versions": {**identity["versions"], **ours}}
    values = (json.dumps(spec), fingerprint(spec["identity"]), name)
    database.execute("UPDATE hpsearch_studies SET spec = ?, identity = ? WHERE name = ?", values)
