"""The errors every layer shares; each layer's own are in its `errors.py`.

An error is one sentence with the offending value, a hint that says what to do, and an exit code. The class
docstring is the sentence when none is given.
"""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable

#: What systems say of a disk that is full, and of a place that cannot be written by whoever asks.
FULL = (errno.ENOSPC, errno.EDQUOT)
NO_PLACE = (
    *(errno.EACCES, errno.EPERM, errno.EROFS),
    *(errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP),
)


class HpsearchError(Exception):
    """Something went wrong."""

    exit_code = 1

    def __init__(self, message: str | None = None, *, hint: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())
        self.hint = hint


class BadInput(HpsearchError, ValueError):
    """What was given cannot be used."""

    exit_code = 2


def place_hint(error: OSError, elsewhere: str) -> str | None:
    """Return what to do about a file that could not be written: make room, or write `elsewhere`; None for a fault."""
    if error.errno in FULL:
        return "make room on that disk"
    return elsewhere if error.errno in NO_PLACE else None


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return a hint with the known name nearest to `name`, or all known names when none is near."""
    known = sorted(names)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
