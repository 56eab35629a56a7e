"""A sweep as a workflow of GitHub Actions, which calls what is due; the store sees to it that it is run once."""

from __future__ import annotations

import json
import shlex
import sys
from importlib.metadata import version
from pathlib import Path

from sqlalchemy.engine import make_url

from ...spaces.errors import BadInput
from ...studies.names import slug
from ...studies.url import sqlite_path
from ..options import STORE_ENV
from .plain_cron import numbers_of, plain_cron
from .scheduled import DUE, Scheduled, plain_path, timetable_of
from .timetable import Timetable

EXTRAS = {"sqlite": "", "postgresql": "[postgres]", "mysql": "[mysql]", "mariadb": "[mysql]"}
GITHUB = "GitHub Actions"
STAR_STEP = "where both are given and one begins with `*`, crons differ: write its numbers, or give one of them"

WORKFLOW = """\
# To be kept as .github/workflows/{file}.yml; {words}.
# A run may start late. In a public repository a schedule ends after 60 days without a commit.
name: {title}
on:
  schedule:
{schedule}
  workflow_dispatch:
permissions:
  contents: read
concurrency:
  group: {title}
  cancel-in-progress: false
jobs:
  sweep:
    runs-on: ubuntu-latest
    timeout-minutes: 360
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: {python}
      - name: Install hpsearch
        run: python -m pip install {package}
{before}      - name: Run what is due
        working-directory: {folder}
        run: {command}
{after}"""

URL_STEP = """\
        env:
          # The store's URL, with its password: a secret of the repository.
          {variable}: ${{{{ secrets.{variable} }}}}
"""

RESTORE = """\
      # The store goes from run to run in GitHub's cache, which forgets it after seven days without a run: a history
      # that is to last longer needs a PostgreSQL or MariaDB URL.
      - uses: actions/cache/restore@v4
        with:
          path: {path}
          key: {key}-${{{{ github.run_id }}}}-${{{{ github.run_attempt }}}}
          restore-keys: {key}-
"""

SAVE = """\
      - uses: actions/cache/save@v4
        if: always()
        with:
          path: {path}
          key: {key}-${{{{ github.run_id }}}}-${{{{ github.run_attempt }}}}
"""


def github_workflow(sweep: Scheduled) -> str:
    """Return the text of a workflow. Raises `BadInput` where GitHub does not know the schedule or the store."""
    path = plain_path(sweep)
    root = _root(path)
    key = f"hpsearch-sweep-{slug(sweep.name)}"
    before, after = _store_steps(sweep, root, key)
    return WORKFLOW.format(
        file=key,
        words=timetable_of(sweep).words(),
        title=_text(f"hpsearch sweep {sweep.name}"),
        schedule=_schedule(timetable_of(sweep)),
        python=_text(f"{sys.version_info.major}.{sys.version_info.minor}"),
        package=_text(f"hpsearch{EXTRAS[make_url(sweep.store).get_backend_name()]}=={version('hpsearch')}"),
        folder=_text(path.parent.relative_to(root).as_posix()),
        command=_text(f"hpsearch {' '.join(DUE)} {shlex.quote(path.name)}"),
        before=before,
        after=after,
    )


def _root(path: Path) -> Path:
    """Return the folder of the repository, or that of the file where there is none."""
    return next((folder for folder in path.parents if (folder / ".git").exists()), path.parent)


def _schedule(timetable: Timetable) -> str:
    line = f"    - cron: {_text(_cron(timetable))}\n"
    if timetable.timezone == "UTC":
        return line.rstrip("\n")
    note = "      # Needs GitHub as of March 2026; a GitHub Enterprise Server that is older knows UTC alone.\n"
    return f"{line}{note}      timezone: {_text(timetable.timezone)}"


def _cron(timetable: Timetable) -> str:
    """Return the expression as POSIX has it, where Sunday is 0 alone."""
    *fields, day, month, weekday = plain_cron(timetable, GITHUB).split()
    numbers = numbers_of(timetable, GITHUB)
    if "*" not in (day, weekday) and not numbers.either:
        raise BadInput(f"{GITHUB} may misread the days in {timetable.cron!r}", hint=STAR_STEP)
    if not weekday.startswith("*"):
        weekday = ",".join(str(number) for number in sorted(numbers.weekdays))
    return " ".join([*fields, day, month, weekday])


def _store_steps(sweep: Scheduled, root: Path, key: str) -> tuple[str, str]:
    """Return what comes before and after: the file of the store is fetched and kept, a server is only named."""
    file = sqlite_path(make_url(sweep.store))
    if file is None:
        return "", URL_STEP.format(variable=STORE_ENV)
    place = sweep.path.absolute().parent / file  # which is `file` where that begins at the root
    if not place.is_relative_to(root):
        raise BadInput(
            f"the store {sweep.store!r} is a file of this machine, which {GITHUB} cannot reach",
            hint="keep it beside the sweep's file, or use a PostgreSQL or MariaDB URL",
        )
    path = _text(f"{place.relative_to(root).as_posix()}*")  # with its log, where it was not closed
    return RESTORE.format(path=path, key=key), SAVE.format(path=path, key=key)


def _text(value: str) -> str:
    """Return a string of YAML. Raises `BadInput` for one that GitHub would take for a formula."""
    if "${{" in value:
        raise BadInput(f"{GITHUB} takes {value!r} for a formula", hint="leave out ${{")
    return json.dumps(value)
