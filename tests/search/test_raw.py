"""The data of a task from every source, and every label column that nothing can be learnt from."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import datasets
import pytest

from hpsearch.search.data.labels import infer_labels
from hpsearch.search.data.raw import RawData, load_task
from hpsearch.search.tasks import TASKS, custom_task
from hpsearch.spaces.errors import BadInput

DATA = Path(os.environ.get("HPSEARCH_DATA", "")).resolve()
real_data = pytest.mark.skipif("HPSEARCH_DATA" not in os.environ, reason="HPSEARCH_DATA names no folder of real data")
CUSTOM = custom_task(["text"], "label")
ROWS = [("a", "no"), ("b", "yes"), ("c", "no"), ("d", "yes")]


def write(path: Path, rows: list[tuple[Any, Any]]) -> Path:
    """Write rows of text and label as JSON lines, which keep types."""
    path.write_text("".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in rows))
    return path


def load(folder: Path, rows: list[tuple[Any, Any]], validation: list[tuple[Any, Any]] | None = None) -> RawData:
    """Load a custom task from files written for it."""
    held_out = validation and write(folder / "validation.jsonl", validation)
    return load_task(CUSTOM, train_file=write(folder / "train.jsonl", rows), validation_file=held_out)


def refusal(folder: Path, rows: list[tuple[Any, Any]], validation: list[tuple[Any, Any]] | None = None) -> str:
    """Return why rows are refused, with the hint."""
    with pytest.raises(BadInput) as refused:
        load(folder, rows, validation)
    assert "\n" not in str(refused.value)
    return f"{refused.value} | {refused.value.hint}"


# --- sources


@real_data
@pytest.mark.parametrize(
    ("name", "train", "validation"),
    [
        ("cola", 8551, 1043),
        ("mrpc", 3668, 408),
        ("rte", 2490, 277),
        ("sst2", 67349, 872),
        ("stsb", 5749, 1500),
        ("wnli", 635, 71),
        ("afqmc", 34334, 4316),
    ],
)
def test_real_tasks_are_loaded_whole(name, train, validation):
    """From the data folder, or the task's own folder in it, with the same fingerprint."""
    task = TASKS[name]
    parent = DATA if name == "afqmc" else DATA / "glue_data"
    raw = load_task(task, data_dir=parent)

    assert (train, validation) == (len(raw.train), len(raw.validation))
    assert ("text_b" in raw.train.column_names) == (len(task.text_columns) == 2)
    assert raw.fingerprint == load_task(task, data_dir=parent / task.files.folders[0]).fingerprint
    assert () == raw.notes


@real_data
def test_real_labels_get_the_ids_of_the_hub():
    """RTE's first row is no entailment, and in GLUE's order that is class 1."""
    raw = load_task(TASKS["rte"], data_dir=DATA / "glue_data")

    assert ("No Weapons of Mass Destruction Found in Iraq Yet.", 1) == (
        raw.train[0]["text_a"],
        raw.train[0]["label"],
    )


@real_data
def test_real_scores_are_numbers():
    """STS-B has scores from 0 to 5."""
    labels = load_task(TASKS["stsb"], data_dir=DATA / "glue_data").train["label"]

    assert (0.0, 5.0) == (min(labels), max(labels))


@real_data
@pytest.mark.parametrize(
    ("name", "file"), [("qnli", "QNLI/train.tsv"), ("mnli", "MNLI/train.tsv"), ("qqp", "QQP/train.tsv")]
)
def test_a_task_without_its_training_file_names_it(name, file):
    """The real folder has no training file of QNLI and MNLI, and no QQP at all."""
    with pytest.raises(BadInput, match="needs the training file") as refused:
        load_task(TASKS[name], data_dir=DATA / "glue_data")

    assert str(DATA / "glue_data" / file) in str(refused.value)


@real_data
def test_a_real_task_learns_from_another_file_of_its_layout():
    """MNLI's validation part as training file: three classes in the task's order."""
    raw = load_task(TASKS["mnli"], train_file=DATA / "glue_data/MNLI/dev_matched.jsonl")

    assert [3479, 3123, 3213] == [raw.train["label"][:].count(number) for number in range(3)]


@real_data
def test_a_real_csv_is_a_task():
    """Tweets with an often empty keyword as second text."""
    raw = load_task(custom_task(["text", "keyword"], "target"), train_file=DATA / "nlp-getting-started/train.csv")

    assert (("0", "1"), 7613, 61) == (raw.task.labels, len(raw.train), raw.train["text_b"][:].count(""))
    assert "without a validation part" in raw.notes[0]


def test_mnli_is_read_in_its_classic_layout(tmp_path):
    """Twelve columns, the texts and the gold label late in the row."""
    header = [f"c{number}" for number in range(8)] + ["sentence1", "sentence2", "label1", "gold_label"]
    labels = ["entailment", "neutral", "contradiction", "neutral"]
    rows = [["x"] * 8 + [f"p{number}", f"h{number}", "neutral", label] for number, label in enumerate(labels)]
    (tmp_path / "MNLI").mkdir()
    for name in ("train.tsv", "dev_matched.tsv"):
        (tmp_path / "MNLI" / name).write_text("\n".join("\t".join(row) for row in [header, *rows]))

    raw = load_task(TASKS["mnli"], data_dir=tmp_path)

    assert [0, 1, 2, 1] == raw.train["label"][:]
    assert {"text_a": "p0", "text_b": "h0", "label": 0} == raw.validation[0]


def test_rows_that_qqp_cuts_short_are_told(tmp_path):
    """They are left out, and a note says how many and where."""
    lines = [
        "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate",
        "0\t1\t2\ta\tb\t0",
        "1\t3\t4\tc",
        "2\t5\t6\td\te\t1",
        "3\t7\t8\tf\tg\t1",
    ]
    (tmp_path / "train.tsv").write_text("\n".join(lines))
    (tmp_path / "dev.tsv").write_text("\n".join(lines))

    raw = load_task(TASKS["qqp"], data_dir=tmp_path)

    assert (3, 2) == (len(raw.train), len(raw.notes))
    assert "left out 1 broken rows of the original (lines 3)" in raw.notes[0]


def test_the_demo_needs_no_file():
    """The demo task makes its own data, and no file may be given with it."""
    raw = load_task(TASKS["demo"])

    assert (6000, 600) == (len(raw.train), len(raw.validation))
    with pytest.raises(BadInput, match="makes its own data"):
        load_task(TASKS["demo"], data_dir="x")


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.json", "a.jsonl", "a.parquet", "saved"])
def test_every_format_gives_the_same_fingerprint(tmp_path, name):
    """The fingerprint depends on texts and labels, not on path, format or order of columns."""
    data = datasets.Dataset.from_dict({"id": [1, 2, 3, 4], "label": [1, 0, 1, 0], "text": ["a", "b", "c", "d"]})
    frame, path = data.to_pandas(), tmp_path / name
    {
        "": lambda: data.save_to_disk(path),
        ".csv": lambda: frame.to_csv(path),
        ".tsv": lambda: frame.to_csv(path, sep="\t"),
        ".json": lambda: frame.to_json(path, orient="records"),
        ".jsonl": lambda: frame.to_json(path, orient="records", lines=True),
        ".parquet": lambda: frame.to_parquet(path),
    }[path.suffix]()

    assert load(tmp_path, [("a", "1"), ("b", "0"), ("c", "1"), ("d", "0")]).fingerprint == (
        load_task(CUSTOM, train_file=path).fingerprint
    )


@pytest.mark.parametrize(
    "changed",
    [
        [("A", "no"), *ROWS[1:]],
        [("a", "yes"), *ROWS[1:]],
        [("a", "never"), ("b", "yes"), ("c", "never"), ("d", "yes")],
        [ROWS[1], ROWS[0], *ROWS[2:]],
        [*ROWS, ("e", "no")],
    ],
)
def test_the_fingerprint_changes_with_the_content(tmp_path, changed):
    """A text, a label, a label's name, the order of rows or a row more makes other data."""
    assert load(tmp_path, ROWS).fingerprint != load(tmp_path, changed).fingerprint


def test_the_fingerprint_knows_the_validation_part(tmp_path):
    """Moving a row to the validation part makes other data."""
    assert load(tmp_path, ROWS).fingerprint != load(tmp_path, ROWS[:3], ROWS[3:]).fingerprint


def test_a_saved_data_set_brings_its_validation_part_and_class_names(tmp_path):
    """Class ids become their names in their order, and -1 would be an empty cell."""
    kinds = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["pos", "neg"])})
    rows = datasets.Dataset.from_dict({"text": ["a", "b", "c", "d"], "label": [0, 1, 1, 0]}, features=kinds)
    datasets.DatasetDict({"train": rows, "validation": rows}).save_to_disk(tmp_path / "saved")

    raw = load_task(CUSTOM, train_file=tmp_path / "saved")

    assert (("pos", "neg"), [0, 1, 1, 0], 4) == (raw.task.labels, raw.train["label"][:], len(raw.validation))


def test_a_folder_without_a_data_set_is_refused(tmp_path):
    """Any other folder is no training file."""
    with pytest.raises(BadInput, match="holds no data set saved by `datasets`"):
        load_task(CUSTOM, train_file=tmp_path)


def test_a_saved_data_set_without_a_training_split_lists_its_splits(tmp_path):
    """Which split to learn from is not guessed."""
    rows = datasets.Dataset.from_dict({"text": ["a"], "label": [0]})
    datasets.DatasetDict({"test": rows}).save_to_disk(tmp_path / "saved")
    with pytest.raises(BadInput, match="has no split 'train'") as refused:
        load_task(CUSTOM, train_file=tmp_path / "saved")

    assert "it has: test" == refused.value.hint


@pytest.mark.parametrize("name", ["cola", "no-such-owner/no-such-data:config"])
def test_offline_a_hub_name_says_how_to_do_without(run_python, tmp_path, name):
    """No network and a hub name: one sentence, and the two options that need no hub."""
    call = (
        f"load_task(TASKS['{name}'])" if name in TASKS else f"load_task(custom_task(['a'], 'b'), train_file='{name}')"
    )
    program = (
        "from hpsearch.search.data.raw import *; from hpsearch.search.tasks import *\n"
        f"try: {call}\n"
        "except BadInput as error: print(error, '|', error.hint)"
    )
    done = run_python(program, env={"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)})

    assert "the hub did not give a data set" in done.stdout
    assert "`--data-dir DIR` or `--train-file FILE`" in done.stdout


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "has no data yet"),
        ({"validation_file": "v.csv"}, "without a training file"),
        ({"data_dir": ".", "train_file": "t.csv"}, "both given"),
        ({"data_dir": "."}, "no known folder layout"),
    ],
)
def test_sources_that_do_not_fit_are_refused(given, message):
    """One source, and one that the task has."""
    with pytest.raises(BadInput, match=message):
        load_task(CUSTOM, **given)


def test_a_missing_data_folder_is_refused(tmp_path):
    """A folder that is not there, or is a file."""
    file = tmp_path / "file"
    file.write_text("x")
    for folder, message in ((tmp_path / "no", "no folder"), (file, "is no folder")):
        with pytest.raises(BadInput, match=message):
            load_task(TASKS["cola"], data_dir=folder)


# --- labels


@pytest.mark.parametrize(
    ("cells", "labels"),
    [
        (["yes", "no"], ("no", "yes")),
        (["10", "9", "1"], ("1", "9", "10")),
        (["-1", "1"], ("-1", "1")),
        (["True", "False"], ("False", "True")),
        (["0.5", "1"], ()),
        (["1", "nan"], ("1", "nan")),
        ([str(n) for n in range(100)], tuple(str(n) for n in range(100))),
        ([str(n) for n in range(101)], ()),
        ([f"c{n}" for n in range(101)], tuple(sorted(f"c{n}" for n in range(101)))),
    ],
)
def test_classes_and_numbers_are_told_apart(cells, labels):
    """Numbers with a fraction, or many whole ones, are predicted as numbers; the rest are classes."""
    assert labels == infer_labels(cells)


@pytest.mark.parametrize(
    "labels", [[1, 0, 1, 0], ["1", "0", " 1", "0"], [1.0, 0.0, 1.0, 0.0], ["1.0", "0.0", "1", "0"]]
)
def test_a_label_is_the_same_class_however_it_is_written(tmp_path, labels):
    """Whole numbers as numbers, text, or with the `.0` that pandas adds."""
    raw = load(tmp_path, list(zip("abcd", labels, strict=True)))

    assert (("0", "1"), [1, 0, 1, 0]) == (raw.task.labels, raw.train["label"][:])


def test_numbers_are_predicted_as_numbers(tmp_path):
    """A custom regression has number labels and correlations for metrics."""
    raw = load(tmp_path, [("a", 0.5), ("b", 2), ("c", "3.25")], [("d", 7)])

    assert (True, [0.5, 2.0, 3.25], [7.0]) == (
        raw.task.is_regression,
        raw.train["label"][:],
        raw.validation["label"][:],
    )


@pytest.mark.parametrize("empty", [None, "", "  ", float("nan")])
def test_empty_label_cells_are_counted_and_placed(tmp_path, empty):
    """How many, and the line of the first."""
    message = refusal(tmp_path, [*ROWS, ("e", empty), ("f", "no"), ("g", empty)])

    assert "label column 'label' has 2 empty cells, the first in" in message
    assert "train.jsonl, line 5" in message


def test_one_class_is_refused(tmp_path):
    """Nothing can be learnt from one class."""
    assert "one class only: 'no' in all 3 rows" in refusal(tmp_path, [("a", "no"), ("b", "no"), ("c", "no")])


def test_one_number_is_refused(tmp_path):
    """Nothing can be learnt from one number."""
    assert "the value 0.5 in all rows" in refusal(tmp_path, [("a", 0.5), ("b", 0.5)])


def test_fewer_rows_than_classes_are_refused(tmp_path):
    """Two rows of MNLI cannot show its three classes; nor is a column of ids a label column."""
    file = tmp_path / "train.tsv"
    file.write_text("premise\thypothesis\tlabel\na\tb\tneutral\nc\td\tentailment\n")
    with pytest.raises(BadInput, match="has 2 rows for 3 classes"):
        load_task(TASKS["mnli"], train_file=file)

    assert "has 3 rows for 3 classes" in refusal(tmp_path, [("a", "x"), ("b", "y"), ("c", "z")])


def test_a_validation_label_that_training_lacks_is_placed(tmp_path):
    """It could only be wrong; the line of the first is named."""
    message = refusal(tmp_path, ROWS, [("e", "no"), ("f", "maybe")])

    assert "validation.jsonl, line 2 has the unknown label 'maybe'" in message


def test_a_known_label_that_training_lacks_is_placed(tmp_path):
    """The same where the task knows the label but no training row has it."""
    train, dev = tmp_path / "train.tsv", tmp_path / "dev.tsv"
    train.write_text("premise\thypothesis\tlabel\na\tb\tneutral\nc\td\tentailment\ne\tf\tneutral\n")
    dev.write_text("premise\thypothesis\tlabel\na\tb\tcontradiction\n")
    with pytest.raises(BadInput, match="'contradiction', which the training part lacks"):
        load_task(TASKS["mnli"], train_file=train, validation_file=dev)


def test_an_unknown_label_of_a_known_task_names_the_nearest(tmp_path):
    """A misspelt label in a file of a built-in task is refused with its line."""
    train = tmp_path / "train.tsv"
    train.write_text("sentence1\tsentence2\tlabel\na\tb\tentailment\nc\td\tentialment\n")
    with pytest.raises(BadInput, match="line 3 has the unknown label 'entialment'") as refused:
        load_task(TASKS["rte"], train_file=train)

    assert "did you mean 'entailment'?" == refused.value.hint


def test_a_label_that_is_no_number_is_placed(tmp_path):
    """STS-B's score must be a number."""
    train = tmp_path / "train.tsv"
    train.write_text("sentence1\tsentence2\tscore\na\tb\t1.5\nc\td\thigh\n")
    with pytest.raises(BadInput, match="line 3 has the label 'high', which is no number"):
        load_task(TASKS["stsb"], train_file=train)


# --- texts


def test_empty_text_is_empty_text(tmp_path):
    """A missing text is no reason to lose a row; a number is its digits."""
    raw = load(tmp_path, [(None, "no"), ("", "yes"), (5, "no"), ("d", "yes")])

    assert ["", "", "5", "d"] == raw.train["text_a"][:]


@pytest.mark.parametrize("cell", [["a", "b"], {"a": 1}, "\ud800"])
def test_what_is_no_text_is_placed(tmp_path, cell):
    """Lists, objects and half characters are refused with their line."""
    assert "train.jsonl, line 2" in refusal(tmp_path, [ROWS[0], (cell, "yes"), *ROWS[2:]])


def test_a_text_column_without_text_is_refused(tmp_path):
    """A column that is empty throughout is the wrong column."""
    assert "text column 'text'" in refusal(tmp_path, [("", "no"), ("", "yes"), ("", "no")])
