"""What a command that failed says: one sentence, a hint where one helps, and an exit code.

The errors themselves are in each layer's `errors.py`.
"""

from __future__ import annotations

from typing import Any

from ...spaces.errors import BadInput, HpsearchError
from ..failures import ends_search
from ..talk import tell


def complain(error: HpsearchError) -> int:
    """Write the error to stderr; return its exit code."""
    tell(f"hpsearch: {error}")
    if error.hint:
        tell(f"hint: {error.hint}")
    return error.exit_code


def in_our_words(error: Exception) -> HpsearchError | None:
    """Return what to say about an error that is not ours; None for a bug, which needs its traceback."""
    if hasattr(error, "format_message"):
        return misuse(error)
    full = ends_search(error)
    if isinstance(full, HpsearchError):
        return full
    if isinstance(error, OSError) and error.strerror:
        return HpsearchError(f"{error.strerror}: {str(error.filename)!r}" if error.filename else error.strerror)
    return None


def is_help(error: Any) -> bool:
    """Return whether the parser raised its help: a group of commands was named alone."""
    return "\n" in getattr(error, "format_message", str)()


def misuse(error: Any) -> BadInput:
    """Return what the parser of the command line refused: an unknown flag, a word for a number."""
    sentence, _, near = error.format_message().rstrip(".").partition(". Did you mean ")
    refused: Any = getattr(error.__cause__, "errors", list)()  # pydantic's, which the parser's sentence is made from
    if refused and repr(refused[0]["input"]) not in sentence:
        sentence += f", got {refused[0]['input']!r}"
    command = error.ctx.command_path if error.ctx else "hpsearch"
    hint = f"did you mean {near}" if near else f"`{command} --help` lists what it takes"
    return BadInput(sentence[:1].lower() + sentence[1:], hint=hint)
