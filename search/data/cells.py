"""The rows of comma- and tab-separated text, each with its line, and whether the quotes of a TSV are quotes.

The parsing is done by `csv`; what is here is what its errors do not say. In GLUE's files a quote is a character like
any other, as in many that people write; pandas and R put cells between quotes, as RFC 4180 has it.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ...spaces.errors import BadInput

Numbered = tuple[int, list[str]]  # the line a row starts on, and its cells

csv.field_size_limit(2**31 - 1)  # a cell may be a whole document; the standard limit is 128 KiB

_BETWEEN_QUOTES = re.compile(r'"[^"]*(?:""[^"]*)*"(?=[\t\r\n]|\Z)')
_SPACE_AND_QUOTE = re.compile(r'(?:^|,) +"')
_END_OF_CELL = re.compile(r"[\t\r\n]|\Z")
_LINE_ENDS = re.compile(r"\r\n|\r|\n")


def numbered_rows(name: str, text: str, *, tabbed: bool, quoted: bool = True) -> Iterator[Numbered]:
    """Yield every row that is not blank, with the line it starts on. Raises `BadInput` for quotes that do not fit."""
    quoting: Any = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    lines: Iterable[str] = io.StringIO(text, newline="")
    written: list[str] = []  # the lines of a row, where they may have to be looked at
    if quoted and not tabbed and ' "' in text:
        lines = _noting(lines, written)
    reader = csv.reader(lines, delimiter="\t" if tabbed else ",", quoting=quoting, strict=True)
    line = 1
    try:
        for row in reader:
            if row:
                if _has_space_before_quote("".join(written)):
                    raise BadInput(
                        f"{name}, line {line}: a space before a quote makes the quote part of the cell",
                        hint="leave the spaces between cells out",
                    )
                yield line, row
            line = reader.line_num + 1
            written.clear()
    except csv.Error as error:
        raise _bad_quote(name, line, error) from None


def _noting(lines: Iterable[str], written: list[str]) -> Iterator[str]:
    for one in lines:
        written.append(one)
        yield one


def _has_space_before_quote(row: str) -> bool:
    """Return whether a cell begins with a space and a quote; within a quoted cell both are text."""
    return any(row.count('"', 0, found.start()) % 2 == 0 for found in _SPACE_AND_QUOTE.finditer(row))


def _bad_quote(name: str, line: int, error: csv.Error) -> BadInput:
    if "unexpected end of data" in str(error):
        return BadInput(f"{name}: a quote opened in line {line} is never closed", hint="is the file cut off?")
    return BadInput(f"{name}, line {line}: {error}", hint='inside a quoted cell, a quote is written ""')


@dataclass
class Quotes:
    """The quotes of tab-separated text: cells between them as RFC 4180 has it, and all others."""

    cells: int = 0  #: between quotes
    sure: int = 0  #: of these, what nobody writes who knows no quotes: of one line, with doubled quotes in it
    swallowing: int | None = None  #: where the first cell begins that has a tab or a line end in it
    others: int = 0  #: cells with a quote elsewhere
    first: int = 0  #: where the first of those has it


def quotes_in(text: str) -> Quotes:
    """Return what the quotes of tab-separated text look like."""
    found, place = Quotes(), text.find('"')
    while place >= 0:
        begins = place == 0 or text[place - 1] in "\t\r\n"
        cell = _BETWEEN_QUOTES.match(text, place) if begins else None
        if cell is None:
            found.first = found.first if found.others else place
            found.others += 1
            end = _END_OF_CELL.search(text, place)
        else:
            inner, end = cell[0][1:-1], cell
            swallows = any(mark in inner for mark in "\t\r\n")
            found.cells += 1
            found.sure += not swallows and '""' in inner
            if swallows and found.swallowing is None:
                found.swallowing = place
        place = text.find('"', end.end()) if end else -1
    return found


def quoting_of(name: str, text: str) -> tuple[bool, str | None]:
    """Return whether cells of tab-separated text are to be read without the quotes around them, and how that is said.

    They are where each quote belongs to a cell between quotes. Raises `BadInput` where there are both.
    """
    found = quotes_in(text)
    if not found.cells + found.others:
        return False, None
    if not found.others:
        if found.swallowing is not None and _fits_without_quotes(name, text):
            raise BadInput(
                f"{name}, line {line_at(text, found.swallowing)}: a quote may open a cell of several lines, or be a "
                "character like any other",
                hint="write the file as CSV, where it can be told",
            )
        return True, f"{name}: cells in quotes are read without them, as RFC 4180 has it ({found.cells} cells)"
    where = f"line {line_at(text, found.first)}"
    if found.sure or found.cells > found.others or _BETWEEN_QUOTES.match(text):
        raise BadInput(
            f"{name}, {where}: a quote that opens or closes no cell, in a file with {found.cells} cells in quotes",
            hint='inside a quoted cell, a quote is written "" (in R: qmethod = "double")',
        )
    return False, f"{name}: quotes are characters like any other, as {where} has one that opens or closes no cell"


def _fits_without_quotes(name: str, text: str) -> bool:
    """Return whether every line has as many cells as the first, if quotes are characters like any other."""
    return len({len(row) for _, row in numbered_rows(name, text, tabbed=True, quoted=False)}) == 1


def line_at(text: str, place: int) -> int:
    """Return the line of a character, from 1."""
    return len(_LINE_ENDS.findall(text, 0, place)) + 1
