"""What a person sees while a search runs."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from hpsearch.search.view import LiveView, PlainView, View, duration, short, view_for
from hpsearch.studies.records import Failure, Study, Trial, TrialState


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
