"""Connections: SQLite set up for several processes, forks and full disks."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import event, make_url

from hpsearch.studies import engine
from hpsearch.studies.errors import StoreFull
from hpsearch.studies.optuna_storage import optuna_storage
from hpsearch.studies.records import TrialState
from hpsearch.studies.schema import schema_status
from hpsearch.studies.store import StudyStore

from .making import claimed, completed, make_study


def test_sqlite_is_set_up_for_several_processes(sqlite_url):
    """B1: write-ahead log, a minute of patience and foreign keys, without anybody asking for them."""
    StudyStore.open(sqlite_url, create=True).close()
    plain = engine.make_engine(sqlite_url)

    with plain.connect() as connection:
        found = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "busy_timeout", "foreign_keys")
        ]
    plain.dispose()

    assert ["wal", 60_000, 1] == found


def test_a_reader_never_waits_for_a_writer(sqlite_url):
    """B2: looking at a store while a transaction writes to it sees what was there before, at once."""
    with StudyStore.open(sqlite_url, create=True) as store, StudyStore.open(sqlite_url) as reader:
        study = make_study(store)
        with store._engine.begin() as writing:
            writing.exec_driver_sql("UPDATE hpsearch_studies SET trials = 99")

            seen = reader.study("cola").trials

        assert (study.trials, 99) == (seen, reader.study("cola").trials)


def test_a_full_disk_leaves_the_store_intact(sqlite_url):
    """A write that finds no room is `StoreFull` with what to do; the search goes on when there is room."""
    with StudyStore.open(sqlite_url, create=True) as store:
        study = make_study(store)
        completed(store, study)
        trial = claimed(store, study)
        small_disk = limit_pages(store)

        with pytest.raises(StoreFull, match="no room left") as caught:
            store.record(trial.trial_id, config={"long": "x" * 10**6})
        kept = store.trials(study.study_id)
        event.remove(store._engine, "connect", small_disk)
        store.close()
        store.record(trial.trial_id, config={"long": "x" * 10**6})
        store.finish(trial.trial_id, TrialState.COMPLETE, score=1.0)

        assert "it continues" in caught.value.hint
        assert [{}, {}] == [trial.config for trial in kept]
        assert ["COMPLETE", "COMPLETE"] == [trial.state for trial in store.trials(study.study_id)]


@pytest.mark.parametrize(("room_needed", "is_full"), [(2**62, True), (0, False)])
def test_an_io_error_on_a_full_disk_is_a_full_disk(room_needed, is_full, sqlite_url, monkeypatch):
    """SQLite's "disk I/O error" means a full disk where there is no room; else it is the disk's own."""
    monkeypatch.setattr(engine, "ROOM", room_needed)
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorname = "SQLITE_IOERR_SHMSIZE"

    assert is_full is isinstance(engine.unopened(make_url(sqlite_url), error), StoreFull)


def limit_pages(store):
    """Let SQLite believe that the disk ends where the file ends now."""
    store.close()

    def limit(connection, record):
        connection.execute("PRAGMA max_page_count = 1")  # not below what is used already

    event.listen(store._engine, "connect", limit)
    return limit


ON_LINUX = pytest.mark.skipif(not Path("/proc/locks").exists(), reason="only Linux lists a process's locks")


@ON_LINUX
def test_looking_at_a_store_keeps_its_locks(sqlite_url, tmp_path):
    """B1: another look at the same file takes no lock away from a connection that is open already."""
    with StudyStore.open(sqlite_url, create=True) as store:
        make_study(store)
        before = own_locks(tmp_path / "hpsearch.db")

        schema_status(sqlite_url)
        storage = optuna_storage(sqlite_url)
        StudyStore.open(sqlite_url, create=True).close()

        assert 0 < before <= own_locks(tmp_path / "hpsearch.db")
    storage.remove_session()
    storage.engine.dispose()


def own_locks(path):
    """Count the POSIX locks that this process holds on a file."""
    held = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    inodes = [lock[5].split(":")[-1] for lock in held if lock[4] == str(os.getpid())]
    return inodes.count(str(path.stat().st_ino))


@ON_LINUX
def test_a_forked_child_gets_its_own_connections(sqlite_url, tmp_path):
    """A store opened before a fork works on both sides of it, each with locks of its own."""
    with StudyStore.open(sqlite_url, create=True) as store:
        study = make_study(store)
        completed(store, study)
        child = os.fork()
        if child == 0:
            done = all(completed(store, study) for _ in range(4))
            os._exit(0 if done and own_locks(tmp_path / "hpsearch.db") > 0 else 1)
        for _ in range(4):
            completed(store, study)

        assert 0 == os.waitpid(child, 0)[1]
        assert list(range(9)) == [trial.number for trial in store.trials(study.study_id)]
