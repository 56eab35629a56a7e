"""Turn the cells of a label column into class ids or numbers, or say which row cannot be.

The cells come from `files` or a `datasets` data set, so `1`, `"1"` and `1.0` are the same class. What is almost surely
a slip is refused in `slips`. `raw` uses this.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from ...spaces.errors import BadInput, did_you_mean
from ..tasks import CLASSES, NUMBERS, Task
from .files import Table
from .read_several import has_several, read_label_sets, read_test_sets
from .several import shown
from .slips import MANY_NUMBERS, is_missing, number_in, refuse_missing, refuse_slips

Label = int | float


def read_labels(task: Task, train: Table, validation: Table | None) -> tuple[Task, list[Label], list[Label]]:
    """Return the task with its labels known, and the labels of both parts: ids in their order, or numbers.

    Raises:
        BadInput: empty cells, a label that is almost surely a slip, an unknown label, one class only, fewer rows than
            classes, a validation label that the training part lacks, or no number where numbers are predicted.
    """
    if has_several(task, train):
        return read_label_sets(task, train, validation, _name)  # type: ignore[return-value]
    cells = _cells(task, train)
    held_out = _cells(task, validation) if validation else []
    if task.labels is None:
        task = _inferred(task, train, cells)
    if task.is_regression:
        return task, _numbers(task, train, cells), _numbers(task, validation, held_out) if validation else []
    ids = _ids(task, train, cells)
    _check_classes(task, train, ids)
    other = _ids(task, validation, held_out) if validation else []
    _check_held_out(task, validation, other, ids)
    return task, ids, other


def read_test_labels(task: Task, table: Table) -> list[Label] | None:
    """Return the labels of a file that a model of this task is to predict: ids, or numbers; None where it has none.

    A column that has nothing but marks of a missing value, or nothing but the -1 that benchmarks put there, has none.
    Raises `BadInput` as `read_labels` does for a validation part, and for a label that the task does not know.
    """
    if task.is_several:
        return read_test_sets(task, table, _name)  # type: ignore[return-value]
    column = table.columns.get(task.label_column)
    if column is None or all(_stands_for_none(task, cell) for cell in column):
        return None
    cells = _cells(task, table)
    refuse_missing(table, cells, task.labels or (), otherwise="")
    return _as_numbers(table, cells) if task.is_regression else _ids(task, table, cells)


def _stands_for_none(task: Task, cell: Any) -> bool:
    name = "" if cell is None else re.sub(r"\.0+$", "", str(cell).strip())
    return name not in (task.labels or ()) and (name in ("", "-1") or is_missing(name))


def _inferred(task: Task, table: Table, cells: Sequence[str]) -> Task:
    """Return a task of the user's own with the labels that its training part has, and what follows from them."""
    if task.label_kind is None and not table.classes:
        refuse_slips(table, cells)
    labels = () if task.label_kind == NUMBERS else infer_labels(cells, table.classes, kind=task.label_kind)
    counts = Counter(cells)
    return task.with_labels(labels, [counts[name] for name in labels])


def infer_labels(cells: Sequence[str], classes: Sequence[str] = (), *, kind: str | None = None) -> tuple[str, ...]:
    """Return the label names of a column in their order, or none at all where it holds numbers to predict.

    Unless their `kind` is said, numbers are predicted where one has a fraction, or more than `MANY_NUMBERS` whole
    numbers occur. A source that declares its classes keeps their order; others are sorted, as numbers where all are.
    """
    distinct = set(cells)
    if classes:
        return tuple(name for name in classes if name in distinct)
    numbers = {name: number_in(name) for name in distinct}
    values = [value for value in numbers.values() if value is not None]
    if len(values) < len(numbers):
        return tuple(sorted(distinct))
    if kind != CLASSES and (len(values) > MANY_NUMBERS or not all(value.is_integer() for value in values)):
        return ()
    return tuple(sorted(distinct, key=lambda name: (numbers[name], name)))


def _cells(task: Task, table: Table) -> list[str]:
    """Return the label column as text. Raises `BadInput` for empty cells and ids that the source does not declare."""
    _refuse_undeclared(task, table)
    return cell_names(table, task.label_column, what="label")


def cell_names(table: Table, column: str, *, what: str = "group") -> list[str]:
    """Return the cells of a column of labels or groups as text. Raises `BadInput` for empty ones."""
    names = [_name(table, row, cell, what) for row, cell in enumerate(table.columns[column])]
    empty = [row for row, name in enumerate(names) if not name]
    if empty:
        count = "1 empty cell" if len(empty) == 1 else f"{len(empty)} empty cells"
        raise BadInput(
            f"{what} column {column!r} has {count}, the first in {table.place(empty[0])}",
            hint="fill them in or leave those rows out",
        )
    return [name for name in names if name]


def _refuse_undeclared(task: Task, table: Table) -> None:
    """Refuse ids without a name where the source declares its classes; `datasets` writes -1 where there is no label."""
    ids = [row for row, cell in enumerate(table.columns[task.label_column]) if table.classes and isinstance(cell, int)]
    if ids:
        number = table.columns[task.label_column][ids[0]]
        raise BadInput(
            f"{table.place(ids[0])} has the label {number}, which is none of the {len(table.classes)} classes "
            f"({len(ids)} of {len(table)} rows are so)",
            hint="-1 is for rows without a label: leave them out" if number == -1 else None,
        )


def _name(table: Table, row: int, cell: Any, what: str = "label") -> str | None:
    """Return a label or a group as text, whole numbers without `.0`: pandas writes them so where a cell was empty."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return None
    if isinstance(cell, list) and what == "label":
        raise BadInput(f"the label in {table.place(row)} is a list, {shown(cell)}", hint="the training part has none")
    if isinstance(cell, list | dict | bytes):
        raise BadInput(f"the {what} in {table.place(row)} is {_kind(cell)}", hint=f"one {what} a row, text or number")
    text = str(cell).strip()
    return text.split(".")[0] if re.fullmatch(r"-?\d+\.0+", text) else text


def _kind(cell: object) -> str:
    return {"list": "a list", "dict": "an object"}.get(type(cell).__name__, "binary")


def _ids(task: Task, table: Table, cells: Sequence[str]) -> list[Label]:
    known = _known(task, cells)
    for row, name in enumerate(cells):
        if name not in known:
            raise _unknown(task, table, row, cells)
    return [known[name] for name in cells]


def _known(task: Task, cells: Sequence[str]) -> dict[str, int]:
    """Return the ids of label names; in a file of a built-in task that has none of them, of their positions."""
    names = {name: number for number, name in enumerate(task.labels or ())}
    if task.is_own or any(name in names for name in cells):
        return names
    return {str(number): number for number in range(len(names))}


def _unknown(task: Task, table: Table, row: int, cells: Sequence[str]) -> BadInput:
    labels, name = task.labels or (), cells[row]
    hint = did_you_mean(name, labels)
    if name.isdecimal() and int(name) < len(labels):
        only = "a file has names or positions, not both" if not task.is_own else f"write names: {', '.join(labels)}"
        hint = f"is it a position? {only}"[:200]
    if task.is_own:
        return BadInput(f"{table.place(row)} has the unknown label {name!r}, which the training part lacks", hint=hint)
    return BadInput(f"{table.place(row)} has the unknown label {name!r}", hint=hint)


def _as_numbers(table: Table, cells: Sequence[str]) -> list[Label]:
    values: list[Label] = []
    for row, name in enumerate(cells):
        value = number_in(name)
        if value is None:
            raise BadInput(f"{table.place(row)} has the label {name!r}, which is no number", hint=_why_no_number(name))
        values.append(value)
    return values


def _numbers(task: Task, table: Table, cells: Sequence[str]) -> list[Label]:
    values = _as_numbers(table, cells)
    if len(values) > 1 and len(set(values)) == 1:
        raise BadInput(
            f"label column {task.label_column!r} of {table.source} has the value {values[0]:g} in all rows",
            hint="nothing can be learnt from it",
        )
    return values


def _why_no_number(name: str) -> str | None:
    comma = number_in(name.replace(",", ".")) is not None
    return f"with a point: {name.replace(',', '.')}" if comma else None


def _check_classes(task: Task, train: Table, ids: Sequence[Label]) -> None:
    labels = task.labels or ()
    counts = Counter(ids)
    if len(counts) == 1:
        only = labels[int(ids[0])]
        raise BadInput(
            f"label column {task.label_column!r} of {train.source} has one class only: {only!r} in all {len(ids)} rows",
            hint="a classifier needs two classes or more",
        )
    if len(ids) <= max(len(counts), len(labels) - 1):
        raise BadInput(
            f"{train.source} has {len(ids)} rows for {len(labels)} classes in column {task.label_column!r}",
            hint="every class needs several rows; is it the label column?",
        )


def _check_held_out(task: Task, table: Table | None, ids: Sequence[Label], train_ids: Sequence[Label]) -> None:
    """Refuse a validation label that no training row has: it could only ever be wrong."""
    labels, seen = task.labels or (), set(train_ids)
    for row, number in enumerate(ids):
        if table and number not in seen:
            known = ", ".join(labels[int(known)] for known in sorted(seen))
            raise BadInput(
                f"{table.place(row)} has the label {labels[int(number)]!r}, which the training part lacks",
                hint=f"the training part has: {known}"[:200],
            )
