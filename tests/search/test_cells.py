"""The quotes of tab-separated text, and names of columns with commas, spaces and marks around them."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pandas
import pytest

from hpsearch.search.data.cells import quotes_in, quoting_of
from hpsearch.search.data.files import Table, read_table
from hpsearch.search.data.raw import RawData, load_task
from hpsearch.search.layouts import Column
from hpsearch.search.options import resolve
from hpsearch.search.stored_problem import task_of
from hpsearch.search.tasks import custom_task
from hpsearch.spaces.errors import BadInput

SPEECH = ['he said "no"', "plain", "tab\tinside", "line\nend", '"all"', 'ends "so"']


def table(path: Path, text: str) -> Table:
    """Write a file and read its columns `text` and `label`."""
    path.write_bytes(text.encode())
    return read_table(path, [Column(name="text"), Column(name="label")])


def refusal(path: Path, text: str) -> str:
    """Return why a file is refused, with the hint."""
    with pytest.raises(BadInput) as refused:
        table(path, text)
    return f"{refused.value} | {refused.value.hint}"


def by_csv(rows: list[tuple[str, str]], **form: Any) -> str:
    """Return rows under a header as the `csv` module writes them, with tabs."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter="\t", **form).writerows([("text", "label"), *rows])
    return text.getvalue()


def by_r(rows: list[tuple[str, str]]) -> str:
    """Return rows as R's `write.table(sep = "\\t", row.names = FALSE)` writes them, which escapes with a backslash."""
    cells = [['"' + cell.replace('"', '\\"') + '"' for cell in row] for row in [("text", "label"), *rows]]
    return "".join("\t".join(row) + "\n" for row in cells)


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_quoted_tsv_comes_back_as_it_was_written(tmp_path, quoting, end):
    """Quotes, tabs and line ends inside cells: what the `csv` module writes, and how it was read is remarked."""
    read = table(tmp_path / "a.tsv", by_csv([(text, "x") for text in SPEECH], quoting=quoting, lineterminator=end))

    assert (SPEECH, ["x"] * 6) == (read.columns["text"], read.columns["label"])
    assert ("RFC 4180" in read.remarks[0], True) == (True, read.quoted)


def test_what_pandas_writes_comes_back(tmp_path):
    """`to_csv(sep="\\t")`."""
    pandas.DataFrame({"text": SPEECH, "label": 1}).to_csv(tmp_path / "a.tsv", sep="\t", index=False)

    assert SPEECH == read_table(tmp_path / "a.tsv", [Column(name="text")]).columns["text"]


def test_labels_between_quotes_are_the_same_labels(tmp_path):
    """Some cells quoted and some not, as programs write that quote where they must or may."""
    assert ["bad", "bad", "good"] == table(tmp_path / "a.tsv", 'text\tlabel\na\tbad\nb\t"bad"\nc\tgood\n').columns[
        "label"
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('text\tlabel\n"He said\tno\nsaid "so" "\tyes\n', 2),
        ('text\tlabel\nx\tno\na 5" screen\tyes\n', 3),
        ('text\tlabel\n"Nice!"\tno\na 5" screen\tyes\nb 5" screen\tno', 3),
        ('text\tlabel\n"Yes," she said.\tno\n', 2),
        ('text\tlabel\n"Yes, she said\tno\nthat\tyes"\nthe "same" \tno\na "b"\tno', 4),
    ],
)
def test_quotes_that_are_characters_stay(tmp_path, text, line):
    """One that opens or closes no cell says that nobody quoted cells; its line is remarked."""
    read = table(tmp_path / "a.tsv", text)

    assert [row.split("\t")[0] for row in text.splitlines()[1:]] == read.columns["text"]
    assert f"characters like any other, as line {line}" in read.remarks[0]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (by_r([('he said "no"', "a"), ("plain", "b")]), 2),
        (by_csv([(text, "x") for text in SPEECH]) + 'broken "cell\tx\n', 9),
        ('text\tlabel\n"a"\t"x"\n"b"\t"y"\n"c\t"y"\n', 4),
    ],
)
def test_quotes_of_both_kinds_are_refused(tmp_path, text, line):
    """R's backslashes, and a file put together from two: one reading or the other would be wrong for some rows."""
    message = refusal(tmp_path / "a.tsv", text)

    assert f"line {line}: a quote that opens or closes no cell" in message
    assert "qmethod" in message


def test_a_quote_that_may_be_either_is_refused(tmp_path):
    """Both readings give whole rows: a cell of two lines, or two cells with a quote."""
    assert "line 2: a quote may open a cell of several lines" in refusal(
        tmp_path / "a.tsv", 'text\tlabel\n"well\tno\nyes"\tno\n'
    )


def test_a_tsv_without_quotes_says_nothing(tmp_path):
    """There is nothing to decide."""
    assert ((), None) == ((read := table(tmp_path / "a.tsv", "text\tlabel\na\tb\n")).remarks, read.quoted)


def test_quotes_are_counted_in_one_pass():
    """A quote in each of 100,000 cells takes no time that grows with the file."""
    found = quotes_in('a "b\t"c"\n' * 100_000)

    assert (100_000, 100_000, 2) == (found.cells, found.others, found.first)
    assert (False, None) == quoting_of("a", "x\ty\n" * 100_000)


@pytest.mark.parametrize("text", ['text,label\na, "x"\n', 'text, label\n"a", "x"\n', 'id,text,label\n1, "a b",x\n'])
def test_a_space_before_a_quote_is_refused(tmp_path, text):
    """The quotes would be part of texts and labels."""
    assert "line 2: a space before a quote" in refusal(tmp_path / "a.csv", text)


@pytest.mark.parametrize("cell", ['" ""a"" b"', '", ""a"""', '"a, ""b"""', 'a "b', '"\n ""a"""'])
def test_a_space_and_a_quote_in_a_quoted_cell_are_text(tmp_path, cell):
    """They are looked for between cells alone."""
    assert ["x"] == table(tmp_path / "a.csv", f"text,label\n{cell},x\n").columns["label"]


# --- names of columns


def load(folder: Path, header: str, *columns: str) -> RawData:
    """Load a file with this header, whose last column is the label."""
    file = folder / "train.csv"
    cells = ["x"] * (len(next(csv.reader([header]))) - 1)
    file.write_text("\n".join([header, *(",".join([*cells, label]) for label in ("no", "yes") * 4)]))
    return load_task(custom_task(columns[:-1], columns[-1]), train_file=file)


@pytest.mark.parametrize(
    ("header", "typed", "meant"),
    [
        ('"title, body",label', ["title, body"], ("title, body",)),
        ("title,body,label", ["title, body"], ("title", "body")),
        ("title,body,label", ["title", "body"], ("title", "body")),
        ('"a, b","c, d",label', ["a, b", "c, d"], ("a, b", "c, d")),
        ('"What, why?",label', ["What, why?"], ("What, why?",)),
        ('"a,b",a,b,label', ["a,b"], ("a,b",)),
    ],
)
def test_a_column_is_what_its_whole_name_says(tmp_path, header, typed, meant):
    """Only where there is none of that name are commas what stands between two."""
    assert meant == load(tmp_path, header, *typed, "label").task.text_columns


@pytest.mark.parametrize("typed", [["text"], [" text"], ["text "]])
@pytest.mark.parametrize("header", ["id, text, label", "\ufefftext,label ", "\ttext\t,label", "\u00a0text,\u00a0label"])
def test_what_cannot_be_seen_is_no_part_of_a_name(tmp_path, header, typed):
    """Spaces and byte order marks around names, typed or not."""
    assert 8 == len(load(tmp_path, header, *typed, "label").train)


def test_columns_that_are_the_same_but_for_spaces_are_doubled(tmp_path):
    """Unless one of them is named exactly."""
    with pytest.raises(BadInput, match="2 columns named 'text'"):
        load(tmp_path, " text,text ,label", "text", "label")
    assert 8 == len(load(tmp_path, "text,text ,label", "text", "label").train)


@pytest.mark.parametrize("typed", [["a,b,c"], ["a", "b", "c"], ["a,b", "c"]])
def test_three_text_columns_are_refused(tmp_path, typed):
    """However they are typed."""
    with pytest.raises(BadInput, match="one or two text columns, got 3"):
        load(tmp_path, "a,b,c,label", *typed, "label")


def test_the_label_among_the_text_columns_is_refused(tmp_path):
    """As a part of what stands between commas, too."""
    with pytest.raises(BadInput, match="must have different names"):
        load(tmp_path, "text,label", "text,label", "label")


@pytest.mark.parametrize("written", ['["What, why?"]', '"What, why?"', "[a, b]", "a"])
def test_a_configuration_file_has_a_list_or_a_text(tmp_path, written):
    """What is in a list is a name each."""
    (tmp_path / "c.yaml").write_text(f"train_file: t.csv\ntext_columns: {written}\nlabel_column: label\n")
    columns = task_of(resolve({"config": str(tmp_path / "c.yaml")})).text_columns

    assert {"[a, b]": ("a", "b"), "a": ("a",)}.get(written, ("What, why?",)) == columns
