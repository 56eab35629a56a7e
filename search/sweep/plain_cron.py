"""A schedule for programs that know less than `cronsim`: numbers, ranges, steps and lists, as every cron reads them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from ...spaces.errors import BadInput
from .timetable import SOME_DAY, Timetable

HERE = "`hpsearch sweep serve` knows every schedule"
#: `5/15` is none of them: some crons read it as `5-59/15`, Debian's as `5`.
TERM = re.compile(r"(\*|\d+-\d+)(/\d+)?|\d+")


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """What each field of a schedule means, in numbers; Sunday is 0."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool  #: whether a day of the month or of the week will do, where both are given

    def shows(self, day: date) -> bool:
        """Return whether this is a day of the schedule."""
        of_month, of_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return day.month in self.months and (of_month or of_week if self.either else of_month and of_week)


def numbers_of(timetable: Timetable, reader: str) -> Numbers:
    """Return the fields in numbers. Raises `BadInput` for a day that has none: the last one, the second Monday."""
    read = timetable.calendar(SOME_DAY)
    if any(not isinstance(day, int) or day < 0 for day in (*read.days, *read.weekdays)):
        raise BadInput(f"{reader} does not know the day in {timetable.cron!r}", hint=HERE)
    weekdays = frozenset(day % 7 for day in read.weekdays if isinstance(day, int))
    return Numbers(
        minutes=frozenset(read.minutes),
        hours=frozenset(read.hours),
        days=frozenset(read.days),
        months=frozenset(read.months),
        weekdays=weekdays,
        either=not read.day_and,
    )


def plain_cron(timetable: Timetable, reader: str) -> str:
    """Return the expression as every cron reads it. Raises `BadInput` where it cannot be said so."""
    known = numbers_of(timetable, reader)
    numbers = (known.minutes, known.hours, known.days, known.months, known.weekdays)
    return " ".join(_plain(text, of, reader) for text, of in zip(timetable.cron.split(), numbers, strict=True))


def _plain(text: str, numbers: frozenset[int], reader: str) -> str:
    if all(TERM.fullmatch(term) for term in text.split(",")):
        return text
    if text.startswith("*"):  # which means more than the numbers: see `Timetable`
        raise BadInput(f"{reader} does not know {text!r}", hint="write it in numbers")
    return ",".join(str(number) for number in sorted(numbers))
