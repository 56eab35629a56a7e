"""Rows of the validation part that are in the training part, too: counted, said wherever somebody looks, and kept."""

from __future__ import annotations

import dataclasses
import json
import unicodedata

import pytest

from hpsearch.search.data.prepared import split
from hpsearch.search.data.understanding import leaks
from hpsearch.search.leaks import Leaks

from .command import COLUMNS, ONE_RUNG, TINY, done
from .test_together import load, write

TRAIN = [{"text": f"text {n}", "label": "yes" if n % 2 else "no"} for n in range(60)]
NEW = [{"text": f"new {n}", "label": "yes" if n % 2 else "no"} for n in range(20)]


def labelled(text: str, label: str) -> dict[str, str]:
    """One row."""
    return {"text": text, "label": label}


@pytest.mark.parametrize(
    ("held_out", "same", "otherwise"),
    [
        (NEW, 0, 0),
        ([*NEW, *TRAIN[:7]], 7, 0),
        ([*NEW, labelled("text 1", "no"), labelled("text 1", "yes"), labelled("text 2", "yes")], 3, 2),
        ([*NEW, labelled(" text 3 ", "yes"), labelled("text 3\u00a0", "yes"), labelled("Text 3", "yes")], 2, 0),
        ([*NEW, *[labelled("text 5", "yes")] * 4], 4, 0),
    ],
)
def test_rows_of_the_validation_part_that_were_trained_on_are_counted(tmp_path, held_out, same, otherwise):
    """By their text; those with another label apart. A row that stands there four times counts four times."""
    found = leaks(load(tmp_path, TRAIN, held_out))

    assert (len(held_out), same, otherwise) == (found.rows, found.same_text, found.other_label)


def test_a_text_of_several_labels_has_each_of_them(tmp_path):
    """Only a label that none of its rows has is another one."""
    both = [labelled("twice", "yes"), labelled("twice", "no")]

    assert (2, 0) == tuple(dataclasses.astuple(leaks(load(tmp_path, [*TRAIN, *both], both)))[1:3])


def test_code_points_that_look_the_same_are(tmp_path):
    """As macOS and Windows write them."""
    composed = "caf\u00e9"
    taken_apart = unicodedata.normalize("NFD", composed)
    found = leaks(load(tmp_path, [*TRAIN, labelled(composed, "no")], [labelled(taken_apart, "no")]))

    assert 1 == found.same_text


def test_a_pair_is_in_the_training_part_where_both_texts_are(tmp_path):
    """In their order."""
    rows = [{"text": f"a{n}", "other": f"b{n}", "label": n % 2} for n in range(40)]
    held_out = [rows[0], {**rows[1], "other": "b2"}, {"text": "b3", "other": "a3", "label": 1}]

    assert 1 == leaks(load(tmp_path, rows, held_out)).same_text


def test_numbers_to_predict_are_compared_as_numbers(tmp_path):
    """Another number is another label."""
    rows = [{"text": f"t{n}", "label": n / 4} for n in range(60)]
    found = leaks(load(tmp_path, rows, [rows[3], {**rows[5], "label": 0.1}]))

    assert (2, 1) == (found.same_text, found.other_label)


def test_nothing_is_said_of_a_validation_part_that_is_not_there(tmp_path):
    """It is cut so that it has nothing in common."""
    found = leaks(load(tmp_path, TRAIN))

    assert ("", "") == (found.remark, found.words["also in train"])


def test_rows_of_a_group_that_was_trained_on_are_counted(tmp_path):
    """Their texts may be others."""
    rows = [{**row, "user": n // 6} for n, row in enumerate(TRAIN)]
    held_out = [{**row, "user": n + 5} for n, row in enumerate(NEW)]
    found = leaks(load(tmp_path, rows, held_out, group_column="user"))

    assert (0, 5) == (found.same_text, found.same_group)
    assert "5 of 20 rows of the validation part have a 'user' of the training part" in found.remark


def test_nothing_is_dropped(tmp_path):
    """The report split is the validation part as it was given."""
    raw = load(tmp_path, TRAIN, [*NEW, *TRAIN[:7]])

    assert 27 == len(split(raw, 0)["report"])
    assert {row["text"] for row in TRAIN} == set(split(raw, 0)["full_train"]["text_a"])


@pytest.mark.parametrize(
    "one", [Leaks(), Leaks(rows=9, same_text=2, other_label=1), Leaks(column="u", groups=3, largest=4, torn=2)]
)
def test_a_record_comes_back_from_json(one):
    """It is kept with the study."""
    assert one == Leaks.from_json(json.loads(json.dumps(dataclasses.asdict(one))))


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["text 3", " text 4", "new"], "2 of 3 rows of test.jsonl have a text of the training part"),
        (["text 3"] * 5, "5 of 5 rows of test.jsonl have a text of the training part"),
        (["new", "newer"], None),
    ],
)
def test_rows_of_a_test_file_that_were_trained_on_are_counted(tmp_path, monkeypatch, texts, words):
    """Whoever knows their labels would believe too much."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "train.jsonl", TRAIN)
    write(tmp_path / "test.jsonl", [{"text": text} for text in texts])
    said = done("check", "--train-file", "train.jsonl", *COLUMNS, *TINY, "--test-file", "test.jsonl").err

    assert words in said if words else "have a text of the training part" not in said


def test_check_run_show_and_report_say_it(tmp_path, monkeypatch):
    """Before the search, with the study, and where its score is read."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "train.jsonl", TRAIN)
    write(tmp_path / "dev.jsonl", [*NEW, *TRAIN[:7], labelled("text 9", "no")])
    data = ("--train-file", "train.jsonl", "--validation-file", "dev.jsonl", *COLUMNS, *TINY)
    words = "8 of 28 rows of the validation part have a text of the training part, 1 of them with another label"
    checked = done("check", *data, "--json")
    ran = done("run", *data, *ONE_RUNG, "--trials", 2, "--study", "s", "--no-retrain")
    shown, _ = done("show", "s", "--json").json(), done("report", "s", "-o", "s.html")

    assert words in checked.err
    assert words == checked.json()["summary"]["also in train"]
    assert words in ran.err
    assert 8 == shown["understood"]["leaks"]["same_text"]
    assert words in (tmp_path / "s.html").read_text()
