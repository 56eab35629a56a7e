"""Test files with labels: read as a validation part is, refused with line and value, scored with intervals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

from hpsearch.search.metrics import score
from hpsearch.search.tasks import TASKS, Task, custom_task
from hpsearch.search.verdict.statistics import rate_interval, score_interval
from hpsearch.search.winner.file_scores import file_scores
from hpsearch.search.winner.submission import read_examples
from hpsearch.spaces.errors import BadInput

from .command import COLUMNS, ONE_RUNG, TINY, csv_text, done, hpsearch, refused, rows

CUSTOM = custom_task(["text"], "label").with_labels(("no", "yes"), (40, 40))
NUMBERS = custom_task(["text"], "label").with_labels(())
DIGITS = custom_task(["text"], "label").with_labels(("-1", "0", "1"), (9, 9, 9))


def labels_in(folder: Path, task: Task, labels: list[Any]) -> list[Any] | None:
    """Write rows with these labels, which keep their types, and return what is read of them."""
    lines = (
        json.dumps({task.text_columns[0]: f"text {row}", task.label_column: one}) + "\n"
        for row, one in enumerate(labels)
    )
    (folder / "t.jsonl").write_text("".join(lines))
    return read_examples(task, folder / "t.jsonl").labels


def refusal(folder: Path, task: Task, labels: list[Any]) -> str:
    """Return why they are refused, with the hint."""
    with pytest.raises(BadInput) as error:
        labels_in(folder, task, labels)
    assert "\n" not in str(error.value)
    return f"{error.value} | {error.value.hint}"


@pytest.mark.parametrize(
    ("task", "labels", "expected"),
    [
        (CUSTOM, ["yes", " no ", "yes"], [1, 0, 1]),
        (DIGITS, [1, "0", -1.0], [2, 1, 0]),
        (DIGITS, [-1, -1], [0, 0]),
        (NUMBERS, [1, "2.5", "-3e1"], [1.0, 2.5, -30.0]),
        (NUMBERS, [2, 2], [2.0, 2.0]),
        (TASKS["sst2"], [0, 1, "1"], [0, 1, 1]),
        (TASKS["sst2"], ["positive", "negative"], [1, 0]),
    ],
)
def test_labels_are_read_as_those_of_a_validation_part(tmp_path, task, labels, expected):
    """Names, numbers of whatever type, and in a built-in task positions: ids in the task's order."""
    assert expected == labels_in(tmp_path, task, labels)


@pytest.mark.parametrize("task", [CUSTOM, NUMBERS, TASKS["sst2"], TASKS["stsb"]], ids=lambda task: task.name)
@pytest.mark.parametrize("labels", [[-1, -1, -1], ["", "", ""], [None, None], ["NA", "", "NA"], ["?", "?"], [-1.0, -1]])
def test_a_column_without_a_label_is_none(tmp_path, task, labels):
    """The -1 of benchmarks, empty cells and marks of a missing value in all rows are predicted, not scored."""
    one = task.text_columns
    lines = [json.dumps({**dict.fromkeys(one, "a"), task.label_column: label}) + "\n" for label in labels]
    (tmp_path / "t.jsonl").write_text("".join(lines))

    assert read_examples(task, tmp_path / "t.jsonl").labels is None


@pytest.mark.parametrize(
    ("task", "labels", "told"),
    [
        (CUSTOM, ["yes", "no", "maybe"], "line 3 has the unknown label 'maybe'"),
        (CUSTOM, ["yes", "Yes"], "line 2 has the unknown label 'Yes'"),
        (CUSTOM, ["yes", "'no'"], "line 2 has the unknown label \"'no'\""),
        (CUSTOM, ["1", "0"], "line 1 has the unknown label '1', which the training part lacks | is it a position?"),
        (CUSTOM, ["yes", -1, "no"], "line 2 has the unknown label '-1'"),
        (CUSTOM, ["yes", "n/a", "n/a"], "line 2 has the label 'n/a', which marks a missing value (2 of 3 rows"),
        (CUSTOM, ["yes", "no", None], "label column 'label' has 1 empty cell, the first in"),
        (CUSTOM, ["yes", ["no"]], "line 2 is a list"),
        (NUMBERS, ["1.5", "3,5"], "line 2 has the label '3,5', which is no number | with a point: 3.5"),
        (NUMBERS, [1.5, "high"], "line 2 has the label 'high', which is no number"),
        (NUMBERS, [1.5, "NaN"], "line 2 has the label 'NaN', which marks a missing value"),
        (TASKS["sst2"], [0, 2], "line 2 has the unknown label '2'"),
    ],
)
def test_what_the_model_does_not_know_is_refused(tmp_path, task, labels, told):
    """With line and value, as in a validation part; `--label-kind`, which `predict` has not, is no hint."""
    message = refusal(tmp_path, task, labels)

    assert told in message
    assert "--label-kind" not in message


def test_a_parquet_file_of_datasets_keeps_its_names(tmp_path):
    """Class numbers are another order's there; a -1 beside labels is refused."""
    names = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["yes", "no"])})
    for name, labels in (("a", [0, 1, 1]), ("b", [0, -1, 1])):
        datasets.Dataset.from_dict({"text": ["a"] * 3, "label": labels}, names).to_parquet(tmp_path / f"{name}.parquet")

    assert [1, 0, 0] == read_examples(CUSTOM, tmp_path / "a.parquet").labels
    with pytest.raises(BadInput, match="row 2 has the label -1, which is none of the 2 classes"):
        read_examples(CUSTOM, tmp_path / "b.parquet")


def test_each_metric_has_its_score_and_interval():
    """The scores are scikit-learn's, in the task's order; the interval of accuracy is Clopper and Pearson's, which is
    known for 45 of 50 (0.7819 to 0.9667).
    """
    true = np.array([0] * 30 + [1] * 20)
    wrong = np.arange(50) % 10 == 0
    told = np.where(wrong, 1 - true, true)

    found = file_scores(CUSTOM, Path("folder/test.csv"), told, true)

    assert ("test.csv", 50, None) == (found.file, found.rows, found.remark)
    assert {
        "accuracy": accuracy_score(true, told),
        "f1": f1_score(true, told),
        "matthews_correlation": matthews_corrcoef(true, told),
    } == {name: one.value for name, one in found.metrics.items()}
    accuracy = found.metrics["accuracy"].interval
    assert accuracy is not None
    assert (0.7819, 0.9667) == (round(accuracy.low, 4), round(accuracy.high, 4))
    for one in found.metrics.values():
        assert one.interval is not None
        assert one.interval.low < one.value < one.interval.high <= 1


@pytest.mark.parametrize(
    ("task", "told", "true", "without"),
    [
        (CUSTOM, [0, 1] * 10, [0, 1] * 10, {"f1", "matthews_correlation"}),
        (NUMBERS, [1.0, 2.0, 4.0], [1.0, 2.0, 4.0], {"pearson", "spearmanr", "mse", "mae"}),
        (CUSTOM, [0], [1], {"f1", "matthews_correlation"}),
        (NUMBERS, [float("nan"), 1.0], [1.0, 2.0], {"pearson", "spearmanr", "mse", "mae"}),
    ],
)
def test_where_rows_say_nothing_there_is_no_interval(task, told, true, without):
    """A model that is right on all rows, a single row, a prediction that is no number."""
    found = file_scores(task, Path("t.csv"), told, true)

    assert without == {name for name, one in found.metrics.items() if one.interval is None}
    json.dumps(found.to_json(), allow_nan=False)


@pytest.mark.parametrize(
    ("task", "label", "told"), [(CUSTOM, 0, "'no'"), (CUSTOM, 1, "'yes'"), (NUMBERS, 0.0, "label 0:")]
)
def test_one_label_in_all_rows_is_said(task, label, told):
    """Benchmarks put one there that stands for none."""
    remark = file_scores(task, Path("t.csv"), [0, 1, 1], [label] * 3).remark

    assert remark is not None
    assert told in remark


@pytest.mark.parametrize(("metric", "rows_", "files"), [("f1", 60, 50), ("accuracy", 60, 100), ("mse", 60, 100)])
def test_intervals_cover(metric, rows_, files):
    """Of files of one kind the interval holds the truth for nine tenths and more."""
    covered, task = 0, NUMBERS if metric == "mse" else CUSTOM

    def drawn(count: int, seed: int) -> tuple[Any, Any]:
        draw = np.random.default_rng(seed)
        if metric == "mse":
            true = draw.normal(size=count)
            return true + draw.normal(size=count), true
        true = (draw.random(count) < 0.3).astype(int)
        return np.where(draw.random(count) < 0.85, true, 1 - true), true

    truth = score(task, metric, *drawn(50_000, 0))
    for seed in range(1, files + 1):
        told, true = drawn(rows_, seed)
        if metric == "accuracy":
            found = rate_interval(int((told == true).sum()), rows_)
        else:
            maybe = score_interval(told, true, lambda one, other: score(task, metric, one, other), seed=seed)
            assert maybe is not None
            found = maybe
        covered += found.covers(truth)

    assert covered >= 0.9 * files


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A folder in which a search was given a labelled test file, and its outcome."""
    place = tmp_path_factory.mktemp("searched")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setenv("HPSEARCH_CACHE", str(place / "cache"))
        Path("data.csv").write_text(csv_text(rows()))
        Path("test.csv").write_text(csv_text(rows(30)))
        search = ("run", "--train-file", "data.csv", *COLUMNS, *TINY, *ONE_RUNG, "--trials", 1, "--study", "tested")
        return place, done(*search, "--test-file", "test.csv", "--json").json()


@pytest.fixture
def place(searched: tuple[Path, Any], monkeypatch: pytest.MonkeyPatch) -> Path:
    """That folder, as the current one."""
    monkeypatch.chdir(searched[0])
    return searched[0]


def test_a_search_scores_its_model_on_the_test_file(searched, place):
    """Its outcome, the model's record and the card say the same; the numbers are those of the file's predictions."""
    _, outcome = searched
    folder = Path(outcome["model"]["folder"])
    told = [line.split(",")[1] for line in Path(outcome["predictions"]).read_text().splitlines()[1:]]
    true = [label for _, label in rows(30)]

    found = outcome["test"]

    assert ("test.csv", 30) == (found["file"], found["rows"])
    assert accuracy_score(true, told) == found["metrics"]["accuracy"]["score"]
    assert f1_score(true, told, pos_label="yes") == pytest.approx(found["metrics"]["f1"]["score"])
    record = json.loads((folder / "hpsearch.json").read_text())
    assert found == record["test"]
    card = (folder / "README.md").read_text()
    assert "On the author's test file test.csv, 30 rows" in card
    accuracy = found["metrics"]["accuracy"]
    assert "| accuracy | {:.4f} | {:.4f} to {:.4f} |".format(accuracy["score"], *accuracy["interval"]) in card
    assert str(place) not in json.dumps(record["test"])


def test_predict_scores_a_labelled_file(searched, place):
    """As a table, and in JSON as the search's outcome has it; a file without labels has none, and is said as before."""
    one = done("predict", "tested", "--file", "test.csv", "--output", "a.csv")
    again = done("predict", "tested", "--file", "test.csv", "--output", "b.csv", "--json").json()
    Path("bare.csv").write_text("text\na\nb\n")
    bare = done("predict", "tested", "--file", "bare.csv", "--output", "c.csv", "--json").json()

    assert {"rows": 30, "predictions": "b.csv", "test": searched[1]["test"]} == again
    assert {"rows": 2, "predictions": "c.csv", "test": None} == bare
    assert "30 predictions in a.csv\n" == one.err
    for word in ("test.csv: 30 labelled rows", "accuracy", "matthews_correlation", "95% interval", "Clopper"):
        assert word in one.out


def test_labels_that_the_model_does_not_know_are_refused_before_anything_is_written(place):
    """By `predict`, and by `check` and `run` before anything is trained."""
    Path("wrong.csv").write_text(csv_text([*rows(4), ("a", "perhaps")]))
    told = "wrong.csv, line 6 has the unknown label 'perhaps'"
    search = ("--train-file", "data.csv", *COLUMNS, *TINY, "--study", "new", "--test-file", "wrong.csv")

    refused(hpsearch("predict", "tested", "--file", "wrong.csv", "--output", "wrong-out.csv"), told)
    refused(hpsearch("check", *search), told)
    refused(hpsearch("run", *search, "--trials", 1), told)

    assert not Path("wrong-out.csv").exists()
    assert ["tested"] == [one["study"] for one in done("studies", "--json").json()]


@pytest.mark.parametrize(("labelled", "told"), [(True, "30 rows with labels"), (False, "2 rows without labels")])
def test_check_says_whether_a_test_file_is_scored(place, labelled, told):
    """Somebody whose column has another name learns it before the search."""
    Path("bare.csv").write_text("text,Label\na,yes\nb,no\n")
    search = ("--train-file", "data.csv", *COLUMNS, *TINY, "--study", "new")

    assert told in done("check", *search, "--test-file", "test.csv" if labelled else "bare.csv").err
