"""The picture of a Pareto front: the objective over each number that is weighed against it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from ...studies.front import Front
from ...studies.objective import Objective
from ...studies.records import Trial
from .facts import Facts
from .figures import BASELINE, COLOURS, WINNER, Picture, escaped, thinned, words

if TYPE_CHECKING:
    import plotly.graph_objects as go

#: Panels beside each other.
COLUMNS = 2


class Group(NamedTuple):
    """Trials that are drawn alike."""

    name: str
    trials: list[Trial]
    colour: str
    size: int


def front_pictures(facts: Facts) -> Iterator[Picture]:
    """The trials that were compared, those that no other beats marked; a panel for each number beside the objective."""
    front = facts.front
    if front is None or not front.trials:
        return
    from plotly.subplots import make_subplots

    first, *others = front.objectives
    columns = min(COLUMNS, len(others))
    rows = -(-len(others) // columns)
    figure = make_subplots(rows=rows, cols=columns, shared_yaxes=True, vertical_spacing=0.3 / rows)
    for place, other in enumerate(others):
        row, column = place // columns + 1, place % columns + 1
        for group in groups(front):
            add_group(figure, group, first, other, row, column, in_legend=place == 0)
        figure.update_xaxes(title=axis(other), row=row, col=column)
    figure.update_yaxes(title=axis(first), col=1)
    figure.update_layout(height=160 + 260 * rows)
    yield Picture("front", "What is weighed", caption(front), figure)


def groups(front: Front) -> Iterator[Group]:
    """Yield what is drawn, the front last and so on top."""
    best = {one.number for one in front.trials}
    beaten = [one for one in front.compared if one.number not in best and not one.baseline]
    yield Group("beaten", [beaten[place] for place in thinned(range(len(beaten)))], COLOURS[0], 7)
    yield Group(
        "default, beaten", [one for one in front.compared if one.baseline and one.number not in best], BASELINE, 11
    )
    yield Group("Pareto front", list(front.trials), WINNER, 12)


def add_group(
    figure: go.Figure, group: Group, first: Objective, other: Objective, row: int, column: int, *, in_legend: bool
) -> None:
    """Draw one group of trials in one panel."""
    if not group.trials:
        return
    figure.add_scatter(
        x=[other.value(one) for one in group.trials],
        y=[first.value(one) for one in group.trials],
        text=[words(one) for one in group.trials],
        mode="markers",
        marker={
            "color": group.colour,
            "size": group.size,
            "symbol": ["square" if one.baseline else "circle" for one in group.trials],
        },
        name=group.name,
        legendgroup=group.name,
        showlegend=in_legend,
        hovertemplate=f"%{{text}}<br>{escaped(first.typed)} %{{y}}, {escaped(other.typed)} %{{x}}<extra></extra>",
        row=row,
        col=column,
    )


def axis(objective: Objective) -> str:
    """Return the name of an axis."""
    return escaped(objective.words)


def caption(front: Front) -> str:
    """Return how to read the picture."""
    said = "Each trial that was compared: orange ones no other beats in all of the objectives, a square is the default."
    if len(front.objectives) == 2:
        return said
    return f"{said} A trial that looks beaten in one panel and is orange is better in what another one shows."
