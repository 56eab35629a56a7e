"""What other schedulers are given: lines for cron, units for systemd, a workflow for GitHub Actions."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from hpsearch.search.sweep.crontab import crontab_block, crontab_line, install_crontab, with_block
from hpsearch.search.sweep.github import github_workflow
from hpsearch.search.sweep.plain_cron import plain_cron
from hpsearch.search.sweep.systemd import systemd_units
from hpsearch.search.sweep.timetable import Timetable
from hpsearch.spaces.errors import BadInput

NOW = datetime(2026, 11, 22, tzinfo=UTC)
NIGHTLY = Timetable("30 2 * * *", "Europe/Berlin")
DAY = timedelta(days=1)
ANALYZE = shutil.which("systemd-analyze")
needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="there is no systemd-analyze here")
SERVER = "postgresql+psycopg://team:hunter2@db.example/hpsearch"


@dataclass(frozen=True)
class Sweep:
    """What a scheduler asks of a sweep file."""

    name: str = "nightly"
    path: Path = Path("/srv/sweeps/nightly.yaml")
    store: str = "sqlite:///hpsearch.db"
    timetable: Timetable | None = NIGHTLY


@pytest.fixture
def odd_place(tmp_path, monkeypatch) -> Sweep:
    """A sweep in a folder whose name means something to shells and schedulers; an `hpsearch` that tells its words."""
    folder = tmp_path / "it's 100% of $HOME"
    folder.mkdir()
    program = tmp_path / "a bin" / "hpsearch"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\npwd\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program.with_name("python")))
    return Sweep(path=folder / "my sweep.yaml")


# cron


def test_a_line_of_a_crontab_calls_what_is_due(odd_place):
    """In the file's folder, by whole paths, whatever they hold: cron has no PATH, and a % would end the command."""
    line = crontab_line(odd_place)
    minute, hour, day, month, weekday, command = line.split(" ", 5)
    assert "30 2 * * *" == " ".join([minute, hour, day, month, weekday])
    assert not re.search(r"(?<!\\)%", command)

    said = subprocess.run(["/bin/sh", "-c", command.replace(r"\%", "%")], capture_output=True, text=True, check=True)
    assert [str(odd_place.path.parent), "sweep", "run", str(odd_place.path)] == said.stdout.splitlines()


OTHERS = "# mine\nMAILTO=me\r\n0 1 * * * backup 2>&1\n"


@pytest.mark.parametrize(
    "before", ["", OTHERS, OTHERS.rstrip(), f"\n\n{OTHERS}# >>> hpsearch sweep nightly-2 >>>\n", "0 1 * * * \udce9\n"]
)
def test_other_lines_of_a_crontab_stay(before):
    """Installed again it is the same, changed it is replaced: never doubled, and nobody else's line is touched."""
    once = with_block(before, Sweep())
    assert once == with_block(once, Sweep())
    assert once.removeprefix(before).lstrip("\n") == crontab_block(Sweep())

    two = with_block(once, Sweep(name="weekly"))
    changed = with_block(two, Sweep(timetable=Timetable("0 5 * * 7")))
    assert 2 == changed.count("CRON_TZ=")
    assert "30 2 * * * cd /srv/sweeps && " in changed.partition("weekly >>>")[2].partition("<<<")[0]
    assert "CRON_TZ=UTC\n0 5 * * 7 cd /srv/sweeps && " in changed.partition("sweep weekly <<<")[2]
    assert before.rstrip() in changed


def test_a_crontab_that_somebody_cut_is_refused():
    """Where the end of the lines is cannot be guessed."""
    with pytest.raises(BadInput, match="the crontab has a line '# >>> hpsearch sweep nightly >>>' without"):
        with_block(crontab_block(Sweep()).replace("<<<", "<"), Sweep())


@pytest.fixture
def crontab(tmp_path, monkeypatch) -> Path:
    """The file of a `crontab` program that behaves as Debian's."""
    file, program = tmp_path / "spool", tmp_path / "bin" / "crontab"
    program.parent.mkdir()
    program.write_text(
        "#!/bin/sh\n"
        f'if [ "$1" = -l ]; then cat {file} 2>/dev/null || {{ echo "no crontab for me" >&2; exit 1; }}; exit; fi\n'
        f'cat > {file}.new; if grep -q "^61" {file}.new; then echo "bad minute" >&2; exit 1; fi; mv {file}.new {file}\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    return file


def test_a_sweep_is_put_into_the_users_crontab(crontab):
    """Into one that is not there, and into one with other lines, bytes and all; a second time nothing is written."""
    assert install_crontab(Sweep())
    assert crontab_block(Sweep()) == crontab.read_text()

    crontab.write_bytes(b"MAILTO=\xe9\r\n")
    assert install_crontab(Sweep())
    assert b"MAILTO=\xe9\r\n" + crontab_block(Sweep()).encode() == crontab.read_bytes()
    before = crontab.stat().st_mtime_ns
    assert not install_crontab(Sweep())
    assert before == crontab.stat().st_mtime_ns


def test_a_crontab_that_refuses_is_said(crontab, monkeypatch):
    """What the program says, and what helps; the crontab is as it was."""
    crontab.write_text("61 * * * * bad\n")
    with pytest.raises(BadInput, match="crontab refused: bad minute") as caught:
        install_crontab(Sweep())
    assert "61 * * * * bad\n" == crontab.read_text()
    assert "--print" in caught.value.hint

    crontab.with_name("bin").joinpath("crontab").write_text("#!/bin/sh\necho you are not allowed >&2; exit 1\n")
    with pytest.raises(BadInput, match="crontab refused: you are not allowed"):
        install_crontab(Sweep())
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(BadInput, match="no `crontab` program") as caught:
        install_crontab(Sweep())
    assert "--print" in caught.value.hint


@pytest.mark.parametrize(
    ("cron", "plain"),
    [
        ("*/15 1-5 1,15 * *", "*/15 1-5 1,15 * *"),
        ("5/20 0 * JAN-mar MON-FRI/2", "5,25,45 0 * 1,2,3 1,3,5"),
        ("0 0 * * 5-7", "0 0 * * 5-7"),
        ("0 0-23/6 */2 * */3", "0 0-23/6 */2 * */3"),
        ("0 3 * * SUN", "0 3 * * 0"),
    ],
)
def test_every_cron_reads_the_same(cron, plain):
    """Names and steps that some crons read in another way become numbers, and mean what they meant."""
    assert plain == plain_cron(Timetable(cron), "cron")
    year = (NOW, NOW + 90 * DAY)
    assert list(Timetable(cron).between(*year)) == list(Timetable(plain).between(*year))


def systemd_timer(sweep: Sweep) -> str:
    """Return the text of a timer."""
    return next(text for name, text in systemd_units(sweep, now=NOW).items() if name.endswith(".timer"))


@pytest.mark.parametrize("give", [crontab_line, github_workflow, systemd_timer])
@pytest.mark.parametrize("cron", ["0 2 L * *", "0 2 LW * *", "0 2 * * 5L", "0 2 * * MON#2"])
def test_a_day_that_others_do_not_know_is_refused(cron, give):
    """The last day of a month, the second Monday: said in a sentence, with what does know it."""
    with pytest.raises(BadInput, match=r"does not know the day in '0 2 ") as caught:
        give(Sweep(timetable=Timetable(cron)))

    assert "`hpsearch sweep serve`" in caught.value.hint


@pytest.mark.parametrize("give", [crontab_line, github_workflow, systemd_timer])
@pytest.mark.parametrize(
    ("sweep", "sentence"),
    [
        (Sweep(timetable=None), "has no schedule"),
        (Sweep(path=Path("/srv/a\n* * * * * evil")), "holds a character that cannot be printed"),
    ],
)
def test_what_cannot_be_installed_is_refused(sweep, sentence, give):
    """A sweep without a schedule, and a path that would be a line of its own."""
    with pytest.raises(BadInput, match=sentence):
        give(sweep) if give is not systemd_timer else systemd_units(sweep, now=NOW)


# systemd


def fired(times: list[str], begin: datetime, end: datetime) -> set[datetime]:
    """Return when systemd would fire, by what it says itself."""
    found = set()
    for time in times:
        said = subprocess.run(
            [ANALYZE, "calendar", f"--base-time=@{begin.timestamp():.0f}", "--iterations=200", time],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "TZ": "UTC", "LC_ALL": "C"},
        )
        moments = re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?= UTC)", said.stdout)
        found |= {datetime.fromisoformat(moment).replace(tzinfo=UTC) for moment in moments}
    return {moment for moment in found if begin < moment <= end}


def times_of(sweep: Sweep) -> list[str]:
    """Return when a timer fires, in systemd's words."""
    return re.findall(r"^OnCalendar=(.*)$", systemd_timer(sweep), re.MULTILINE)


@needs_systemd
@pytest.mark.parametrize(
    ("cron", "zone"),
    [
        ("30 2 * * *", "Europe/Berlin"),
        ("30 */2 * * *", "Europe/Berlin"),
        ("45 1 1-7 * SUN", "America/New_York"),
        ("15 2 * 3,4,10,11 6,7", "Australia/Lord_Howe"),
        ("*/20 1-3 * * *", "Australia/Lord_Howe"),
    ],
)
def test_systemd_fires_at_every_due_time(cron, zone):
    """Around both changes of clocks none is left out; on other days none is added."""
    timetable = Timetable(cron, zone)
    times = times_of(Sweep(timetable=timetable))
    for month in ("2027-03-05", "2027-03-26", "2027-04-02", "2027-10-01", "2027-10-29", "2027-11-05"):
        begin = datetime.fromisoformat(month).replace(tzinfo=UTC)
        end = begin + 4 * DAY
        assert set(timetable.between(begin, end)) <= fired(times, begin, end)
    calm = datetime(2027, 6, 1, tzinfo=UTC)
    assert set(timetable.between(calm, calm + 4 * DAY)) == fired(times, calm, calm + 4 * DAY)


def test_a_timer_says_it_in_systemds_words():
    """Both days of a month and of a week count for systemd: a day of either takes two lines; UTC takes no more."""
    either = ["*-*-01,15 02:30:00 UTC", "Sun,Sat *-*-* 02:30:00 UTC"]
    assert either == times_of(Sweep(timetable=Timetable("30 2 1,15 * 6,7")))
    assert ["*-*-* *:00,15,30,45:00 UTC"] == times_of(Sweep(timetable=Timetable("*/15 * * * *")))
    assert ["*-*-* 02:30:00 Europe/Berlin", "Sun *-03-* 01:00:00 UTC"] == times_of(Sweep())


@needs_systemd
def test_systemd_reads_the_units(odd_place, tmp_path):
    """systemd finds nothing wrong with them, and would run the command with these words in this folder."""
    sweep = Sweep(name='a "sweep" of 5 %', path=odd_place.path)
    units = systemd_units(sweep, now=NOW)
    for name, text in units.items():
        (tmp_path / name).write_text(text)
    service, timer = sorted(units)
    found = subprocess.run(
        [ANALYZE, "verify", "--man=no", str(tmp_path / service), str(tmp_path / timer)], capture_output=True, text=True
    )
    assert (0, "") == (found.returncode, "".join(re.findall(rf".*{re.escape(service[:-8])}.*", found.stderr)))
    assert re.fullmatch(r"hpsearch-sweep-[a-z0-9-]+\.service", service)

    command = re.search(r"^ExecStart=(.*)$", units[service], re.MULTILINE)[1]
    words = [word.replace("$$", "$").replace("%%", "%") for word in shlex.split(command)]
    assert ["sweep", "run", str(sweep.path)] == words[1:]
    assert str(sweep.path.parent) == re.search(r"^WorkingDirectory=(.*)$", units[service], re.M)[1].replace("%%", "%")


def test_two_sweeps_have_two_units():
    """Names that are written alike in a file's name are kept apart."""
    names = [next(iter(systemd_units(Sweep(name=name), now=NOW))) for name in ("a b", "a-b", "ä b")]

    assert 3 == len(set(names))
    assert "hpsearch-sweep-a-b.service" == names[1]


# GitHub


def workflow(**fields: Any) -> dict[str, Any]:
    """Return a workflow as a reader of YAML sees it."""
    read = yaml.safe_load(github_workflow(Sweep(**fields)))
    read["on"] = read.pop(True)  # YAML 1.1 takes `on` for a truth
    return read


def test_a_workflow_calls_what_is_due(tmp_path):
    """In the file's folder of the repository, at the times and in the zone of the schedule, one at a time."""
    (tmp_path / ".git").mkdir()
    path = tmp_path / "bench marks" / "it's nightly.yaml"
    read = workflow(name='my "nightly"', path=path, store="sqlite:///store/hp.db")

    assert [{"cron": "30 2 * * *", "timezone": "Europe/Berlin"}] == read["on"]["schedule"]
    assert "workflow_dispatch" in read["on"]
    assert read["concurrency"]["cancel-in-progress"] is False
    steps = read["jobs"]["sweep"]["steps"]
    run = next(step for step in steps if step.get("name") == "Run what is due")
    assert "bench marks" == run["working-directory"]
    assert ["hpsearch", "sweep", "run", "it's nightly.yaml"] == shlex.split(run["run"])
    fetched, kept = (step for step in steps if "cache" in step.get("uses", ""))
    assert "bench marks/store/hp.db*" == fetched["with"]["path"] == kept["with"]["path"]
    assert kept["with"]["key"].startswith(fetched["with"]["restore-keys"])
    assert "always()" == kept["if"]
    assert steps.index(fetched) < steps.index(run) < steps.index(kept)


def test_a_workflow_names_no_password():
    """A store on a server is a secret of the repository; the driver is installed."""
    text = github_workflow(Sweep(store=SERVER))
    steps = yaml.safe_load(text)["jobs"]["sweep"]["steps"]

    assert not re.search("hunter2|db.example|team", text)
    assert {"HPSEARCH_STORE": "${{ secrets.HPSEARCH_STORE }}"} == steps[-1]["env"]
    assert any("hpsearch[postgres]==" in step.get("run", "") for step in steps)
    assert [] == [step for step in steps if "cache" in step.get("uses", "")]


@pytest.mark.parametrize(
    ("cron", "posix"), [("0 2 * * 7", "0 2 * * 0"), ("0 2 * * 5-7", "0 2 * * 0,5,6"), ("0 2 1 * MON", "0 2 1 * 1")]
)
def test_a_workflow_knows_sunday_as_0(cron, posix):
    """POSIX has no day 7; UTC needs no zone."""
    assert [{"cron": posix}] == workflow(timetable=Timetable(cron))["on"]["schedule"]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"store": "sqlite:////home/me/hp.db"}, "is a file of this machine"),
        ({"name": "${{ secrets.X }}"}, "for a formula"),
        ({"timetable": Timetable("0 2 */2 * MON")}, "may misread the days in"),
    ],
)
def test_what_github_cannot_do_is_refused(fields, sentence):
    """A store it cannot reach, a name it would calculate, days that crons read in two ways."""
    with pytest.raises(BadInput, match=sentence) as caught:
        github_workflow(Sweep(**fields))

    assert caught.value.hint


@pytest.mark.parametrize("give", [crontab_block, github_workflow, systemd_timer])
def test_nobody_is_told_a_password(give):
    """Neither cron nor systemd nor GitHub needs the store's URL."""
    assert "hunter2" not in give(Sweep(store=SERVER))
