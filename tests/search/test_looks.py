"""A trial spends no more on being evaluated than on being trained."""

from __future__ import annotations

from typing import Any

import pytest
from transformers import EarlyStoppingCallback

import hpsearch
from hpsearch.search.trial.budget import look_steps
from hpsearch.search.trial.looks import looks_of

QUARTERS, HALVES, END = [0.25, 0.5, 0.75, 1.0], [0.5, 1.0], [1.0]


def shares(study: Any) -> list[list[float]]:
    """Return the shares of the budget at which each trial was evaluated."""
    return [[point["budget"] for point in trial.curve] for trial in study.trials]


@pytest.mark.parametrize(
    ("rows", "epochs", "looks"), [(36, 1, QUARTERS), (37, 1, HALVES), (73, 1, END), (73, 3, QUARTERS)]
)
def test_evaluations_cost_no_more_than_the_training(rows: int, epochs: int, looks: list[float], toy: Any) -> None:
    """48 rows to learn from, each of which takes as long as three to predict: four evaluations of 36 rows, two of 72;
    one however many they are. It counts how often the Trainer itself sees a row.
    """
    trainer = toy.trainer(eval_dataset=toy.rows(rows, seed=1), args={"num_train_epochs": epochs})
    study = toy.search(trainer)

    assert [looks, looks] == shares(study)
    assert all(trial.score == min(point["score"] for point in trial.curve) for trial in study.trials)
    assert study.best_checkpoint.is_dir()
    assert study.replay(1).identical


def test_all_trials_are_looked_at_equally_often(toy: Any) -> None:
    """The best of two scores is no fair match for the only one: what a trial samples does not count."""
    space = {"num_train_epochs": hpsearch.Choice([1, 2, 4])}
    study = toy.search(toy.trainer(eval_dataset=toy.rows(70, seed=1)), space=space, trials=3, sampler="grid")

    assert {1, 2, 4} == {trial.config["args"]["num_train_epochs"] for trial in study.trials}
    assert [HALVES] * 3 == shares(study)


def test_on_more_data_there_are_more_looks(toy: Any) -> None:
    """What is cheap on all of the data is looked at as ever: the finals of a search on a subset."""
    trainer = toy.trainer(eval_dataset=toy.rows(48, seed=1))  # half of it is for the report
    study = toy.search(trainer, subset=0.25, confirm="quick", finalists=1)

    assert [END, END] == shares(study)[:2]
    assert QUARTERS in shares(study)[2:]


@pytest.mark.parametrize("options", [{"pruner": "median"}, {"pruner": "pbt", "trials": 4}])
def test_who_needs_the_looks_has_them(options: dict[str, Any], toy: Any) -> None:
    """Pruners compare trials at each quarter, and a population waits there."""
    study = toy.search(toy.trainer(eval_dataset=toy.rows(200, seed=1)), **options)

    assert all(QUARTERS == one for one in shares(study))


def test_early_stopping_has_its_looks(toy: Any) -> None:
    """A patience counts evaluations, and each is a quarter, however long it takes."""
    trainer = toy.trainer(
        eval_dataset=toy.rows(200, seed=1),
        args={"metric_for_best_model": "loss", "eval_strategy": "epoch"},
        callbacks=[EarlyStoppingCallback(early_stopping_patience=4)],
    )

    assert [QUARTERS, QUARTERS] == shares(toy.search(trainer))


def test_it_is_said_why(toy: Any, capsys: Any) -> None:
    """One line before the search, with the rows; none where there is nothing to say."""
    toy.search(toy.trainer(eval_dataset=toy.rows(1200, seed=1)), trials=1, quiet=False)
    told = " ".join(capsys.readouterr().err.split())
    toy.search(toy.trainer(), trials=1, quiet=False, study="other")

    assert "trials are evaluated at their end alone: 4 times the 1,200 rows of the selection split would" in told
    assert "trials are evaluated" not in capsys.readouterr().err


def test_looks_are_at_quarters_of_any_training():
    """However few steps there are, each look is due at one, the last at the end."""
    assert {3: [1], 5: [2], 8: [3], 10: [4]} == look_steps(10)
    assert {5: [2], 10: [4]} == look_steps(10, 2)
    assert {10: [4]} == look_steps(10, 1)
    assert {1: [1, 2], 2: [3, 4]} == look_steps(2)


@pytest.mark.parametrize(
    ("curve", "looks"),
    [(QUARTERS, 4), ([0.25], 4), ([0.25, 0.4], 4), (HALVES, 2), ([0.5, 0.6], 2), (END, 1), ([0.7], 1)],
)
def test_the_plan_is_known_from_the_curve(curve: list[float], looks: int):
    """A replay looks as often as the trial did, also at one that a callback ended on its way."""
    assert looks == looks_of([{"budget": share} for share in curve])
