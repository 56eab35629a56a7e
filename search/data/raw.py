"""Load the data of a task from wherever it is: our grammar, its classic folder, the user's files, or the hub.

Whatever the source, the columns come out as `text_a`, `text_b` (for a pair) and `label`, and the fingerprint
depends on nothing but their content. `sources` reads the tables, `labels` turns label cells into ids, `prepared`
splits and tokenises what this returns.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...spaces.errors import BadInput
from ..tasks import Task
from .files import Table
from .labels import Label, cell_names, read_labels
from .sources import parts_of
from .together import GROUP, Codes, codes_of, units_of

if TYPE_CHECKING:
    from datasets import Dataset


@dataclass(frozen=True, kw_only=True)
class RawData:
    """The labelled text of a task: `text_a`, `text_b` (only for a pair), `label`, and `GROUP` if there are groups."""

    task: Task  #: with its labels known
    train: Dataset
    validation: Dataset | None
    fingerprint: str  #: of texts, labels and label names, wherever they came from
    notes: tuple[str, ...] = ()  #: what the user should know, such as rows left out

    @cached_property
    def units(self) -> Codes:
        """Which rows of the training part stay together in every split: rows of the same number."""
        return units_of(self.train)


def load_task(
    task: Task,
    *,
    data_dir: str | Path | None = None,
    train_file: str | Path | None = None,
    validation_file: str | Path | None = None,
) -> RawData:
    """Load the training and validation part of a task.

    Args:
        task: a built-in task, or one made by `custom_task`.
        data_dir: the folder of the classic download, or the folder that holds it.
        train_file: a file or a folder of them, packed or not, by path or by address, a folder saved by `datasets`, or
            a data set on the hub (`owner/name`, `owner/name:config`).
        validation_file: the same for the validation part; without it a saved or hub data set gives its own.

    Raises:
        BadInput: one sentence that names the file and line, or says how to go without the hub.
    """
    from datasets import Dataset

    train, validation = parts_of(task, data_dir, train_file, validation_file)
    task = task.with_text_columns(text_names(task, train))
    task, labels, held_out = read_labels(task, train, validation)
    columns = _columns(task, train, labels)
    other = _columns(task, validation, held_out) if validation else None
    if task.group_column is not None:
        columns[GROUP], in_other = _groups(task.group_column, train, validation)
        if other:
            other[GROUP] = in_other
    return RawData(
        task=task,
        train=Dataset.from_dict(columns),
        validation=Dataset.from_dict(other) if other else None,
        fingerprint=_fingerprint(task, columns, other),
        notes=tuple(_notes(train, validation)),
    )


def _columns(task: Task, table: Table, labels: Sequence[Label]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = dict(text_columns(table, task.text_columns))
    return columns | {"label": list(labels)}


def _groups(column: str, train: Table, validation: Table | None) -> tuple[list[int], list[int]]:
    """Return the groups of both parts as numbers in their order: not their names, which may change."""
    names = cell_names(train, column)
    codes = codes_of([*names, *(cell_names(validation, column) if validation else [])]).tolist()
    return codes[: len(names)], codes[len(names) :]


def text_names(task: Task, table: Table) -> list[str]:
    """Return the names of the text columns of a task in a table: one that was typed may stand for two."""
    return [name for name in table.columns if name in task.text_columns or _is_part(name, task.text_columns)]


def _is_part(name: str, typed: Sequence[str]) -> bool:
    return any(name in map(str.strip, one.split(",")) for one in typed)


def text_columns(table: Table, names: Sequence[str]) -> dict[str, list[str]]:
    """Return the text columns of a table as `text_a` and `text_b`. Raises `BadInput` for what is no text."""
    for name in names:
        if name not in table.columns:
            raise BadInput(f"{table.source} has no column {name!r}", hint="the training part has one of that name")
    return {key: _texts(table, name) for key, name in zip(("text_a", "text_b"), names, strict=False)}


def _texts(table: Table, column: str) -> list[str]:
    texts = [_text(table, row, column, cell) for row, cell in enumerate(table.columns[column])]
    if not any(texts):
        raise BadInput(f"text column {column!r} of {table.source} is empty in all {len(table)} rows")
    return texts


def _text(table: Table, row: int, column: str, cell: Any) -> str:
    """Return a cell as text: an empty one is empty text, a number its digits."""
    if isinstance(cell, str):
        if cell.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in cell):
            return cell
        raise BadInput(f"{table.place(row)}: column {column!r} holds half a surrogate pair, which is no character")
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    if isinstance(cell, list | dict | bytes):
        raise BadInput(f"{table.place(row)}: column {column!r} holds a {type(cell).__name__}, not text")
    return str(cell)


def _fingerprint(task: Task, *parts: dict[str, list[Any]] | None) -> str:
    """Hash label names, texts and labels; JSON keeps `["a", "b"]` and `["a, b"]` apart."""
    digest = hashlib.sha256(json.dumps(task.labels).encode())
    for part in parts:
        for name, values in (part or {}).items():
            digest.update(json.dumps([name, values]).encode())
    return digest.hexdigest()[:32]


def _notes(train: Table, validation: Table | None) -> Iterable[str]:
    for table in (train, validation):
        yield from table.remarks if table else ()
        if table and table.skipped:
            lines = ", ".join(map(str, table.skipped[:5])) + (", ..." if len(table.skipped) > 5 else "")
            yield f"{table.source}: left out {len(table.skipped)} broken rows of the original (lines {lines})"
    if validation is None:
        yield f"{train.source} came without a validation part: one is cut from it"
