"""What is said to a person, on stderr: no control character in it, whoever the words come from.

Names, paths and labels come from data, and may hold terminal escapes. How a command that failed says so is
`command.complaint`.
"""

from __future__ import annotations

import shlex
import sys

from .options import DEFAULT_STORE


def printable(text: str) -> str:
    """Return `text` with a replacement character for each that would steer the terminal rather than be shown."""
    return "".join(char if char.isprintable() or char == "\n" else "\N{REPLACEMENT CHARACTER}" for char in text)


def tell(text: str) -> None:
    """Write a line to stderr at once."""
    sys.stderr.write(f"{printable(text)}\n")
    sys.stderr.flush()


def as_typed(name: str) -> str:
    """Return a study's name as a shell wants it at the end of a command, ready to be copied."""
    return f"-- {shlex.quote(name)}" if name.startswith("-") else shlex.quote(name)


def store_flag(url: str) -> str:
    """Return what to type for the store of a command that is typed here, a blank before it; nothing for the usual one.

    No password is in it.
    """
    from ..studies.url import from_anywhere, safe_url

    usual = from_anywhere(url) == from_anywhere(DEFAULT_STORE)
    return "" if usual else f" --store {shlex.quote(safe_url(url))}"
