"""A folder of data files that are one data set: shards of one form, perhaps of several splits by their names."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePosixPath

from ...spaces.errors import BadInput
from .contents import files_in, suffix_of
from .files import SUFFIXES, Table

#: Files that programs put beside data; `datasets` leaves those out that it knows of, too.
BESIDE_DATA = re.compile(
    r"[._].*|readme.*|licen[cs]e.*|.*\.(md|crc|py)|(config|dataset_infos?|dataset_dict|state)\.json"
)


def shards_in(folder: str) -> tuple[dict[str, list[str]], list[str]]:
    """Return the data files of a folder by their split, `all` where the names tell of none, and the names of others.

    Raises `BadInput` for files of several forms, and for some with a split in their names and some without.
    """
    names = [one for one in files_in(folder) if not BESIDE_DATA.fullmatch(_last(one).lower())]
    shards = [one for one in names if suffix_of(one) in SUFFIXES]
    forms = {suffix_of(one): one for one in shards}
    if len(forms) > 1:
        examples = ", ".join(_last(one) for one in forms.values())
        raise BadInput(f"folder {folder} has data files of {len(forms)} forms: {examples}", hint="name one of them")
    by_split: dict[str, list[str]] = {}
    for one in shards:
        by_split.setdefault(split_of(_last(one)) or "all", []).append(one)
    if "all" in by_split and len(by_split) > 1:
        split = next(name for name in by_split if name != "all")
        raise BadInput(
            f"folder {folder} has {_last(by_split[split][0])!r}, of the split {split!r}, "
            f"and {_last(by_split['all'][0])!r}, of none",
            hint="name one of them",
        )
    return by_split, [_last(one) for one in names if one not in shards]


def split_of(name: str) -> str | None:
    """Return the split that the name of a file tells, by the words that `datasets` knows."""
    from datasets.data_files import SPLIT_KEYWORDS

    words = re.split(r"[-._ 0-9]+", name.lower())
    return next((str(split) for split, known in SPLIT_KEYWORDS.items() if set(known) & set(words)), None)


def read_shards(
    folder: str, names: Sequence[str], read: Callable[[str], Table], *, left_out: Sequence[str] = ()
) -> Table:
    """Read shards one after the other, in the order of their names, as one table; what is `left_out` is remarked."""
    tables = [read(name) for name in names]
    first = tables[0]
    for table in tables:
        if list(table.columns) != list(first.columns) or table.classes != first.classes:
            raise BadInput(f"{first.source} and {table.source} have other columns or classes", hint="name one of them")
        if table.quoted is not None and table.quoted != next(t.quoted for t in tables if t.quoted is not None):
            raise BadInput(f"{table.source} has quotes of another kind than those before it", hint="name one of them")
    starts = itertools.accumulate((len(table) for table in tables[:-1]), initial=0)
    return Table(
        source=folder,
        columns={name: [cell for table in tables for cell in table.columns[name]] for name in first.columns},
        lines=[line for table in tables for line in table.lines],
        unit=first.unit,
        skipped=tuple(line for table in tables for line in table.skipped),
        classes=first.classes,
        shards=tuple(zip(starts, names, strict=True)),
        quoted=next((table.quoted for table in tables if table.quoted is not None), None),
        remarks=tuple(_remarks(folder, tables, left_out)),
    )


def _remarks(folder: str, tables: Sequence[Table], left_out: Sequence[str]) -> Iterator[str]:
    """Yield what was decided: of a remark that many shards make the first, and what was not read."""
    names = [_last(table.source) for table in tables]
    yield f"{folder}: read {names[0] if len(names) == 1 else f'{len(names)} files, {names[0]} to {names[-1]}'}"
    told = [remark for table in tables for remark in table.remarks]
    yield from told[:1]
    if left_out:
        more = ", ..." if len(left_out) > 5 else ""
        yield f"{folder}: left out {', '.join(_last(one) for one in left_out[:5])}{more}"


def _last(name: str) -> str:
    return PurePosixPath(name).name
