"""An objective that is a function of the metrics: stock's `compute_objective` (A2)."""

from __future__ import annotations

from typing import Any

import pytest

from hpsearch.search.own.objective import OwnObjective, asked_for, names_read
from hpsearch.spaces.errors import BadInput
from hpsearch.studies.objective import Objective


def difference(metrics: dict[str, float]) -> float:
    return metrics["eval_accuracy"] - metrics["eval_loss"]


def twice(metrics: dict[str, float]) -> tuple[float, float]:
    return metrics["eval_loss"] * 2, metrics["eval_accuracy"]


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (lambda metrics: metrics["eval_f1"], ["eval_f1"]),
        (lambda metrics: metrics.get("eval_f1", 0.0), ["eval_f1"]),
        (lambda metrics: metrics.copy().pop("eval_loss"), ["eval_loss"]),
        (lambda metrics: [metrics["eval_loss"], metrics["eval_f1"]], ["eval_loss", "eval_f1"]),
        (difference, None),
        (twice, None),
        (lambda metrics: sum(metrics.values()), None),
        (lambda metrics: metrics["eval_f1"] if "eval_f1" in metrics else metrics["eval_loss"], None),
        (lambda metrics: float(metrics["eval_f1"]), None),
        (lambda metrics: 1.0, None),
        (lambda metrics: [], None),
    ],
)
def test_a_function_that_names_a_metric_is_that_metric(function, names):
    """What returns a metric just as it is stands for its name; nothing else does."""
    assert names == names_read(function)


def test_directions_belong_to_the_objectives_in_their_order():
    """A name, a list, a function of one or several, each with one direction or a list of them."""
    own, both = asked_for(difference, "maximize"), asked_for(twice, ["minimize", "maximize"])

    assert (["eval_difference"], "maximize") == (own.names, own.direction)
    assert (["eval_twice_0", "eval_twice_1:maximize"], "minimize") == (both.names, both.direction)
    assert (["f1"], None, None) == asked_for("f1", None)
    assert (["loss", "f1:maximize"], "minimize", None) == asked_for(["loss", "f1"], ["minimize", "maximize"])
    assert (["eval_f1"], "maximize", None) == asked_for(lambda metrics: metrics["eval_f1"], "maximize")


@pytest.mark.parametrize(
    ("objective", "direction"),
    [
        (["loss", "f1"], ["minimize", "maximize", "maximize"]),
        ("loss", ["minimize", "maximize"]),
        (lambda metrics: metrics["eval_loss"], ["minimize", "maximize"]),
    ],
)
def test_a_direction_too_many_is_refused(objective, direction):
    """Stock finds out after the first training, and fails each trial."""
    with pytest.raises(BadInput, match="directions for"):
        asked_for(objective, direction)


def test_a_function_that_returns_another_number_of_numbers_is_told():
    """Which number is which nobody could say."""
    with pytest.raises(BadInput, match="returned 2 numbers, and there are 3 directions"):
        OwnObjective(twice, 3).added({"eval_loss": 1.0, "eval_accuracy": 0.5})


def test_what_a_function_computes_is_searched(toy):
    """Its number is the score of each trial, and stands among the metrics."""
    study = toy.search(toy.trainer(), objective=difference, direction="maximize", trials=3)

    record = study._run.study
    assert Objective("eval_difference", "maximize") == Objective.of(record)
    assert [difference(one.metrics) for one in study.trials] == [one.score for one in study.trials]
    assert max(one.score for one in study.trials) == study.best.score
    assert study.replay(study.best.number).identical

    def difference_(metrics: dict[str, float]) -> float:
        return metrics["eval_accuracy"] + metrics["eval_loss"]

    difference_.__name__ = "difference"
    with pytest.raises(BadInput, match="compute_objective"):
        toy.search(toy.trainer(), objective=difference_, direction="maximize", trials=3)


def test_an_own_objective_has_an_interval(toy):
    """Where it is made of `compute_metrics` alone, winner and baseline are compared by it over rows."""

    def error(metrics: dict[str, float]) -> float:
        return 1 - metrics["eval_accuracy"]

    trainer = toy.trainer(train_dataset=toy.rows(64), eval_dataset=toy.rows(80, seed=1))
    study = toy.search(trainer, objective=error, confirm="quick", subset=0.5)

    gain = study.verdict["gain"]
    assert ("report", "eval_error") == (gain["split"], gain["metric"])
    assert gain["interval"][0] <= gain["difference"] <= gain["interval"][1]


def test_a_metric_that_is_called_a_loss_is_none(toy):
    """Winner and baseline are compared by what `compute_metrics` returns under that name, not by the model's loss."""

    def scores(prediction: Any) -> dict[str, float]:
        return {"hamming_loss": float((prediction.predictions.argmax(-1) != prediction.label_ids).mean())}

    trainer = toy.trainer(
        train_dataset=toy.rows(64), eval_dataset=toy.rows(80, seed=1), compute_metrics=scores, args={"seed": 3}
    )
    study = toy.search(trainer, objective="hamming_loss", confirm="quick", subset=0.5)

    gain = study.verdict["gain"]
    wrong = [gain[side] * gain["rows"] for side in ("winner", "baseline")]
    assert "report" == gain["split"]
    assert wrong == pytest.approx([round(one) for one in wrong])


def test_without_a_name_the_one_metric_is_the_objective(toy):
    """The loss where there is none; of several, which stock adds up, one has to be named."""

    def several(prediction: Any) -> dict[str, float]:
        return {"accuracy": 0.5, "f1": 0.5}

    assert "eval_accuracy" == toy.search(toy.trainer(), objective=None)._run.study.objective
    assert "eval_loss" == toy.search(toy.trainer(compute_metrics=None), objective=None, study="b")._run.study.objective
    with pytest.raises(BadInput, match=r"returns 2 metrics \(eval_accuracy, eval_f1\)"):
        toy.search(toy.trainer(compute_metrics=several), objective=None, study="c")


def test_a_function_stays_in_its_process(toy):
    """A number of a worker elsewhere cannot be computed by it, which is said before anything is made."""
    with pytest.raises(BadInput, match="cannot travel"):
        toy.search(toy.trainer, objective=difference, direction="maximize", jobs=2)
