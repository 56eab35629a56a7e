"""Labels that are almost surely not what was meant: refused with line and value, or taken as they stand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import datasets
import pytest

from hpsearch.search.data.raw import RawData, load_task
from hpsearch.search.tasks import TASKS, custom_task
from hpsearch.spaces.errors import BadInput

NAMES = ["bad", "good"] * 20
RATINGS = [round(1 + n / 10, 1) for n in range(40)]


def write(path: Path, labels: list[Any]) -> Path:
    """Write a row of another text for each label, as JSON lines, which keep types."""
    path.write_text("".join(json.dumps({"text": f"text {n}", "label": one}) + "\n" for n, one in enumerate(labels)))
    return path


def load(folder: Path, labels: list[Any], validation: list[Any] | None = None, **options: Any) -> RawData:
    """Load a task of these labels."""
    held_out = validation and write(folder / "dev.jsonl", validation)
    task = custom_task(["text"], "label", **options)
    return load_task(task, train_file=write(folder / "train.jsonl", labels), validation_file=held_out)


def refusal(folder: Path, *labels: list[Any], **options: Any) -> str:
    """Return why labels are refused, with the hint."""
    with pytest.raises(BadInput) as refused:
        load(folder, *labels, **options)
    assert "\n" not in str(refused.value)
    return f"{refused.value} | {refused.value.hint}"


@pytest.mark.parametrize("others", [NAMES, RATINGS, ["0", "1"] * 20, [1, 2, 3, 4] * 10], ids=["a", "b", "c", "d"])
@pytest.mark.parametrize("mark", ["NA", "n/a", "NaN", "null", "None", "<NA>", "#N/A", "\\N", "#VALUE!"])
def test_a_missing_value_is_no_class(tmp_path, others, mark):
    """What pandas, R, Excel and SQL write for nothing is named with its first line, beside names and numbers."""
    message = refusal(tmp_path, [*others, mark, others[0], mark])

    assert f"line 41 has the label {mark!r}, which marks a missing value (2 of 43 rows have one)" in message
    assert "--label-kind classes" in message


@pytest.mark.parametrize("mark", ["-", "?", ".", "--"])
@pytest.mark.parametrize("others", [NAMES, RATINGS], ids=["names", "numbers"])
def test_a_lone_sign_is_a_missing_value(tmp_path, others, mark):
    """People write these for nothing, too."""
    assert f"line 41 has the label {mark!r}" in refusal(tmp_path, [*others, mark])


@pytest.mark.parametrize("labels", [["+", "-"], [".", ",", "?"], ["favor", "against", "NONE"], ["nane", "naan"]])
def test_signs_and_words_that_are_classes_stay(tmp_path, labels):
    """A minus beside a plus, marks of punctuation, and the word `none` are labels of known data sets."""
    assert tuple(sorted(labels)) == load(tmp_path, labels * 10).task.labels


@pytest.mark.parametrize("others", ["high", "3,5", "4 stars", "1_000", "inf", "٣"])
def test_a_number_that_is_none_is_placed(tmp_path, others):
    """Of a column of numbers a cell in another form is no class, and not 1,000 because Python reads it so."""
    assert f"line 41 has the label {others!r}" in refusal(tmp_path, [*RATINGS, others])


@pytest.mark.parametrize("word", ["joker", "K", "other"])
def test_many_names_beside_whole_numbers_are_classes(tmp_path, word):
    """A tenth of the rows and more are no slip, if the numbers can be classes."""
    assert ("1", "2", word) == load(tmp_path, ["1", "2", word] * 10).task.labels


@pytest.mark.parametrize(
    "labels",
    [
        [f"{n // 10},{n % 10}" for n in range(10, 50)],
        ["1,5", "2,5", "3"] * 10,
        [f"{n}%" for n in range(30)],
        [f"${n}.50" for n in range(30)],
        ["1,000", "2,000", "3,000"] * 9,
    ],
)
def test_numbers_in_another_form_are_no_classes(tmp_path, labels):
    """Decimal commas throughout, or signs of what is counted, do not make classes of a column of numbers."""
    message = refusal(tmp_path, labels)

    assert f"line 1 has the label {labels[0]!r}, a number but for its" in message


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("good", "Good"),
        ("very good", "very  good"),
        ("very good", "very_good"),
        ("good", "'good"),
        ("good", "\N{LEFT DOUBLE QUOTATION MARK}good\N{RIGHT DOUBLE QUOTATION MARK}"),
        ("good", "go\u200bod"),
        ("Stra\N{LATIN SMALL LETTER SHARP S}e", "STRASSE"),
        ("caf\u00e9", "cafe\u0301"),
        ("1", "01"),
        ("very good", "very\u00a0good"),
    ],
)
def test_names_that_a_slip_makes_two_are_one(tmp_path, one, other):
    """Case, spaces, quotes, hyphens, invisible and composed characters: both names are told with their lines."""
    message = refusal(tmp_path, [one, "2"] * 10 + [other])

    assert f"line 21 has the label {other!r}, and {tmp_path / 'train.jsonl'}, line 1 has {one!r}" in message


@pytest.mark.parametrize("labels", [["A", "A-", "A+"], ["c", "c++", "c#"], ["1 2", "12"], ["-1", "1"], ["!", "?!"]])
def test_names_that_differ_otherwise_are_two(tmp_path, labels):
    """Grades, languages and signs are no slips."""
    assert set(labels) == set(load(tmp_path, labels * 10).task.labels)


@pytest.mark.parametrize("labels", [['"bad"', '"good"'], ["'0'", "'1'"], ['"bad"', "good"]])
def test_quotes_are_no_part_of_a_label(tmp_path, labels):
    """A label between quotes was quoted twice, or read by a program that knew no quotes."""
    assert f"line 1 has the label {labels[0]!r}, which has quotes around it" in refusal(tmp_path, labels * 10)


@pytest.mark.parametrize("label", ["id-{}", "2024-01-01T00:00:{}", "a text that nobody else wrote, {}"])
def test_a_column_of_ids_is_no_label_column(tmp_path, label):
    """Where most of many labels occur once, it is probably another column."""
    message = refusal(tmp_path, [label.format(n) for n in range(10, 50)] + [label.format(10)])

    assert "40 different labels in 41 rows" in message
    assert "is it the label column?" in message


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([*NAMES, "NA"], ("NA", "bad", "good")),
        (["good", "Good"] * 10, ("Good", "good")),
        ([0.5, 1, 1.5] * 10, ("0.5", "1", "1.5")),
        (["1,5", "2,5"] * 10, ("1,5", "2,5")),
    ],
)
def test_classes_are_taken_as_they_stand_when_told_to(tmp_path, labels, expected):
    """`--label-kind classes` settles every guess about names."""
    assert expected == load(tmp_path, labels, label_kind="classes").task.labels


def test_few_whole_numbers_are_predicted_when_told_to(tmp_path):
    """`--label-kind numbers` makes a regression of ratings from 1 to 5."""
    raw = load(tmp_path, [1, 2, 3, 4, 5] * 10, label_kind="numbers")

    assert ((), "eval_pearson") == (raw.task.labels, raw.task.objective)
    assert [1.0, 2.0, 3.0, 4.0, 5.0] == raw.train["label"][:5]


@pytest.mark.parametrize(("label", "hint"), [("NA", "None"), ("2,5", "2.5"), ("good", "None")])
def test_numbers_that_are_told_have_to_be_numbers(tmp_path, label, hint):
    """What is none is placed."""
    message = refusal(tmp_path, [1, 2, 3, label], label_kind="numbers")

    assert f"line 4 has the label {label!r}, which is no number" in message
    assert hint in message


def test_an_unknown_kind_names_the_nearest():
    """There are two."""
    with pytest.raises(BadInput, match="unknown kind of labels 'class'") as refused:
        custom_task(["text"], "label", label_kind="class")

    assert "did you mean 'classes'?" == refused.value.hint


@pytest.mark.parametrize(
    ("train", "validation", "line", "label"),
    [
        ([1, 2, 3, 4, 5] * 4, [1, 2, 0, 4], 3, "0"),
        (["-1", "0", "1"] * 4, [0, 1, 2], 3, "2"),
        (NAMES, ["good", "neutral"], 2, "neutral"),
        (NAMES, ["good", "Bad"], 2, "Bad"),
        (NAMES, ["good", "NA"], 2, "NA"),
    ],
)
def test_a_label_of_the_validation_part_alone_is_placed(tmp_path, train, validation, line, label):
    """It could never be predicted; a number is not taken for a position because its name is unknown."""
    message = refusal(tmp_path, train, validation)

    assert f"dev.jsonl, line {line} has the unknown label {label!r}, which the training part lacks" in message


@pytest.mark.parametrize("positions", [[0, 1, 0], ["0", "1", "1"], [1.0, 0.0]])
def test_positions_beside_names_are_not_guessed(tmp_path, positions):
    """0 and 1 in one file and names in the other: which is which is for people to say."""
    message = refusal(tmp_path, NAMES, positions)

    assert f"dev.jsonl, line 1 has the unknown label '{int(float(positions[0]))}'" in message
    assert "is it a position? write names: bad, good" in message


@pytest.mark.parametrize("order", [["entailment", "1"], ["0", "not_entailment"]])
def test_a_file_of_a_built_in_task_has_names_or_positions(tmp_path, order):
    """GLUE's files have either, and one with both was put together from two."""
    file = tmp_path / "train.tsv"
    file.write_text("sentence1\tsentence2\tlabel\n" + "".join(f"a\tb\t{label}\n" for label in order * 4))
    number = next(label for label in order if label.isdecimal())
    with pytest.raises(BadInput, match=f"has the unknown label '{number}'") as refused:
        load_task(TASKS["rte"], train_file=file)

    assert "names or positions, not both" in refused.value.hint


def labelled(ids: list[int]) -> datasets.Dataset:
    """A data set whose class ids have names."""
    kinds = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["pos", "neg"])})
    return datasets.Dataset.from_dict({"text": [f"text {n}" for n in range(len(ids))], "label": ids}, features=kinds)


@pytest.mark.parametrize("form", ["saved", "data.parquet"])
def test_stored_class_names_are_kept(tmp_path, form):
    """In their order, in a folder saved by `datasets` and in a Parquet file that it wrote."""
    data, place = labelled([0, 1, 1, 0]), tmp_path / form
    _ = data.to_parquet(place) if place.suffix else data.save_to_disk(place)
    raw = load_task(custom_task(["text"], "label"), train_file=str(place))

    assert (("pos", "neg"), [0, 1, 1, 0]) == (raw.task.labels, raw.train["label"][:])


@pytest.mark.parametrize("form", ["saved", "data.parquet"])
@pytest.mark.parametrize("ids", [[0, 1, -1, 1, -1], [0, 1, -1, -1, -1]])
def test_minus_one_is_no_class(tmp_path, form, ids):
    """`datasets` has it for rows without a label; they are counted, and the first is placed."""
    data, place = labelled(ids), tmp_path / form
    _ = data.to_parquet(place) if place.suffix else data.save_to_disk(place)
    with pytest.raises(BadInput, match="row 3 has the label -1, which is none of the 2 classes") as refused:
        load_task(custom_task(["text"], "label"), train_file=str(place))

    assert f"({ids.count(-1)} of 5 rows are so)" in str(refused.value)
    assert "leave them out" in refused.value.hint
