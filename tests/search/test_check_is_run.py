"""What `check` says is what `run` would say, but for the training: of the study, its folder, the disk and the store."""

from __future__ import annotations

import sqlite3
from contextlib import closing, nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from hpsearch.search import room
from hpsearch.search.room import check_room, model_bytes
from hpsearch.spaces.errors import BadInput
from hpsearch.spaces.space import Space
from hpsearch.studies.store import StudyStore

from .command import COLUMNS, ONE_RUNG, TINY, csv_text, done, files_below, hpsearch, refused, rows

WORDS = ("--train-file", "data.csv", *COLUMNS, *TINY, *ONE_RUNG, "--trials", "1", "--study", "one")
WORDS += ("--store", "sqlite:///here.db")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with a data file."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HPSEARCH_CACHE", str(tmp_path / "cache"))
    Path("data.csv").write_text(csv_text(rows()))
    return folder


def study_there(**changes: object) -> None:
    """Make a study of another problem."""
    with StudyStore.open("sqlite:///here.db", create=True) as store:
        given = {
            "name": "one",
            "spec": {"identity": {"task": "another"}, "notes": {}},
            "task": "another",
            "model": "tiny",
            "backend": "optuna",
            "objective": "eval_accuracy",
            "direction": "maximize",
            "trials": 1,
            "folder": str(Path("out/one").absolute()),
        }
        store.create_study(**{**given, **changes})


def both_refuse(*words: str, more: tuple[str, ...] = ()) -> None:
    """Check that `check` and `run` refuse with one and the same sentence, and that nothing is left by either."""
    before = files_below(Path())
    said = [hpsearch(command, *WORDS, *more) for command in ("check", "run")]
    for one in said:
        refused(one, *words)
    assert said[0].err.splitlines()[-2:] == said[1].err.splitlines()[-2:]
    assert before == files_below(Path())


def test_a_study_of_another_problem_is_found_out_by_check():
    """The name is taken: both say what differs, and what to do."""
    study_there()

    both_refuse("was started on another problem", "--fork NAME")


def test_the_folder_of_a_study_that_is_there_is_tried():
    """A study goes on in the folder it began in, unless another is given."""
    done("run", *WORDS, "--no-retrain")
    with StudyStore.open("sqlite:///here.db") as store:
        store.update_study(store.study("one").study_id, folder="/proc/nowhere/one")

    both_refuse("cannot write to the folder '/proc/nowhere'", "--output-dir")
    done("check", *WORDS, "--output-dir", "elsewhere")


@pytest.mark.parametrize(
    ("free", "more", "fits"), [(10**6, (), False), (10**9, (), True), (10**9, ("--keep", "5000"), False)]
)
def test_a_disk_without_room_for_the_models_is_found_out(free, more, fits, monkeypatch):
    """The model times what is kept, beside what is free; both in the sentence, and nothing is made."""
    monkeypatch.setattr(room.shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    if fits:
        done("check", *WORDS, *more)
    else:
        both_refuse("free, and the search keeps up to", "MiB", "make room", more=more)


@pytest.mark.parametrize(
    ("keep", "retrains", "adapters", "models"),
    [(1, True, False, 3), (1, False, False, 2), (4, True, False, 6), (4, True, True, 1), (4, False, True, 0)],
)
def test_so_many_models_are_kept(keep, retrains, adapters, models, monkeypatch, tmp_path):
    """The best checkpoints, one being written, the winner's; of adapters the last alone."""
    layer = torch.nn.Linear(100, 100, bias=False)
    space = Space({"peft.r": 4} if adapters else {"learning_rate": 1e-3})
    problem = SimpleNamespace(trainer=SimpleNamespace(model=layer), plan=SimpleNamespace(space=space))
    monkeypatch.setattr(room.shutil, "disk_usage", lambda _: SimpleNamespace(free=models * 40_000))
    check_room(tmp_path / "not" / "yet", problem, keep=keep, retrains=retrains)

    monkeypatch.setattr(room.shutil, "disk_usage", lambda _: SimpleNamespace(free=max(0, models * 40_000 - 1)))
    with pytest.raises(BadInput, match="free") if models else nullcontext():
        check_room(tmp_path, problem, keep=keep, retrains=retrains)


def test_what_has_no_known_size_is_not_counted():
    """A model that is none of torch's, and a disk that does not say."""
    assert model_bytes(SimpleNamespace(model=None)) is None
    assert model_bytes(SimpleNamespace(model=SimpleNamespace(parameters=lambda: [1, 2]))) is None


def test_a_store_on_a_network_is_found_out_by_check(monkeypatch):
    """Several workers on one SQLite file there: `check` refuses as `run` does."""
    monkeypatch.setattr("hpsearch.studies.file_system.network_of", lambda *_: "nfs4")

    both_refuse("lies on nfs4", more=("--jobs", "2"))


def test_check_says_what_it_has_not_tried():
    """Of a task no step is trained: what only that shows is named."""
    assert "whether the batches fit in the memory" in done("check", *WORDS).out


def test_the_database_of_another_program_is_found_out_by_check():
    """Before anything is loaded, and nothing is made in it."""
    with closing(sqlite3.connect("here.db")) as database, database:
        database.execute("CREATE TABLE experiments (id INTEGER)")

    both_refuse("is the database of another program", "MLflow's, it seems", "name another file")
    refused(hpsearch("studies", "--store", "sqlite:///here.db"), "is the database of another program")
