"""A sweep in the user's crontab: cron calls what is due, the store sees to it that it is run once."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess

from ...spaces.errors import BadInput
from .plain_cron import plain_cron
from .scheduled import Scheduled, due_command, timetable_of

NOTE = """\
# CRON_TZ is known to cronie (Fedora, RHEL, Arch, SUSE), not to Debian's and Ubuntu's cron: that one goes by the clock
# of the machine, and a due run waits until it shows the hour."""
NO_CRONTAB = "`--print` shows the lines, for a machine that has it; `hpsearch sweep serve` needs no other program"


def crontab_line(sweep: Scheduled) -> str:
    """Return the line that calls what is due. Raises `BadInput` where cron does not know the schedule."""
    cron = plain_cron(timetable_of(sweep), "cron")
    folder = shlex.quote(str(sweep.path.absolute().parent))
    command = f"cd {folder} && {shlex.join(due_command(sweep))}".replace("%", "\\%")  # a plain one would end it
    return f"{cron} {command}"


def crontab_block(sweep: Scheduled) -> str:
    """Return the lines of a crontab for a sweep, between two marks, with the zone of its schedule."""
    begin, end = _marks(sweep.name)
    timetable = timetable_of(sweep)
    zone = f"CRON_TZ={timetable.timezone}"
    return "\n".join([begin, f"# {timetable.words()}", NOTE, zone, crontab_line(sweep), end, ""])


def install_crontab(sweep: Scheduled) -> bool:
    """Put the lines into the user's crontab, instead of those that are there; return whether it had to be changed.

    All other lines stay as they are. Raises `BadInput` where there is no crontab, or it refuses.
    """
    program = shutil.which("crontab")
    if program is None:
        raise BadInput("there is no `crontab` program here", hint=NO_CRONTAB)
    before = _read(program)
    after = with_block(before, sweep)
    if after != before:
        _write(program, after)
    return after != before


def with_block(crontab: str, sweep: Scheduled) -> str:
    """Return a crontab with the lines of a sweep at its end: `CRON_TZ` holds for all that follow."""
    block = crontab_block(sweep)
    begin, end = _marks(sweep.name)
    there = re.compile(rf"^{re.escape(begin)}\n(?s:.*?)^{re.escape(end)}(\n|\Z)", re.MULTILINE)
    rest = there.sub("", crontab)
    if begin in rest.splitlines():
        raise BadInput(f"the crontab has a line {begin!r} without {end!r}", hint="mend it with `crontab -e`")
    return (rest if rest.endswith("\n") or not rest else f"{rest}\n") + block


def _marks(name: str) -> tuple[str, str]:
    return f"# >>> hpsearch sweep {name} >>>", f"# <<< hpsearch sweep {name} <<<"


def _read(program: str) -> str:
    found = _run([program, "-l"])
    said = found.stderr.decode(errors="replace")
    if found.returncode and not re.search("no crontab|no such file", said, re.IGNORECASE):
        raise _refused(program, said)
    return "" if found.returncode else found.stdout.decode(errors="surrogateescape")


def _write(program: str, crontab: str) -> None:
    done = _run([program, "-"], crontab.encode(errors="surrogateescape"))
    if done.returncode:
        raise _refused(program, done.stderr.decode(errors="replace"))


def _run(words: list[str], given: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    english = {**os.environ, "LC_ALL": "C"}
    return subprocess.run(words, input=given, capture_output=True, env=english, check=False)  # noqa: S603 - no shell


def _refused(program: str, said: str) -> BadInput:
    return BadInput(f"{program} refused: {' '.join(said.split())[:300]}", hint=NO_CRONTAB)
