"""Whichever door a metric comes in by, it is searched in its own direction (A2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from hpsearch.search import trainer_problem
from hpsearch.search.making.making import Making
from hpsearch.search.objectives import first_and_weighed, weighed_by_name
from hpsearch.search.own.code import NO_CODE, OwnCode
from hpsearch.search.plan import Plan
from hpsearch.search.probe import Tried
from hpsearch.search.sweep.cells import cells_of
from hpsearch.search.task_problem import objective_of
from hpsearch.search.tasks import METRICS as TASK_METRICS
from hpsearch.search.tasks import custom_task
from hpsearch.spaces.errors import BadInput
from hpsearch.spaces.space import Space
from hpsearch.studies.objective import METRICS, MINIMIZE, Objective

OWN_METRICS = OwnCode(compute_metrics="mine.py:scores")
UNTOLD = "quality"
Door = Callable[[str, str | None], Objective]


@pytest.fixture
def by_trainer(toy: Any, monkeypatch: pytest.MonkeyPatch) -> Door:
    """A Trainer's metric, from Python as from `--trainer` and `--script`."""
    monkeypatch.setattr(trainer_problem, "try_out", lambda problem, **how: Tried())
    plan = Plan(space=Space({"learning_rate": {"low": 1e-4, "high": 1e-2}}), fraction=1.0, seed=1)
    making = Making.of(toy.trainer())
    return lambda name, direction: trainer_problem.checked_problem(making, plan, name, direction).objective


def by_compute_metrics(name: str, direction: str | None) -> Objective:
    """A number that the user's own function returns for a task."""
    found, untold = objective_of(custom_task(["text"], "label"), name, direction, OWN_METRICS)
    if untold is not None:
        raise untold
    return found


def weighed(name: str, direction: str | None) -> Objective:
    """Something that is weighed against the objective."""
    return weighed_by_name([name if direction is None else f"{name}:{direction}"])[0]


def goes_in(door: Door, metrics: Mapping[str, str]) -> None:
    """Check every metric of a table at a door, and one that no table has."""
    assert metrics == {name: door(name, None).direction for name in metrics}
    for direction in ("maximize", "minimize"):
        assert door(UNTOLD, direction) == Objective(f"eval_{UNTOLD}", direction)
    with pytest.raises(BadInput, match=f"nothing says whether '{UNTOLD}'"):
        door(UNTOLD, None)
    for name, direction in (("accuracy", "minimize"), ("mae", "maximize"), ("loss", "maximize")):
        with pytest.raises(BadInput, match="clash"):
            door(name, direction)


def test_a_trainers_metric_has_its_direction(by_trainer):
    """`hpsearch.search(trainer, objective="mse")` and `--trainer ... --objective mae` minimize the error."""
    goes_in(by_trainer, {name: METRICS[name] for name in METRICS if name != "seconds"})


@pytest.mark.parametrize("door", [by_compute_metrics, weighed])
def test_an_own_metric_has_its_direction(door):
    """A number of `--compute-metrics`, and one that is weighed, is no other metric than one that steers."""
    goes_in(door, METRICS)


def test_a_tasks_metric_has_its_direction():
    """`--objective` of a task knows the task's metrics alone, with the same directions."""
    task = custom_task(["text"], "label")

    found = {name: objective_of(task, name, None, NO_CODE)[0].direction for name in TASK_METRICS}

    assert {name: METRICS[name] for name in TASK_METRICS} == found


def test_a_sweeps_metric_has_its_direction(tmp_path):
    """A cell is a search like any other, and its file says no more of an objective than its name."""
    include = [{"name": name, "objective": name} for name in TASK_METRICS]
    task = custom_task(["text"], "label")

    options = [cell.options for cell in cells_of({"task": "demo", "include": include}, tmp_path)]
    found = [objective_of(task, first_and_weighed(one.objective)[0], one.direction, NO_CODE)[0] for one in options]

    assert [(f"eval_{name}", METRICS[name]) for name in TASK_METRICS] == [(one.name, one.direction) for one in found]


def test_an_error_is_minimized_in_the_end(toy):
    """Of a whole search: the trial with the smallest error is the best, and Optuna's study says so."""

    def scores(prediction: Any) -> dict[str, float]:
        return {"mae": float(abs(prediction.predictions.argmax(-1) - prediction.label_ids).mean())}

    study = toy.search(toy.trainer(compute_metrics=scores), objective="mae", trials=3)

    assert min(one.score for one in study.trials) == study.best.score
    assert MINIMIZE.upper() == study.optuna.direction.name
