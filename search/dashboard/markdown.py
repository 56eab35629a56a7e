"""Markdown of the dashboard's notes. Names, labels, paths and messages come from data: they are shown as text only."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from ..markdown import MARKUP
from ..talk import printable

#: Characters of one value from the data that a note shows: a name of 10 kB would be all of it.
LONGEST = 120
RIGHT_TO_LEFT = ("R", "AL")
ISOLATE, END = "\N{FIRST STRONG ISOLATE}", "\N{POP DIRECTIONAL ISOLATE}"


def text(value: object) -> str:
    """Return a sentence of ours that Markdown shows as it is, in one line."""
    return MARKUP.sub(r"\\\1", _line(value))


def code(value: object) -> str:
    """Return a value from the data, shortened, in type of one width: nothing in it has a meaning."""
    line = _line(value)
    if len(line) > LONGEST:
        line = f"{line[:LONGEST]}... ({len(line)} characters)"
    if any(unicodedata.bidirectional(one) in RIGHT_TO_LEFT for one in line):
        line = f"{ISOLATE}{line}{END}"  # it must not turn the words around it
    fence = "`" * (_longest_run(line) + 1)
    room = " " if "`" in line or not line else ""
    return f"{fence}{room}{line}{room}{fence}"


def codes(values: Iterable[object]) -> str:
    """Return several values, with commas between."""
    return ", ".join(map(code, values))


def block(lines: Iterable[str]) -> str:
    """Return commands to be copied, a line each."""
    whole = [_line(line) for line in lines]
    fence = "`" * max(3, *(_longest_run(line) + 1 for line in whole))
    return "\n".join([fence, *whole, fence])


def _line(value: object) -> str:
    return " ".join(printable(str(value)).split())


def _longest_run(line: str) -> int:
    return max(map(len, re.findall("`+", line)), default=0)
