"""A sweep as a systemd service and its timer, which calls what is due; the store sees to it that it is run once."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from ...studies.names import slug
from .plain_cron import Numbers, numbers_of
from .scheduled import Scheduled, due_command, timetable_of
from .timetable import Timetable

WEEKDAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
DAY = timedelta(days=1)
#: Years whose changes of clocks are looked at: they fall on the same weekday of a month nearly everywhere.
YEARS = 6


def systemd_units(sweep: Scheduled, *, now: datetime) -> dict[str, str]:
    """Return the texts of a service and a timer, by the names of their files.

    Raises `BadInput` where systemd does not know the schedule.
    """
    unit = f"hpsearch-sweep-{_unit_name(sweep.name)}"
    return {f"{unit}.service": _service(sweep), f"{unit}.timer": _timer(sweep, unit, now)}


def _unit_name(name: str) -> str:
    """Return a name for a file, another one for each sweep."""
    short = slug(name)
    return short if short == name else f"{short}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def _service(sweep: Scheduled) -> str:
    return f"""\
[Unit]
Description=hpsearch sweep {_escaped(sweep.name)}, what is due of it

[Service]
Type=oneshot
WorkingDirectory={_escaped(str(sweep.path.absolute().parent))}
ExecStart={" ".join(_word(word) for word in due_command(sweep))}
"""


def _timer(sweep: Scheduled, unit: str, now: datetime) -> str:
    timetable = timetable_of(sweep)
    numbers = numbers_of(timetable, "systemd")
    times = [f"OnCalendar={time} {timetable.timezone}" for time in _usual_times(numbers)]
    extra = [f"OnCalendar={time} UTC" for time in _left_out(timetable, numbers, now)]
    if extra:
        extra.insert(0, "# Where clocks change, systemd leaves out what they skip, and what they show again.")
    lines = "\n".join([*times, *extra])
    return f"""\
# Both files go into ~/.config/systemd/user; then
#   systemctl --user daemon-reload && systemctl --user enable --now {unit}.timer
# `loginctl enable-linger` keeps it going while you are not logged in.
[Unit]
Description=hpsearch sweep {_escaped(sweep.name)}: {_escaped(timetable.words())}

[Timer]
{lines}
# What was missed while the machine was off is made up for.
Persistent=true

[Install]
WantedBy=timers.target
"""


def _usual_times(numbers: Numbers) -> list[str]:
    """Return the schedule in systemd's words; both its days count, so that a day of either needs two lines."""
    months = _listed(numbers.months, 12)
    clock = f"{_listed(numbers.hours, 24)}:{_listed(numbers.minutes, 60)}:00"
    all_weekdays = len(numbers.weekdays) == len(WEEKDAYS)
    weekdays = "" if all_weekdays else ",".join(WEEKDAYS[day] for day in sorted(numbers.weekdays)) + " "
    days = _listed(numbers.days, 31)
    if numbers.either:
        return [f"*-{months}-{days} {clock}", f"{weekdays}*-{months}-* {clock}"]
    return [f"{weekdays}*-{months}-{days} {clock}"]


def _listed(numbers: frozenset[int], all_of_them: int) -> str:
    return "*" if len(numbers) == all_of_them else ",".join(f"{number:02}" for number in sorted(numbers))


def _left_out(timetable: Timetable, numbers: Numbers, now: datetime) -> list[str]:
    """Return when the timer has to look, too: at due times that systemd would leave out, by weekday and month in UTC.

    It looks more often than it must, which costs nothing: nothing is due then.
    """
    minutes: dict[tuple[int, int, int], set[int]] = defaultdict(set)
    for day in _days_of_change(timetable, now):
        for due in timetable.between(day, day + DAY):
            local = due.astimezone(timetable.zone)
            usual = local.minute in numbers.minutes and local.hour in numbers.hours and numbers.shows(local.date())
            if local.fold or not usual:
                minutes[due.month, due.isoweekday() % 7, due.hour].add(due.minute)
    return [
        f"{WEEKDAYS[weekday]} *-{month:02}-* {hour:02}:{_listed(frozenset(at), 60)}:00"
        for (month, weekday, hour), at in sorted(minutes.items())
    ]


def _days_of_change(timetable: Timetable, now: datetime) -> Iterator[datetime]:
    """Yield the beginnings of days within which clocks of the zone are changed."""
    begin = now.astimezone(UTC)
    for number in range(YEARS * 366):
        day = begin + number * DAY
        offsets = [moment.astimezone(timetable.zone).utcoffset() for moment in (day, day + DAY)]
        if offsets[0] != offsets[1]:
            yield day


def _escaped(text: str) -> str:
    return text.replace("%", "%%")


def _word(text: str) -> str:
    """Return a word of a command line as systemd reads it."""
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return f'"{_escaped(text)}"'
