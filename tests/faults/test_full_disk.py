"""A disk that fills up: the command says so, and the study goes on where it was once there is room."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hpsearch.search import study_run
from hpsearch.studies.store import StudyStore

from ..search.command import COLUMNS, TINY, csv_text, files_below, hpsearch, refused, rows

ROOM = 8 * 2**20  # bytes: the store of a small study and two checkpoints of the tiny model
TRIALS = 5


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A small disk of its own, which only root can mount."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small disk")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "none", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no disk could be mounted: {mounted.stderr.decode().strip()}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HPSEARCH_CACHE", str(tmp_path / "cache"))
    Path("data.csv").write_text(csv_text(rows()))
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk: Path) -> Path:
    """Write a file that leaves no room."""
    ballast = disk / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    return ballast


def search(disk: Path) -> list[str]:
    """Return the words of a search whose store and folder are on the small disk."""
    places = ["--store", f"sqlite:///{disk}/full.db", "--output-dir", f"{disk}/out"]
    data = ["--train-file", "data.csv", *COLUMNS, *TINY]
    return ["run", *data, *places, "--study", "full", "--trials", str(TRIALS), "--no-retrain"]


def test_a_search_goes_on_after_the_disk_was_full(disk):
    """It ends with exit code 1 and one sentence; with room again it comes to exactly its trials, none failed."""
    words = [sys.executable, "-c", "from hpsearch.search.cli import entry; entry()", *search(disk)]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) as running:
        first = next(line for line in running.stderr if line.startswith("trial   1"))
        ballast = fill(disk)
        out, err = running.communicate(timeout=60)

    assert (1, "") == (running.returncode, out), first + err
    assert 1 == len([line for line in err.splitlines() if line.startswith("hpsearch: ")]), err
    assert "is full" in err or "has no room left" in err
    assert "hint: " in err
    assert "Traceback" not in err

    ballast.unlink()
    assert 0 == hpsearch(*search(disk)).code

    with StudyStore.open(f"sqlite:///{disk}/full.db") as store:
        trials = store.trials(store.study("full").study_id)
    assert [(number, "COMPLETE") for number in range(TRIALS)] == [(one.number, one.state.value) for one in trials]


def test_a_disk_without_room_for_models_is_refused(disk):
    """Before anything is made there, with what the search would keep."""
    fill(disk)

    refused(hpsearch(*search(disk), "--store", "sqlite:///elsewhere.db"), "0.0 MiB free", "keeps up to 2 models")

    assert ["ballast"] == files_below(disk)


def test_a_disk_that_fills_up_ends_the_search(disk, monkeypatch):
    """No trial is blamed for it: the one that ran waits for the next time; nor is the log's want of room mentioned."""
    monkeypatch.setattr(study_run, "check_room", lambda *args, **how: None)  # there was room when it was asked
    ballast = fill(disk)
    elsewhere = ("--store", "sqlite:///elsewhere.db")

    said = hpsearch(*search(disk), *elsewhere)

    refused(said, "the disk is full", "No space left on device", "hint: ", code=1)
    with StudyStore.open("sqlite:///elsewhere.db") as store:
        trials = store.trials(store.study("full").study_id)
    assert [(0, "WAITING", None)] == [(one.number, one.state.value, one.failure) for one in trials]

    ballast.unlink()
    assert 0 == hpsearch(*search(disk), *elsewhere).code
    assert TRIALS == len(hpsearch("trials", "full", *elsewhere, "--json").json())


def test_a_disk_without_room_for_the_store_or_the_winner(disk, monkeypatch):
    """A store that cannot be made, and a model that cannot be written, leave nothing half-made."""
    monkeypatch.setattr(study_run, "check_room", lambda *args, **how: None)
    elsewhere = ("--store", "sqlite:///elsewhere.db")
    assert 0 == hpsearch(*search(disk), *elsewhere, "--output-dir", "out").code
    fill(disk)

    refused(hpsearch(*search(disk)), "no room left", code=1)
    refused(hpsearch("retrain", "full", *elsewhere, "--output-dir", disk / "model"), "the disk is full", code=1)

    assert [] == [name for name in files_below(disk) if "model" in name]
    assert [] == hpsearch("show", "full", *elsewhere, "--json").json()["models"]
