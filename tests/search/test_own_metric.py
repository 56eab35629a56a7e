"""Winner and baseline compared by a user's own metric; where they cannot be, the user is told why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hpsearch.search.making.making import Making
from hpsearch.search.rows import load_rows, save_rows
from hpsearch.search.trainer_problem import can_be_halved
from hpsearch.search.trial.outputs import WHY_NOT, keep_outputs
from hpsearch.search.trial.trainer import trial_class
from hpsearch.search.verdict.own_metric import ComparedByRows, compared_by_rows
from hpsearch.search.verdict.verdict import gain
from hpsearch.search.verdict.words import gain_line
from hpsearch.studies.objective import Objective

from .conftest import Toy

ROWS = 60  # of the report split


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A study whose winner is not the baseline, and was compared with it on half of the evaluation set."""
    toy = Toy(tmp_path_factory.mktemp("own"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(toy.folder)
        patch.setenv("HPSEARCH_CACHE", str(toy.folder / "cache"))
        trainer = toy.trainer(
            args={"learning_rate": 1e-6}, train_dataset=toy.rows(200), eval_dataset=toy.rows(2 * ROWS, seed=1)
        )
        yield toy.search(trainer, subset=0.5, confirm="quick", trials=3, objective="accuracy")


@pytest.fixture
def metric(study: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Let the study's metric be another one from now on."""
    return lambda compute: monkeypatch.setattr(study._run.problem.making.template, "compute_metrics", compute)


def pairs_of(study: Any) -> list[tuple[Any, Any]]:
    """The winner and the baseline, as they are compared."""
    run = study._run
    trials = {one.number: one for one in run.store.trials(run.study.study_id)}
    full = [one for one in trials.values() if one.fraction == 1.0]
    winner = run.store.best(run.study.study_id)
    return [(winner, next(one for one in full if one.baseline))]


def said(study: Any) -> tuple[dict[str, Any], str]:
    """The gain as it is now, and how it is said."""
    run = study._run
    trials = run.store.trials(run.study.study_id)
    found = gain(run, run.store.best(run.study.study_id), trials)
    return found, gain_line({"gain": found, "winner": study.verdict["winner"]}, trials)


def accuracy(prediction: Any) -> float:
    return float((prediction.predictions.argmax(-1) == prediction.label_ids).mean())


def raising(logits: Any, labels: Any) -> Any:
    raise ValueError("a metric of its own")


def test_a_metric_compares(study: Any) -> None:
    """Where all is well there is an interval, and nothing to explain."""
    found, line = said(study)

    assert found == study.verdict["gain"]
    assert ("report", ROWS, 1) == (found["split"], found["rows"], found["seeds"])
    assert found["interval"][0] <= found["difference"] <= found["interval"][1]
    assert "why" not in found
    assert "95% interval" in line


def test_too_few_rows_are_said(study: Any, metric: Any) -> None:
    """A metric that half of the samples of rows have no score by: both scores of all rows are told, and why there is
    no interval.
    """

    def strict(prediction: Any) -> dict[str, float]:
        if len(np.unique(prediction.predictions[:, 0])) < 50:
            raise ValueError("a class has no row")
        return {"accuracy": accuracy(prediction)}

    metric(strict)
    found, line = said(study)

    assert study.verdict["gain"]["winner"] == found["winner"]
    assert ("report", None, ROWS) == (found["split"], found["interval"], found["rows"])
    assert "60 rows are too few: many samples of them have no score (a class has no row)" == found["why"]
    assert line.endswith(f"how sure that is cannot be said: {found['why']}")
    assert " on the report split: " in line


def test_a_metric_that_fails_is_said(study: Any, metric: Any) -> None:
    """Whatever it raises, the search ends with what is known, its scores where trials were chosen, and the reason."""

    def broken(prediction: Any) -> dict[str, float]:
        raise KeyError("language")

    metric(broken)
    found, line = said(study)

    assert ("selection", None) == (found["split"], found["interval"])
    assert line.endswith("on the report split: the metric cannot be computed again: KeyError: 'language'")


def test_a_score_that_is_no_number_is_said(study: Any, metric: Any) -> None:
    """NaN of all rows is no score to tell of."""
    metric(lambda prediction: {"accuracy": float("nan")})
    found, line = said(study)

    assert "selection" == found["split"]
    assert line.endswith("the score of 60 rows is not a finite number: nan")


def test_outputs_of_other_rows_are_said(study: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """What is no longer there, or was written for other rows, is not compared."""
    run, ((winner, baseline),) = study._run, pairs_of(study)
    files = {winner.number: tmp_path / "winner.npz", baseline.number: tmp_path / "baseline.npz"}
    monkeypatch.setattr(type(run.paths), "outputs", lambda self, number: files[number])
    gone = compared_by_rows(run, [(winner, baseline)], 1.0)
    for file, rows in zip(files.values(), (4, 5), strict=True):
        save_rows(file, predictions=np.zeros((rows, 2)), labels=np.zeros(rows), inputs=None)
    others = compared_by_rows(run, [(winner, baseline)], 1.0)

    assert ComparedByRows(why="what a model said of its rows is not here, or cannot be read") == gone
    assert ComparedByRows(why="the models predicted other rows: 4 and 5 of them") == others


def test_no_question_no_reason(study: Any) -> None:
    """Of trials on a part of the data, which predict no report split, there is nothing to explain."""
    run = study._run
    parts = [one for one in run.store.trials(run.study.study_id) if one.fraction == 0.5]

    assert ComparedByRows() == compared_by_rows(run, [(parts[1], parts[0])], 1.0)


# What is kept


@pytest.fixture
def kept(toy: Any) -> Callable[..., dict[str, Any]]:
    """Keep what an untrained model says of 24 rows; return what is in the file then."""

    def keep(*, objective: str = "eval_accuracy", **ingredients: Any) -> dict[str, Any]:
        run = SimpleNamespace(
            configuration="there is one",
            splits=lambda configuration: SimpleNamespace(report=toy.rows(24, seed=1)),
            ranks=SimpleNamespace(tell=lambda what: None),
            booked=lambda kind: nullcontext(),
            objective=Objective.named(objective),
            outputs=toy.folder / "outputs.npz",
        )
        trainer = toy.trainer(**ingredients)
        trainer.__class__, trainer.hpsearch_run = trial_class(type(trainer)), None
        keep_outputs(trainer, run)
        return load_rows(run.outputs)

    return keep


def test_predictions_or_losses_are_kept(kept: Any) -> None:
    """What the objective is made of."""
    found = kept()
    assert ((24, 2), (24,)) == (found["predictions"].shape, found["labels"].shape)
    assert 24 == sum(kept(objective="eval_loss")["rows"])


@pytest.mark.parametrize(
    ("why", "how"),
    [
        (
            "eval_do_concat_batches=False hands the metric lists of batches",
            {"args": {"eval_do_concat_batches": False, "per_device_eval_batch_size": 12}},
        ),
        (
            "batch_eval_metrics=True hands the metric one batch at a time",
            {"args": {"batch_eval_metrics": True}, "compute_metrics": lambda prediction, compute_result: {}},
        ),
        ("its metric is not made of predictions and labels", {"compute_metrics": None}),
        ("a metric of its own", {"preprocess_logits_for_metrics": raising}),
    ],
)
def test_what_cannot_be_taken_apart_is_not_kept(kept: Any, why: str, how: dict[str, Any]) -> None:
    """It is kept why; two batches of twelve rows, for one, look like two rows of twelve numbers."""
    assert {WHY_NOT: why} == kept(**how)


def test_predictions_that_are_too_large_are_not_kept(kept: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor are more numbers than a file should have."""
    monkeypatch.setattr("hpsearch.search.trial.outputs.MOST_NUMBERS", 71)
    assert {WHY_NOT: "its predictions are 72 numbers, and up to 71 are kept"} == kept()


def test_lists_of_batches_are_not_halved(toy: Any) -> None:
    """The evaluation set stays whole where its metric is handed batches; by the loss it is halved all the same."""
    making = Making.of(toy.trainer(args={"eval_do_concat_batches": False}))

    assert not can_be_halved(making, Objective.named("eval_accuracy"))
    assert can_be_halved(making, Objective.named("eval_loss"))
    assert can_be_halved(Making.of(toy.trainer()), Objective.named("eval_accuracy"))


def test_why_nothing_was_kept_is_said(study: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """It comes through to the last line of the search."""
    save_rows(tmp_path / "outputs.npz", **{WHY_NOT: np.array("its rows are streams")})
    monkeypatch.setattr(type(study._run.paths), "outputs", lambda self, number: tmp_path / "outputs.npz")

    assert said(study)[1].endswith("and nothing was compared on the report split: its rows are streams")
