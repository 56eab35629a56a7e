"""Data files of every format, and every way a file can be bad."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pandas
import pytest

from hpsearch.search.data.files import Table, read_table
from hpsearch.search.tasks import TASKS, Column
from hpsearch.spaces.errors import BadInput

DATA = Path(os.environ.get("HPSEARCH_DATA", "")).resolve()
real_data = pytest.mark.skipif("HPSEARCH_DATA" not in os.environ, reason="HPSEARCH_DATA names no folder of real data")
TEXT, LABEL = Column(name="text"), Column(name="label")
#: The task whose columns a file has, its rows as the data's README counts them, and whether it is labelled.
GLUE = {
    "CoLA/train.tsv": ("cola", 8551, True),
    "CoLA/dev.tsv": ("cola", 1043, True),
    "CoLA/test.tsv": ("cola", 1063, False),
    "MRPC/train.tsv": ("mrpc", 3668, True),
    "MRPC/dev.tsv": ("mrpc", 408, True),
    "MRPC/test.tsv": ("mrpc", 1725, False),
    "RTE/train.tsv": ("rte", 2490, True),
    "RTE/dev.tsv": ("rte", 277, True),
    "RTE/test.tsv": ("rte", 3000, False),
    "STS-B/train.tsv": ("stsb", 5749, True),
    "STS-B/dev.tsv": ("stsb", 1500, True),
    "STS-B/test.tsv": ("stsb", 1379, False),
    "SST-2/train.tsv": ("sst2", 67349, True),
    "SST-2/dev.tsv": ("sst2", 872, True),
    "SST-2/test.tsv": ("sst2", 1821, False),
    "WNLI/train.tsv": ("wnli", 635, True),
    "WNLI/dev.tsv": ("wnli", 71, True),
    "WNLI/test.tsv": ("wnli", 146, False),
    "QNLI/dev.tsv": ("qnli", 5463, True),
    "QNLI/test.tsv": ("qnli", 5463, False),
    "MNLI/dev_matched.jsonl": ("mnli", 9815, True),
    "AX/diagnostic.tsv": ("mnli", 1104, False),
    "../AFQMC/train.json": ("afqmc", 34334, True),
    "../AFQMC/dev.json": ("afqmc", 4316, True),
    "../AFQMC/test.json": ("afqmc", 3861, False),
}


def read(path: Path, text: str | bytes, *columns: Column) -> Table:
    """Write `text` to `path` and read the columns `text` and `label`, or those given."""
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_table(path, columns or (TEXT, LABEL))


def refusal(path: Path, text: str | bytes, *columns: Column) -> BadInput:
    """Return why a file is refused: one line, a hint, and the file's name in it."""
    with pytest.raises(BadInput) as refused:
        read(path, text, *columns)
    assert refused.value.hint
    assert path.name in str(refused.value)
    assert "\n" not in str(refused.value)
    return refused.value


# --- what is read


@real_data
@pytest.mark.parametrize("name", GLUE)
def test_every_row_of_the_real_files_is_read(name):
    """Quotes, byte order marks, missing headers and missing final newlines cost no row."""
    task, rows, labelled = GLUE[name]
    columns = TASKS[task].columns if labelled else TASKS[task].columns[:-1]
    files = TASKS[task].files

    table = read_table(DATA / "glue_data" / name, columns, headerless=files.headerless, bare_quotes=True)

    assert [rows] * len(columns) == [len(values) for values in table.columns.values()]


@real_data
@pytest.mark.parametrize(
    "name", ["MRPC/train.tsv", "STS-B/train.tsv", "RTE/train.tsv", "QNLI/dev.tsv", "SST-2/dev.tsv"]
)
def test_the_quotes_of_real_files_are_characters_by_themselves(name):
    """Somebody's own TSV may be like these: it is told by the quotes in it, and no cell is read otherwise."""
    task, rows, _ = GLUE[name]
    texts = TASKS[task].columns[:-1]
    told = read_table(DATA / "glue_data" / name, texts)

    assert read_table(DATA / "glue_data" / name, texts, bare_quotes=True).columns == told.columns
    assert (rows, False) == (len(told), bool(told.quoted))


@real_data
def test_a_real_csv_keeps_newlines_inside_cells():
    """7,613 tweets, as many as pandas reads, with the same text."""
    path = DATA / "nlp-getting-started/train.csv"
    table = read_table(path, [TEXT, Column(name="keyword"), Column(name="target")])

    assert list(pandas.read_csv(path)["text"]) == table.columns["text"]
    assert 61 == table.columns["keyword"].count("")


@real_data
def test_the_byte_that_is_not_utf8_is_found_in_a_real_file(tmp_path):
    """TREC is in Latin-1: the message says which line, and the hint converts it."""
    path = DATA / "TREC/train_5500.label"
    with pytest.raises(BadInput) as refused:
        read_table(path, [TEXT])

    assert "byte 0xf0 in line 66" in str(refused.value)
    assert "iconv -f latin1 -t utf-8 train_5500.label" in refused.value.hint


def test_csv_follows_the_rfc(tmp_path):
    """Quotes, doubled quotes, separators and line ends inside cells, and Windows line ends."""
    table = read(tmp_path / "a.csv", 'text,label\r\n"a ""b"", c\r\nd",x\r\n5" screen,y\r\n')

    assert {"text": ['a "b", c\r\nd', '5" screen'], "label": ["x", "y"]} == table.columns


def test_a_row_is_placed_on_the_line_it_starts_on(tmp_path):
    """Cells with newlines shift the lines after them; blank lines are no rows."""
    table = read(tmp_path / "a.csv", 'text,label\n"a\nb",x\n\nc,y\n')

    assert [2, 5] == list(table.lines)
    assert f"{tmp_path / 'a.csv'}, line 5" == table.place(1)


def test_tsv_has_no_quoting(tmp_path):
    """A quote is a character like any other, as in GLUE's files."""
    table = read(tmp_path / "a.tsv", 'label\ttext\n1\t"He said\n0\tsaid "so" "\n')

    assert ['"He said', 'said "so" "'] == table.columns["text"]


def test_only_line_ends_end_a_line(tmp_path):
    """Characters that some programs take for line ends (U+2028, U+0085) stay in their cell."""
    text = "a\u2028b\u0085c\x0bd"
    tables = [
        read(tmp_path / "a.tsv", f"text\tlabel\n{text}\t1\n"),
        read(tmp_path / "a.csv", f"text,label\n{text},1\n"),
        read(tmp_path / "a.jsonl", json.dumps({"text": text, "label": "1"}, ensure_ascii=False)),
    ]

    assert [[text]] * 3 == [table.columns["text"] for table in tables]


def test_a_byte_order_mark_is_no_part_of_the_header(tmp_path):
    """MRPC and files saved by Excel begin with one."""
    assert ["a"] == read(tmp_path / "a.tsv", b"\xef\xbb\xbftext\tlabel\na\t1").columns["text"]


def test_a_cell_may_be_a_whole_document(tmp_path):
    """A cell longer than the 128 KiB that `csv` allows by itself is read."""
    assert [300_000] == [
        len(cell) for cell in read(tmp_path / "a.csv", f"text,label\n{'x' * 300_000},1").columns["text"]
    ]


@pytest.mark.parametrize(
    "text",
    [
        '{"text": "a", "label": 1}\n\n{"label": 2, "text": null}',
        '[{"text": "a", "label": 1}, {"text": null, "label": 2}]',
    ],
)
def test_json_lines_and_json_arrays_are_read(tmp_path, text):
    """Keys come in any order, and values keep their types."""
    assert {"text": ["a", None], "label": [1, 2]} == read(tmp_path / "a.json", text).columns


def test_parquet_is_read(tmp_path):
    """Only the columns that were asked for, with their values."""
    path = tmp_path / "a.parquet"
    pandas.DataFrame({"other": [0, 0], "text": ["a", None], "label": [1.5, 2.5]}).to_parquet(path)

    assert {"text": ["a", None], "label": [1.5, 2.5]} == read_table(path, [TEXT, LABEL]).columns


def test_a_column_may_have_another_name(tmp_path):
    """GLUE's own files call some columns differently from the hub; the task's name goes first."""
    columns = (Column(name="text", aliases=("#1 String",)), Column(name="id", required=False))
    table = read(tmp_path / "a.tsv", "#1 String\tother\na\tb\n", *columns)

    assert {"text": ["a"]} == table.columns


@pytest.mark.parametrize("text", ["s\t1\t\tone\ns\t0\t*\ttwo", "x\tlabel\tm\ttext\ns\t1\t\tone\ns\t0\t*\ttwo\n"])
def test_a_header_may_be_missing_where_the_task_says_so(tmp_path, text):
    """CoLA's train and dev have none, its test has; the first row tells."""
    path = tmp_path / "a.tsv"
    path.write_text(text)
    table = read_table(path, [TEXT, LABEL], headerless=("source", "label", "mark", "text"))

    assert {"text": ["one", "two"], "label": ["1", "0"]} == table.columns


def test_known_broken_rows_are_left_out_and_listed(tmp_path):
    """QQP's own file has rows cut short; they are left out only where asked, and never silently."""
    path = tmp_path / "a.tsv"
    path.write_text("text\tlabel\na\t1\nb\nc\t0\n")
    table = read_table(path, [TEXT, LABEL], skip_broken=True)

    assert (["a", "c"], (3,)) == (table.columns["text"], table.skipped)


# --- what is refused


def test_a_missing_file_names_the_nearest(tmp_path):
    """A misspelt file name is refused with the one beside it."""
    (tmp_path / "train.csv").write_text("text,label\n")
    with pytest.raises(BadInput, match="no file") as refused:
        read_table(tmp_path / "trian.csv", [TEXT])

    assert "did you mean 'train.csv'?" == refused.value.hint


def test_a_missing_folder_is_named(tmp_path):
    """A path whose folder is missing too says so."""
    with pytest.raises(BadInput) as refused:
        read_table(tmp_path / "no" / "train.csv", [TEXT])

    assert str(tmp_path / "no") in refused.value.hint


def test_a_folder_is_no_file(tmp_path):
    """A folder with the name of a file is refused."""
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(BadInput, match="cannot read"):
        read_table(tmp_path / "a.csv", [TEXT])


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.json", "a.jsonl", "a.parquet"])
@pytest.mark.parametrize("text", ["", "\n \n"])
def test_an_empty_file_is_refused(tmp_path, name, text):
    """Nothing, or blank lines only."""
    assert "is empty" in str(refusal(tmp_path / name, text))


@pytest.mark.parametrize(("name", "text"), [("a.csv", "text,label\n"), ("a.tsv", "text\tlabel"), ("a.json", "[]")])
def test_a_file_without_rows_is_refused(tmp_path, name, text):
    """A header is not data."""
    assert "has no rows" in str(refusal(tmp_path / name, text))


def test_a_parquet_file_without_rows_is_refused(tmp_path):
    """An empty table is not data."""
    path = tmp_path / "a.parquet"
    pandas.DataFrame({"text": [], "label": []}).to_parquet(path)

    assert "has no rows" in str(refusal(path, path.read_bytes()))


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("a.csv", 'text,label\n"a\nb",1\nc', 4),
        ("a.tsv", "text\tlabel\na\t1\nb", 3),
        ("a.tsv", "text\tlabel\n\na\t1\n\nb\n", 5),
    ],
)
def test_a_row_with_too_few_columns_names_its_line(tmp_path, name, text, line):
    """Also where cells with newlines and blank lines come before it."""
    assert f"line {line} has too few columns: 1 where the header has 2" in str(refusal(tmp_path / name, text))


@pytest.mark.parametrize(("name", "text"), [("a.csv", "text,label\nwell, yes,1"), ("a.tsv", "text\tlabel\nx\ty\t1")])
def test_a_row_with_too_many_columns_names_its_line(tmp_path, name, text):
    """An unquoted comma moves every column after it, so the row is not guessed at."""
    assert "line 2 has too many columns: 3 where the header has 2" in str(refusal(tmp_path / name, text))


def test_a_quote_that_is_never_closed_names_its_line(tmp_path):
    """A CSV cut off inside a cell is refused; it would swallow the rest of the file."""
    assert "quote opened in line 3 is never closed" in str(refusal(tmp_path / "a.csv", 'text,label\na,1\n"b\nc,2\n'))


def test_text_after_a_quoted_cell_names_its_line(tmp_path):
    """A cell that goes on after its closing quote cannot be read as meant."""
    assert "line 2:" in str(refusal(tmp_path / "a.csv", 'text,label\n"a" b,1\n'))


def test_half_a_json_line_names_its_line(tmp_path):
    """A download cut off in its last line is refused."""
    refused = refusal(tmp_path / "a.jsonl", '{"text": "a", "label": 1}\n{"text": "b", "la')

    assert "line 2 is not JSON" in str(refused)
    assert "is the file cut off?" == refused.hint


def test_a_json_line_without_a_key_names_its_line(tmp_path):
    """A row must have every column; null is an empty cell, absence is a mistake."""
    refused = refusal(tmp_path / "a.jsonl", '{"text": "a", "label": 1}\n{"text": "b", "lable": 1}')

    assert "line 2 has no 'label'" in str(refused)
    assert "did you mean 'lable'?" == refused.hint


@pytest.mark.parametrize("text", ['"a"\n"b"', "[1, 2]", "{}\n3"])
def test_json_that_is_no_object_is_refused(tmp_path, text):
    """Each row is an object."""
    refusal(tmp_path / "a.json", text)


@pytest.mark.parametrize("text", ['[{"text": "a", "label": 1}, {"tex', "{'text': 'a'}", "text,label"])
def test_what_is_no_json_is_refused(tmp_path, text):
    """A cut-off array, Python's quotes, and a CSV under the wrong name."""
    assert "is not JSON" in str(refusal(tmp_path / "a.json", text))


@pytest.mark.parametrize("keep", [100, 4])
def test_half_a_parquet_file_is_refused(tmp_path, keep):
    """The end of a Parquet file says how to read it."""
    path = tmp_path / "a.parquet"
    pandas.DataFrame({"text": ["a"] * 50, "label": [1] * 50}).to_parquet(path)

    assert "is no readable Parquet file" in str(refusal(path, path.read_bytes()[:keep]))


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.parquet"])
@pytest.mark.parametrize(
    "content",  # named, for a gzip holds the second it was made in, and processes that share the tests compare names
    [
        pytest.param(gzip.compress(b"text,label\n"), id="gzip"),
        pytest.param(bytes(range(256)) * 4, id="bytes"),
        pytest.param(b"PK\x03\x04 zip", id="zip"),
    ],
)
def test_a_binary_file_is_refused(tmp_path, name, content):
    """An archive or a picture under a text file's name, or anything under Parquet's."""
    assert any(word in str(refusal(tmp_path / name, content)) for word in ("binary", "no readable Parquet"))


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.label"])
def test_a_wrongly_encoded_file_names_byte_line_and_conversion(tmp_path, name):
    """Latin-1 is refused before the suffix is looked at; the hint is a command."""
    refused = refusal(tmp_path / name, "text,label\na,1\ncaf\xe9,1\n".encode("latin1"))

    assert "byte 0xe9 in line 3" in str(refused)
    assert f"iconv -f latin1 -t utf-8 {name}" in refused.hint


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_utf16_is_refused(tmp_path, encoding):
    """Excel's "Unicode text" is UTF-16; with its mark it is named, without it looks binary."""
    expected = {"utf-16": "is in UTF-16", "utf-16-le": "binary"}[encoding]

    assert expected in str(refusal(tmp_path / "a.csv", "text,label\na,1\n".encode(encoding)))


def test_an_unknown_suffix_lists_the_known(tmp_path):
    """The suffix tells the format; it is not guessed."""
    assert ".parquet" in refusal(tmp_path / "a.xlsx", "text").hint


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.csv", "txet,label\na,1"), ("a.tsv", "txet\tlabel\na\t1"), ("a.json", '{"txet": "a", "label": 1}')],
)
def test_a_misspelt_column_names_the_nearest(tmp_path, name, text):
    """`text` is not there but `txet` is."""
    refused = refusal(tmp_path / name, text)

    assert "has no column 'text'" in str(refused)
    assert "did you mean 'txet'?" == refused.hint


def test_a_misspelt_column_of_parquet_names_the_nearest(tmp_path):
    """The same for Parquet."""
    path = tmp_path / "a.parquet"
    pandas.DataFrame({"txet": ["a"], "label": [1]}).to_parquet(path)

    assert "did you mean 'txet'?" == refusal(path, path.read_bytes()).hint


def test_a_wrong_separator_is_recognised(tmp_path):
    """A European CSV has semicolons; the hint says what separates a .csv."""
    assert "separated by commas" in refusal(tmp_path / "a.csv", "text;label\na;1\n").hint


def test_a_column_that_is_there_twice_is_refused(tmp_path):
    """Which of the two is meant is not guessed."""
    assert "2 columns named 'text'" in str(refusal(tmp_path / "a.csv", "text,text,label\na,b,1\n"))
