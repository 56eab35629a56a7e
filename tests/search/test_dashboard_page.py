"""What a person sees in `hpsearch dashboard`: a real browser on a search that is running, and on names from anywhere.

The pictures of it go to the folder that `HPSEARCH_SCREENSHOTS` names. What is served is `test_dashboard.py`.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hpsearch.studies.records import TrialState
from hpsearch.studies.store import StudyStore

from .command import COLUMNS, MAIN, ONE_RUNG, TINY, csv_text, done, rows
from .shown_studies import add_study, concluded, end, five_kinds, notes, served

HOSTILE = "<script>alert(1)</script>'; drop table studies; `--` $x$ [a](b)"
HEBREW = "\N{HEBREW LETTER SHIN}\N{HEBREW LETTER LAMED}\N{HEBREW LETTER FINAL MEM}"


@contextmanager
def command(*words: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command in a process of its own, which is ended with the block."""
    argv = [sys.executable, "-c", MAIN, *words]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.kill(process.pid, signal.SIGINT)


def goto(page: Any, address: str, words: str) -> None:
    """Open a page and wait until words are there."""
    page.goto(address)
    page.get_by_text(words).filter(visible=True).first.wait_for()


def test_a_running_search_is_seen_and_not_disturbed(
    page: Any,
    screenshot: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Trials appear while the page is open, with note, curves and attributes; the search ends as if nobody looked."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HPSEARCH_CACHE", str(tmp_path / "cache"))
    table = rows(400)
    Path("train.csv").write_text(csv_text(table[:300]))
    Path("valid.csv").write_text(csv_text(table[300:]))
    files = ("--train-file", "train.csv", "--validation-file", "valid.csv", *COLUMNS)
    words = (*files, *TINY, *ONE_RUNG, "--trials", "400", "--study", "watched", "--quiet", "--timeout", "45")
    with command("run", *words, "--no-retrain") as search:
        wait_for_trials("sqlite:///hpsearch.db", 1)
        with command("dashboard", "--port", "0") as dashboard:
            address = dashboard.stdout.readline().strip()
            goto(page, f"{address}dashboard", "watched")
            screenshot("running-studies")
            page.get_by_text("watched").first.click()
            page.get_by_text("Intermediate values").first.wait_for()
            page.get_by_text("eval_accuracy").first.wait_for()
            screenshot("running-study")
            goto(page, f"{address}dashboard/studies/1/note", "trial is running")
            page.locator("img[alt='Learning curves']").wait_for()
            assert page.locator("img[alt='Learning curves']").evaluate("one => one.naturalWidth") > 0
            screenshot("running-note")
            goto(page, f"{address}dashboard/studies/1/trials", "Running")
            seen = page.get_by_text(re.compile(r"^\d+ Trials$")).inner_text()
            page.get_by_text(re.compile(r"^\d+ Trials$")).and_(page.get_by_text(seen)).wait_for(state="detached")
            screenshot("running-trials")
        assert 0 == dashboard.returncode
        _, err = search.communicate(timeout=120)
    assert (0, False) == (search.returncode, "Traceback" in err), err
    trials = done("trials", "watched", "--json").json()
    assert {"COMPLETE"} == {one["state"] for one in trials}


def wait_for_trials(url: str, count: int) -> None:
    """Wait until a study has so many finished trials."""
    import time

    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if Path("hpsearch.db").exists():
            try:
                with StudyStore.open(url, read_only=True) as store:
                    if any(one.complete >= count and one.running for one in store.studies()):
                        return
            except Exception as error:  # noqa: BLE001 - it is being made
                print(error)  # noqa: T201
        time.sleep(0.2)
    pytest.fail("the search did not begin")


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A dashboard on studies of all kinds, one with names from anywhere."""
    url = f"sqlite:///{tmp_path_factory.mktemp('page') / 'hpsearch.db'}"
    with StudyStore.open(url, create=True) as store:
        concluded(store)
        five_kinds(store)
        labels = (HOSTILE, "x" * 10_000, "\N{PARTY POPPER}")
        given = {"notes": notes(label=HOSTILE, text=HEBREW, labels=labels), "model": HOSTILE * 200, "task": HOSTILE}
        end(store, add_study(store, HOSTILE, **given), TrialState.FAILED, failure_message=HOSTILE)
    with served(url) as dashboard:
        yield dashboard


def test_a_concluded_study_is_understood(
    page: Any,
    screenshot: Callable[[str], Path],
    shown: Any,
) -> None:
    """The verdict in the note, failed and pruned trials that look so, the winner with its note, the pictures."""
    key = shown.studies()["concluded"]
    goto(page, f"{shown.url}dashboard/studies/{key}", "Best Trial (number=1)")
    page.get_by_text("learning-curves.svg").wait_for()
    page.get_by_text("confusion-matrix.svg").wait_for()
    screenshot("concluded-study")
    goto(page, f"{shown.url}dashboard/studies/{key}/note", "better than the defaults")
    screenshot("concluded-note")
    goto(page, f"{shown.url}dashboard/studies/{key}/trials?numbers=1", "The winner")
    for state in ("Complete", "Fail", "Pruned"):
        assert page.get_by_text(state, exact=True).first.is_visible()
    assert page.get_by_text("host host-a").is_visible()
    screenshot("concluded-winner")
    for name in ("learning-curves", "confusion-matrix"):
        place = next(one for one in shown.study("concluded")["artifacts"] if one["filename"] == f"{name}.svg")
        page.set_content(f'<img src="{shown.url}artifacts/{key}/{place["artifact_id"]}">')
        page.wait_for_function("document.images[0].naturalWidth > 0")
        screenshot(name)


@pytest.mark.parametrize("name", ["empty", "running", "all failed", "all pruned", "one trial"])
def test_a_study_with_little_to_show_is_shown(
    name: str,
    page: Any,
    screenshot: Callable[[str], Path],
    shown: Any,
) -> None:
    """No page of it breaks: each is more than its frame, and no script fails."""
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    key, said = shown.studies()[name], shown.study(name)["note"]["body"].partition("**")[2].partition("**")[0]
    goto(page, f"{shown.url}dashboard/studies/{key}", "History")
    screenshot(f"{name}-study".replace(" ", "-"))
    goto(page, f"{shown.url}dashboard/studies/{key}/note", said)
    goto(page, f"{shown.url}dashboard/studies/{key}/trials", "Trials")

    assert [] == errors


def test_names_from_anywhere_are_text(
    page: Any,
    screenshot: Callable[[str], Path],
    shown: Any,
) -> None:
    """A study, label, column, model and message that look like a program are read, and never run."""
    key = shown.studies()[HOSTILE]
    goto(page, f"{shown.url}dashboard", HOSTILE)
    for part in ("", "/note", "/trials"):
        goto(page, f"{shown.url}dashboard/studies/{key}{part}", HOSTILE)
        page.wait_for_timeout(1000)
        assert 0 == page.locator("#root script").count()
        screenshot(f"hostile{part.replace('/', '-')}")
    goto(page, f"{shown.url}dashboard/studies/{key}/note", "What is searched")
    note = page.locator("body").inner_text()

    assert [] == [one for one in (HEBREW, "\N{PARTY POPPER}", "(10000 characters)") if one not in note]
    assert 0 == page.locator("a[href='b']").count()


def test_what_would_change_something_fails_visibly(
    page: Any,
    screenshot: Callable[[str], Path],
    shown: Any,
) -> None:
    """Deleting a study on the page: it is told that it failed, and the study is still there."""
    goto(page, f"{shown.url}dashboard", "concluded")
    page.get_by_role("button", name="delete study").first.click()
    page.get_by_role("button", name="Yes").click()
    page.get_by_text("Failed to delete study").wait_for()
    screenshot("refused")

    assert "concluded" in shown.studies()
