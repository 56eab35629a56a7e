"""What a scheduler asks of a sweep file (a name, a place, a store, and when it is due), and what it calls then."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Protocol

from ...spaces.errors import BadInput
from .timetable import Timetable

NO_SCHEDULE = "write `schedule: {cron: '30 2 * * *'}` into it, or run it once with `hpsearch sweep run`"

#: Runs the sweep of a file that was due last, unless that was done: a run that was claimed is not run again.
DUE = ("sweep", "run")


class Scheduled(Protocol):
    """A sweep as its file has it."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def path(self) -> Path:
        """Its file."""

    @property
    def store(self) -> str:
        """The URL of the database that keeps its history."""

    @property
    def timetable(self) -> Timetable | None:
        """When it is due, or None where nobody said."""


def timetable_of(sweep: Scheduled) -> Timetable:
    """Return when a sweep is due. Raises `BadInput` where its file does not say so."""
    if sweep.timetable is None:
        raise BadInput(f"the sweep {sweep.name!r} of {sweep.path} has no schedule", hint=NO_SCHEDULE)
    return sweep.timetable


def due_command(sweep: Scheduled) -> list[str]:
    """Return the words by which another scheduler runs what is due of a sweep; it may do so at any time, and often.

    Raises `BadInput` as `plain_path` does.
    """
    return [str(Path(sys.executable).with_name("hpsearch")), *DUE, str(plain_path(sweep))]


def plain_path(sweep: Scheduled) -> Path:
    """Return a sweep's file from the root. Raises `BadInput` where its path cannot be written into a line."""
    path = sweep.path.absolute()
    if not str(path).isprintable():
        raise BadInput(f"the path {str(path)!r} holds a character that cannot be printed", hint="rename it")
    return path
