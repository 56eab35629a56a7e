"""What a run of a sweep would do and cost, before anything is trained: `hpsearch sweep check`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...spaces.errors import HpsearchError
from ...studies.sweep_store import Measured, SweepStore
from ..command.run import checked, strategy_for
from ..options import RunOptions
from ..stored_problem import model_of, task_of
from .cells import Cell
from .file import Sweep

#: Options that a complaint about a cell may name, so that the line of that option can be told.
NAMED = ("task", "data_dir", "train_file", "model", "space", "backend", "strategy", "sampler", "objective")


@dataclass(frozen=True, kw_only=True)
class PlannedCell:
    """A cell, and what its next study would be."""

    cell: Cell
    trials: int  #: as many as its `cost` allows
    trainings: float  #: planned cost, in trainings on all the data
    minutes: float | None  #: expected, from the store's own history; None where it has none
    problem: str | None = None  #: why it cannot be searched, with its line


def planned(sweep: Sweep, store: SweepStore | None) -> list[PlannedCell]:
    """Return the cells of a sweep with what each would cost; `store` is None where there is none yet."""
    earlier = store.measured() if store is not None else []
    return [plan_of(sweep, cell, seconds_of_a_training(cell, sweep.name, earlier)) for cell in sweep.cells]


def plan_of(sweep: Sweep, cell: Cell, seconds: float | None) -> PlannedCell:
    """Return the plan of a cell; `seconds` is how long one training on all the data takes."""
    trials = affordable(cell)
    trainings = cost_of(cell.options, trials)
    minutes = None if seconds is None else trainings * seconds / 60
    if cell.minutes is not None and minutes is not None:
        finals = cost_of(cell.options, 0) * (seconds or 0.0) / 60
        minutes = min(minutes, cell.minutes + finals)
    return PlannedCell(
        cell=cell, trials=trials, trainings=trainings, minutes=minutes, problem=problem_with(sweep, cell)
    )


def cost_of(options: RunOptions, trials: int) -> float:
    """Return what a study is planned to cost, in trainings on all the data; a signal check may raise it."""
    stages = strategy_for(options).trainings(options.subset, trials)
    return sum(count * fraction for count, fraction in stages)


def affordable(cell: Cell) -> int:
    """Return how many trials a cell has: those it asks for, or as many of them as its `cost` allows; at least one."""
    trials = cell.options.trials
    while cell.cost is not None and trials > 1 and cost_of(cell.options, trials) > cell.cost:
        trials -= 1
    return trials


def problem_with(sweep: Sweep, cell: Cell) -> str | None:
    """Return why a cell cannot be searched, as far as can be told without its data and model."""
    options = dataclasses.replace(cell.options, store=sweep.store, study=f"{sweep.name}/check/{cell.name}")
    try:
        checked(options)
        task_of(options)
    except HpsearchError as error:
        option = next(
            (name for name in ("task", "model", "space", "backend") if str(getattr(options, name)) in str(error)), None
        )
        hint = f" ({error.hint})" if error.hint else ""
        return f"{sweep.where(cell, option)}: {error}{hint}"
    return None


def seconds_of_a_training(cell: Cell, sweep: str, earlier: Sequence[Measured]) -> float | None:
    """Return how long one training of a cell on all its data took, or one of the same task and model elsewhere."""
    try:
        names = task_of(cell.options).name, model_of(cell.options).short_name
    except HpsearchError:
        return None
    own = [one for one in earlier if (one.sweep, one.cell.cell) == (sweep, cell.name)]
    alike = [one for one in earlier if names == named(one.cell.measured or {})]
    for one in [*reversed(own), *reversed(alike)]:
        measured = one.cell.measured or {}
        if measured.get("trainings"):
            return float(measured["seconds"]) / float(measured["trainings"])
    return None


def named(measured: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return task and model of a measurement."""
    return measured.get("task"), measured.get("model")
