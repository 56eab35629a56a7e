"""What a scheduler asks of a sweep file: a name, a place, a store, and when it is due."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from ...spaces.errors import BadInput
from .timetable import Timetable

NO_SCHEDULE = "write `schedule: '30 2 * * *'` into it, or run it once with `hpsearch sweep run`"


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
