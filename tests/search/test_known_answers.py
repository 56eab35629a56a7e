"""Successive halving and population based training on a task whose answer is known, in one process and on Ray."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import hpsearch
from hpsearch.search.trial.budget import LOOKS
from hpsearch.studies.records import Trial, TrialState

SPACE = {"learning_rate": hpsearch.Float(1e-5, 1e-2, log=True)}
RAY = {"backend": "ray"}
TRIALS = 12


@pytest.fixture
def task(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The module `known_task`, where other processes find it, too."""
    monkeypatch.syspath_prepend(Path(__file__).parent)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    yield importlib.import_module("known_task")
    del __import__("sys").modules["known_task"]


@pytest.fixture
def trials(toy: Any, task: Any) -> Any:
    """Search the known task; return its trials."""

    def search(**options: Any) -> list[Trial]:
        given = {"space": SPACE, "trials": TRIALS, "sampler": "random", **options}
        return toy.search(task.make_trainer, **given).trials

    return search


def test_successive_halving_stops_the_right_trials(task: Any, trials: Any) -> None:
    """C6: one after the other, a trial goes on from a rung if it is in the better half of those that were there by
    then, itself among them; which is known from the learning rates alone.
    """
    rungs: dict[float, list[float]] = {0.25: [], 0.5: []}

    def stopped_at(rate: float) -> float | None:
        for rung, there in rungs.items():
            there.append(task.gain(rate))
            if task.gain(rate) < sorted(there, reverse=True)[max(1, len(there) // 2) - 1]:
                return rung
        return None

    found = trials(pruner="asha")

    for trial in found:
        expected = stopped_at(trial.params["learning_rate"])
        state = TrialState.COMPLETE if expected is None else TrialState.PRUNED
        assert (state, expected or 1.0) == (trial.state, trial.curve[-1]["budget"]), trial.number
    assert 3 < sum(trial.state is TrialState.PRUNED for trial in found) < TRIALS - 1


def test_a_population_goes_where_the_answer_is(task: Any, trials: Any) -> None:
    """Each trial's score is what its schedule gains, to the last digits; those who gave up did so for better weights,
    and the population ends closer to the answer than the same learning rates do without.
    """
    alone = trials(pruner="none", study="alone", score="last")
    found = trials(pruner="pbt", study="population")

    assert [one.params for one in alone] == [one.params for one in found]
    for trial in found:
        assert trial.score == pytest.approx(1 - gained(task, trial), abs=1e-9)
    assert sum(one.score for one in found) < 0.9 * sum(one.score for one in alone)
    for share, parent in {(one["share"], one["after"]) for trial in found for one in trial.config["schedule"]}:
        at_rung = sorted(point["score"] for one in found for point in one.curve if point["budget"] == share)
        mine = next(point["score"] for point in found[parent].curve if point["budget"] == share)
        assert mine <= at_rung[TRIALS // 4 - 1]


def test_on_ray_they_are_the_same(trials: Any, toy: Any) -> None:
    """With several workers on a cluster a population makes the schedules and scores that one process makes; a trial
    that successive halving stops is PRUNED, never the best, and worse than another one was at that rung.
    """
    here = trials(pruner="pbt", study="here", trials=8)
    there = trials(pruner="pbt", study="there", trials=8, **RAY)
    halved = trials(pruner="asha", study="halved", trials=8, **RAY)

    assert [one.config["schedule"] for one in here] == [one.config["schedule"] for one in there]
    assert [scores_of(one) for one in here] == [scores_of(one) for one in there]
    assert any(one.config["schedule"] for one in here)
    pruned = [one for one in halved if one.state is TrialState.PRUNED]
    assert pruned
    best = min(halved, key=lambda one: one.curve[0]["score"])
    assert TrialState.COMPLETE is best.state
    for one in pruned:
        budget = one.curve[-1]["budget"]
        there_too = [point["score"] for other in halved for point in other.curve if point["budget"] == budget]
        assert min(there_too) < one.curve[-1]["score"]


def scores_of(trial: Trial) -> list[tuple[float, float]]:
    """Return the scores of a trial's looks."""
    return [(point["budget"], point["score"]) for point in trial.curve]


def gained(task: Any, trial: Trial) -> float:
    """Return what the schedule of a trial gains, from its first learning rate and its changes alone."""
    schedule = trial.config["schedule"]
    rate, total = trial.config["args"]["learning_rate"], 0.0
    for look in range(LOOKS):
        rate = next((one["values"]["learning_rate"] for one in schedule if one["share"] == look / LOOKS), rate)
        total += task.gain(rate) / LOOKS
    return total
