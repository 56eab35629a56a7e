"""Tables as pandas, R, Excel and the `csv` module write them: labels come back as they went in, or are refused.

A refusal has the file, and where a label is the reason its line and value. What nobody could tell from the file, a TSV
whose quotes may be quotes or characters, is at least remarked.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pandas
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hpsearch.search.data.raw import RawData, load_task
from hpsearch.search.tasks import custom_task
from hpsearch.spaces.errors import BadInput

Label = str | int | float | bool | None
MARKS = ("NA", "NaN", "nan", "N/A", "NULL", "None", "-", "?", "#N/A", "")
POOLS = (
    ("bad", "good"),
    ("ham", "spam, phishing", 'so "called" news', "l'amour", "über", "很好", "a\tb", "two\nlines"),
    ("A", "A-", "A+", "B"),
    ("not_entailment", "entailment"),
    ("+1", "-x", "=1", "#1", "50%"),
    tuple(f"intent {n}" for n in range(30)),
)


class Rows(NamedTuple):
    """A table before it is written: texts and labels, of which None is a missing one."""

    texts: list[str]
    labels: list[Label]

    @property
    def missing(self) -> int | None:
        """The first row without a label."""
        return next((row for row, label in enumerate(self.labels) if label is None), None)

    def line(self, row: int) -> int:
        """Where a row starts in a file with a header."""
        cells = [f"{text}{label}" for text, label in zip(self.texts, self.labels, strict=True)]
        return 2 + row + sum(cell.count("\n") for cell in cells[:row])


class Written(NamedTuple):
    """A file, and how what is in it is to be understood."""

    suffix: str
    data: bytes
    mark: str = ""  #: what stands for a missing label
    readable: bool = True  #: whether it has to be read if no label is missing
    bare: bool = False  #: whether it knows no quotes
    comma: bool = False  #: whether its numbers have a decimal comma


def texts() -> st.SearchStrategy[str]:
    """Texts of what is awkward in a table, among what is not."""
    pieces = st.sampled_from(["a", "word", " ", '"', "'", ",", ";", "\t", "\n", "é", "😀", "\u2028", "NA", "\\", "1"])
    return st.lists(pieces, min_size=1, max_size=8).map("".join)


@st.composite
def tables(draw: st.DrawFn) -> Rows:
    """Rows of names, whole numbers, numbers with fractions or truth values, perhaps with some labels missing."""
    kind = draw(st.sampled_from(["names", "whole", "fractions", "truth", "many"]))
    if kind == "names":
        pool: list[Label] = list(draw(st.sampled_from(POOLS)))
    elif kind == "truth":
        pool = [True, False]
    elif kind == "whole":
        pool = list(draw(st.lists(st.integers(-3, 12), min_size=2, max_size=8, unique=True)))
    elif kind == "many":
        pool = list(range(130))
    else:
        pool = list(draw(st.lists(st.integers(-999, 999).map(lambda n: n / 8), min_size=4, max_size=20, unique=True)))
    labels = pool * 2 + draw(st.lists(st.sampled_from(pool), max_size=6))
    for row in draw(st.lists(st.integers(0, len(labels) - 1), max_size=2)) if draw(st.booleans()) else []:
        labels[row] = None
    found = draw(st.lists(texts(), min_size=4, max_size=12))
    return Rows(["a text", *(found * len(labels))[: len(labels) - 1]], labels)


def by_pandas(draw: st.DrawFn, rows: Rows) -> Written:
    """`DataFrame.to_csv`, in each of its ways."""
    suffix = draw(st.sampled_from([".csv", ".tsv"]))
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]))
    end, mark = draw(st.sampled_from(["\n", "\r\n"])), draw(st.sampled_from(MARKS))
    frame = pandas.DataFrame({"text": rows.texts, "label": rows.labels})
    form = {"sep": "," if suffix == ".csv" else "\t", "index": draw(st.booleans()), "quoting": quoting}
    text = frame.to_csv(lineterminator=end, na_rep=mark, **form)
    return Written(suffix, text.encode(draw(st.sampled_from(["utf-8", "utf-8-sig"]))), mark)


def by_pandas_as_json(draw: st.DrawFn, rows: Rows) -> Written:
    """`DataFrame.to_json`, as lines."""
    frame = pandas.DataFrame({"text": rows.texts, "label": pandas.Series(rows.labels, dtype=object)})
    return Written(".jsonl", frame.to_json(orient="records", lines=True, force_ascii=draw(st.booleans())).encode())


def by_csv(draw: st.DrawFn, rows: Rows) -> Written:
    """A dialect of the `csv` module; without quotes where nothing needs them."""
    dialect, mark = draw(st.sampled_from(["excel", "excel-tab", "unix"])), draw(st.sampled_from(MARKS))
    text = io.StringIO(newline="")
    cells = [[one, mark if label is None else label] for one, label in zip(rows.texts, rows.labels, strict=True)]
    bare = dialect == "excel-tab" and not any(set("\t\n\r") & set(f"{a}{b}") for a, b in cells)
    quoting = {"quoting": csv.QUOTE_NONE, "quotechar": None} if bare and draw(st.booleans()) else {}
    csv.writer(text, dialect, **quoting).writerows([["text", "label"], *cells])
    suffix = ".tsv" if dialect == "excel-tab" else ".csv"
    return Written(suffix, text.getvalue().encode(), mark, readable=not quoting, bare=bool(quoting))


def by_r(draw: st.DrawFn, rows: Rows) -> Written:
    """R's `write.csv` and `write.table`: text in quotes, which it escapes by doubling or by a backslash."""
    tabbed, doubled = draw(st.booleans()), draw(st.booleans())
    inner = '""' if doubled or not tabbed else '\\"'

    def cell(value: Label) -> str:
        if value is None:
            return "NA"
        if isinstance(value, str):
            return '"' + value.replace('"', inner) + '"'
        return str(value).upper() if isinstance(value, bool) else f"{value:.15g}"

    lines = [["text", "label"], *([one, label] for one, label in zip(rows.texts, rows.labels, strict=True))]
    text = "".join(("\t" if tabbed else ",").join(map(cell, line)) + "\n" for line in lines)
    return Written(".tsv" if tabbed else ".csv", text.encode(), "NA", readable=inner == '""' or '\\"' not in text)


def by_excel(draw: st.DrawFn, rows: Rows) -> Written:
    """Excel's "CSV UTF-8", "CSV", "Unicode text" and, of a German one, tabs with a decimal comma or semicolons."""
    form = draw(st.sampled_from(["utf-8-sig", "cp1252", "utf-16", "semicolons", "commas"]))
    mark = draw(st.sampled_from(["", "#N/A", "#VALUE!"]))
    comma = form in ("semicolons", "commas")

    def cell(value: Label) -> str:
        if isinstance(value, bool):
            return str(value).upper()
        return mark if value is None else str(value).replace(".", "," if comma and isinstance(value, float) else ".")

    separator = {"utf-16": "\t", "commas": "\t", "semicolons": ";"}.get(form, ",")
    text = io.StringIO(newline="")
    lines = [["text", "label"], *([one, cell(label)] for one, label in zip(rows.texts, rows.labels, strict=True))]
    csv.writer(text, delimiter=separator, lineterminator="\r\n").writerows(lines)
    encoding = form if form in ("utf-16", "cp1252") else "utf-8-sig"
    data = text.getvalue().encode(encoding, errors="replace")
    readable = form in ("utf-8-sig", "commas")
    return Written(".tsv" if separator == "\t" else ".csv", data, mark, readable, comma=comma)


WRITERS: tuple[Callable[[st.DrawFn, Rows], Written], ...] = (by_pandas, by_pandas_as_json, by_csv, by_r, by_excel)


def name_of(label: Label) -> str:
    """Return the name of a class, however its file has it."""
    text = str(label)
    return text.removesuffix(".0").strip()


def is_fraction(labels: list[Label]) -> bool:
    """Whether numbers are predicted: one has a fraction, or there are many."""
    numbers = [one for one in labels if isinstance(one, int | float) and not isinstance(one, bool)]
    return len(numbers) == len(labels) and (len(set(numbers)) > 100 or any(one != int(one) for one in numbers))


def check_read(rows: Rows, written: Written, raw: RawData) -> None:
    """All labels are there, none of them made up, and the texts with them."""
    assert rows.missing is None, f"a missing label was read as one of {raw.task.labels}"
    found = raw.train["label"][:]
    if is_fraction(rows.labels):
        assert not written.comma or all(one == int(one) for one in rows.labels if isinstance(one, float))
        assert [float(label) for label in rows.labels if label is not None] == pytest.approx(found)
    else:
        names = [(raw.task.labels or ())[number] for number in found]
        assert [name_of(label).lower() for label in rows.labels] == [name.lower() for name in names]
    if not any("RFC 4180" in note for note in raw.notes) or not written.bare:
        ends = [text.replace("\r\n", "\n") for text in raw.train["text_a"]]
        assert rows.texts == ends or b"?" in written.data  # what an old encoding lacks


def check_refused(rows: Rows, written: Written, error: BadInput, file: str) -> None:
    """It is said where, and what of a label; a file that has no fault is not refused."""
    said = f"{error} {error.hint}"
    assert file in said
    if rows.missing is not None and written.readable:
        line = rows.missing + 1 if file.endswith("l") else rows.line(rows.missing)  # JSON has a line a row
        place = f"{file}, line {line}"
        expected = f"{place} has the label {written.mark!r}" if written.mark else place
        assert expected in said or "a number but for its comma" in said or "several lines" in said, said
    elif rows.missing is None and written.readable:
        comma = written.comma and any(isinstance(one, float) for one in rows.labels)
        unsure = "a quote may open a cell of several lines" in said
        assert comma or unsure, f"a file without a fault was refused: {said}"


def check(data: st.DataObject, folder: Path) -> None:
    """Write a table, read it, and compare."""
    rows = data.draw(tables())
    writer = data.draw(st.sampled_from(WRITERS))
    written = data.draw(st.composite(lambda draw: writer(draw, rows))())
    file = folder / f"table{written.suffix}"
    file.write_bytes(written.data)
    try:
        raw = load_task(custom_task(["text"], "label"), train_file=file)
    except BadInput as error:
        check_refused(rows, written, error, file.name)
    else:
        check_read(rows, written, raw)


@given(st.data())
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_written_table_comes_back_or_is_refused(tmp_path_factory, data):
    """Whatever program wrote it."""
    check(data, tmp_path_factory.getbasetemp())


@pytest.mark.slow
@given(st.data())
@settings(max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck))
def test_many_written_tables_come_back_or_are_refused(tmp_path_factory, data):
    """The same, ten times as often."""
    check(data, tmp_path_factory.getbasetemp())
