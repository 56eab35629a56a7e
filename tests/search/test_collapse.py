"""A model that predicts the same for every row has learned nothing, and its trial says so, whatever its score."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import datasets
import numpy as np
import pytest
import torch
from transformers import TrainerCallback

from hpsearch import Choice
from hpsearch.search.trial.collapse import WRONG_ROWS, has_collapsed, watching
from hpsearch.studies.records import Failure, Trial, TrialState

BALANCED = np.array([0, 1] * 12)
#: Logits, class numbers, one number a row, and logits first in a tuple: the same prediction for 24 rows.
CONSTANT = {
    "logits": np.array([[0.4, 0.1]] * 24),
    "logits that differ": np.random.default_rng(1).uniform(0.1, 0.4, (24, 1)) * [[2.0, 1.0]],
    "three classes": np.array([[0.1, 0.2, 0.0]] * 24),
    "class numbers": np.zeros(24, int),
    "regression": np.full((24, 1), 0.5),
    "flat regression": np.full(24, 0.5),
    "tuple": (np.array([[0.4, 0.1]] * 24), np.zeros((24, 3, 16))),
}


@pytest.mark.parametrize("predictions", CONSTANT.values(), ids=CONSTANT)
def test_one_prediction_for_all_rows_is_a_collapse(predictions):
    """In whatever form the Trainer hands it over, with whatever confidence."""
    assert has_collapsed(predictions, BALANCED)


@pytest.mark.parametrize(
    "predictions",
    [
        np.array([[0.4, 0.1]] * 23 + [[0.1, 0.4]]),
        np.array([0] * 23 + [1]),
        np.array([[0.5]] * 23 + [[0.500001]]),
        (np.array([[0.4, 0.1]] * 23 + [[0.1, 0.4]]), np.zeros((24, 3))),
    ],
    ids=["logits", "class numbers", "regression", "tuple"],
)
def test_one_row_that_differs_is_none(predictions):
    """A single other prediction shows that the model still tells rows apart."""
    assert not has_collapsed(predictions, BALANCED)


@pytest.mark.parametrize(("wrong", "expected"), [(WRONG_ROWS - 1, False), (WRONG_ROWS, True)])
def test_a_constant_that_is_mostly_right_may_have_been_learned(wrong, expected):
    """Of few rows of another class, a model that has learned something may miss them all: of fewer than ten."""
    labels = np.array([0] * 90 + [1] * wrong)

    assert expected is has_collapsed(np.array([[0.4, 0.1]] * len(labels)), labels)
    assert expected is has_collapsed(np.zeros(len(labels)), labels)


@pytest.mark.parametrize(
    ("predictions", "labels"),
    [
        (np.zeros((24, 6, 2)), np.full((24, 6), -100)),
        (np.zeros((24, 6)), np.array([[-100, 1, 1, 1, 1, -100]] * 24)),
        (np.zeros((24, 2)), np.zeros((24, 2))),
        (np.zeros((24, 0)), BALANCED),
        (np.zeros((20, 2)), BALANCED),
        (np.zeros((0, 2)), np.zeros(0)),
        (np.array([np.zeros(2), np.zeros(3)] * 12, dtype=object), BALANCED),
        ([[0.4, 0.1]] * 24, BALANCED),
        (None, BALANCED),
        ((), BALANCED),
        (np.zeros((24, 2)), None),
        (np.zeros((24, 2)), (BALANCED, BALANCED)),
        (np.float32(0.5), np.float32(0.5)),
        (np.zeros((24, 2)), np.array(["no", "yes"] * 12)),
    ],
    ids=[
        *("tokens", "token classes", "several labels", "no classes", "fewer rows", "no rows", "ragged", "a list"),
        *("nothing", "an empty tuple", "no labels", "several label sets", "a number", "words"),
    ],
)
def test_what_is_not_understood_is_not_judged(predictions, labels):
    """Tokens, several labels a row, ragged or odd shapes, words: never a failure for what nobody here can read."""
    assert not has_collapsed(predictions, labels)


def test_metrics_are_watched_and_not_changed():
    """The user's function gets what it would have got and its answer comes back; without one there is none."""
    told: list[bool] = []
    prediction = SimpleNamespace(predictions=CONSTANT["logits"], label_ids=BALANCED)
    watched = watching(lambda given, compute_result=False: {"given": given, "last": compute_result}, told.append)

    assert watched is not None
    assert {"given": prediction, "last": True} == watched(prediction, compute_result=True)
    assert [True] == told
    assert watching(None, told.append) is None


def balanced(toy: Any, count: int = 24) -> datasets.Dataset:
    """Return as many rows of either class."""
    rows = toy.rows(400, seed=1)
    found = [[row for row, label in enumerate(rows["labels"]) if label == wanted][: count // 2] for wanted in (0, 1)]
    return rows.select([row for both in zip(*found, strict=True) for row in both])


def biased(toy: Any) -> Any:
    """Return a model that begins with one prediction for whatever it is given."""
    model = toy.model()
    with torch.no_grad():
        model.classifier.bias.copy_(torch.tensor([0.3, -0.3]))
    return model


@pytest.fixture
def asleep(toy):
    """A trainer whose own learning rate, the baseline's, is too low to learn anything; another one is not."""
    args = {"learning_rate": 1e-12, "num_train_epochs": 8}
    rows = {"train_dataset": toy.rows(64), "eval_dataset": balanced(toy)}
    return toy.trainer(model_init=lambda: biased(toy), args=args, **rows)


SPACE = {"learning_rate": Choice([1e-12, 5e-3, 1e-2])}


def test_a_collapsed_trial_says_so(toy, asleep):
    """D8: a constant predictor is complete with its true score and marked, with us and with Optuna; it counts as one of
    the asked trials, and whatever has learned something is better.
    """
    study = toy.search(asleep, space=SPACE, objective="accuracy", trials=2)

    collapsed, other = study.trials
    assert (TrialState.COMPLETE, Failure.COLLAPSED, 0.5) == (collapsed.state, collapsed.failure, collapsed.score)
    assert "the model predicts the same for every row" == collapsed.failure_message
    assert 0.5 == collapsed.metrics["eval_accuracy"]
    assert [0.25, 0.5, 0.75, 1.0] == [point["budget"] for point in collapsed.curve]

    assert (TrialState.COMPLETE, None) == (other.state, other.failure)
    assert score(other) > 0.5
    assert 1 == study.best.number
    assert ["COMPLETE", "COMPLETE"] == [trial.state.name for trial in study.optuna.trials]
    assert [{"failure": "collapsed"}, {}] == [trial.user_attrs for trial in study.optuna.trials]


def score(trial: Trial) -> float:
    """Return the score of a trial that has one."""
    assert trial.score is not None
    return trial.score


def test_a_loss_tells_constant_predictors_apart(toy, asleep):
    """With a loss as the objective nothing is said of such a trial: its score says how far off each constant is."""
    study = toy.search(asleep, space=SPACE, objective="eval_loss", trials=2)

    assert [(TrialState.COMPLETE, None)] * 2 == [(trial.state, trial.failure) for trial in study.trials]
    assert score(study.trials[0]) > score(study.trials[1])
    assert 1 == study.best.number


def test_a_trial_is_judged_by_the_evaluation_that_gives_its_score(toy, asleep):
    """A model that collapses after its best evaluation has not, unless the last evaluation is what counts."""

    class FallsAsleep(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
            if state.global_step > 0.9 * state.max_steps:
                with torch.no_grad():
                    model.classifier.weight.zero_()

    asleep.add_callback(FallsAsleep())
    options = {"space": {"learning_rate": Choice([1e-2])}, "objective": "accuracy", "trials": 2}
    best = toy.search(asleep, study="best", **options)
    last = toy.search(asleep, study="last", score="last", **options)

    assert best.best.failure is None
    assert score(best.best) > 0.5
    assert 0.5 == best.trials[1].curve[-1]["score"]
    assert Failure.COLLAPSED == last.trials[1].failure


def test_a_small_evaluation_is_not_judged(toy):
    """With fewer than ten rows of another class, nothing is said of a constant predictor."""
    args = {"learning_rate": 1e-12}
    trainer = toy.trainer(model_init=lambda: biased(toy), eval_dataset=balanced(toy, 16), args=args)
    study = toy.search(trainer, space=SPACE, objective="accuracy", trials=1)

    assert (None, 0.5) == (study.best.failure, study.best.score)
