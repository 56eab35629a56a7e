"""`hpsearch worker`: joining a study from a machine that has the data, wherever it lies there."""

from __future__ import annotations

from pathlib import Path

import pytest

from hpsearch.studies.records import TrialState
from hpsearch.studies.store import StudyStore

from .command import COLUMNS, TINY, csv_text, done, hpsearch, refused, rows


@pytest.fixture
def begun(tmp_path, monkeypatch) -> Path:
    """A study that has one of its three trials, in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HPSEARCH_CACHE", str(tmp_path / "cache"))
    Path("data.csv").write_text(csv_text(rows()))
    done("run", "--train-file", "data.csv", *COLUMNS, *TINY, "--study", "mine", "--trials", "1", "--no-retrain")
    with StudyStore.open("sqlite:///hpsearch.db") as store:
        store.update_study(store.study("mine").study_id, trials=3)
    return tmp_path


def states() -> list[TrialState]:
    with StudyStore.open("sqlite:///hpsearch.db") as store:
        return [one.state for one in store.trials(store.study("mine").study_id)]


def test_a_worker_finishes_what_was_begun(begun):
    """It does the trials that are left, says how many, and has nothing to do the next time."""
    said = done("worker", "mine")
    again = done("worker", "mine")

    assert [TrialState.COMPLETE] * 3 == states()
    assert "study 'mine': 3 of 3 trials done, 2 since this joined" in said.err
    assert "3 of 3 trials done, 0 since this joined" in again.err
    assert "" == said.out


def test_data_that_lies_elsewhere_is_named(begun, monkeypatch):
    """Without the data a worker is refused with what is missing; told its place it works, if it is the same data."""
    monkeypatch.setenv("HPSEARCH_CACHE", str(begun / "cache of another machine"))
    Path("data.csv").rename("moved.csv")
    Path("other.csv").write_text(csv_text(rows(100)))

    refused(hpsearch("worker", "mine"), "data.csv")
    refused(hpsearch("worker", "mine", "--train-file", "other.csv"), "another problem", "data: ")
    assert [TrialState.COMPLETE] == states()

    done("worker", "mine", "--train-file", "moved.csv")
    assert [TrialState.COMPLETE] * 3 == states()


def test_data_that_this_machine_has_seen_is_not_asked_for(begun):
    """Another worker of a machine needs neither the file nor the hub again."""
    Path("data.csv").unlink()

    done("worker", "mine")

    assert [TrialState.COMPLETE] * 3 == states()


def test_a_worker_whose_study_folder_is_elsewhere_makes_its_own(begun):
    """The study's folder is on another machine: checkpoints go to a folder of the same name here."""
    with StudyStore.open("sqlite:///hpsearch.db") as store:
        study = store.study("mine")
        store.update_study(study.study_id, folder=f"/nowhere/at/all/{Path(study.folder).name}")

    done("worker", "mine")

    assert [TrialState.COMPLETE] * 3 == states()
    assert (Path("hpsearch-output") / Path(study.folder).name / "trials").is_dir()


@pytest.mark.parametrize(
    ("words", "code", "named"),
    [
        (("none",), 3, "no study named 'none'"),
        (("mine", "--jobs", "many"), 2, "'many'"),
        (("mine", "--jobs", "0"), 2, "'0'"),
    ],
)
def test_a_worker_that_cannot_work_says_why(begun, words, code, named):
    """One sentence, and the exit code says which kind."""
    refused(hpsearch("worker", *words), named, code=code)
