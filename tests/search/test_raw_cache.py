"""Loaded data that is kept, so that a study goes on without the files it was made from."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import pytest

from hpsearch import BadInput
from hpsearch.search.data import raw_cache
from hpsearch.search.data.raw import RawData, load_task
from hpsearch.search.stored_problem import stored_problem
from hpsearch.search.tasks import custom_task
from hpsearch.search.workers.joining import join
from hpsearch.studies.errors import StudyChanged
from hpsearch.studies.identity import fingerprint
from hpsearch.studies.records import Study
from hpsearch.studies.store import StudyStore

from .command import COLUMNS, TINY, csv_text, done, hpsearch, refused, rows

SINGLE = "text,label\n" + "".join(f'"Zeile {n}, ""süß"" \U0001f600",{"ja" if n % 2 else "nein"}\n' for n in range(20))
PAIR = "one,two,label\n" + "".join(f"left {n},{'right' if n % 3 else ''},{n % 3}\n" for n in range(21))
NUMBERS = "text,score\n" + "".join(f"text {n},{n / 7!r}\n" for n in range(20))
KINDS = {"single": (SINGLE, "text", "label"), "pair": (PAIR, "one,two", "label"), "numbers": (NUMBERS, "text", "score")}


def loaded(folder: Path, kind: str, *, validation: bool = False) -> RawData:
    """Return the data of a file that is written for it."""
    text, columns, label = KINDS[kind]
    file = folder / "data.csv"
    file.write_text(text)
    task = custom_task(columns.split(","), label, name=kind)
    return load_task(task, train_file=file, validation_file=file if validation else None)


def contents(raw: RawData) -> dict[str, Any]:
    """Return all that is in loaded data."""
    parts = {"train": raw.train, "validation": raw.validation}
    read = {name: part and (part.to_dict(), part.features) for name, part in parts.items()}
    return {**vars(raw), **read}


@pytest.mark.parametrize("validation", [False, True], ids=["one part", "two parts"])
@pytest.mark.parametrize("kind", KINDS)
def test_kept_data_comes_back_as_it_was(kind, validation, tmp_path):
    """Texts, labels, classes, task, notes and fingerprint are those of the file, to the last bit and sign."""
    raw, cache = loaded(tmp_path, kind, validation=validation), tmp_path / "cache"
    assert raw_cache.kept(raw.fingerprint, cache) is None
    raw_cache.keep(raw, cache)
    again = raw_cache.kept(raw.fingerprint, cache)

    assert again is not None
    assert contents(raw) == contents(again)
    assert validation is not bool(raw.notes)
    assert kind != "numbers" or again.task.is_regression


def test_data_is_kept_once(tmp_path):
    """Kept again, it is left as it is, for a worker may have it open; nothing else is left in the folder."""
    raw, cache = loaded(tmp_path, "single"), tmp_path / "cache"
    raw_cache.keep(raw, cache)
    before = [(path, path.stat().st_mtime_ns) for path in sorted(cache.rglob("*"))]
    raw_cache.keep(raw, cache)

    assert before == [(path, path.stat().st_mtime_ns) for path in sorted(cache.rglob("*"))]
    assert [raw.fingerprint] == [path.name for path in (cache / raw_cache.PLACE).iterdir()]


def killed_while_writing(folder: Path) -> None:
    """Leave what a process leaves that was killed before the description was written."""
    (folder / raw_cache.ABOUT).unlink()


def cut_short(folder: Path) -> None:
    """Leave half of the description, as a full disk or a copy that was broken off may."""
    about = folder / raw_cache.ABOUT
    about.write_bytes(about.read_bytes()[:40])


def emptied(folder: Path) -> None:
    """Leave the description alone, as what clears caches of old files may."""
    for part in folder.glob("train/*.arrow"):
        part.unlink()


@pytest.mark.parametrize("harm", [killed_while_writing, cut_short, emptied])
def test_half_of_the_data_is_none(harm, tmp_path):
    """What is not whole is not taken: it is loaded again."""
    raw, cache = loaded(tmp_path, "single"), tmp_path / "cache"
    raw_cache.keep(raw, cache)
    harm(cache / raw_cache.PLACE / raw.fingerprint)

    assert raw_cache.kept(raw.fingerprint, cache) is None


def test_what_a_killed_process_was_writing_is_not_taken(tmp_path):
    """It is written beside its place, under a name that is nobody's fingerprint."""
    raw, cache = loaded(tmp_path, "single"), tmp_path / "cache"
    raw_cache.keep(raw, cache)
    place = cache / raw_cache.PLACE / raw.fingerprint
    shutil.move(place, place.with_name(f".{place.name}-abc"))
    assert raw_cache.kept(raw.fingerprint, cache) is None

    raw_cache.keep(raw, cache)
    assert raw_cache.kept(raw.fingerprint, cache) is not None


def test_data_that_cannot_be_kept_is_loaded_again(tmp_path):
    """A cache that cannot be written to costs time and no search."""
    raw, cache = loaded(tmp_path, "single"), tmp_path / "data.csv"
    raw_cache.keep(raw, cache)

    assert raw_cache.kept(raw.fingerprint, cache) is None
    assert SINGLE == (tmp_path / "data.csv").read_text()


@pytest.mark.parametrize("written", ["../../etc", "", ".", "a/b"])
def test_a_fingerprint_is_no_path(written, tmp_path):
    """It may come from a study that somebody else has written, and leads nowhere but into the cache."""
    with pytest.raises(ValueError, match="letters and digits"):
        raw_cache.kept(written, tmp_path)


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """A study of `data.csv`, which is gone since."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HPSEARCH_CACHE", str(tmp_path / "cache"))
    data = Path("data.csv")
    data.write_text(csv_text(rows()))
    done("run", "--train-file", data, *COLUMNS, *TINY, "--study", "mine", "--trials", "1", "--no-retrain")
    data.unlink()
    with StudyStore.open("sqlite:///hpsearch.db") as store:
        return store.study("mine")


def test_a_worker_joins_without_the_files(study):
    """A worker on a machine that has searched this data before needs no file, and it is the same problem."""
    problem = stored_problem(study, kept_data=True)

    assert study.identity == fingerprint(problem.identity)
    assert study.spec["notes"]["rows"] == problem.notes["rows"]
    with StudyStore.open("sqlite:///hpsearch.db") as store:
        more = store.update_study(study.study_id, trials=2)
        join(store, more).search()
        assert 2 == store.summary(study.study_id).complete


def test_a_worker_without_files_and_cache_is_refused(study, tmp_path, monkeypatch):
    """On a machine that never saw the data, one sentence names the file that is missing, and no trial is touched."""
    monkeypatch.setenv("HPSEARCH_CACHE", str(tmp_path / "another"))
    with pytest.raises(BadInput) as caught:
        stored_problem(study, kept_data=True)

    assert str(tmp_path / "data.csv") in str(caught.value)
    refused(hpsearch("worker", "mine"), str(tmp_path / "data.csv"))


def test_kept_data_is_no_reason_to_overlook_a_file_that_changed(study):
    """Who asks for the data as it is now is told that it is gone, or that it is another problem."""
    with pytest.raises(BadInput, match=r"data\.csv"):
        stored_problem(study)

    Path("data.csv").write_text(csv_text(rows(81)))
    with pytest.raises(StudyChanged, match="data"):
        stored_problem(study)


def test_a_study_that_names_other_kept_data_is_refused(study, tmp_path):
    """The fingerprint in a study's notes is taken from its row; that it is the study's data is checked all the same."""
    other = loaded(tmp_path, "single")
    raw_cache.keep(other, tmp_path / "cache")
    notes = {**study.spec["notes"], "raw": other.fingerprint}
    forged = dataclasses.replace(study, spec={**study.spec, "notes": notes})

    with pytest.raises(StudyChanged):
        stored_problem(forged, kept_data=True)
