"""Small helpers of this folder's tests: studies to work on, clocks that are set by hand, other processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event

from hpsearch.studies.engine import make_engine
from hpsearch.studies.records import Study, Trial, TrialState
from hpsearch.studies.store import StudyStore
from hpsearch.studies.tables import PREFIX, VERSION_TABLE, metadata

CLAIMER = Path(__file__).with_name("claimer.py")


class HandClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def move(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


def make_study(store: StudyStore, name: str = "cola", **changes: Any) -> Study:
    values: dict[str, Any] = {
        "name": name,
        "spec": {"identity": {"task": "cola", "direction": "maximize"}, "notes": "none"},
        "task": "cola",
        "model": "tiny",
        "backend": "optuna",
        "objective": "eval_matthews_correlation",
        "direction": "maximize",
        "trials": 10,
        "folder": "/somewhere",
    }
    return store.create_study(**{**values, **changes})


def claimed(store: StudyStore, study: Study, worker: str = "me", lease_s: float = 60) -> Trial:
    trial = store.claim(study.study_id, worker=worker, lease_s=lease_s)
    assert trial is not None
    return trial


def completed(store: StudyStore, study: Study, score: float | None = 0.5) -> Trial:
    return store.finish(claimed(store, study).trial_id, TrialState.COMPLETE, score=score)


def claimer(url: str, mode: str, study_id: int) -> subprocess.Popen[str]:
    """Start a process that works on a study; see `claimer.py` for its modes."""
    command = [sys.executable, "-W", "error", str(CLAIMER), url, mode, str(study_id)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def said_by(processes: list[subprocess.Popen[str]]) -> list[str]:
    """Wait for the processes and return the lines they wrote."""
    lines = [line for process in processes for line in process.communicate(timeout=120)[0].split()]
    assert [0] * len(processes) == [process.returncode for process in processes]
    return lines


@contextmanager
def listening(source: Any, happening: str, told: Callable[..., None]) -> Iterator[None]:
    """Let `told` hear of what happens in an engine, or in all, until the block is left; see `sqlalchemy.event`."""
    event.listen(source, happening, told)
    try:
        yield
    finally:
        event.remove(source, happening, told)


def differences(url: str) -> list[Any]:
    """Return how the tables at `url` differ from `tables.py`."""
    engine = make_engine(url)
    options = {
        "compare_type": True,
        "version_table": VERSION_TABLE,
        "include_name": lambda name, kind, parents: kind != "table" or name.startswith(PREFIX),
    }
    with engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
    engine.dispose()
    return found
