"""Ctrl-C that is never lost, and a polite kill (SIGTERM, as clusters send before they take a machine back) that is one.

Libraries swallow a `KeyboardInterrupt` while they are being imported, or turn it into an error of theirs, and Python
drops one that comes while it cleans up.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

#: Seconds within which a second signal says nothing new.
SAME_WISH_S = 3.0

_interrupted = False
_last = 0.0


def remember_interrupts() -> None:
    """Note Ctrl-C as well as raise it, in a process of our own; one that was told to ignore it goes on ignoring it."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _note)
        sys.unraisablehook = _told_unless_interrupted
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _note)


def was_interrupted() -> bool:
    """Return whether there was a Ctrl-C."""
    return _interrupted


def raise_if_interrupted() -> None:
    """Raise `KeyboardInterrupt` for a Ctrl-C that somebody swallowed."""
    if _interrupted:
        raise KeyboardInterrupt


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let what must not be left half done be done: a Ctrl-C, or another one, comes after it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _told_unless_interrupted(unraisable: Any) -> None:
    """Leave out the traceback of a Ctrl-C that came while Python cleaned up and could not raise; it is noted."""
    if unraisable.exc_type is not KeyboardInterrupt:
        sys.__unraisablehook__(unraisable)


def _note(number: int, frame: Any) -> None:
    """Raise, but not for a signal that follows at once: Ctrl-C reaches a crew's workers, then the crew ends them, too.

    The first has to be able to put its trial back.
    """
    global _interrupted, _last
    soon = _interrupted and time.monotonic() - _last < SAME_WISH_S
    _interrupted, _last = True, time.monotonic()
    if not soon:
        raise KeyboardInterrupt
