"""What commands do to a study: go on, refuse another problem, fork, retrain, predict, compare, delete."""

from __future__ import annotations

import csv
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from .command import COLUMNS, TINY, csv_text, done, files_below, hpsearch, refused, rows

DATA = ("--train-file", "data.csv", *COLUMNS)
#: A baseline that learns nothing, so that another trial is the best.
SPACE = "learning_rate: {low: 1.0e-6, high: 1.0e-2, log: true, default: 1.0e-6}\nper_device_train_batch_size: 8\n"
SEARCH = ("run", *DATA, "--model", "tiny", "--space", "mine.yaml", "--set", "num_train_epochs=2", "--subset", "1")
MINE = (*SEARCH, "--objective", "loss", "--study", "mine", "--trials", "3", "--no-retrain")
#: The same for another objective: one more `--objective` would be weighed against the first.
ACCURATE = tuple("accuracy" if word == "loss" else word for word in MINE)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with a data file and a space."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HPSEARCH_CACHE", str(tmp_path / "cache"))
    Path("data.csv").write_text(csv_text(rows()))
    Path("mine.yaml").write_text(SPACE)
    return tmp_path


def trials(name: str) -> Any:
    """Return the study's trials."""
    return done("trials", name, "--json").json()


def query(sql: str, *values: str) -> list[tuple[Any, ...]]:
    """Ask the store's file."""
    with closing(sqlite3.connect("hpsearch.db")) as database:
        return database.execute(sql, values).fetchall()


def test_the_total_is_a_total():
    """The same command adds nothing, a larger total adds the rest, a smaller one takes nothing away (B4)."""
    done(*MINE)
    three = trials("mine")
    assert [0, 1, 2] == [trial["number"] for trial in three]

    assert "3 of 3 trials done" in done(*MINE).err
    assert three == trials("mine")
    done(*MINE, "--trials", "4")
    assert three == trials("mine")[:3]
    assert 4 == len(trials("mine"))
    done(*MINE, "--trials", "2")
    assert 4 == len(trials("mine"))


def test_a_changed_problem_is_refused_and_may_be_forked():
    """The difference is shown; the fork is a new study: baseline first, then its parent's best (B5)."""
    done(*MINE)
    before, changed = trials("mine"), (*MINE, "--seed", "7")

    said = hpsearch(*changed)
    refused(said, "'mine' was started on another problem", "seed: 42 -> 7", "--fork")
    assert before == trials("mine")
    assert 1 == len(done("studies", "--json").json())

    done(*changed, "--fork", "other", "--trials", "2")
    best = done("best", "mine", "--json").json()
    assert best["number"] > 0
    assert [before[0]["params"], best["params"]] == [trial["params"] for trial in trials("other")]
    assert [7, 7] == [trial["seed"] for trial in trials("other")]
    assert "mine" == done("show", "other", "--json").json()["forked_from"]
    assert before == trials("mine")

    forked = trials("other")
    done(*changed, "--fork", "other", "--trials", "2")
    assert forked == trials("other")
    refused(hpsearch(*MINE, "--fork", "other"), "'other' was started on another problem")


def test_a_study_may_begin_with_another_ones_best():
    """`--from`, or `from` in a file: the best of the other study comes after the baseline; a worker joins such a study,
    and what cannot be begun with leaves no study behind.
    """
    done(*MINE)
    Path("begin.yaml").write_text("from: mine\nstudy: other\ntrials: 3\n")
    best = done("best", "mine", "--json").json()
    begin = (*SEARCH, "--objective", "loss", "--seed", "7", "--no-retrain")

    refused(hpsearch(*begin, "--study", "other", "--from", "nobody"), "no study 'nobody' to begin with", "studies")
    refused(hpsearch(*begin, "--study", "mine2", "--from", "mine2"), "cannot begin with itself")
    refused(hpsearch(*begin, "--study", "other", "--from", "mine", "--trials", "2"), "'mine'", "--trials 3")
    said = done(*begin, "--config", "begin.yaml")

    assert f"1 configuration of study 'mine': trial {best['number']}" in said.err
    assert [None, "mine", None] == [trial["prior"] for trial in trials("other")]
    assert best["params"] == trials("other")[1]["params"]
    assert ["mine", "other"] == sorted(one["study"] for one in done("studies", "--json").json())
    before = trials("other")
    done("worker", "other")
    assert before == trials("other")


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (("--sampler", "random"), "sampler: tpe -> random"),
        (("--score", "last"), "score: best -> last"),
        (("--model-config", "num_hidden_layers=1"), "model.overrides.num_hidden_layers"),
        (("--set", "num_train_epochs=1"), "space.num_train_epochs.value: 2 -> 1"),
        (("--text-columns", "label", "--label-column", "text"), None),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_what_makes_another_problem(change, difference):
    """Sampler, score, model, space and data: each is refused before a trial."""
    done(*MINE, "--trials", "1")

    said = hpsearch(*MINE, *change)

    refused(said, *([difference, "--fork"] if difference else []))
    assert 1 == len(trials("mine"))


def test_another_objective_is_another_problem():
    """The first one, whatever is weighed against it."""
    done(*MINE, "--trials", "1")

    said = hpsearch(*ACCURATE, "--objective", "loss")

    refused(said, "objective: eval_loss -> eval_accuracy", "direction: minimize -> maximize", "--fork")
    assert 1 == len(trials("mine"))


def test_changed_data_is_another_problem():
    """One changed label is enough, for `run` and for `retrain`."""
    done(*MINE, "--trials", "1")
    table = rows()
    Path("data.csv").write_text(csv_text([*table[:-1], (table[-1][0], "no")]))

    refused(hpsearch(*MINE), "another problem", "data:")
    refused(hpsearch("retrain", "mine"), "another problem", "data:")


def test_any_trial_can_be_retrained_and_used():
    """The folder has what its trial ran with; predictions by folder and by name are the same, and bear label names."""
    done(*MINE)
    done("retrain", "mine", "--trial", "1", "--output-dir", "model")
    (model,) = done("show", "mine", "--json").json()["models"]

    card = json.loads(Path("model/hpsearch.json").read_text())
    assert ("mine", 1, 1) == (card["study"], card["trial"], model["trial_number"])
    assert trials("mine")[1]["params"] == card["params"]
    assert card["configuration"]["fraction"] == 1.0
    assert {"train": 72, "evaluated": 8} == card["rows"]

    Path("new.csv").write_text("text\n" + "".join(f"{text}\n" for text, _ in rows(10)))
    by_folder = done("predict", "./model", "--file", "new.csv", "--output", "folder.csv")
    done("predict", "mine", "--file", "new.csv", "--output", "name.csv")
    assert ("", "10 predictions in folder.csv\n") == by_folder[1:]
    assert Path("folder.csv").read_text() == Path("name.csv").read_text()
    with Path("folder.csv").open(newline="") as file:
        predicted = list(csv.DictReader(file))
    assert 10 == len(predicted)
    assert {"no", "yes"} >= {row["prediction"] for row in predicted}


def test_a_test_file_is_predicted_at_the_end():
    """`--test-file` gives a prediction for each of its rows, in the retrained model's folder."""
    Path("test.csv").write_text("id,text\n" + "".join(f"{row},{text}\n" for row, (text, _) in enumerate(rows(20))))

    outcome = done("run", *DATA, *TINY, "--trials", 1, "--test-file", "test.csv", "--study", "tested", "--json").json()

    written = Path(outcome["predictions"])
    assert Path(outcome["model"]["folder"]) == written.parent
    with written.open(newline="") as file:
        found = list(csv.DictReader(file))
    assert [str(row) for row in range(20)] == [row["index"] for row in found]
    assert {"yes", "no"} >= {row["prediction"] for row in found}


def test_a_final_is_the_model_until_it_is_retrained():
    """A trial on all the data is not trained again for nothing; `retrain` is asked for more, the rows that trials are
    scored on, and does it once.
    """
    run = ("run", *DATA, *TINY, "--trials", 1, "--study", "mine", "--json")
    final, retrain = done(*run).json()["model"], ("retrain", "mine", "--json")
    assert (0, {"train": 64, "evaluated": 8}) == (final["trial_number"], final["spec"]["rows"])

    whole = done(*retrain).json()["model"]

    assert (final["folder"], {"train": 72, "evaluated": 8}) == (whole["folder"], whole["spec"]["rows"])
    assert whole["spec"] == json.loads((Path(whole["folder"]) / "hpsearch.json").read_text())
    assert [whole] * 2 == [done(*again).json()["model"] for again in (retrain, run)]


def test_a_trial_without_a_result_is_not_retrained():
    """A failed trial has nothing to retrain with; the hint shows which have."""
    done(*MINE, "--trials", "1")
    with closing(sqlite3.connect("hpsearch.db")) as database, database:
        database.execute("update hpsearch_trials set state = 'FAILED', failure = 'code'")

    refused(hpsearch("retrain", "mine", "--trial", "0"), "trial 0 of 'mine' has no result", "hpsearch trials mine")
    refused(hpsearch("retrain", "mine"), "no trial of 'mine' is complete", code=1)
    refused(hpsearch("best", "mine"), "no trial of 'mine' is complete yet", code=3)


def test_two_studies_are_compared():
    """What differs in the problem, and both winners, in a table with a column each."""
    done(*MINE, "--trials", "1")
    done(*MINE, "--trials", "1", "--study", "other", "--set", "num_train_epochs=1")

    said = done("compare", "mine", "other")

    assert "differs: space.num_train_epochs.value: 2 -> 1\n" in said.out
    assert ["num_train_epochs", "2", "1"] in [line.split() for line in said.out.splitlines()]
    done(*ACCURATE, "--trials", "1", "--study", "third")
    assert "cannot be compared" in done("compare", "mine", "third").err


def test_delete_takes_the_study_and_nothing_else():
    """Rows, Optuna's rows and the folder go; another study keeps all of its own, and so do files beside them."""
    done(*MINE, "--trials", "1", "--study", "kept")
    kept, beside = trials("kept"), files_below(Path("hpsearch-output"))
    done(*MINE)
    done("retrain", "mine")
    folder = Path(done("show", "mine", "--json").json()["folder"])
    assert folder.is_dir()

    refused(hpsearch("delete", "mine"), "nothing was deleted", "--yes")
    assert folder.is_dir()
    assert "deleted 'mine'" in done("delete", "mine", "--yes").err

    assert beside == files_below(Path("hpsearch-output"))
    assert kept == trials("kept")
    assert [("kept",)] == query("select name from hpsearch_studies") == query("select study_name from studies")
    assert [(1,)] == query("select count(*) from hpsearch_trials") == query("select count(*) from trials")
    assert [(0,)] == query("select count(*) from hpsearch_models")
    done(*MINE, "--trials", "1")
    assert 1 == len(trials("mine"))


def test_a_folder_that_is_not_the_studys_is_never_deleted():
    """A row that names another folder, as one of another machine may, costs nobody their files."""
    done(*MINE, "--trials", "1")
    Path("precious").mkdir()
    Path("precious/file").write_text("mine")
    with closing(sqlite3.connect("hpsearch.db")) as database, database:
        database.execute("update hpsearch_studies set folder = ?", (str(Path("precious").absolute()),))

    done("delete", "mine", "--yes")

    assert "mine" == Path("precious/file").read_text()


def test_a_store_is_made_and_upgraded_by_a_command():
    """`db status` changes nothing; `db upgrade` makes a store, and may be repeated."""
    assert "missing" == done("db", "status", "--json").json()["state"]
    assert not Path("hpsearch.db").exists()

    for _ in range(2):
        assert "has schema" in done("db", "upgrade").err
    assert "current" == done("db", "status", "--json").json()["state"]
    assert [] == done("studies", "--json").json()
    assert "no studies yet" in done("studies").err
    done(*SEARCH, "--trials", "1", "--no-retrain", *TINY[:2])
