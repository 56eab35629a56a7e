"""Stores, folders and names on the hub that cannot be used are refused before anything is trained or written.

Data, names and numbers are in `test_bad_input.py`; a disk that fills up is in `test_full_disk.py`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hpsearch.studies.store import StudyStore
from hpsearch.studies.tables import VERSION_TABLE

from .command import COLUMNS, TINY, csv_text, done, files_below, hpsearch, refused, rows

RUN = ("--train-file", "data.csv", *COLUMNS, *TINY, "--trials", "1")
#: What each command that opens a store is given besides.
OPENS_A_STORE = {"run": RUN, "check": RUN, "studies": (), "trials": ("mine",)}
#: A store URL, and what is said about it.
STORES = {
    "mongodb://localhost/x": ("'mongodb://localhost/x'", "sqlite:///hpsearch.db"),
    "hpsearch.db": ("'hpsearch.db'", "sqlite:///hpsearch.db"),
    "sqlite://": ("'sqlite://'", "file"),
    "sqlite:///folder": ("'sqlite:///folder'", "folder"),
    "sqlite:///notes.txt": ("'sqlite:///notes.txt'", "not a database"),
    "sqlite:///nowhere/x.db": ("'sqlite:///nowhere/x.db'", "there is no folder 'nowhere'"),
    "sqlite:///\x1b[31m.db": ("cannot be printed",),
    "sqlite:///newer.db": ("'sqlite:///newer.db'", "'9999'", "pip install -U hpsearch"),
    "postgresql+psycopg://me:hunter2@127.0.0.1:1/x": ("me:***@127.0.0.1:1", "--store"),
}


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of a release to come."""
    path = tmp_path_factory.mktemp("newer") / "newer.db"
    StudyStore.open(f"sqlite:///{path}", create=True).close()
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute(f"update {VERSION_TABLE} set version_num = '9999'")  # noqa: S608 - a constant
    return path


@pytest.fixture(autouse=True)
def here(newer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with a good data file, and everything a store cannot be."""
    folder = tmp_path / "here"
    (folder / "folder").mkdir(parents=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HPSEARCH_CACHE", str(tmp_path / "cache"))
    Path("data.csv").write_text(csv_text(rows()))
    Path("notes.txt").write_text("a text that is no database, and longer than a header\n" * 4)
    shutil.copy(newer, "newer.db")
    return folder


@pytest.mark.parametrize("command", OPENS_A_STORE)
@pytest.mark.parametrize("url", STORES)
def test_a_store_that_cannot_be_used_is_refused(url, command, here):
    """Every command says so with exit code 2, with no password in it, and changes no file."""
    if url.startswith("postgresql"):
        pytest.importorskip("psycopg")
    before = files_below(here)

    said = hpsearch(command, *OPENS_A_STORE[command], "--store", url)

    refused(said, *STORES[url])
    assert "hunter2" not in said.err
    assert before == files_below(here)


def test_a_store_is_refused_wherever_it_is_named(here, monkeypatch):
    """`HPSEARCH_STORE` and a configuration file are checked as `--store` is."""
    Path("mine.yaml").write_text("store: nonsense\n")
    refused(hpsearch("run", *RUN, "--config", "mine.yaml"), "'nonsense'")
    monkeypatch.setenv("HPSEARCH_STORE", "nonsense")
    refused(hpsearch("run", *RUN), "'nonsense'")
    refused(hpsearch("studies"), "'nonsense'")


@pytest.mark.parametrize("command", ["studies", "show mine", "trials mine", "best mine", "compare a b", "delete mine"])
def test_looking_makes_no_store(command, here):
    """A command that looks at a store that is not there says how one is made, with exit code 3, and makes none."""
    before = files_below(here)

    refused(hpsearch(*command.split(), "--store", "sqlite:///none.db"), "'sqlite:///none.db'", "hpsearch run", code=3)

    assert before == files_below(here)


@pytest.mark.parametrize("folder", ["data.csv", "data.csv/below", "/dev/null/x"])
def test_an_output_folder_that_is_a_file_is_refused(folder, here):
    """Before the data is read: no store and no folder is left."""
    before = files_below(here)

    said = hpsearch("run", *RUN, "--output-dir", folder)

    refused(said, "is a file, not a folder", "--output-dir")
    assert "preparing" not in said.err
    assert before == files_below(here)


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder that cannot be written to: for root, who may write anywhere else, a file system that is read-only."""
    folder = tmp_path / "read_only"
    folder.mkdir()
    if os.geteuid() != 0:
        folder.chmod(0o500)
        yield folder
        folder.chmod(0o700)
        return
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,size=64k", "none", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no read-only folder for root: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_folder_that_is_not_writable_is_refused(read_only, here):
    """For the store, the output and the current folder alike, before the data is read or anything is trained."""
    before = files_below(here)
    for place in (("--store", f"sqlite:///{read_only}/x.db"), ("--output-dir", read_only / "out")):
        said = hpsearch("run", *RUN, *place)
        refused(said, str(read_only))
        assert "preparing" not in said.err
    assert before == files_below(here)

    with contextlib.chdir(read_only):
        own = ("--train-file", here / "data.csv", *COLUMNS, *TINY)
        refused(hpsearch("run", *own, "--store", f"sqlite:///{here}/x.db"), "hpsearch-output")

    assert before == files_below(here)


def test_what_needs_a_study_leaves_none_behind(here):
    """`--fork` without a study to fork, and a study name that is none, make no store."""
    before = files_below(here)

    refused(hpsearch("run", *RUN, "--study", "mine", "--fork", "other"), "'mine'", "--fork")
    refused(hpsearch("run", *RUN, "--study", ".."), "'..'", "--study")
    refused(hpsearch("run", *RUN, "--study", "mine", "--fork", "a\nb"), "'a\\nb'")

    assert before == files_below(here)


def test_results_are_written_only_where_they_can_be(here):
    """An export, a retraining and predictions for which there is no place are refused, and yours stays."""
    done("run", *RUN, "--study", "mine", "--no-retrain")
    Path("folder/yours.txt").write_text("yours")
    before = files_below(here)

    refused(hpsearch("export", "mine", "-o", "nowhere/x.csv"), "nowhere/x.csv")
    refused(hpsearch("export", "mine", "-o", "x.doc"), "'doc'", "parquet")
    refused(hpsearch("export", "mine", "-o", "folder", "--format", "csv"), "'folder'")
    refused(hpsearch("retrain", "mine", "--output-dir", "folder"), "folder", "no model of hpsearch")
    refused(hpsearch("retrain", "mine", "--output-dir", "data.csv"), "is a file")
    refused(hpsearch("predict", "./folder", "--file", "data.csv", "--output", "x.tsv"), "hpsearch.json")
    refused(hpsearch("predict", "./nowhere", "--file", "data.csv", "--output", "x.tsv"), "'nowhere'")
    refused(hpsearch("predict", "mine", "--file", "data.csv", "--output", "x.tsv"), "'mine'", "hpsearch retrain mine")
    refused(hpsearch("delete", "mine"), "nothing was deleted", "--yes")

    assert before == files_below(here)


OFFLINE = """
from hpsearch.search.cli import main
print([main(["run", *words, "--no-retrain"]) for words in (["--model", "bert-base-uncased"], ["--task", "sst2"],
    ["--train-file", "someone/reviews", "--text-columns", "a", "--label-column", "b"], ["--model", "tinny"])])
"""


def test_a_hub_name_without_a_network_is_refused(here, run_python):
    """Models and data sets on the hub cannot be had: the sentence names them and the hint says how to go without."""
    before = files_below(here)

    said: Any = run_python(OFFLINE, env={"HF_HUB_OFFLINE": "1", "HF_HOME": str(here / "none")}, cwd=here)

    assert "[2, 2, 2, 2]\n" == said.stdout
    errors = [line for line in said.stderr.splitlines() if line.startswith(("hpsearch: ", "hint: "))]
    for words, lines in zip(
        (
            ["'bert-base-uncased'", "--model tiny"],
            ["sst2", "--data-dir"],
            ["'someone/reviews'", "--train-file"],
            ["'tinny'", "did you mean 'tiny'?"],
        ),
        zip(errors[::2], errors[1::2], strict=True),
        strict=True,
    ):
        assert [] == [word for word in words if word not in "\n".join(lines)], lines
    assert "Traceback" not in said.stderr
    assert before == files_below(here)
