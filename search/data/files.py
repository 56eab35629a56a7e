"""Read the needed columns of a data file, or say in one sentence which line of it cannot be read.

CSV as in RFC 4180 (quotes, newlines inside cells), TSV without quoting (as GLUE's), JSON lines or one JSON
array, and Parquet. The parsing is done by `csv`, `json` and `pyarrow`; what is here is what their errors do
not say: the file, the line, and what to do. Rows are never left out silently. What the values mean is decided
in `raw`.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...spaces.errors import BadInput, did_you_mean
from ..tasks import Column

Numbered = tuple[int, list[str]]  # the line a row starts on, and its cells

SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".parquet")

csv.field_size_limit(2**31 - 1)  # a cell may be a whole document; the standard limit is 128 KiB


@dataclass(frozen=True, kw_only=True)
class Table:
    """The columns that were asked for, one list of plain values each, and where each row came from."""

    source: str  #: the file, as messages name it
    columns: dict[str, list[Any]]
    lines: Sequence[int]  #: where each row starts, from 1
    unit: str = "line"  #: what `lines` counts
    skipped: tuple[int, ...] = ()  #: the lines of rows left out because the original is broken there
    classes: tuple[str, ...] = ()  #: the label names in the order of their ids, where the source declares them

    def __len__(self) -> int:
        return len(self.lines)

    def place(self, row: int) -> str:
        """Return where a row is, as messages name it: `train.csv, line 12`."""
        return f"{self.source}, {self.unit} {self.lines[row]}"


def named(ids: Sequence[int | None], names: Sequence[str]) -> list[int | str | None]:
    """Return class ids as their names; one that has no name stays a number."""
    return [names[one] if one is not None and 0 <= one < len(names) else one for one in ids]


def read_table(
    path: Path, columns: Sequence[Column], *, headerless: Sequence[str] = (), skip_broken: bool = False
) -> Table:
    """Read `columns` of a CSV, TSV, JSON, JSON lines or Parquet file, whatever its other columns are.

    Args:
        path: the file; its suffix tells the format.
        columns: what to read; a column that is not required is absent from the result where the file lacks
        it.
        headerless: the names of the columns of a TSV file whose first row may be data already.
        skip_broken: leave out rows with a wrong number of cells (and list them) instead of refusing them.

    Raises:
        BadInput: the file is missing, empty, binary, cut off, not UTF-8 or of unknown format, a column is
            missing, or a row has the wrong number of cells.
    """
    data = _bytes(path)
    if path.suffix.lower() == ".parquet":
        return _read_parquet(path, data, columns)
    text = _decode(path, data)
    if path.suffix.lower() in (".json", ".jsonl"):
        return _read_json(path, text, columns)
    if path.suffix.lower() not in SUFFIXES:
        raise BadInput(
            f"{path} has an unknown suffix {path.suffix!r}",
            hint=f"rename or convert it to one of {', '.join(SUFFIXES)}",
        )
    return _read_cells(path, text, columns, headerless, skip_broken)


def _bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise BadInput(f"no file {path}", hint=_neighbours(path)) from None
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from None
    if not data.strip():
        raise BadInput(f"{path} is empty", hint="was it downloaded or written to the end?")
    return data


def _neighbours(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"there is no folder {folder} either"
    names = [child.name for child in folder.iterdir() if child.is_file()]
    return did_you_mean(path.name, names[:20]) if names else f"folder {folder} has no files"


def _decode(path: Path, data: bytes) -> str:
    """Return UTF-8 text without a byte order mark, with the line of the first byte that is none."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise BadInput(f"{path} is in UTF-16, not UTF-8", hint=_convert(path, "utf-16"))
    nul = data.find(b"\0")
    if nul >= 0 or data.startswith((b"\x1f\x8b", b"PK\x03\x04", b"PAR1")):
        raise BadInput(f"{path} is a binary file, not text", hint="unpack it, or give it the suffix of its format")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadInput(
            f"{path} is not UTF-8: byte 0x{data[error.start]:02x} in line {line} (byte {error.start + 1})",
            hint=_convert(path, "latin1"),
        ) from None


def _convert(path: Path, encoding: str) -> str:
    return f"if it is {encoding}: `iconv -f {encoding} -t utf-8 {path.name} > utf8-{path.name}`"


def _read_cells(
    path: Path, text: str, columns: Sequence[Column], headerless: Sequence[str], skip_broken: bool
) -> Table:
    rows = _rows(path, text)
    first = next(rows)
    header, rows = _header(first, rows, columns, headerless)
    places = locate(str(path), header, columns)
    lines: list[int] = []
    skipped: list[int] = []
    cells: dict[str, list[Any]] = {name: [] for name in places}
    for line, row in rows:
        if len(row) != len(header):
            if not skip_broken:
                raise _wrong_width(path, line, len(row), len(header))
            skipped.append(line)
            continue
        lines.append(line)
        for name, place in places.items():
            cells[name].append(row[place])
    _refuse_no_rows(path, lines)
    return Table(source=str(path), columns=cells, lines=lines, skipped=tuple(skipped))


def _rows(path: Path, text: str) -> Iterator[Numbered]:
    """Yield every row that is not blank, with the line it starts on."""
    tabbed = path.suffix.lower() == ".tsv"
    quoting: Any = csv.QUOTE_NONE if tabbed else csv.QUOTE_MINIMAL
    lines = io.StringIO(text, newline="")
    reader = csv.reader(lines, delimiter="\t" if tabbed else ",", quoting=quoting, strict=True)
    line = 1
    try:
        for row in reader:
            if row:
                yield line, row
            line = reader.line_num + 1
    except csv.Error as error:
        raise _bad_quote(path, line, error) from None


def _bad_quote(path: Path, line: int, error: csv.Error) -> BadInput:
    if "unexpected end of data" in str(error):
        return BadInput(f"{path}: a quote opened in line {line} is never closed", hint="is the file cut off?")
    return BadInput(f"{path}, line {line}: {error}", hint='inside a quoted cell, a quote is written ""')


def _header(
    first: Numbered, rows: Iterator[Numbered], columns: Sequence[Column], headerless: Sequence[str]
) -> tuple[Sequence[str], Iterator[Numbered]]:
    """Return the names of the columns and the rows of data: the first row may be either."""
    wanted = {name for column in columns for name in (column.name, *column.aliases)}
    if len(first[1]) == len(headerless) and not wanted.intersection(first[1]):
        return headerless, _chain(first, rows)
    return first[1], rows


def _chain(first: Numbered, rows: Iterable[Numbered]) -> Iterator[Numbered]:
    yield first
    yield from rows


def _wrong_width(path: Path, line: int, cells: int, expected: int) -> BadInput:
    word = "few" if cells < expected else "many"
    hint = "is the file cut off there?" if cells < expected else "does a cell hold the separator?"
    if cells > expected and path.suffix.lower() == ".csv":
        hint = "does a cell hold a comma? it needs quotes"
    return BadInput(f"{path}, line {line} has too {word} columns: {cells} where the header has {expected}", hint=hint)


def locate(source: str, header: Sequence[str], columns: Sequence[Column]) -> dict[str, int]:
    """Return where each wanted column is in the header. Raises `BadInput` where one is missing or doubled."""
    found: dict[str, int] = {}
    for column in columns:
        name = next((name for name in (column.name, *column.aliases) if name in header), None)
        if name is None and column.required:
            raise BadInput(f"{source} has no column {column.name!r}", hint=_nearest(column.name, header))
        if name is not None and header.count(name) > 1:
            raise BadInput(f"{source} has {header.count(name)} columns named {name!r}", hint="rename all but one")
        if name is not None:
            found[column.name] = header.index(name)
    return found


def _nearest(name: str, header: Sequence[str]) -> str:
    if len(header) == 1 and any(mark in header[0] for mark in ";\t,"):
        return f"its first line is one column, {header[0][:60]!r}: a .csv is separated by commas, a .tsv by tabs"
    if len(header) > 20 or any(len(cell) > 40 for cell in header):
        return "its first line must name the columns"
    return did_you_mean(name, header)


def _refuse_no_rows(path: Path, rows: Sequence[Any]) -> None:
    if not rows:
        raise BadInput(f"{path} has no rows", hint="it holds column names only")


def _read_json(path: Path, text: str, columns: Sequence[Column]) -> Table:
    array = text.lstrip().startswith("[")
    numbered = _array(path, text) if array else _objects(path, text)
    rows: list[tuple[int, Mapping[str, Any]]] = []
    for line, value in numbered:
        if not isinstance(value, dict):
            raise BadInput(f"{path}, line {line} holds no JSON object", hint=_JSON_FORMS)
        rows.append((line, value))
    _refuse_no_rows(path, rows)
    header = list(rows[0][1])
    names = {name: header[place] for name, place in locate(str(path), header, columns).items()}
    unit = "item" if array else "line"
    for line, row in rows:
        for name in names.values():
            if name not in row:
                raise BadInput(f"{path}, {unit} {line} has no {name!r}", hint=did_you_mean(name, row))
    cells = {name: [row[key] for _, row in rows] for name, key in names.items()}
    return Table(source=str(path), columns=cells, lines=[line for line, _ in rows], unit=unit)


_JSON_FORMS = 'one object a line, {"text": "...", "label": ...}, or one array of such objects'


def _objects(path: Path, text: str) -> Iterator[tuple[int, Any]]:
    lines = text.split("\n")
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except ValueError as error:
                last = not any(rest.strip() for rest in lines[number:])
                raise BadInput(
                    f"{path}, line {number} is not JSON: {error}",
                    hint="is the file cut off?" if last else _JSON_FORMS,
                ) from None


def _array(path: Path, text: str) -> Iterator[tuple[int, Any]]:
    try:
        return iter(enumerate(json.loads(text), start=1))
    except ValueError as error:
        raise BadInput(f"{path} is not JSON: {error}", hint="is the file cut off?") from None


def _read_parquet(path: Path, data: bytes, columns: Sequence[Column]) -> Table:
    import pyarrow  # type: ignore[import-untyped]
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(pyarrow.BufferReader(data)) as file:
            header = file.schema_arrow.names
            names = {name: header[place] for name, place in locate(str(path), header, columns).items()}
            read = file.read(columns=list(names.values()))
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise BadInput(f"{path} is no readable Parquet file: {reason}", hint="is the file cut off?") from None
    _refuse_no_rows(path, range(read.num_rows))
    cells = {name: read.column(key).to_pylist() for name, key in names.items()}
    classes = _stored_names(read.schema)
    for name, key in names.items():
        if key in classes:
            cells[name] = named(cells[name], classes[key])
    declared = next((classes[key] for key in names.values() if key in classes), ())
    return Table(
        source=str(path), columns=cells, lines=range(1, read.num_rows + 1), unit="row", classes=tuple(declared)
    )


def _stored_names(schema: Any) -> dict[str, list[str]]:
    """Return the names of the class ids of each column that `datasets` has stored with a Parquet file."""
    if b"huggingface" not in (schema.metadata or {}):
        return {}
    from datasets import ClassLabel, Features

    kinds = Features.from_arrow_schema(schema)
    return {name: kind.names for name, kind in kinds.items() if isinstance(kind, ClassLabel)}
