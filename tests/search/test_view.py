"""What a person sees while a search runs."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from hpsearch.search.trial.configuration import BATCH
from hpsearch.search.view import LiveView, PlainView, View, headline, view_for
from hpsearch.search.words import duration, short, shown_params, size
from hpsearch.search.workers.study_watch import StudyWatch
from hpsearch.studies.records import Failure, Study, Trial, TrialState
from hpsearch.studies.store import StudyStore

from .command import CONTROL

HOSTILE = "\x1b[31m\x1b]0;title\x07\x9b2J[bold]\r\nnext\N{RIGHT-TO-LEFT OVERRIDE}"
FULL = "\N{BOX DRAWINGS HEAVY HORIZONTAL}"


def make_study(**changes: Any) -> Study:
    values = {
        "study_id": 1, "uid": "00000000", "name": "[red]s[/red]", "created_at": "", "identity": "", "spec": {},
        "task": "t", "model": "m", "backend": "optuna", "objective": "eval_accuracy", "direction": "maximize",
        "trials": 4, "folder": "",
    }  # fmt: skip
    return Study(**{**values, **changes})


def make_trial(number: int, **changes: Any) -> Trial:
    values = {
        "trial_id": number, "study_id": 1, "number": number, "state": TrialState.COMPLETE, "score": 0.5,
        "objective": "eval_accuracy", "params": {"learning_rate": 0.000123456}, "seconds": {"train": 61.0},
    }  # fmt: skip
    return Trial(**{**values, **changes})


def played(view: View) -> None:
    """Let a view see a search of which one trial was there, with a failure, an interruption and a retraining."""
    with view:
        view.phase("preparing")
        view.search_started(make_study(), 1)
        view.trial_started(make_trial(1))
        view.progress(0.5)
        view.trial_finished(make_trial(1), make_trial(1))
        failed = make_trial(2, state=TrialState.FAILED, failure=Failure.OOM, score=None)
        view.trial_finished(failed, make_trial(1))
        view.phase("retraining")


def live_view(*, width: int = 100, height: int = 25, clock: Callable[[], float] = lambda: 0.0) -> LiveView:
    """Return a view on a terminal of that size; without colours, a bar is as long as its share is large."""
    screen = io.StringIO()
    return LiveView(
        Console(file=screen, force_terminal=True, color_system=None, width=width, height=height), clock=clock
    )


def frame(view: LiveView) -> list[str]:
    """Return the moving lines as they are on the screen."""
    lines = view.console.render_lines(view.render(), pad=False)
    return ["".join(part.text for part in line).rstrip() for line in lines]


def searching(view: LiveView, *numbers: int) -> LiveView:
    """Let the trials of these numbers run, each as far as its number says in tenths."""
    view.search_started(make_study(trials=12), 0)
    for number in numbers:
        view.trial_started(make_trial(number, state=TrialState.RUNNING))
        view.progress(number / 10, number)
    return view


def test_the_live_view_shows_trials_above_a_moving_line():
    """In a terminal: finished trials scroll by, the moving line has trial, bar, count, best and time left."""
    screen = io.StringIO()
    now = iter(range(0, 100000, 10))
    view = LiveView(Console(file=screen, force_terminal=True, width=100), clock=lambda: next(now))
    played(view)

    text = screen.getvalue()
    assert "trial   1  complete    0.5000   1m01s  learning_rate=0.000123" in text
    assert "failed: oom" in text
    assert "[red]s[/red]" in text, "a name is text, not markup"
    assert 1.0 <= view.seconds_left() < 1e5


def test_time_left_is_that_of_the_trials_to_come():
    """Two trials in 20 seconds and two to go: 20 seconds; none to go: no time."""
    now = iter([0.0, 0.0, 20.0])
    view = LiveView(Console(file=io.StringIO(), force_terminal=True), clock=lambda: next(now))
    view.search_started(make_study(trials=5), 1)
    assert view.seconds_left() is None
    view.finished = 3

    assert 20.0 == view.seconds_left()
    view.finished = 5
    assert view.seconds_left() is None


def test_a_trial_that_is_half_done_counts_as_half_in_the_time_left():
    """Ten trials of which two and two halves took 30 seconds: seven are left, at ten seconds each."""
    now = iter([0.0, 0.0, 30.0])
    view = live_view(clock=lambda: next(now))
    view.search_started(make_study(trials=10), 0)
    view.finished = 2
    for number in (2, 3):
        view.progress(0.5, number)

    assert 70.0 == view.seconds_left()


def test_every_running_trial_has_a_bar():
    """In the order of their numbers, whoever began first; how far the search is stands beside the first."""
    view = searching(live_view(), 5, 0, 3)
    view.best = make_trial(1)

    first, second, third = frame(view)

    assert ["trial 0 (baseline)", "0/12 best 0.5000 (trial 1)"] == [part.strip() for part in first.split(" " * 24)]
    assert ["trial 3", "trial 5"] == [line[:7] for line in (second, third)]
    assert [0, 7, 12] == [line.count(FULL) for line in (first, second, third)]


def test_a_bar_goes_with_its_trial():
    """A trial that ended, or went back to its study, has no bar; the others keep theirs."""
    view = searching(live_view(), 1, 2, 3)

    view.trial_gone(2)
    assert ["trial 1", "trial 3"] == [line[:7] for line in frame(view)]
    view.trial_finished(make_trial(1), make_trial(1))
    assert ["trial 3"] == [line[:7] for line in frame(view)]
    view.trial_gone(3)
    view.trial_gone(3)
    assert ["1/12 best 0.5000 (trial 1) 0s left"] == frame(view)


def test_a_trial_that_was_not_seen_running_is_counted():
    """Another worker's may begin and end between two looks."""
    view = searching(live_view(), 1)

    view.trial_finished(make_trial(7), make_trial(7))

    assert ["trial 1"] == [line[:7] for line in frame(view)]
    assert "1/12 best 0.5000 (trial 7)" in frame(view)[0]
    assert "trial   7  complete" in view.console.file.getvalue()


def test_a_phase_takes_the_place_of_the_trials():
    """Retraining is one bar, from its beginning, and what comes after it shows trials again."""
    view = searching(live_view(), 1, 2)

    view.phase("retraining")
    view.progress(0.5)
    (line,) = frame(view)
    assert ("retraining", 12) == (line.split()[0], line.count(FULL))
    view.phase("predicting")
    assert 0 == frame(view)[0].count(FULL)
    assert ["trial 4"] == [line[:7] for line in frame(searching(view, 4))]


@pytest.mark.parametrize("width", [20, 40, 60])
def test_a_narrow_terminal_gets_whole_lines(width):
    """No moving line is folded: what does not fit beside a bar goes below, or ends in dots."""
    now = iter(range(0, 100000, 1000))
    view = searching(live_view(width=width, clock=lambda: next(now)), 0, 10, 11)
    view.trial_finished(make_trial(3), make_trial(3))

    lines = frame(view)

    assert 4 == len(lines)
    assert [] == [line for line in lines if cell_len(line) > width]
    assert lines[3].startswith("1/12 best 0.5000"), lines
    if width == 60:
        assert ["trial 0 (baseline)", "trial 10", "trial 11"] == [line.replace(FULL, "").strip() for line in lines[:3]]
        assert lines[3].endswith(" left")


def test_a_long_phase_and_a_long_headline_end_in_dots():
    """One line each in a terminal of 60 columns, however much there is to say."""
    view = live_view(width=60)
    view.phase("retraining with trial 3 on all the training data")
    (line,) = frame(view)
    assert line.startswith("retraining with")

    many = {f"parameter_number_{number}": 0.123456 for number in range(8)}
    view.trial_finished(make_trial(3, params=many), None)
    (scrolled,) = view.console.file.getvalue().splitlines()
    assert scrolled.startswith("trial   3  complete    0.5000   1m01s  parameter_number_0")
    assert (60, "\N{HORIZONTAL ELLIPSIS}") == (cell_len(scrolled), scrolled[-1])


@pytest.mark.parametrize(("height", "bars"), [(2, 1), (4, 1), (6, 3), (13, 10), (14, 11)])
def test_a_low_terminal_is_not_scrolled(height, bars):
    """Lines above the screen's first could not be drawn over: bars are left out, and it says how many."""
    lines = frame(searching(live_view(width=60, height=height), *range(11)))

    assert len(lines) <= max(height, 2)
    assert bars == sum(line.startswith("trial") for line in lines)
    assert ([] if bars == 11 else [f"and {11 - bars} more"]) == [line for line in lines if line.startswith("and ")]
    assert "0/12" in " ".join(lines)


def test_nothing_in_a_search_steers_the_terminal():
    """Names, values and phases come from data: shown as text, in one line each where a line is one thing."""
    screen = io.StringIO()
    view = LiveView(Console(file=screen, force_terminal=True, color_system=None, width=200))
    trial = make_trial(3, params={HOSTILE: HOSTILE})
    view.say(HOSTILE)
    view.search_started(make_study(name=HOSTILE, trials=12), 1)
    view.phase(HOSTILE)
    (line,) = frame(view)
    view.trial_finished(trial, trial)

    assert not (CONTROL | {"\n"}) & set(line)
    assert not CONTROL & set(screen.getvalue())
    assert 4 == len(screen.getvalue().splitlines()), "what is said may have lines of its own"
    assert not (CONTROL | {"\n"}) & set(headline(trial))
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in screen.getvalue() + line + headline(trial)
    assert "[bold]" in headline(trial)


def test_a_failed_trial_has_its_class_where_others_have_a_score():
    """The values stand below those of the other trials, whatever the class."""
    lines = [headline(make_trial(1))] + [
        headline(make_trial(2, state=TrialState.FAILED, failure=failure, failure_message="not here", score=None))
        for failure in Failure
    ]

    assert "trial   2  failed: oom          1m01s  learning_rate=0.000123" == lines[1 + list(Failure).index("oom")]
    assert {lines[0].index("learning_rate")} == {line.index("learning_rate") for line in lines}


def test_a_headline_says_in_which_pieces_a_batch_ran():
    """What was searched, and how it fitted into memory."""
    fitted = make_trial(1, params={BATCH: 64}, config={"args": {BATCH: 16, "gradient_accumulation_steps": 4}})

    assert headline(fitted).endswith(f"  {BATCH}=64 (16 x 4)")


def test_values_that_changed_are_shown_with_all_they_were():
    """A trial of a population is shown with the values its weights were made with, one after the other."""
    changes = [{"share": 0.25, "values": {"learning_rate": 0.0008}, "after": 3}]
    config = {"args": {"learning_rate": 0.001, "num_train_epochs": 2}, "schedule": changes}
    trial = make_trial(1, params={"learning_rate": 0.5, "num_train_epochs": 1}, config=config)

    assert {"learning_rate": "0.001 > 0.0008", "num_train_epochs": 2} == shown_params(trial)
    odd = make_trial(1, params={"learning_rate": 0.5}, config={"schedule": [3, {"values": "x"}], "args": "y"})
    assert {"learning_rate": 0.5} == shown_params(odd)


def test_several_workers_are_seen_through_the_store(tmp_path: Path):
    """A line for each trial that ended, a bar for each that runs, whoever runs it; one put back has no bar."""
    store = StudyStore.open(f"sqlite:///{tmp_path}/hpsearch.db", create=True)
    values = {"task": "t", "model": "m", "backend": "optuna", "objective": "eval_accuracy", "direction": "maximize"}
    study = store.create_study(name="mine", spec={"identity": {}, "notes": {}}, trials=12, folder="", **values)
    lines: list[str] = []
    plain, view = PlainView(lines.append), live_view()
    watches = [StudyWatch(store=store, study=study, view=shown) for shown in (plain, view)]
    claim = lambda worker: store.claim(study.study_id, worker=worker, lease_s=60.0)  # noqa: E731
    first, second, third = (claim(worker) for worker in ("one", "two", "three"))
    store.renew(second.trial_id, "two", 60.0, 0.5)
    for watch in watches:
        watch.look()
    assert ["trial 0 (baseline)", "trial 1", "trial 2"] == [line[:18].replace(FULL, "").strip() for line in frame(view)]
    assert [0, 12, 0] == [line.count(FULL) for line in frame(view)]

    store.release(first.trial_id, worker="one")
    store.finish(second.trial_id, TrialState.COMPLETE, score=0.5, worker="two")
    store.finish(third.trial_id, TrialState.FAILED, failure=Failure.NAN, worker="three")
    for _ in range(2):
        for watch in watches:
            watch.look()

    assert ["1/12 best 0.5000 (trial 1) 0s left"] == frame(view)
    assert ["study 'mine': 0 of 12 trials done", "trial   1  complete ", "trial   2  failed: n"] == [
        lines[0],
        *(line[:20] for line in lines[1:]),
    ]
    store.close()


def test_the_plain_view_writes_a_line_an_event():
    """In a pipe: one line a trial, with the best so far, and no control character."""
    lines: list[str] = []
    played(PlainView(lines.append))

    assert 5 == len(lines)
    assert "best 0.5000 (trial 1)" in lines[2]
    assert all(line.isprintable() for line in lines)


def test_quiet_shows_nothing_and_a_pipe_gets_plain_lines(capfd):
    """`--quiet` is silent; what is no terminal gets plain lines."""
    played(view_for(quiet=True))
    assert ("", "") == tuple(capfd.readouterr())

    assert isinstance(view_for(quiet=False), PlainView)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (0.4, "0s"), (59.4, "59s"), (200.0, "3m20s"), (7500.0, "2h05m"), (3599.9, "1h00m")],
)
def test_durations_are_short(seconds, text):
    """Seconds, minutes or hours, whichever says it best."""
    assert text == duration(seconds)


def test_values_are_short():
    """Numbers to three digits, the rest as it is."""
    assert ["0.000123", "3", "adamw_torch", "None"] == [short(value) for value in (0.000123456, 3, "adamw_torch", None)]


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (3 * 10**15, "3000.0 TB"),
    ],
)
def test_sizes_are_short(count, text):
    """Bytes in the unit that says it best."""
    assert text == size(count)
