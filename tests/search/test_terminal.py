"""What a person gets from the terminal besides tables: following a study, pages, names that the shell completes."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import threading
from importlib.metadata import version
from pathlib import Path

import pytest

from hpsearch.search.sparkline import sparkline
from hpsearch.search.workers.study_watch import QUIET_S, WATCH_S, follow
from hpsearch.studies.records import TrialState
from hpsearch.studies.store import StudyStore

from .command import MAIN, done
from .told_studies import HOSTILE, URL, concluded, ended, told_study


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with StudyStore.open(URL, create=True) as opened:
        yield opened


def test_watching_ends_with_the_study_and_prints_its_trials(store, capsys):
    """Another terminal follows a running study: a line for each trial that ends, then the table on stdout."""
    study = told_study(store, trials=3)
    ended(store, study, 0.5)
    running = store.claim(study.study_id, worker="host:1", lease_s=60)

    def work() -> None:
        with StudyStore.open(URL) as other:
            other.record(running.trial_id, params={"learning_rate": 1e-3}, fraction=0.1)
            other.finish(running.trial_id, TrialState.COMPLETE, score=0.6)
            last = ended(other, study, 0.7)
            other.conclude(study.study_id, {"cost": {"trainings": None, "seconds_by_kind": {}}, "trial": last.number})

    worker = threading.Timer(2 * WATCH_S, work)
    worker.start()
    said = done("trials", "told", "--watch")
    worker.join()

    assert "study 'told': 1 of 3 trials done" in said.err
    assert "0.7000" in said.err
    assert ["2", "*", "complete", "0.7000"] in [line.split()[:4] for line in said.out.splitlines()]


def test_watching_waits_for_rungs_and_ends_when_nothing_comes(store):
    """A study whose trials have all ended may go on with the best of them; it is over when there is a long silence."""
    study = told_study(store, trials=1)
    ended(store, study, 0.5)
    slept = []
    follow(store, study, sleep=slept.append)

    assert sum(slept) == pytest.approx(QUIET_S)


def test_a_study_that_is_over_is_not_waited_for(store):
    """`--watch` on a finished study is `trials`."""
    concluded(store, trials=10)
    slept = []
    follow(store, store.study("told"), sleep=slept.append)

    assert slept == []
    assert done("trials", "told", "--watch").out == done("trials", "told").out


def test_more_trials_than_a_terminal_has_lines_go_through_the_pager(store):
    """In a terminal a long table comes in pages; in a pipe it comes whole."""
    study = told_study(store, trials=60)
    for _ in range(60):
        ended(store, study, 0.5)
    said = in_terminal("trials", "told", columns=100, pager="sed s/^/paged:/")

    assert said.count("paged:") > 60
    assert "paged:" not in done("trials", "told").out


def in_terminal(*words: str, columns: int, pager: str = "cat") -> str:
    """Return what a command prints to a terminal of 24 lines."""
    ours, theirs = pty.openpty()
    size = {"COLUMNS": str(columns), "LINES": "24", "TERM": "dumb", "NO_COLOR": "1"}
    environment = {**os.environ, **size, "PAGER": pager}
    command = [sys.executable, "-c", MAIN, *words]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    said = b""
    while part := read(ours):
        said += part
    os.close(ours)
    assert process.wait() == 0
    return said.decode().replace("\r\n", "\n")


def read(terminal: int) -> bytes:
    """Return what came, or nothing at the end."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def completed(words: str) -> list[str]:
    """Return what bash is offered for a half-typed command."""
    count = len(words.split()) - (not words.endswith(" "))
    asked = {"_HPSEARCH_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(count)}
    command = [sys.executable, "-c", "import sys; sys.argv[0] = 'hpsearch'; " + MAIN]
    said = subprocess.run(command, env={**os.environ, **asked}, capture_output=True, text=True, check=False)
    assert said.stderr == ""
    return [line for line in said.stdout.split("\n") if line]


def test_the_shell_completes_names_of_studies(store):
    """After a command that takes a study, its names in the store that is used; nothing where there is no store."""
    told_study(store, "cola-small")
    told_study(store, "cola-large")
    told_study(store, "sst2")

    assert sorted(completed("hpsearch show cola")) == ["cola-large", "cola-small"]
    assert sorted(completed("hpsearch compare sst2 ")) == ["cola-large", "cola-small", "sst2"]
    assert completed("hpsearch report --store sqlite:///none.db s") == []
    assert "report" in completed("hpsearch rep")


def test_tables_fit_eighty_columns(store, monkeypatch):
    """No line of a table is longer than the terminal is wide, whatever names are in it."""
    monkeypatch.setenv("COLUMNS", "80")
    for name in [one for one in HOSTILE if one.isprintable()]:
        concluded(store, name, model=name * 30)
        for command in ("show", "trials", "best", "compare"):
            names = [name] * (2 if command == "compare" else 1)
            said = in_terminal(command, *names, columns=80)
            assert max(map(len, said.splitlines())) <= 80, command
    assert max(map(len, in_terminal("studies", columns=80).splitlines())) <= 80


def test_a_curve_is_drawn_in_a_character_for_each_point():
    """Between the lowest and the highest score of the study; a flat one is a line in the middle."""
    assert sparkline([0.0, 0.5, 1.0], 0.0, 1.0) == "▁▅█"
    assert sparkline([0.4, 0.4], 0.4, 0.4) == "▄▄"
    assert sparkline([], 0.0, 1.0) == ""


def test_the_version_is_that_of_the_package():
    """For bug reports."""
    assert done("--version").out == f"hpsearch {version('hpsearch')}\n"
