"""How anything is printed on stdout: JSON for scripts, tables and lines for people.

Values come from data and are shown as text only.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ...studies.plain import plain
from ..talk import printable

#: Characters of a cell: a path has fewer, a name from data may have thousands.
LONGEST_CELL = 1000


def emit(value: Any) -> None:
    """Print JSON to stdout."""
    json.dump(plain(value), sys.stdout, indent=2, ensure_ascii=False, allow_nan=False)
    sys.stdout.write("\n")


def new_table(title: str, *columns: str) -> Table:
    """Return a plain table; title and names of columns are text, as the cells are."""
    table = Table(
        title=Text(printable(title)) if title else None,
        title_justify="left",
        box=None,
        pad_edge=False,
        show_header=any(columns),
    )
    for column in columns:
        table.add_column(Text(printable(column)), overflow="fold")
    return table


def add_row(table: Table, *cells: Any) -> None:
    """Add a row of cells as text: no markup and no control character in them has an effect; a long one is cut."""
    table.add_row(*(Text(printable(_cut(str(cell)))) for cell in cells))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_CELL else f"{text[: LONGEST_CELL - 3]}..."


def show(what: Any, *, wrap: bool = True, lines: int = 0) -> None:
    """Print to stdout, as wide as the terminal, or 120 characters in a pipe.

    What has more `lines` than a terminal is high goes through the user's pager there.
    """
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(width=120, highlight=False)
    elif lines > console.height:
        with console.pager():
            console.print(what)
        return
    console.print(what, soft_wrap=not wrap)


def show_line(text: str, *, wrap: bool = True) -> None:
    """Print a line of text to stdout."""
    show(Text(printable(text)), wrap=wrap)
