"""When a sweep is due: the rules of cron where clocks change, in zones that change them in different ways."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hpsearch.search.sweep.timetable import Timetable
from hpsearch.spaces.errors import BadInput

MINUTE = timedelta(minutes=1)
#: By an hour at night, by half an hour, and at midnight: forwards and back.
CHANGES = [
    ("Europe/Berlin", "2026-03-29T01:00"),
    ("Europe/Berlin", "2026-10-25T01:00"),
    ("America/New_York", "2026-03-08T07:00"),
    ("America/New_York", "2026-11-01T06:00"),
    ("Australia/Lord_Howe", "2026-10-03T15:30"),
    ("Australia/Lord_Howe", "2026-04-04T15:00"),
    ("America/Santiago", "2026-09-06T04:00"),
    ("America/Santiago", "2026-04-05T03:00"),
    ("Asia/Beirut", "2026-03-28T22:00"),
    ("Asia/Kathmandu", "2026-03-28T22:00"),
    ("UTC", "2026-03-29T01:00"),
]
crons = st.builds(
    lambda *fields: " ".join(fields),
    st.sampled_from(["0", "30", "59", "*", "*/15", "5,45", "0-30/10"]),
    st.sampled_from(["*", "*/2", "*/6", "0", "2", "23", "1-3", "0,12"]),
    st.sampled_from(["*", "*/2", "29", "1-15", "4,5"]),
    st.just("*"),
    st.sampled_from(["*", "SUN", "MON", "1-5", "6,7"]),
)
near_changes = st.builds(
    lambda change, minutes: (change[0], moment(change[1]) + minutes * MINUTE),
    st.sampled_from(CHANGES),
    st.integers(-1500, 90),
)
anywhere = st.datetimes(datetime(1990, 1, 1), datetime(2080, 1, 1), timezones=st.just(UTC))


def moment(text: str) -> datetime:
    """Return a moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def seen_on_a_clock(cron: str, zone: str, after: datetime, until: datetime) -> Iterator[datetime]:
    """Yield the due times as somebody would who looks at a clock on the wall, each minute from two days before."""
    wanted = CronSim(cron, datetime(2000, 1, 1))
    by_the_clock = "*" in (cron.split()[0][0], cron.split()[1][0])
    shown: set[datetime] = set()
    now, before = after.replace(second=0, microsecond=0) - timedelta(days=2), None
    while now <= until:
        clock = now.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        skipped = [] if by_the_clock or before is None else minutes_between(before, clock)
        again = clock in shown and not by_the_clock
        if now > after and any(is_wanted(wanted, time) for time in (*skipped, *([] if again else [clock]))):
            yield now
        shown.add(clock)
        now, before = now + MINUTE, clock


def minutes_between(first: datetime, last: datetime) -> list[datetime]:
    """Return the local minutes that a clock did not show between two that it did."""
    return [first + (number + 1) * MINUTE for number in range(int((last - first) / MINUTE) - 1)]


def is_wanted(wanted: CronSim, local: datetime) -> bool:
    """Return whether an expression means this local time."""
    of_the_day = local.minute in wanted.minutes and local.hour in wanted.hours
    return of_the_day and local.month in wanted.months and wanted.match_day(local.date())


@settings(deadline=None)
@given(crons, near_changes)
@example("0 */2 * * *", ("Australia/Lord_Howe", moment("2026-04-04T12:00")))  # where cronsim loses 02:00
@example("*/15 1-3 * * SUN", ("America/Santiago", moment("2026-09-05T12:00")))  # where it loses 01:00
def test_due_times_are_those_that_a_clock_on_the_wall_shows(cron, start):
    """Around every change of clocks: none is lost, none comes twice, and they are in order."""
    zone, after = start
    until = after + timedelta(hours=36)

    assert list(seen_on_a_clock(cron, zone, after, until)) == list(Timetable(cron, zone).between(after, until))


@pytest.mark.parametrize(
    ("zone", "cron", "day", "due"),
    [
        ("Europe/Berlin", "30 2 * * *", "2026-03-29", ["01:00"]),  # 02:30 is skipped: at 03:00, right after
        ("Europe/Berlin", "30 2,3 * * *", "2026-03-29", ["01:00", "01:30"]),
        ("Europe/Berlin", "0 3 * * *", "2026-03-29", ["01:00"]),
        ("Europe/Berlin", "30 2 * * *", "2026-10-25", ["00:30"]),  # 02:30 comes twice: the first
        ("Europe/Berlin", "0 1-3 * * *", "2026-10-25", ["00:00", "02:00"]),
        ("Europe/Berlin", "30 */12 * * *", "2026-10-25", ["11:30", "23:30"]),
        ("America/New_York", "30 2 * * *", "2026-03-08", ["07:00"]),
        ("America/New_York", "30 1 * * *", "2026-11-01", ["05:30"]),
        ("Australia/Lord_Howe", "15 2 * * *", "2026-10-03", ["15:30"]),  # half an hour is skipped
        ("Australia/Lord_Howe", "45 1 * * *", "2026-04-04", ["14:45"]),  # and comes twice
    ],
)
def test_a_fixed_time_comes_once_a_day(zone, cron, day, due):
    """Debian's cron: what is skipped comes right after, what is repeated comes once."""
    start = moment(f"{day}T00:00") - MINUTE

    found = Timetable(cron, zone).between(start, start + timedelta(days=1))
    assert due == [f"{one:%H:%M}" for one in found]


@pytest.mark.parametrize(("zone", "change"), CHANGES)
def test_every_minute_is_every_minute(zone, change):
    """A schedule that goes by the clock follows real time: no gap and no pause where clocks change."""
    start = moment(change) - timedelta(hours=6)
    minutes = list(islice(Timetable("* * * * *", zone)._after(start), 720))

    assert [start + (number + 1) * MINUTE for number in range(720)] == minutes


@settings(deadline=None)
@given(crons, st.one_of(near_changes, st.tuples(st.sampled_from([zone for zone, _ in CHANGES]), anywhere)))
def test_last_and_next_due_agree(cron, start):
    """The next due time is due when it comes, and none lies between it and the one before."""
    timetable, (zone, now) = Timetable(cron, start[0]), start
    before, after = timetable.last_due(now), timetable.next_due(now)

    assert before <= now < after
    assert after == timetable.last_due(after)
    assert after == timetable.last_due(after + timedelta(seconds=59))
    assert before == timetable.last_due(after - timedelta(microseconds=1))
    assert before == timetable.last_due(now.astimezone(ZoneInfo(zone)))
    assert [after] == list(timetable.between(before, after))
    assert UTC is before.tzinfo is after.tzinfo


@pytest.mark.parametrize(("cron", "last"), [("0 0 29 2 *", "2024-02-29"), ("0 0 * 2 MON#5", "2016-02-29")])
def test_a_rare_day_is_found_years_back(cron, last):
    """A due time may lie years before, and after, now."""
    timetable = Timetable(cron)

    assert moment(last) == timetable.last_due(moment("2026-11-22"))
    assert timetable.next_due(moment("2026-11-22")) > moment("2027-01-01")


@pytest.mark.parametrize(
    ("cron", "zone", "sentence", "hint"),
    [
        ("30 2 * *", "UTC", "'30 2 * *' is no cron expression: it has 4 fields, not five", "five fields"),
        ("@daily", "UTC", "'@daily' is no cron expression: it has 1 field, not five", "five fields"),
        ("0 30 2 * * *", "UTC", "'0 30 2 * * *' is no cron expression: it has 6 fields, not five", "five fields"),
        ("61 2 * * *", "UTC", "'61 2 * * *' is no cron expression: bad minute", "five fields"),
        ("0 2 * JANUARY *", "UTC", "'0 2 * JANUARY *' is no cron expression: bad month", "five fields"),
        ("9" * 5000 + " 2 * * *", "UTC", "is no cron expression: bad number", "five fields"),
        ("0 0 30 2 *", "UTC", "the schedule '0 0 30 2 *' is never due: no month has such a day", "five fields"),
        ("0 0 31 4,6 *", "UTC", "the schedule '0 0 31 4,6 *' is never due: no month has such a day", "five fields"),
        ("0 2 * * *", "Europe/Berln", "there is no time zone 'Europe/Berln'", "did you mean 'Europe/Berlin'?"),
        ("0 2 * * *", "new york", "there is no time zone 'new york'", "did you mean 'America/New_York'?"),
        ("0 2 * * *", "europe/berlin", "there is no time zone 'europe/berlin'", "did you mean 'Europe/Berlin'?"),
        ("0 2 * * *", "../../etc/passwd", "there is no time zone '../../etc/passwd'", "for example UTC"),
    ],
)
def test_what_is_no_schedule_is_said_at_once(cron, zone, sentence, hint):
    """One sentence with the value, and what to do."""
    with pytest.raises(BadInput) as caught:
        Timetable(cron, zone)

    assert sentence in str(caught.value)
    assert len(str(caught.value)) < 250
    assert hint in caught.value.hint
    assert len(caught.value.hint) < 150


@settings(deadline=None)
@given(st.text(st.sampled_from("*/-,#L0159 WMONJAN"), max_size=30), st.text(max_size=12))
def test_no_text_breaks_it(cron, zone):
    """Whatever stands in a file is a schedule, or bad input."""
    for text, place in ((cron, "UTC"), ("0 2 * * *", zone)):
        try:
            timetable = Timetable(text, place)
        except BadInput:
            continue
        assert timetable.next_due(moment("2026-01-01T00:00")) > moment("2026-01-01T00:00")
        assert place in timetable.words()


def test_a_moment_without_a_zone_is_refused():
    """Nobody could say which moment it is."""
    with pytest.raises(ValueError, match="needs a time zone"):
        Timetable("0 2 * * *").next_due(datetime(2026, 1, 1))
    with pytest.raises(ValueError, match="needs a time zone"):
        Timetable("0 2 * * *").last_due(datetime(2026, 1, 1))


def test_a_timetable_is_said_and_compared():
    """People read it in words and in their own time; spaces make no other schedule of it."""
    timetable = Timetable("30  2 * * MON-FRI ", "Europe/Berlin")

    assert "At 02:30 on Monday through Friday (Europe/Berlin)" == timetable.words()
    assert "Mon 2026-03-30 02:30 CEST" == timetable.local(moment("2026-03-30T00:30"))
    assert Timetable("30 2 * * MON-FRI", "Europe/Berlin") == timetable
    assert Timetable("30 2 * * MON-FRI") != timetable
