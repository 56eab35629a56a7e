"""A crew looks after workers that cannot do so themselves; whole searches with such workers are in `tests/faults`."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hpsearch.search.view import View
from hpsearch.search.workers.crew import Crew
from hpsearch.studies import engine
from hpsearch.studies.patience import Patience
from hpsearch.studies.records import Failure, TrialState
from hpsearch.studies.store import StudyStore

from ..studies.making import claimed, make_study


def test_a_worker_that_is_stuck_in_a_write_is_killed_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """C7: while it keeps everybody from writing the crew cannot write either; it kills it, and the trial has failed."""
    monkeypatch.setattr(engine, "BUSY_S", 0.2)
    moments = iter((0.0, 100.0))
    with StudyStore.open(f"sqlite:///{tmp_path}/hpsearch.db", create=True, patience=Patience(seconds=0.5)) as store:
        study = make_study(store)
        trial = claimed(store, study, worker="host#0:7:1.00")
        writer = sqlite3.connect(tmp_path / "hpsearch.db", isolation_level=None)
        writer.execute("begin immediate")
        member: Any = SimpleNamespace(name=trial.worker, bury=lambda seconds: writer.close())
        start: Any = None
        crew = Crew(store=store, study=study, view=View(), orders=[], start=start, clock=lambda: next(moments))
        crew.members = [member]

        crew.end_overdue(6.0)
        assert TrialState.RUNNING is store.trial(study.study_id, 0).state
        crew.end_overdue(6.0)

        failed = store.trial(study.study_id, 0)
    assert (TrialState.FAILED, Failure.TIMEOUT) == (failed.state, failed.failure)
