"""Ctrl-C that is never lost.

Libraries swallow a `KeyboardInterrupt` while they are being imported, or turn it into an error of theirs, and Python
drops one that comes while it cleans up.
"""

from __future__ import annotations

import signal
import sys
from typing import Any

_interrupted = False


def remember_interrupts() -> None:
    """Note Ctrl-C as well as raise it, in a process of our own; one that was told to ignore it goes on ignoring it."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _note)
        sys.unraisablehook = _told_unless_interrupted


def was_interrupted() -> bool:
    """Return whether there was a Ctrl-C."""
    return _interrupted


def raise_if_interrupted() -> None:
    """Raise `KeyboardInterrupt` for a Ctrl-C that somebody swallowed."""
    if _interrupted:
        raise KeyboardInterrupt


def _told_unless_interrupted(unraisable: Any) -> None:
    """Leave out the traceback of a Ctrl-C that came while Python cleaned up and could not raise; it is noted."""
    if unraisable.exc_type is not KeyboardInterrupt:
        sys.__unraisablehook__(unraisable)


def _note(number: int, frame: Any) -> None:
    global _interrupted
    _interrupted = True
    raise KeyboardInterrupt
