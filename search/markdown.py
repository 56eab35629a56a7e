"""Markdown in which words from data are text, whatever they hold: names, labels, values, paths.

CommonMark with GitHub's tables: for model cards, reports and the dashboard's notes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from .talk import printable

#: Characters of a word from data that are shown; a label may be a whole article.
LONGEST = 200
#: What begins or ends markup, HTML, a link or a formula inside a line; nothing here begins a line.
MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~!&$])")


def text(value: Any, longest: int = LONGEST) -> str:
    """Return a value in one line of Markdown that shows it as it is; a long one is cut, and has how long it was."""
    whole = str(value)
    cut = whole if len(whole) <= longest else whole[:longest]
    shown = MARKUP.sub(r"\\\1", printable(cut).replace("\n", "\N{REPLACEMENT CHARACTER}").strip() or " ")
    return shown if cut == whole else f"{shown}... ({len(whole)} characters)"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of cells that are Markdown already."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def bullets(lines: Iterable[str]) -> str:
    """Return a list of lines that are Markdown already."""
    return "\n".join(f"- {line}" for line in lines)


def code(content: str, language: str) -> str:
    """Return a block of code; its fence is longer than any in it."""
    longest = max((len(run) for run in re.findall(r"`+", content)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{printable(content).rstrip()}\n{fence}"
