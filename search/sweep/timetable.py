"""When a sweep is due: a cron expression in a time zone, and the only place that says what it means.

`cronsim` reads the expression and finds its local times; which moments those are is decided here, for it loses some of
them where clocks change by half an hour (Lord Howe) or at midnight (Beirut, Havana).
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import takewhile
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from ...spaces.errors import BadInput, did_you_mean

FIELDS = "five fields say minute, hour, day of the month, month and weekday: '30 2 * * *' is every night at 02:30"
ZONES = "for example UTC or Europe/Berlin"
SOME_DAY = datetime(2000, 1, 1)  # from which an expression is tried out
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
#: How far back a due time is looked for: the nearest first, for a schedule of every minute has thousands a week.
SPANS = (timedelta(hours=1), DAY, 8 * DAY, 32 * DAY, 366 * DAY, 9 * 366 * DAY, 50 * 366 * DAY)


@dataclass(frozen=True)
class Timetable:
    """The due times of a sweep, by the rules of Debian's cron where the clocks change.

    A time that is skipped comes right after, one that is repeated comes once; but a schedule whose minute or hour
    begins with `*` goes by the clock as it is. Where the days of the month and of the week are both given and neither
    begins with `*`, a day of either is meant. Raises `BadInput` for what is no schedule.
    """

    cron: str
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        object.__setattr__(self, "cron", " ".join(self.cron.split()))
        if (why := _why_no_cron(self.cron)) is not None:
            raise BadInput(f"{self.cron!r:.120} is no cron expression: {why}", hint=FIELDS)
        if _is_never(self.cron):
            raise BadInput(f"the schedule {self.cron!r} is never due: no month has such a day", hint=FIELDS)
        if self.timezone not in _zones():
            raise BadInput(f"there is no time zone {self.timezone!r:.120}", hint=_nearest_zone(self.timezone))

    @property
    def zone(self) -> ZoneInfo:
        """The time zone by whose clocks a sweep is due."""
        return ZoneInfo(self.timezone)

    def calendar(self, after: datetime) -> CronSim:
        """Return the local times after a local time, of a clock that nobody ever changes."""
        return CronSim(self.cron, after)

    @property
    def goes_by_the_clock(self) -> bool:
        """Whether the minute or the hour begins with `*`: then each showing of a clock counts, and no other."""
        minute, hour, *_ = self.cron.split()
        return minute.startswith("*") or hour.startswith("*")

    def last_due(self, now: datetime) -> datetime | None:
        """Return the latest due time at or before `now`, in UTC."""
        for span in SPANS:
            if latest := deque(self.between(now - span, now), maxlen=1):
                return latest[0]
        return None

    def next_due(self, after: datetime) -> datetime:
        """Return the first due time after `after`, in UTC."""
        return next(self._after(after))

    def between(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """Yield the due times after `after`, up to and with `until`, in UTC."""
        return takewhile(lambda moment: moment <= until, self._after(after))

    def words(self) -> str:
        """Return the schedule in words: `At 02:30 every day (Europe/Berlin)`."""
        return f"{self.calendar(SOME_DAY).explain()} ({self.timezone})"

    def local(self, moment: datetime) -> str:
        """Return a moment as a clock in the sweep's zone shows it: `Mon 2026-03-30 02:30 CEST`."""
        return moment.astimezone(self.zone).strftime("%a %Y-%m-%d %H:%M %Z")

    def _after(self, moment: datetime) -> Iterator[datetime]:
        if moment.tzinfo is None:
            raise ValueError(f"a moment needs a time zone, got {moment!r}")
        latest = moment
        for due in heapq.merge(*(self._showings(moment, fold) for fold in self._folds)):
            if due > latest:
                yield due
                latest = due

    @property
    def _folds(self) -> tuple[int, ...]:
        return (0, 1) if self.goes_by_the_clock else (0,)

    def _showings(self, moment: datetime, fold: int) -> Iterator[datetime]:
        """Yield when clocks show each local time for the first time (`fold` 0), or for the second; both in order."""
        zone = self.zone
        for local in self.calendar(_earliest_local(moment, zone)):
            shown = _shown(local, fold, zone)
            if shown is not None:
                yield shown
            elif not self.goes_by_the_clock:
                yield _end_of_gap(local, zone)


def _why_no_cron(cron: str) -> str | None:
    """Return why this is no expression of cron, or None where it is one."""
    fields = cron.split()
    if len(fields) != 5:
        return f"it has {len(fields)} field{'' if len(fields) == 1 else 's'}, not five"
    minute, hour, day, month, weekday = fields
    try:
        for part in (f"{minute} {hour} {day} * {weekday}", f"* * * {month} *"):
            CronSim(part, SOME_DAY)
    except CronSimError as error:
        return str(error).lower()
    except ValueError:  # more digits than Python reads
        return "bad number"
    return None


def _is_never(cron: str) -> bool:
    """Return whether no month has such a day, or none within 50 years."""
    try:
        return next(CronSim(cron, SOME_DAY), None) is None
    except CronSimError:
        return True


def _shown(local: datetime, fold: int, zone: ZoneInfo) -> datetime | None:
    """Return when clocks show `local`, or None where it is skipped."""
    moment = local.replace(tzinfo=zone, fold=fold).astimezone(UTC)
    return moment if moment.astimezone(zone).replace(tzinfo=None) == local else None


def _end_of_gap(skipped: datetime, zone: ZoneInfo) -> datetime:
    """Return when clocks show the first minute after one that is skipped."""
    while (shown := _shown(skipped, 0, zone)) is None:
        skipped += MINUTE
    return shown


def _earliest_local(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return the earliest local time that clocks show after `moment`: they may be put back soon."""
    here, tomorrow = moment.astimezone(zone), (moment.astimezone(UTC) + DAY).astimezone(zone)
    back = (here.utcoffset() or timedelta()) - (tomorrow.utcoffset() or timedelta())
    return here.replace(tzinfo=None) - max(back, timedelta())


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _nearest_zone(name: str) -> str:
    """Return a hint: the zone of that city, or one spelt like it."""
    for zone in sorted(_zones()):
        if zone.lower().endswith(f"/{name.lower().replace(' ', '_')}") or zone.lower() == name.lower():
            return f"did you mean {zone!r}?"
    hint = did_you_mean(name, _zones())
    return hint if hint.startswith("did") else ZONES
