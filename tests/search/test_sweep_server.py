"""The server of sweeps keeps its promises, with a clock that the tests move: on SQLite and the configured servers."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest
import time_machine
from sqlalchemy import insert, select, text

from hpsearch.search.sweep.server import SweepServer
from hpsearch.search.sweep.timetable import Timetable
from hpsearch.spaces.errors import BadInput
from hpsearch.studies.clock import utc_now, utc_text
from hpsearch.studies.engine import transaction
from hpsearch.studies.tables import sweep_schedules

from ..databases import own_databases
from .served_sweeps import (
    DAY,
    HOUR,
    Runner,
    engine_of,
    load,
    moment,
    pass_time,
    prepare,
    server,
    started,
    write,
)

SERVERS = {"sqlite": None, "postgres": "HPSEARCH_TEST_POSTGRES_URL", "mysql": "HPSEARCH_TEST_MYSQL_URL"}
NIGHTLY = "30 2 * * *"


@pytest.fixture(scope="module", params=SERVERS)
def each_url(request, tmp_path_factory) -> Iterator[str]:
    """A store on each database."""
    if SERVERS[request.param] is None:
        yield prepare(f"sqlite:///{tmp_path_factory.mktemp('store')}/each.db")
    else:
        with own_databases(SERVERS[request.param]) as new_url:
            yield prepare(new_url())


@pytest.fixture(scope="module")
def one_url(tmp_path_factory) -> str:
    """A store on SQLite."""
    return prepare(f"sqlite:///{tmp_path_factory.mktemp('store')}/one.db")


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """A clock that stands still until it is moved."""
    with time_machine.travel(moment("2026-06-01T12:00"), tick=False) as traveller:
        yield traveller


@pytest.mark.parametrize(("month", "change"), [("2026-03", "2026-03-29T01:00"), ("2026-10", "2026-10-25T00:30")])
def test_in_a_month_every_due_run_is_run_once(month, change, each_url, clock, tmp_path):
    """Two servers on one store, restarted now and then, clocks that change: each due time is run, and run once; at its
    time while a server is up, or else when one comes back.
    """
    rng, runner = random.Random(month), Runner()
    schedules = {f"nightly {month}": NIGHTLY, f"often {month}": "15 */12 * * *"}
    paths = [write(tmp_path, name, each_url, cron, "Europe/Berlin") for name, cron in schedules.items()]
    begin, end = moment(f"{month}-01T00:00"), moment(f"{month}-01T00:00") + 31 * DAY
    clock.move_to(begin)
    up = [started(*paths, run_due=runner) for _ in range(2)]
    while utc_now() < end:
        chosen = rng.randrange(2)
        up[chosen].close()
        others = [one for one in up if one is not up[chosen]]
        if rng.random() < 0.5:  # the other one, too, at times
            others.pop().close()
        pass_time(clock, min(end, utc_now() + rng.uniform(0.1, 5) * HOUR), *others)
        up = [started(*paths, run_due=runner) if not one.scheduler.running else one for one in up]
        pass_time(clock, min(end, utc_now() + rng.uniform(10, 70) * HOUR), *up)
    for one in up:
        one.close()

    for name, cron in schedules.items():
        assert list(Timetable(cron, "Europe/Berlin").between(begin, end)) == runner.dues(name)
    late = [now - due for _, due, now in runner.ran]
    assert max(late) < 6 * HOUR  # the longest that nobody served
    assert sum(one <= HOUR / 2 for one in late) > 0.8 * len(late)
    assert any(due == moment(change) for due in runner.dues(f"nightly {month}"))
    assert len(runner.calls) > len(runner.ran)  # both servers fired, and restarts asked again


def test_a_server_that_was_down_for_days_runs_the_latest_missed_run(each_url, clock, tmp_path):
    """One run at the start, not many and not none; and then the next at its time."""
    runner, path = Runner(), write(tmp_path, "down", each_url, NIGHTLY, "Europe/Berlin")
    first = started(path, run_due=runner)
    pass_time(clock, "2026-06-03T00:00", first)
    first.close()
    clock.move_to(moment("2026-06-09T15:00"))
    second = started(path, run_due=runner)
    assert [moment("2026-06-02T00:30"), moment("2026-06-09T00:30")] == runner.dues("down")

    pass_time(clock, "2026-06-10T12:00", second)
    second.close()
    started(path, run_due=runner).close()
    dues = ["2026-06-02T00:30", "2026-06-09T00:30", "2026-06-10T00:30"]
    assert [moment(due) for due in dues] == runner.dues("down")


def test_a_sweep_that_was_never_served_waits(one_url, clock, tmp_path):
    """What was due before anybody served it is nobody's loss, be it a minute ago."""
    runner, path = Runner(), write(tmp_path, "new", one_url, "0 12 * * *")
    clock.move_to(moment("2026-06-01T12:00:30"))
    one = started(path, run_due=runner)
    one.close()
    clock.move_to(moment("2026-06-01T13:00"))
    one = started(path, run_due=runner)
    assert [] == runner.calls

    pass_time(clock, "2026-06-02T11:30", one)
    assert [] == runner.calls
    pass_time(clock, "2026-06-02T12:00:00", one)
    one.close()
    assert [moment("2026-06-02T12:00")] == runner.dues("new")


def test_a_changed_schedule_holds_from_when_it_is_read(one_url, clock, tmp_path, capsys):
    """While it is served, within a look; and also where it was changed while nobody served: no run is owed for it."""
    runner, path = Runner(), write(tmp_path, "changed", one_url, NIGHTLY)
    one = started(path, run_due=runner)
    pass_time(clock, "2026-06-02T12:00", one)
    write(tmp_path, "changed", one_url, "0 14 * * *", "Europe/Berlin")
    pass_time(clock, "2026-06-03T12:30", one)
    assert [moment("2026-06-02T02:30"), moment("2026-06-03T12:00")] == runner.dues("changed")
    said = "has a new schedule: At 14:00 every day (Europe/Berlin); due next Wed 2026-06-03 14:00"
    assert said in capsys.readouterr().err
    one.close()

    started(path, run_due=runner).close()
    write(tmp_path, "changed", one_url, "0 8 * * *")
    clock.move_to(moment("2026-06-09T09:00"))
    one = started(path, run_due=runner)
    assert 2 == len(runner.ran)
    pass_time(clock, "2026-06-10T09:00", one)
    one.close()
    assert moment("2026-06-10T08:00") == runner.dues("changed")[2]


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda path: path.unlink(), "spoilt.json cannot be read: FileNotFoundError"),
        (lambda path: path.write_text("{"), "spoilt.json cannot be read: JSONDecodeError"),
        (lambda path: path.write_text('["spoilt", "s", "0 0 30 2 *"]'), "the schedule '0 0 30 2 *' is never due"),
        (lambda path: path.write_text('["other", "s", "0 1 * * *"]'), "has another name or store now"),
        (lambda path: path.write_text('["spoilt", "s"]'), "has no schedule"),
    ],
    ids=["gone", "broken", "never", "renamed", "unscheduled"],
)
def test_a_spoilt_file_harms_no_other_sweep(spoil, sentence, one_url, clock, tmp_path, capsys):
    """It is said when it is noticed and when the sweep is due; the sweep is run again once its file is back."""
    runner, good = Runner(), write(tmp_path, f"good {sentence[-9:]}", one_url, NIGHTLY)
    path = write(tmp_path, f"spoilt {sentence[-9:]}", one_url, NIGHTLY, file="spoilt.json")
    whole = path.read_text()
    one = started(path, good, run_due=runner)
    spoil(path)
    capsys.readouterr()
    pass_time(clock, "2026-06-01T18:00", one)
    assert 1 == capsys.readouterr().err.count(sentence)
    pass_time(clock, "2026-06-02T03:00", one)
    said = capsys.readouterr().err
    assert 1 == said.count(sentence)
    assert "is not run until its file is in order" in said
    assert "Traceback" not in said
    path.write_text(whole)
    pass_time(clock, "2026-06-03T03:00", one)
    one.close()

    assert [moment("2026-06-03T02:30")] == runner.dues(f"spoilt {sentence[-9:]}")
    assert [moment("2026-06-02T02:30"), moment("2026-06-03T02:30")] == runner.dues(good.stem)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (BadInput("the data are gone", hint="bring them back"), ["the data are gone", "hint: bring them back"]),
        (OSError(28, "No space left on device"), ["the disk is full"]),
        (ZeroDivisionError("a bug"), ["Traceback", "ZeroDivisionError: a bug"]),
    ],
    ids=["input", "disk", "bug"],
)
def test_a_run_that_fails_ends_nothing(error, said, one_url, clock, tmp_path, capsys, request):
    """It is said, a bug with its traceback, and the next due time comes."""
    calls = []

    def run_due(path: str, *, now: datetime, stop: threading.Event) -> None:
        calls.append(now)
        raise error

    one = started(write(tmp_path, request.node.callspec.id, one_url, NIGHTLY), run_due=run_due)
    pass_time(clock, "2026-06-03T12:00", one)
    one.close()

    assert [moment("2026-06-02T02:30"), moment("2026-06-03T02:30")] == calls
    told = capsys.readouterr().err
    assert f"sweep '{request.node.callspec.id}': " in told
    assert [2] * len(said) == [told.count(part) for part in said]


class Slow(Runner):
    """A runner whose runs last until the test ends them."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.over = threading.Event(), threading.Event()

    def run(self) -> None:
        self.begun.set()
        assert self.over.wait(20)


def test_what_falls_due_during_a_long_run_is_run_after_it_once(one_url, clock, tmp_path, caplog):
    """Hours in which a sweep still runs are one run later, the latest; sweeps of one server wait for each other."""
    from apscheduler.executors.pool import ThreadPoolExecutor

    runner, executor = Slow(), ThreadPoolExecutor(1)
    long, other = (write(tmp_path, name, one_url, "0 * * * *") for name in ("long", "other"))
    one = started(long, other, run_due=runner, executor=executor)
    pass_time(clock, "2026-06-01T13:00", one)
    assert runner.begun.wait(20)
    pass_time(clock, "2026-06-01T17:30", one)
    assert [("long", moment("2026-06-01T13:00"))] == [(name, due) for name, due, _ in runner.ran]

    runner.over.set()
    executor._pool.submit(bool).result(timeout=20)  # all that waited is through
    assert [moment("2026-06-01T13:00"), moment("2026-06-01T17:00")] == runner.dues("long")
    assert [moment("2026-06-01T17:00")] == runner.dues("other")
    one.close()


def test_a_machine_that_slept_is_late_by_no_more_than_a_look(one_url, tmp_path):
    """APScheduler waits by a clock that stands still while a machine sleeps: a look wakes it."""
    runner, path = Slow(), write(tmp_path, "slept", one_url, "0 * * * *")
    one = SweepServer([path], load=load, run_due=runner)
    with time_machine.travel(moment("2026-06-01T12:00"), tick=False) as clock, closing(one):
        one.start()
        clock.move_to(moment("2026-06-02T07:00"))
        assert not runner.begun.wait(0.2)
        one.look()
        assert runner.begun.wait(20)
        runner.over.set()

    assert [moment("2026-06-02T07:00")] == runner.dues("slept") == [now for _, now in runner.calls]


def test_nothing_begins_once_a_server_stops(one_url, clock, tmp_path):
    """A run is told to hand back, and what waited for it is left to the next server, which runs it."""
    from apscheduler.executors.pool import ThreadPoolExecutor

    stopped = []

    def run_due(path: str, *, now: datetime, stop: threading.Event) -> None:
        stopped.append((Path(path).stem, stop.wait(20)))

    paths = [write(tmp_path, name, one_url, NIGHTLY) for name in ("handed back", "waits")]
    one = started(*paths, run_due=run_due, executor=ThreadPoolExecutor(1))
    pass_time(clock, "2026-06-02T03:00", one)
    one.close()
    assert [("handed back", True)] == stopped

    runner = Runner()
    started(*paths, run_due=runner).close()
    assert [moment("2026-06-02T02:30")] == runner.dues("handed back") == runner.dues("waits")


def test_a_store_that_is_away_costs_no_run(one_url, clock, tmp_path, capsys):
    """A server goes by what it holds in memory; that it could not write is said."""
    calls: list[datetime] = []
    one = started(write(tmp_path, "away", one_url, NIGHTLY), run_due=lambda path, *, now, stop: calls.append(now))
    with transaction(engine_of(one_url)) as connection:
        connection.execute(text("ALTER TABLE hpsearch_sweep_schedules RENAME TO elsewhere"))
    try:
        pass_time(clock, "2026-06-03T03:00", one)
    finally:
        with transaction(engine_of(one_url)) as connection:
            connection.execute(text("ALTER TABLE elsewhere RENAME TO hpsearch_sweep_schedules"))
    one.close()

    assert [moment("2026-06-02T02:30"), moment("2026-06-03T02:30")] == calls
    assert 2 == capsys.readouterr().err.count("sweep 'away': the store")


@pytest.mark.parametrize("change", [{"cron": "tonight"}, {"timezone": "Atlantis"}, {"since": "lately"}])
def test_a_row_that_cannot_be_read_is_written_anew(change, one_url, clock, tmp_path):
    """Somebody else's hand: the sweep is served as one that never was, and the rows of others are left alone."""
    mine, theirs = f"mine {list(change)}", f"theirs {list(change)}"
    row = {"cron": NIGHTLY, "timezone": "UTC", "since": utc_text(moment("2026-05-01T12:00")), "next_due": "", **change}
    with transaction(engine_of(one_url)) as connection:
        connection.execute(insert(sweep_schedules), [{"sweep": name, **row} for name in (mine, theirs)])
    runner = Runner()
    one = started(write(tmp_path, mine, one_url, NIGHTLY), run_due=runner)
    pass_time(clock, "2026-06-02T03:00", one)
    one.close()

    assert [(mine, moment("2026-06-02T02:30"))] == [(name, due) for name, due, _ in runner.ran]
    with transaction(engine_of(one_url)) as connection:
        kept = {found["sweep"]: dict(found) for found in connection.execute(select(sweep_schedules)).mappings()}
    assert {"sweep": theirs, **row} == kept[theirs]
    served = {"cron": NIGHTLY, "timezone": "UTC", "since": utc_text(moment("2026-06-01T12:00"))}
    assert {"sweep": mine, **served, "next_due": utc_text(moment("2026-06-03T02:30"))} == kept[mine]


def test_what_cannot_be_served_is_refused(one_url, tmp_path):
    """Two sweeps of one name would share a history, and one without a schedule is never due."""
    twice = [write(tmp_path, "twice", one_url, NIGHTLY, file=f"{letter}.json") for letter in "ab"]
    with pytest.raises(BadInput, match=r"two files have the sweep 'twice': .*a\.json and .*b\.json"):
        server(*twice, run_due=Runner())
    with pytest.raises(BadInput, match=r"the sweep 'unscheduled' of .*unscheduled\.json has no schedule"):
        server(write(tmp_path, "unscheduled", one_url), run_due=Runner())
    with pytest.raises(BadInput, match=r"missing\.json cannot be read"):
        server(tmp_path / "missing.json", run_due=Runner())


#: A server in which Ctrl-C is not ignored, as it is in what a shell starts in the background.
PROGRAM = """
import signal, sys, time
from pathlib import Path
from hpsearch.search.command.complaint import complain
from hpsearch.search.interrupts import remember_interrupts
from hpsearch.search.sweep.server import SweepServer
from hpsearch.spaces.errors import HpsearchError
from hpsearch.tests.search.served_sweeps import load

def run_due(path, *, now, stop):
    print("begun", flush=True)
    stop.wait()
    time.sleep(0.3)
    Path(path).with_suffix(".handed-back").touch()

signal.signal(signal.SIGINT, signal.default_int_handler)
remember_interrupts()
try:
    SweepServer(sys.argv[1:], load=load, run_due=run_due).serve()
except HpsearchError as error:
    sys.exit(complain(error))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("busy", [True, False])
def test_a_signal_ends_a_server_in_order(busy, number, one_url, tmp_path):
    """Ctrl-C and SIGTERM: the run is handed back before the process ends, with 130 and a sentence."""
    name = f"signal {number} {busy}"
    path = write(tmp_path, name, one_url, NIGHTLY)
    if busy:  # it was served before and has missed a run
        with time_machine.travel(utc_now() - 3 * DAY, tick=False):
            started(path, run_due=Runner()).close()
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/"
    )
    watchdog = threading.Timer(30, process.kill)
    watchdog.start()
    said = process.stderr.readline() + process.stderr.readline()
    if busy:
        assert "begun\n" == process.stdout.readline()
    process.send_signal(number)
    _, rest = process.communicate()
    watchdog.cancel()

    assert 130 == process.returncode
    assert f"sweep '{name}': At 02:30 every day (UTC); due {'last' if busy else 'next'}" in said
    assert "hpsearch: interrupted; run the same command again to go on\n" == rest
    assert busy == path.with_suffix(".handed-back").exists()
