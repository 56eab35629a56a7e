"""Several labels a row: columns of 0 and 1, a column of lists, or cells that a separator divides.

Each row becomes one whole number, see `label_sets`. What is one label a row is `labels`; what cells seem to hold
several without a word is refused in `several`.
"""

from __future__ import annotations

import ast
import dataclasses
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...spaces.errors import BadInput, did_you_mean
from ..label_sets import MOST_LABELS, encoded
from ..layouts import OWN_TRAINER
from ..tasks import CLASSES, SEVERAL, Task
from .files import Table
from .several import SEPARATORS, is_list, shown
from .slips import is_missing, refuse_slips

FLAGS = {"0": False, "1": True, "0.0": False, "1.0": True, "false": False, "true": True}
Sets = list[list[str]]
Name = Callable[[Table, int, Any], str | None]  #: a cell as the name of a label; None for an empty one


def has_several(task: Task, table: Table) -> bool:
    """Return whether the rows of a table have several labels each. Raises `BadInput` where something else was said."""
    columns = label_names(task, table)
    typed = [] if task.label_column in table.columns else task.label_columns or task.label_column.split(",")
    if len(typed) > len(columns):
        raise BadInput(
            f"--label-column {','.join(typed)!r} names a column twice, or a text column", hint="name each column once"
        )
    several = len(columns) > 1 or any(isinstance(cell, list) for name in columns for cell in table.columns[name])
    if several and task.label_kind not in (None, SEVERAL):
        raise BadInput(
            f"{table.source} has several labels a row, and --label-kind {task.label_kind} is for one",
            hint=f"--label-kind {SEVERAL}, or leave it out",
        )
    return several or task.label_kind == SEVERAL


def label_names(task: Task, table: Table) -> list[str]:
    """Return the columns of a table that hold labels."""
    wanted = task.label_columns or (task.label_column, *map(str.strip, task.label_column.split(",")))
    return [name for name in dict.fromkeys(wanted) if name in table.columns and name not in task.text_columns]


def read_label_sets(
    task: Task, train: Table, validation: Table | None, name: Name
) -> tuple[Task, list[int], list[int]]:
    """Return the task with its labels known, and the labels of both parts, a number for each row.

    Raises `BadInput` for what is no label, for a label that all or none of the training rows have, and for one in the
    validation part that the training part lacks.
    """
    columns = label_names(task, train)
    sets = label_sets_in(task, train, columns, name)
    if len(columns) > 1:
        labels = tuple(columns)
    else:
        found = {label for one in sets for label in one}
        labels = tuple(label for label in train.classes if label in found) or tuple(sorted(found))
        _check_divided(train, train.columns[columns[0]], sets)
    _check_labels(train, labels, sets)
    kept = tuple(columns) if len(columns) > 1 else ()
    known = dataclasses.replace(task, label_kind=SEVERAL, label_columns=kept).with_labels(labels)
    held_out = label_sets_in(known, validation, columns, name) if validation else []
    return known, codes(known, train, sets), codes(known, validation, held_out) if validation else []


def read_test_sets(task: Task, table: Table, name: Name) -> list[int] | None:
    """Return the labels of a test file as numbers; None where it has no column of them, or -1 or nothing in each cell.

    Raises `BadInput` as `read_label_sets`, and where only some of the columns are there.
    """
    columns = label_names(task, table)
    lacking = [one for one in task.label_columns if one not in columns]
    if not columns or all(_is_nothing(cell) for one in columns for cell in table.columns[one]):
        return None
    if lacking:
        raise BadInput(f"{table.source} has no column {lacking[0]!r}", hint="it has others of the labels: all, or none")
    return codes(task, table, label_sets_in(task, table, columns, name))


def _is_nothing(cell: Any) -> bool:
    return not isinstance(cell, list) and (cell is None or str(cell).strip() in ("", "nan", "-1", "-1.0"))


def codes(task: Task, table: Table, sets: Sets) -> list[int]:
    """Return the labels of each row as a number. Raises `BadInput` for one that the task does not know."""
    labels = task.labels or ()
    places = {label: place for place, label in enumerate(labels)}
    flags = np.zeros((len(sets), len(labels)), dtype=bool)
    for row, names in enumerate(sets):
        for one in names:
            if one not in places:
                raise BadInput(
                    f"{table.place(row)} has the unknown label {one!r}, which the training part lacks",
                    hint=did_you_mean(one, labels),
                )
            flags[row, places[one]] = True
    return [int(code) for code in encoded(flags)]


def label_sets_in(task: Task, table: Table, columns: Sequence[str], name: Name) -> Sets:
    """Return the names of each row's labels."""
    if len(columns) > 1:
        flags = [[_flag(table, row, one, cell) for row, cell in enumerate(table.columns[one])] for one in columns]
        return [[one for one, is_set in zip(columns, row, strict=True) if is_set] for row in zip(*flags, strict=True)]
    lists = _lists(task, table, table.columns[columns[0]])
    sets: Sets = []
    for row, cells in enumerate(lists):
        names = [name(table, row, cell) for cell in cells]
        if None in names or "" in names:
            raise BadInput(f"{table.place(row)} has an empty label among its labels, {shown(cells)}")
        sets.append([one for one in dict.fromkeys(names) if one])
    _refuse_vectors(table, sets, lists)
    if task.labels is None:
        _refuse_slips(task, table, sets)
    return sets


def _flag(table: Table, row: int, column: str, cell: Any) -> bool:
    text = "" if cell is None else str(cell).strip().lower()
    if text not in FLAGS:
        missing = text in ("", "-1", "-1.0") or is_missing(text)
        raise BadInput(
            f"{table.place(row)} has {shown(cell)} in label column {column!r}, which is neither 0 nor 1",
            hint="fill it in or leave the row out" if missing else None,
        )
    return FLAGS[text]


def _lists(task: Task, table: Table, cells: Sequence[Any]) -> list[list[Any]]:
    """Return the cells as lists: those that are, texts of lists, and texts that a separator divides."""
    texts = [cell for cell in cells if isinstance(cell, str) and not is_list(cell.strip())]
    mark = next((mark for mark in SEPARATORS if any(mark in text for text in texts)), None)
    return [_list(task, table, row, cell, mark) for row, cell in enumerate(cells)]


def _list(task: Task, table: Table, row: int, cell: Any, mark: str | None) -> list[Any]:
    if isinstance(cell, list):
        return cell
    if cell is None or isinstance(cell, dict | bytes):
        raise BadInput(f"{table.place(row)} has {shown(cell)} where its labels should be", hint="[] is no label")
    text = str(cell).strip()
    if is_list(text):
        try:
            return list(ast.literal_eval(text))
        except (ValueError, SyntaxError):
            raise BadInput(
                f"{table.place(row)} has the labels {shown(text)}, a list that cannot be read",
                hint='as in JSON: ["a", "b"]',
            ) from None
    if not text or text in (task.labels or ()):
        return [text] if text else []
    return [part.strip() for part in text.split(mark)] if mark else [cell]


def _refuse_vectors(table: Table, sets: Sets, lists: Sequence[Sequence[Any]]) -> None:
    """Refuse lists of 0 and 1, one of which stands for each label: which, nobody can tell."""
    widths = {len(cells) for cells in lists}
    if len(widths) == 1 and max(widths) > 1 and all({*names} <= {"0", "1"} for names in sets):
        raise BadInput(
            f"{table.place(0)} has the labels {shown(list(lists[0]))}, and all rows have {max(widths)} of 0 and 1",
            hint="write the names of a row's labels, or a column of 0 and 1 for each",
        )


def _refuse_slips(task: Task, table: Table, sets: Sets) -> None:
    """Refuse labels that are almost surely slips, as those of one label a row are, unless the kind was said."""
    if task.label_kind == SEVERAL or table.classes:
        return
    rows = [row for row, names in enumerate(sets) for _ in names]
    flat = dataclasses.replace(
        table,
        columns={},
        lines=[table.lines[row] for row in rows],
        shards=tuple((bisect_left(rows, first), source) for first, source in table.shards),
    )
    try:
        refuse_slips(flat, [label for names in sets for label in names])
    except BadInput as error:
        raise BadInput(str(error), hint=(error.hint or "").replace(f"-kind {CLASSES}", f"-kind {SEVERAL}")) from None


def _check_divided(table: Table, cells: Sequence[Any], sets: Sets) -> None:
    if not any(isinstance(cell, list) for cell in cells) and all(len(names) < 2 for names in sets):
        raise BadInput(
            f"no row of {table.source} has several labels",
            hint=f"for one a row `--label-kind {CLASSES}`; columns of 0 and 1 are named together: `--label-column A,B`",
        )


def _check_labels(table: Table, labels: Sequence[str], sets: Sets) -> None:
    counts = Counter(label for names in sets for label in names)
    if len(labels) < 2:
        only = f"{labels[0]!r} alone" if labels else "none"
        raise BadInput(f"{table.source} has several labels a row, but of labels {only}", hint="two or more are needed")
    if len(labels) > MOST_LABELS:
        raise BadInput(
            f"{table.source} has {len(labels)} labels, several a row, and {MOST_LABELS} are the most", hint=OWN_TRAINER
        )
    for label in labels:
        if counts[label] in (0, len(sets)):
            which = "no row" if not counts[label] else f"all {len(sets)} rows"
            raise BadInput(f"the label {label!r} is that of {which} of {table.source}", hint="leave it out")
