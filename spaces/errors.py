"""The errors every layer shares; each layer's own are in its `errors.py`.

An error is one sentence with the offending value, a hint that says what to do, and an exit code. The class
docstring is the sentence when none is given.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class HpsearchError(Exception):
    """Something went wrong."""

    exit_code = 1

    def __init__(self, message: str | None = None, *, hint: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())
        self.hint = hint


class BadInput(HpsearchError, ValueError):
    """What was given cannot be used."""

    exit_code = 2


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return a hint with the known name nearest to `name`, or all known names when none is near."""
    known = sorted(names)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
