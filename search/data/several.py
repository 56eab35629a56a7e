"""Cells that hold several labels: lists that became text, and labels with a separator between them.

Taken as they stand, each combination would be a class of its own. What reads as one label to us is `slips`' business.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from ...spaces.errors import BadInput
from .files import Table

#: Between labels; whatever the parts are, they recur.
SEPARATORS = ("|", ";", ",", "\n", "\t")
#: Between labels, but inside of names as well: each part has to be a label by itself.
DOUBTFUL = ("/", "+", "&", " ")
#: What numpy and R write for a list, and a list without quotes.
_LISTS = re.compile(r"\[[\d.\s]+\]|c\((['\"]).*\1\)|[\[{(].*,.*[\]})]|\[\]", re.DOTALL)
_THOUSANDS = re.compile(r"\d{1,3}(,\d{3})+(\.\d+)?")
LONGEST = 60
EITHER = "say which: `--label-kind several`, or `--label-kind classes` where each of them is one class"


def refuse_several(table: Table, cells: Sequence[str]) -> None:
    """Raise `BadInput` for a cell that is a list written as text, or several of the column's labels in one."""
    counts = Counter(cells)
    lists = {cell for cell in counts if is_list(cell)}
    if lists:
        raise _refusal(table, cells, lists, "a list")
    for mark in (*SEPARATORS, *DOUBTFUL):
        joined = {cell for cell in counts if mark in cell}
        if joined and _are_joined(joined, counts, mark):
            raise _refusal(table, cells, joined, f"which seems to be labels with {mark!r} between them")


def _refusal(table: Table, cells: Sequence[str], names: set[str], why: str) -> BadInput:
    row = next(row for row, cell in enumerate(cells) if cell in names)
    return BadInput(f"{table.place(row)} has the label {shown(cells[row])}, {why}", hint=EITHER)


def is_list(cell: str) -> bool:
    """Return whether a text is what Python, JSON, numpy or R write for a list."""
    if not cell.startswith(("[", "{", "(", "c(")):
        return False
    try:
        return isinstance(ast.literal_eval(cell), list | set | tuple)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return _LISTS.fullmatch(cell) is not None


def _are_joined(joined: set[str], counts: Counter[str], mark: str) -> bool:
    """Return whether all parts of the cells that have a separator are labels elsewhere in the column, too."""
    parts = {cell: [part.strip() for part in cell.split(mark)] for cell in joined}
    seen = Counter(part for one in parts.values() for part in set(one))
    if "" in seen or (mark == "," and all(map(_is_number, joined))):
        return False
    alone = counts.keys() - joined
    return all(part in alone or (mark in SEPARATORS and count > 1) for part, count in seen.items())


def _is_number(cell: str) -> bool:
    """Return whether a cell with a comma may be one number, with a decimal comma or commas between thousands."""
    whole = cell.replace(",", "", 1)
    return (cell.count(",") == 1 and whole.isdecimal()) or _THOUSANDS.fullmatch(cell) is not None


def shown(cell: Any) -> str:
    """Return a cell as a message shows it: the beginning of a long one."""
    text = repr(cell)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
