"""Tasks against models: where each cell of a sweep stands, and the GLUE average of each column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .facts import CellFacts
from .glue import GlueAverage, glue_average
from .point import Side


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """The cells of a sweep by task and by column: a model, or a model with what else its cells differ in."""

    tasks: Sequence[str]
    columns: Sequence[str]
    cells: Mapping[tuple[str, str], CellFacts]

    @classmethod
    def of(cls, cells: Sequence[CellFacts]) -> Matrix:
        """Place the cells, in their order; where two would have one place, the later has a column of its own name."""
        placed: dict[tuple[str, str], CellFacts] = {}
        crowded = {one.model for one in cells if shares_its_place(one, cells)}
        for one in cells:
            column = column_of(one, cells) if one.model in crowded else one.model
            placed[one.task, one.name if (one.task, column) in placed else column] = one
        tasks, columns = (list(dict.fromkeys(place[axis] for place in placed)) for axis in (0, 1))
        return cls(tasks=tasks, columns=columns, cells=placed)

    def glue(self, column: str, side: str) -> GlueAverage:
        """Return the average of a column over the tasks of GLUE, for its winners or its baselines (`side`)."""
        found: dict[str, Mapping[str, float]] = {}
        for task in self.tasks:
            cell = self.cells.get((task, column))
            if cell is not None and cell.latest is not None:
                kept: Side = getattr(cell.latest, side)
                found[task] = kept.means
        return glue_average(found)


def shares_its_place(cell: CellFacts, cells: Sequence[CellFacts]) -> bool:
    """Return whether another cell has the same task and model."""
    return sum((one.task, one.model) == (cell.task, cell.model) for one in cells) > 1


def column_of(cell: CellFacts, cells: Sequence[CellFacts]) -> str:
    """Return a cell's model and whatever of its variant is not the same for all cells of that model."""
    alike = [one.variant for one in cells if one.model == cell.model]
    differing = [name for name in cell.variant if len({one.get(name) for one in alike}) > 1]
    return ", ".join([cell.model, *(cell.variant[name] for name in differing)])
