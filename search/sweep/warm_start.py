"""What a cell begins with besides the baseline: the winners of its own earlier runs, then those of similar studies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...spaces.errors import HpsearchError
from ...studies.sweep_store import Measured, SweepStore
from ..sampling.priors import Prior, room_for
from ..stored_problem import model_of, space_of, task_of
from .cells import Cell


def priors_for(store: SweepStore, sweep: str, cell: Cell, trials: int) -> list[Prior]:
    """Return the configurations that a cell of `trials` trials begins with, the most promising first.

    Those that the cell's space does not hold are left out, and so is the baseline, which is tried anyway.
    """
    found: list[Prior] = []
    space = space_of(cell.options)
    for one in similar(store.measured(), sweep, cell):
        winner = (one.cell.measured or {}).get("winner") or {}
        params = winner.get("params")
        if not params or winner.get("trial") == 0 or not space.contains(params):
            continue
        if params not in [prior.params for prior in found]:
            found.append(Prior(params, one.cell.study))
    return found[: room_for(trials, space)]


def similar(measured: list[Measured], sweep: str, cell: Cell) -> Iterator[Measured]:
    """Yield complete cells that may know something of this one, the nearest and newest first.

    Its own runs, then the same task with the same model, the same task, and models of the same family.
    """
    try:
        task, model = task_of(cell.options).name, model_of(cell.options).short_name
    except HpsearchError:
        return

    def distance(one: Measured) -> int | None:
        content: dict[str, Any] = one.cell.measured or {}
        if (one.sweep, one.cell.cell) == (sweep, cell.name):
            return 0
        if content.get("task") == task:
            return 1 if content.get("model") == model else 2
        return 3 if family(str(content.get("model"))) == family(model) else None

    newest = list(reversed(measured))
    for wanted in range(4):
        yield from (one for one in newest if distance(one) == wanted)


def family(model: str) -> str:
    """Return what models of one kind share in their names: `distilbert` of `distilbert-base-uncased`."""
    return model.lower().partition("-")[0]
