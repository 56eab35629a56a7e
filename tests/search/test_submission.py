"""Unlabelled files and the forms in which benchmarks want predictions."""

from __future__ import annotations

import json
import os
import resource
from pathlib import Path

import pandas
import pytest

from hpsearch.search.tasks import TASKS, custom_task
from hpsearch.search.winner.submission import read_examples, write_predictions
from hpsearch.spaces.errors import BadInput

DATA = Path(os.environ.get("HPSEARCH_DATA", "")).resolve()
real_data = pytest.mark.skipif("HPSEARCH_DATA" not in os.environ, reason="HPSEARCH_DATA names no folder of real data")
CUSTOM = custom_task(["text"], "label").with_labels(("no", "yes"))
NUMBERS = custom_task(["text"], "label").with_labels(())


@real_data
@pytest.mark.parametrize(
    ("task", "file", "rows"),
    [
        ("cola", "glue_data/CoLA/test.tsv", 1063),
        ("mrpc", "glue_data/MRPC/test.tsv", 1725),
        ("rte", "glue_data/RTE/test.tsv", 3000),
        ("stsb", "glue_data/STS-B/test.tsv", 1379),
        ("sst2", "glue_data/SST-2/test.tsv", 1821),
        ("wnli", "glue_data/WNLI/test.tsv", 146),
        ("qnli", "glue_data/QNLI/test.tsv", 5463),
        ("mnli", "glue_data/AX/diagnostic.tsv", 1104),
        ("afqmc", "AFQMC/test.json", 3861),
    ],
)
def test_real_test_files_are_read_with_their_ids(task, file, rows):
    """Every row of a test file, numbered as the file numbers it, both columns of a pair."""
    ids, texts, _ = read_examples(TASKS[task], DATA / file)

    assert (list(range(rows)), rows) == (ids, len(texts))
    assert ["text_a", "text_b"][: len(TASKS[task].text_columns)] == texts.column_names


@real_data
def test_a_real_csv_keeps_its_own_ids():
    """The tweets' ids have gaps."""
    task = custom_task(["text", "keyword"], "target")
    ids, texts, _ = read_examples(task, DATA / "nlp-getting-started/test.csv")

    assert ([0, 2, 3], 3263) == (ids[:3], len(texts))


@real_data
def test_a_labelled_file_can_be_predicted_too():
    """CoLA's dev has no header and no ids: its rows are numbered."""
    ids, texts, _ = read_examples(TASKS["cola"], DATA / "glue_data/CoLA/dev.tsv")

    assert (list(range(1043)), "The sailors rode the breeze clear of the rocks.") == (ids, texts[0]["text_a"])


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.csv", "text\na\nb\n", [0, 1]),
        ("a.csv", "id,text\n7,a\nx-1,b\n", [7, "x-1"]),
        ("a.tsv", "text\tindex\na\t007\nb\t\n", ["007", 1]),
        ("a.jsonl", '{"idx": 5, "text": "a"}\n{"idx": "6", "text": "b"}\n', [5, 6]),
    ],
)
def test_a_file_of_the_user_may_have_ids(tmp_path, name, text, expected):
    """A column `index`, `id` or `idx` in any place; without one, rows are numbered from 0."""
    (tmp_path / name).write_text(text)
    ids, texts, _ = read_examples(CUSTOM, tmp_path / name)

    assert (expected, ["a", "b"]) == (ids, list(texts["text_a"]))


def test_parquet_is_predicted(tmp_path):
    """Parquet as any other format."""
    pandas.DataFrame({"text": ["a", "b"], "id": [3, 4]}).to_parquet(tmp_path / "a.parquet")

    assert [3, 4] == read_examples(CUSTOM, tmp_path / "a.parquet")[0]


def test_a_file_without_the_text_column_is_refused(tmp_path):
    """The nearest column is named."""
    (tmp_path / "a.csv").write_text("txet\na\n")
    with pytest.raises(BadInput, match="has no column 'text'") as refused:
        read_examples(CUSTOM, tmp_path / "a.csv")

    assert "did you mean 'txet'?" == refused.value.hint


@pytest.mark.parametrize(
    ("task", "predictions", "written"),
    [
        ("cola", [0, 1], ["0", "1"]),
        ("sst2", [1, 0], ["1", "0"]),
        ("mrpc", [1, 0], ["1", "0"]),
        ("qqp", [1, 0], ["1", "0"]),
        ("wnli", [0, 1], ["0", "1"]),
        ("rte", [0, 1], ["entailment", "not_entailment"]),
        ("qnli", [1, 0], ["not_entailment", "entailment"]),
        ("mnli", [0, 1, 2], ["entailment", "neutral", "contradiction"]),
        ("mnli-mm", [2, 1, 0], ["contradiction", "neutral", "entailment"]),
        ("stsb", [-0.2, 2.34567, 5.1], ["0.000", "2.346", "5.000"]),
    ],
)
def test_glue_gets_its_own_labels(tmp_path, task, predictions, written):
    """Index and prediction, with the labels each GLUE task wants; scores of STS-B between 0 and 5."""
    path = write_predictions(TASKS[task], range(len(written)), predictions, tmp_path / "out.tsv")

    rows = "".join(f"{number}\t{label}\n" for number, label in enumerate(written))
    assert "index\tprediction\n" + rows == path.read_text()


def test_label_names_are_accepted_for_ids(tmp_path):
    """What a pipeline of transformers says can be written as it is."""
    write_predictions(TASKS["cola"], [0, 1], ["acceptable", "unacceptable"], tmp_path / "out.tsv")

    assert "index\tprediction\n0\t1\n1\t0\n" == (tmp_path / "out.tsv").read_text()


@real_data
def test_every_real_row_is_in_the_submission(tmp_path):
    """QNLI has 5,463 test rows; all of them, in their order."""
    ids, texts, _ = read_examples(TASKS["qnli"], DATA / "glue_data/QNLI/test.tsv")
    write_predictions(TASKS["qnli"], ids, [number % 2 for number in range(len(texts))], tmp_path / "QNLI.tsv")

    written = pandas.read_csv(tmp_path / "QNLI.tsv", sep="\t")
    assert list(range(5463)) == list(written["index"])
    assert {"entailment": 2732, "not_entailment": 2731} == written["prediction"].value_counts().to_dict()


def test_clue_gets_json_lines(tmp_path):
    """AFQMC wants one object a line, ids as numbers and labels as text."""
    write_predictions(TASKS["afqmc"], [0, 1], [1, 0], tmp_path / "afqmc_predict.json")

    assert '{"id": 0, "label": "1"}\n{"id": 1, "label": "0"}\n' == (tmp_path / "afqmc_predict.json").read_text()


def test_other_files_get_label_names_and_scores(tmp_path):
    """The suffix decides: TSV, CSV or JSON lines."""
    for suffix in ("tsv", "csv", "jsonl", "txt"):
        write_predictions(CUSTOM, [7, "x"], [1, 0], tmp_path / f"out.{suffix}", scores=[0.75, 0.5])

    assert "index\tprediction\tscore\n7\tyes\t0.75\nx\tno\t0.5\n" == (tmp_path / "out.tsv").read_text()
    assert (tmp_path / "out.tsv").read_text() == (tmp_path / "out.txt").read_text()
    assert "index,prediction,score\n7,yes,0.75\nx,no,0.5\n" == (tmp_path / "out.csv").read_text()
    assert [
        {"index": 7, "prediction": "yes", "score": 0.75},
        {"index": "x", "prediction": "no", "score": 0.5},
    ] == [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]


def test_a_glue_task_as_csv_has_names_and_scores(tmp_path):
    """Only the benchmark's own suffix gives the benchmark's form."""
    write_predictions(TASKS["cola"], [0], [1], tmp_path / "out.csv", scores=[0.9])

    assert "index,prediction,score\n0,acceptable,0.9\n" == (tmp_path / "out.csv").read_text()


def test_numbers_are_written_as_they_are(tmp_path):
    """A custom regression is not cut off at the limits of STS-B."""
    write_predictions(NUMBERS, [0, 1], [-3.5, 12.25], tmp_path / "out.csv")

    assert "index,prediction\n0,-3.5\n1,12.25\n" == (tmp_path / "out.csv").read_text()


def test_labels_with_separators_are_quoted(tmp_path):
    """A label with a comma is one cell of a CSV."""
    task = custom_task(["text"], "label").with_labels(("a, b", "c"))
    write_predictions(task, [0], [0], tmp_path / "out.csv")

    assert ["a, b"] == list(pandas.read_csv(tmp_path / "out.csv")["prediction"])


@pytest.mark.parametrize("scores", [None, [0.5]])
def test_lengths_that_differ_are_a_mistake(tmp_path, scores):
    """Nothing is written when there are not as many predictions as rows."""
    with pytest.raises(ValueError, match="zip"):
        write_predictions(CUSTOM, [0, 1], [1] if scores is None else [1, 0], tmp_path / "out.tsv", scores=scores)

    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["no/such/folder.tsv", "folder", "file/below.tsv"])
def test_a_path_that_cannot_be_written_is_named(tmp_path, name):
    """A missing folder, a folder in the file's place, a file in the folder's place."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x")
    with pytest.raises(BadInput, match="cannot write"):
        write_predictions(CUSTOM, [0], [1], tmp_path / name)

    assert ["file", "folder"] == sorted(path.name for path in tmp_path.iterdir())


def test_a_full_disk_leaves_the_old_file(tmp_path):
    """A write that fails half-way is one sentence, keeps what was there, and leaves nothing beside it."""
    path = tmp_path / "out.tsv"
    path.write_text("old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(BadInput, match="cannot write"):
            write_predictions(CUSTOM, range(50_000), [1] * 50_000, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert ("old", ["out.tsv"]) == (path.read_text(), [child.name for child in tmp_path.iterdir()])


def test_a_new_file_is_as_readable_as_any_other(tmp_path):
    """A temporary file is private and gone; what is put in its place follows the user's mask."""
    (tmp_path / "other").write_text("")
    path = write_predictions(CUSTOM, [0], [1], tmp_path / "out.tsv")

    assert (tmp_path / "other").stat().st_mode == path.stat().st_mode
    assert ["other", "out.tsv"] == sorted(child.name for child in tmp_path.iterdir())
