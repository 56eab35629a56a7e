"""Read the needed columns of a data file, or say in one sentence which line of it cannot be read.

CSV as in RFC 4180 (quotes, newlines inside cells), TSV with and without quotes, JSON lines or one JSON array, and
Parquet, packed or not. The parsing is done by `csv` (see `cells`), `json` and `pyarrow`; what is here is what their
errors do not say: the file, the line, and what to do. Rows are never left out silently. What the values mean is decided
in `raw`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...spaces.errors import BadInput, did_you_mean
from ..layouts import Column
from .cells import Numbered, numbered_rows, quoting_of
from .contents import PACKED, opened, suffix_of, unpacking

SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".parquet")
#: Bytes that are looked at before a file is read whole.
HEAD = 2**20
PARQUET = b"PAR1"
#: How the packed files begin that people have under another name.
MAGIC = {b"\x1f\x8b": ".gz", b"BZh": ".bz2", b"\xfd7zXZ\0": ".xz", b"PK\x03\x04": ".zip"}


@dataclass(frozen=True, kw_only=True)
class Table:
    """The columns that were asked for, one list of plain values each, and where each row came from."""

    source: str  #: the file, as messages name it
    columns: dict[str, list[Any]]
    lines: Sequence[int]  #: where each row starts, from 1
    unit: str = "line"  #: what `lines` counts
    skipped: tuple[int, ...] = ()  #: the lines of rows left out because the original is broken there
    classes: tuple[str, ...] = ()  #: the label names in the order of their ids, where the source declares them
    shards: tuple[tuple[int, str], ...] = ()  #: where several files are one table: the first row of each, and its name
    quoted: bool | None = None  #: of a TSV with quotes, whether they are around cells
    remarks: tuple[str, ...] = ()  #: what was decided while reading it

    def __len__(self) -> int:
        return len(self.lines)

    def place(self, row: int) -> str:
        """Return where a row is, as messages name it: `train.csv, line 12`."""
        source = next((name for first, name in reversed(self.shards) if first <= row), self.source)
        return f"{source}, {self.unit} {self.lines[row]}"


def named(ids: Sequence[Any], names: Sequence[str]) -> list[Any]:
    """Return class ids, or lists of them, as their names; one that has no name stays a number."""
    return [_named(one, names) for one in ids]


def _named(one: Any, names: Sequence[str]) -> Any:
    if isinstance(one, list):
        return named(one, names)
    return names[one] if one is not None and 0 <= one < len(names) else one


def names_of(feature: Any) -> list[str]:
    """Return the names of the class ids of a column, or of those in its lists; none where they have none."""
    return list(getattr(feature, "names", None) or getattr(getattr(feature, "feature", None), "names", None) or ())


def read_table(
    path: Path | str,
    columns: Sequence[Column],
    *,
    headerless: Sequence[str] = (),
    skip_broken: bool = False,
    bare_quotes: bool = False,
) -> Table:
    """Read `columns` of a CSV, TSV, JSON, JSON lines or Parquet file, whatever its other columns are.

    Args:
        path: the file or its address; its suffix tells the format, as that before `.gz`, `.bz2`, `.xz` or in a `.zip`.
        columns: what to read; a column that is not required is absent from the result where the file lacks it. One
            that is `several` and not there as a whole is read as the columns that its name has between commas.
        headerless: the names of the columns of a TSV file whose first row may be data already.
        skip_broken: leave out rows with a wrong number of cells (and list them) instead of refusing them.
        bare_quotes: whether a quote in a TSV is a character like any other, as in GLUE's; else its quotes tell.

    Raises:
        BadInput: the file is missing, empty, binary, cut off, not UTF-8, of unknown format or none that can be read
            whole, a column is missing, or a row has the wrong number of cells.
    """
    name = str(path)
    suffix, data = _contents(name)
    if suffix == ".parquet":
        return _read_parquet(name, data, columns)
    text = _decode(name, data)
    if suffix in (".json", ".jsonl"):
        return _read_json(name, text, columns)
    tabbed, remark = suffix == ".tsv", None
    quoted = not tabbed
    if tabbed and not bare_quotes:
        quoted, remark = quoting_of(name, text)
    rows = numbered_rows(name, text, tabbed=tabbed, quoted=quoted)
    return _read_cells(name, rows, columns, headerless, skip_broken, None if remark is None else quoted, remark)


def _contents(name: str) -> tuple[str, bytes]:
    """Return the suffix and the bytes of a file; its head says first whether it is one to read whole."""
    with opened(name) as (stream, suffix), unpacking(name):
        head = stream.read(HEAD)
        whole = len(head) < HEAD
        if whole and not head.strip():
            raise BadInput(f"{name} is empty", hint="was it downloaded or written to the end?")
        if suffix != ".parquet":
            _refuse_binary(name, head)
        if suffix not in SUFFIXES:
            _decode(name, head[: head.rfind(b"\n") + 1] or head)
            raise _unknown_suffix(name, suffix)
        return suffix, head if whole else head + stream.read()


def _unknown_suffix(name: str, suffix: str) -> BadInput:
    packed = Path(name).suffix.lower() in PACKED
    form = "rename it, as train.csv.gz is named" if packed else f"rename or convert it to one of {', '.join(SUFFIXES)}"
    return BadInput(f"{name} has an unknown suffix {suffix!r}", hint=form)


def _refuse_binary(name: str, data: bytes) -> None:
    packing = next((suffix for magic, suffix in MAGIC.items() if data.startswith(magic)), None)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise BadInput(f"{name} is in UTF-16, not UTF-8", hint=_convert(name, "utf-16"))
    if packing is not None:
        hint = f"unpack it, or name it {Path(name).name}{packing}"
        raise BadInput(f"{name} is a binary file, not text: it is packed", hint=hint)
    if b"\0" in data or data.startswith(PARQUET):
        raise BadInput(f"{name} is a binary file, not text", hint="unpack it, or give it the suffix of its format")


def _decode(name: str, data: bytes) -> str:
    """Return UTF-8 text without a byte order mark, with the line of the first byte that is none."""
    _refuse_binary(name, data)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadInput(
            f"{name} is not UTF-8: byte 0x{data[error.start]:02x} in line {line} (byte {error.start + 1})",
            hint=_convert(name, "latin1"),
        ) from None


def _convert(name: str, encoding: str) -> str:
    file = Path(name).name
    return f"if it is {encoding}: `iconv -f {encoding} -t utf-8 {file} > utf8-{file}`"


def _read_cells(
    path: str,
    rows: Iterator[Numbered],
    columns: Sequence[Column],
    headerless: Sequence[str],
    skip_broken: bool,
    quoted: bool | None,
    remark: str | None,
) -> Table:
    first = next(rows)
    header, rows = _header(first, rows, columns, headerless)
    places = locate(path, header, columns)
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
    remarks = () if remark is None else (remark,)
    return Table(source=path, columns=cells, lines=lines, skipped=tuple(skipped), quoted=quoted, remarks=remarks)


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


def _wrong_width(path: str, line: int, cells: int, expected: int) -> BadInput:
    word = "few" if cells < expected else "many"
    hint = "is the file cut off there?" if cells < expected else "does a cell hold the separator?"
    if cells > expected and suffix_of(path) == ".csv":
        hint = "does a cell hold a comma? it needs quotes"
    return BadInput(f"{path}, line {line} has too {word} columns: {cells} where the header has {expected}", hint=hint)


def locate(source: str, header: Sequence[str], columns: Sequence[Column]) -> dict[str, int]:
    """Return where each wanted column is in the header, spaces and byte order marks around names or not.

    Raises `BadInput` where one is missing or doubled, and for more than two columns in the place of one.
    """
    found: dict[str, int] = {}
    for column in columns:
        for one in column.parts(lambda name: bool(_places(name, header))):
            place = _place(source, header, one)
            if place is not None:
                found[one.name] = place
    return found


def _place(source: str, header: Sequence[str], column: Column) -> int | None:
    places = next(filter(None, (_places(name, header) for name in (column.name, *column.aliases))), None)
    if places is None:
        if column.required:
            raise BadInput(f"{source} has no column {column.name!r}", hint=_nearest(column.name, header))
        return None
    if len(places) > 1:
        raise BadInput(f"{source} has {len(places)} columns named {column.name!r}", hint="rename all but one")
    return places[0]


def _places(name: str, header: Sequence[str]) -> list[int]:
    """Return the places of a name in a header: as it is, or else without what cannot be seen around it."""
    exact = [place for place, one in enumerate(header) if one == name]
    return exact or [place for place, one in enumerate(header) if _bare(one) == _bare(name)]


def _bare(name: str) -> str:
    return name.strip().strip("\ufeff").strip()


def _nearest(name: str, header: Sequence[str]) -> str:
    if len(header) == 1 and any(mark in header[0] for mark in ";\t,"):
        return f"its first line is one column, {header[0][:60]!r}: a .csv is separated by commas, a .tsv by tabs"
    if len(header) > 20 or any(len(cell) > 40 for cell in header):
        return "its first line must name the columns"
    return did_you_mean(name, header)


def _refuse_no_rows(path: str, rows: Sequence[Any]) -> None:
    if not rows:
        raise BadInput(f"{path} has no rows", hint="it holds column names only")


def _read_json(path: str, text: str, columns: Sequence[Column]) -> Table:
    array = text.lstrip().startswith("[")
    numbered = _array(path, text) if array else _objects(path, text)
    rows: list[tuple[int, Mapping[str, Any]]] = []
    for line, value in numbered:
        if not isinstance(value, dict):
            raise BadInput(f"{path}, line {line} holds no JSON object", hint=_JSON_FORMS)
        rows.append((line, value))
    _refuse_no_rows(path, rows)
    header = list(rows[0][1])
    names = {name: header[place] for name, place in locate(path, header, columns).items()}
    unit = "item" if array else "line"
    for line, row in rows:
        for name in names.values():
            if name not in row:
                raise BadInput(f"{path}, {unit} {line} has no {name!r}", hint=did_you_mean(name, row))
    cells = {name: [row[key] for _, row in rows] for name, key in names.items()}
    return Table(source=path, columns=cells, lines=[line for line, _ in rows], unit=unit)


_JSON_FORMS = 'one object a line, {"text": "...", "label": ...}, or one array of such objects'


def _objects(path: str, text: str) -> Iterator[tuple[int, Any]]:
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


def _array(path: str, text: str) -> Iterator[tuple[int, Any]]:
    try:
        return iter(enumerate(json.loads(text), start=1))
    except ValueError as error:
        raise BadInput(f"{path} is not JSON: {error}", hint="is the file cut off?") from None


def _read_parquet(path: str, data: bytes, columns: Sequence[Column]) -> Table:
    import pyarrow  # type: ignore[import-untyped]
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(pyarrow.BufferReader(data)) as file:
            header = file.schema_arrow.names
            names = {name: header[place] for name, place in locate(path, header, columns).items()}
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
    return Table(source=path, columns=cells, lines=range(1, read.num_rows + 1), unit="row", classes=tuple(declared))


def _stored_names(schema: Any) -> dict[str, list[str]]:
    """Return the names of the class ids of each column that `datasets` has stored with a Parquet file."""
    if b"huggingface" not in (schema.metadata or {}):
        return {}
    from datasets import Features

    kinds = Features.from_arrow_schema(schema)
    return {name: names for name, kind in kinds.items() if (names := names_of(kind))}
