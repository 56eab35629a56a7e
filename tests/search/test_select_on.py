"""`--select-on`: trials are scored on rows cut from the training part or, the conventional way, on the validation part.

That old studies go on, whose identity and prepared data know nothing of the choice, is in `test_old_store.py`.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset

from hpsearch.search.checks import SELECT_ON
from hpsearch.search.data.prepared import TRAIN, VALIDATION, split
from hpsearch.search.data.raw import RawData
from hpsearch.search.options import RunOptions
from hpsearch.search.stored_problem import options_of, problem_of, space_of, stored_problem
from hpsearch.search.task_problem import OPTIMISTIC
from hpsearch.search.tasks import custom_task
from hpsearch.studies.identity import fingerprint
from hpsearch.studies.records import Study
from hpsearch.studies.store import StudyStore

from .command import COLUMNS, TINY, csv_text, done, files_below, hpsearch, refused, rows

REAL_DATA = os.environ.get("HPSEARCH_DATA")
OWN = ("--train-file", "data.csv", *COLUMNS)
BOTH = (*OWN, "--validation-file", "dev.csv")
MINE = (*BOTH, *TINY, "--study", "mine", "--trials", "1", "--no-retrain")
CHECK = ("check", *BOTH, *TINY)
ON_VALIDATION = ("--select-on", "validation")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A current folder with 80 rows to train on and 24 to validate on."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HPSEARCH_CACHE", str(tmp_path / "cache"))
    Path("data.csv").write_text(csv_text(rows()))
    Path("dev.csv").write_text(csv_text(rows(24)))


def raw(count: int, validation: int | None = None) -> RawData:
    """Rows of two classes; each text occurs once."""
    part = lambda name, size: Dataset.from_dict(  # noqa: E731
        {"text_a": [f"{name}{row}" for row in range(size)], "label": [row % 2 for row in range(size)]}
    )
    dev = None if validation is None else part("dev", validation)
    return RawData(task=custom_task(["text"], "label"), train=part("row", count), validation=dev, fingerprint="f")


def texts(data: RawData, select_on: str) -> dict[str, list[str]]:
    """The texts of each part."""
    return {name: list(part["text_a"]) for name, part in split(data, 0, select_on).items()}


def problem(**options: Any) -> Any:
    """The problem of the two files."""
    given = {"train_file": "data.csv", "validation_file": "dev.csv", "text_columns": "text", "label_column": "label"}
    chosen = RunOptions(**{**given, "subset": 1.0, **options})
    return problem_of(chosen, space_of(chosen))


def study() -> Study:
    with StudyStore.open("sqlite:///hpsearch.db") as store:
        return store.study("mine")


# --- the parts


def test_the_validation_part_is_the_selection():
    """Nothing is cut beside it: all of the training part is trained on, by trials and by a retraining."""
    data = raw(200, 30)
    parts = texts(data, VALIDATION)

    assert {"train", "selection", "full_train"} == parts.keys()
    assert list(data.validation["text_a"]) == parts["selection"]
    assert list(data.train["text_a"]) == parts["train"] == parts["full_train"]


def test_without_a_validation_part_the_selection_is_what_would_be_the_report():
    """The same rows are held out as by default, and the rest is one part."""
    cut, conventional = texts(raw(300), TRAIN), texts(raw(300), VALIDATION)

    assert cut["report"] == conventional["selection"]
    assert cut["full_train"] == conventional["train"] == conventional["full_train"]
    assert "report" not in conventional


def test_both_kinds_are_prepared_side_by_side():
    """Each has a folder of its own, and only the default one has a report."""
    first, second = problem().source, problem(select_on=VALIDATION).source
    folders = [one.prepared().folder for one in (first, second)]

    assert [72, 8, 24, 80] == [len(part) for part in first.splits({})]
    assert [80, 24, None, 80] == [part and len(part) for part in second.splits({})]
    assert [True, False] == [(folder / "report").exists() for folder in folders]
    assert folders == [problem(select_on=one).source.prepared().folder for one in SELECT_ON]


def test_the_checked_names_are_those_that_are_used():
    """`checks` imports nothing heavy, so that it has the names once more."""
    assert SELECT_ON == (TRAIN, VALIDATION)


# --- the command line


def test_check_says_what_is_scored_on_what():
    """The rows of each part, and that the score will be optimistic; by default nothing of it."""
    default, conventional = (done(*CHECK, "--subset", "0.5", *words) for words in ((), ON_VALIDATION))

    assert "train 72, selection 8, report 24, full_train 80" in default.out
    assert "train 80, selection 24, full_train 80" in conventional.out
    assert "40 rows (0.5 of 80)" in conventional.out
    assert (False, True) == (OPTIMISTIC in default.err, OPTIMISTIC in conventional.err)


def test_a_file_may_say_it_too():
    """`select_on` there is `--select-on` here, and the flag beats it."""
    Path("mine.yaml").write_text("select_on: validation\n")
    identity = lambda *words: done(*CHECK, *words, "--json").json()["identity"]  # noqa: E731

    assert identity(*ON_VALIDATION) == identity("--config", "mine.yaml")
    assert identity() == identity("--config", "mine.yaml", "--select-on", "train")


@pytest.mark.parametrize("command", ["run", "check"])
def test_another_part_is_refused(command, tmp_path):
    """One sentence with the value and what may stand there, from flag and file, before anything is written."""
    Path("mine.yaml").write_text("select_on: test\n")
    before = files_below(tmp_path)

    for words in (("--select-on", "test"), ("--config", "mine.yaml")):
        refused(hpsearch(command, *BOTH, *words), "unknown part to select on: 'test'", "known: train, validation")

    assert before == files_below(tmp_path)


def test_a_search_says_it_and_so_does_its_model():
    """The remark comes before the first trial; the retrained model is evaluated on the rows that chose it."""
    said = done("run", *BOTH, *TINY, *ON_VALIDATION, "--study", "mine", "--trials", "1")
    (model,) = done("show", "mine", "--json").json()["models"]
    card = json.loads((Path(model["folder"]) / "hpsearch.json").read_text())

    assert said.err.index(OPTIMISTIC) < said.err.index("trial 0")
    assert "on the 24 rows of the selection split" in said.out
    assert "selection" == card["evaluated_on"] == model["spec"]["evaluated_on"]
    assert {"train": 80, "evaluated": 24} == card["rows"]


@pytest.mark.parametrize(
    ("first", "then", "difference"),
    [((), ON_VALIDATION, "(absent) -> validation"), (ON_VALIDATION, (), "validation -> (absent)")],
    ids=["to validation", "back to train"],
)
def test_another_choice_is_another_problem(first, then, difference):
    """The difference names the option; the study stays as it was, and a fork may have the other."""
    done("run", *MINE, *first)
    before = done("trials", "mine", "--json").json()

    refused(
        hpsearch("run", *MINE, *then), "'mine' was started on another problem", f"select_on: {difference}", "--fork"
    )
    assert before == done("trials", "mine", "--json").json()

    done("run", *MINE, *first)
    done("run", *MINE, *then, "--fork", "other")
    assert 2 == len(done("studies", "--json").json())


def test_a_worker_and_a_retraining_take_it_from_the_study():
    """Neither is told: the choice is kept with the study."""
    done("run", *MINE, *ON_VALIDATION)
    with StudyStore.open("sqlite:///hpsearch.db") as store:
        store.update_study(store.study("mine").study_id, trials=2)

    assert "2 of 2 trials done, 1 since" in done("worker", "mine").err
    assert "retrained on 80 rows" in done("retrain", "mine").out


def test_a_study_that_is_older_than_the_choice_is_scored_on_train():
    """Its options have no such key, and make the problem that they have always made."""
    done("run", *MINE)
    new = study()
    kept = without(new.spec["notes"]["options"], "select_on")
    old = dataclasses.replace(new, spec={**new.spec, "notes": {**new.spec["notes"], "options": kept}})

    assert TRAIN == options_of(old, kept).select_on
    assert new.identity == fingerprint(stored_problem(old).identity)
    assert "select_on" not in new.spec["identity"]


def without(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    assert name in values
    return {key: value for key, value in values.items() if key != name}


@pytest.mark.skipif(REAL_DATA is None, reason="HPSEARCH_DATA is not set")
def test_a_glue_task_is_scored_on_its_official_validation_part():
    """CoLA: 8,551 rows to train on and 1,043 to be scored on, as in the papers."""
    said = done("check", "--task", "cola", "--data-dir", f"{REAL_DATA}/glue_data", *ON_VALIDATION)

    assert "train 8551, selection 1043, full_train 8551" in said.out
    assert OPTIMISTIC in said.err
