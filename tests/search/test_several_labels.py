"""Several labels a row in a file: refused, with what to do, and never searched as classes of combinations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import datasets
import pytest

from hpsearch.search.data.raw import load_task
from hpsearch.search.data.several import is_list
from hpsearch.search.tasks import custom_task
from hpsearch.spaces.errors import BadInput

from .command import TINY, hpsearch, refused

WAY = ("several labels a row are not searched from a file", "--trainer", "multi_label_classification")
TABLE = "text,toxic,insult,threat\n" + "a,0,1,0\nb,1,0,0\nc,0,0,1\nd,1,1,0\n" * 10


def told(folder: Path, labels: list[Any], **options: Any) -> str:
    """Return why labels are refused, with the hint; empty if they are not."""
    lines = (json.dumps({"text": f"text {row}", "label": label}) + "\n" for row, label in enumerate(labels))
    (folder / "t.jsonl").write_text("".join(lines))
    try:
        load_task(custom_task(["text"], "label", **options), train_file=folder / "t.jsonl")
    except BadInput as error:
        return f"{error} | {error.hint}"
    return ""


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])
@pytest.mark.parametrize(
    "named", [["toxic,insult,threat"], ["toxic, insult"], ["toxic", "insult"], ["toxic,obscene"]], ids=str
)
def test_several_label_columns_are_refused(tmp_path, monkeypatch, suffix, named):
    """With commas between them or the option repeated, whatever the kind of file, also if one of them is missing."""
    monkeypatch.chdir(tmp_path)
    header, *rows = [line.split(",") for line in TABLE.splitlines()]
    table = datasets.Dataset.from_list([dict(zip(header, row, strict=True)) for row in rows])
    Path("t.csv").write_text(TABLE)
    Path("t.tsv").write_text(TABLE.replace(",", "\t"))
    Path("t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in table))
    table.to_parquet("t.parquet")
    options = [word for name in named for word in ("--label-column", name)]

    for command in ("check", "run"):
        said = hpsearch(command, "--train-file", f"t.{suffix}", "--text-columns", "text", *options, *TINY)
        refused(said, *WAY, named[0].split(",")[0])
    assert not Path("hpsearch.db").exists()


def test_a_list_of_label_columns_in_a_file_of_options_is_refused(tmp_path, monkeypatch):
    """And one column in a list is that column."""
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text(TABLE)
    for labels in ("[toxic, threat]", "'toxic,threat'"):
        Path("o.yaml").write_text(f"train_file: t.csv\ntext_columns: text\nlabel_column: {labels}\n")
        refused(hpsearch("check", "--config", "o.yaml", *TINY), *WAY)

    Path("o.yaml").write_text("train_file: t.csv\ntext_columns: text\nlabel_column: [toxic]\n")
    assert 0 == hpsearch("check", "--config", "o.yaml", *TINY).code


def test_a_column_with_commas_in_its_name_is_that_column(tmp_path):
    """A name is taken as a whole where the file has it."""
    (tmp_path / "t.csv").write_text('text,"toxic,insult",toxic\n' + "a,0,1\nb,1,0\n" * 10)

    task = custom_task(["text"], "toxic,insult")

    assert ("0", "1") == load_task(task, train_file=tmp_path / "t.csv").task.labels


def test_a_name_of_which_no_part_is_there_is_only_missing(tmp_path):
    """The neighbour of the hint: nothing says that it was meant to be several."""
    (tmp_path / "t.csv").write_text(TABLE)

    with pytest.raises(BadInput) as error:
        load_task(custom_task(["text"], "one,two"), train_file=tmp_path / "t.csv")

    assert "has no column 'one,two'" in str(error.value)
    assert "--trainer" not in str(error.value.hint)


@pytest.mark.parametrize(
    "labels",
    [[["toxic", "insult"], ["toxic"], []], [[], ["a"], ["b"]], [[0, 1], [1, 0], [1, 1]], ["a", ["a", "b"], "b"]],
)
def test_lists_are_refused(tmp_path, labels):
    """Of names, of 0 and 1, in all rows or in one; told with the line of the first."""
    first = next(row for row, label in enumerate(labels * 5) if isinstance(label, list))
    said = told(tmp_path, labels * 5)

    assert f"the label in {tmp_path / 't.jsonl'}, line {first + 1} is a list" in said
    assert all(word in said for word in WAY)


def test_lists_of_a_parquet_file_are_refused(tmp_path):
    """Also lists of class numbers that `datasets` has stored names of."""
    names = datasets.List(datasets.ClassLabel(names=["toxic", "insult"]))
    features = datasets.Features({"text": datasets.Value("string"), "label": names})
    data = datasets.Dataset.from_dict({"text": ["a", "b", "c"] * 5, "label": [[0], [0, 1], []] * 5}, features)
    data.to_parquet(tmp_path / "t.parquet")
    data.save_to_disk(tmp_path / "saved")

    for source in ("t.parquet", "saved"):
        with pytest.raises(BadInput, match="row 1 is a list"):
            load_task(custom_task(["text"], "label"), train_file=tmp_path / source)


@pytest.mark.parametrize(
    "labels",
    [
        ["['toxic', 'insult']", "['toxic']", "[]"],
        ['["a"]', '["b"]', '["a", "b"]'],
        ["{'a', 'b'}", "{'a'}", "{'b'}"],
        ["[1 0 1]", "[0 0 1]", "[1 1 1]"],
        ['c("a", "b")', 'c("a")', 'c("b")'],
        ["[toxic, insult]", "[toxic]", "[insult]"],
        ["toxic|insult", "toxic", "insult"],
        ["toxic; insult", "insult; threat", "threat; toxic"],
        ["toxic, insult", "toxic", "insult"],
        ["a|b", "b|c", "a|c", "a|b|c"],
        ["joy/anger", "joy", "anger"],
        ["joy anger", "joy", "anger", "anger joy"],
        ["2,14,27", "2", "14", "27"],
        ["a\nb", "a", "b"],
    ],
    ids=str,
)
def test_several_labels_in_a_cell_are_refused_unless_they_are_said_to_be_classes(tmp_path, labels):
    """Lists that became text, and what separators join: no combination becomes a class without a word."""
    first = next(row for row, one in enumerate(labels) if is_list(one) or any(mark in one for mark in "|;,/ \n"))
    said = told(tmp_path, labels * 10)

    assert f"line {first + 1} has the label {labels[first]!r}" in said
    assert all(word in said for word in WAY)
    assert "`--label-kind classes`" in said
    assert "" == told(tmp_path, labels * 10, label_kind="classes")


@pytest.mark.parametrize(
    "labels",
    [
        ["New York, NY", "Albany, NY", "Boston, MA"],
        ["sports;football", "sports;tennis", "sports"],
        ["very good", "good", "bad"],
        ["hip-hop/rap", "rock", "jazz"],
        ["[NEG]", "[POS]", "[NEU]"],
        ["(other)", "spam", "ham"],
        ["R&B", "rock", "soul"],
        ["C++", "C", "C#"],
        [".", ",", "?"],
        ["yes", "no", "yes/no?"],
    ],
    ids=str,
)
def test_names_with_such_signs_are_classes(tmp_path, labels):
    """Places, grades, genres and signs are names."""
    assert "" == told(tmp_path, labels * 10)


@pytest.mark.parametrize("command", ["check", "run"])
def test_several_as_a_kind_of_labels_is_refused_with_the_way(tmp_path, monkeypatch, command):
    """Whoever knows what they have is told what to do."""
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text(TABLE)
    options = ("--train-file", "t.csv", "--text-columns", "text", "--label-column", "toxic", "--label-kind", "several")

    refused(hpsearch(command, *options, *TINY), *WAY)
