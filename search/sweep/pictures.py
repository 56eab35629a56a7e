"""Pictures of a sweep: a small one for each cell over time, and what the runs cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ..report.figures import BASELINE, COLOURS, Picture, escaped
from .facts import NEW_HISTORY, CellFacts, Change, RunFacts, SweepFacts
from .point import BETTER, FAILED, WORSE, Point
from .words import score_text, stand_text

if TYPE_CHECKING:
    import plotly.graph_objects as go

#: Runs that pictures show: a year of nights.
MOST_RUNS = 365
#: Cells that have a picture; tables have the others, too.
MOST_CELLS = 60
#: Changes beside a point that the mouse is on, and characters of each.
MOST_LINES, LONGEST_LINE = 6, 90
SCORE, BAND = COLOURS[0], "rgba(0, 114, 178, 0.2)"
MARKS = {WORSE: ("triangle-down", COLOURS[5]), BETTER: ("triangle-up", COLOURS[2])}
FAILURE = COLOURS[1]
HOW_TO_READ = (
    "Blue: the winner's mean over its seeds on the report split, with its 95 % interval. Grey: the baseline's mean. "
    "Triangles: the first run since which a cell is worse (down) or better (up). Dotted upright lines: a new history "
    "begins there. Crosses: the cell failed."
)


def cell_pictures(facts: SweepFacts) -> list[Picture]:
    """Return a picture for each cell that has ever had a score; where they are too many, the first of the file."""
    drawn = [one for one in facts.cells if one.latest is not None][:MOST_CELLS]
    shown = facts.runs[-MOST_RUNS:]
    ends = ends_of([one.run.due_at for one in shown]) if shown else None
    return [
        Picture(f"cell-{place}", one.name, caption_of(one, facts), cell_figure(one, ends, shown[0].run.due_at))
        for place, one in enumerate(drawn)
        if ends
    ]


def how_to_read(facts: SweepFacts) -> str:
    """Return what the lines and marks mean, and which cells and runs are not drawn."""
    some = sum(one.latest is not None for one in facts.cells) > MOST_CELLS
    cells = f" The first {MOST_CELLS} cells of the file are drawn; the tables have all." if some else ""
    runs = f" The newest {MOST_RUNS} runs are drawn; the JSON has all." if len(facts.runs) > MOST_RUNS else ""
    return f"{HOW_TO_READ}{cells}{runs}"


def caption_of(cell: CellFacts, facts: SweepFacts) -> str:
    """Return what a picture of a cell shows, and how it stands."""
    metric = cell.latest.metric if cell.latest else ""
    return f"{cell.name}: {metric} {stand_text(cell, facts)}"


def cell_figure(cell: CellFacts, ends: tuple[str, str], first: str) -> go.Figure:
    """Draw a cell over time, from the `first` run that is shown."""
    import plotly.graph_objects as go

    histories = [[one for one in part if one.due_at >= first] for part in cell.histories]
    histories = [part for part in histories if part]
    figure = go.Figure()
    add_bands(figure, histories)
    add_baseline(figure, histories)
    changes = [one for one in cell.changes if one.since_due >= first]
    add_scores(figure, histories, changes)
    add_changes(figure, cell, changes)
    add_failures(figure, [one for one in cell.points if one.due_at >= first], lowest(histories))
    for one in changes:
        if one.state == NEW_HISTORY:
            figure.add_vline(x=moment(one.since_due), line={"color": BASELINE, "dash": "dot", "width": 1})
    figure.update_layout(
        height=190, showlegend=False, margin={"t": 8, "b": 34, "l": 52, "r": 8}, font={"size": 11}, hovermode="closest"
    )
    figure.update_xaxes(type="date", range=list(ends), nticks=5)
    figure.update_yaxes(nticks=5)
    return figure


def add_bands(figure: go.Figure, histories: Sequence[Sequence[Point]]) -> None:
    """Draw the intervals: a band along each history, a bar where it has one run only."""
    xs: list[str | None] = []
    ys: list[float | None] = []
    for part in histories:
        sure = [(moment(one.due_at), one.interval) for one in part if one.interval]
        if len(sure) == 1 and (ends := sure[0][1]):
            bar = {"mode": "lines", "line": {"color": BAND, "width": 8}, "hoverinfo": "skip"}
            figure.add_scatter(x=[sure[0][0]] * 2, y=list(map(rounded, ends)), **bar)
        elif sure:
            xs += [*(x for x, _ in sure), *(x for x, _ in reversed(sure)), None]
            low, high = (list(values) for values in zip(*(ends for _, ends in sure if ends), strict=True))
            ys += [*map(rounded, low), *map(rounded, reversed(high)), None]
    if xs:
        figure.add_scatter(x=xs, y=ys, mode="lines", fill="toself", fillcolor=BAND, line={"width": 0}, hoverinfo="skip")


def add_baseline(figure: go.Figure, histories: Sequence[Sequence[Point]]) -> None:
    """Draw the baseline's mean over time."""
    points = with_gaps(histories)
    figure.add_scatter(
        x=[one and moment(one.due_at) for one in points],
        y=[one and rounded(one.baseline_score) for one in points],
        mode="lines+markers",
        line={"color": BASELINE, "width": 1, "dash": "dot"},
        marker={"size": 3},
        hovertemplate="baseline %{y:.4f}<extra></extra>",
    )


def add_scores(figure: go.Figure, histories: Sequence[Sequence[Point]], changes: Sequence[Change]) -> None:
    """Draw the winner's mean over time; a run since which it is another says what else has changed."""
    points, since = with_gaps(histories), defaultdict[str, list[Change]](list)
    for change in changes:
        since[change.since_due].append(change)
    figure.add_scatter(
        x=[one and moment(one.due_at) for one in points],
        y=[one and rounded(one.score) for one in points],
        text=[hover(one, since.get(one.due_at, [])) if one else "" for one in points],
        mode="lines+markers",
        line={"color": SCORE, "width": 2},
        marker={"size": 5},
        hovertemplate="%{text}<extra></extra>",
    )


def with_gaps(histories: Sequence[Sequence[Point]]) -> list[Point | None]:
    """Return the points of a line that is broken where a new history begins."""
    return [one for part in histories for one in (*part, None)][:-1]


def add_changes(figure: go.Figure, cell: CellFacts, changes: Sequence[Change]) -> None:
    """Mark the runs since which the scores are others."""
    scores = {one.due_at: rounded(one.score) for one in cell.points}
    for state, (symbol, colour) in MARKS.items():
        marked = [one.since_due for one in changes if one.state == state]
        if marked:
            figure.add_scatter(
                x=list(map(moment, marked)),
                y=[scores[one] for one in marked],
                mode="markers",
                marker={"symbol": symbol, "size": 13, "color": colour},
                hoverinfo="skip",  # the line below says it: of two things at one place the mouse finds but one
            )


def add_failures(figure: go.Figure, points: Sequence[Point], floor: float | None) -> None:
    """Mark the runs in which the cell came to nothing, below its scores."""
    failed = [one for one in points if one.state == FAILED]
    if failed and floor is not None:
        figure.add_scatter(
            x=[moment(one.due_at) for one in failed],
            y=[floor] * len(failed),
            text=[f"{escaped(one.run)}<br>{lines_of(['failed: ' + one.words])}" for one in failed],
            mode="markers",
            marker={"symbol": "x", "size": 8, "color": FAILURE},
            hovertemplate="%{text}<extra></extra>",
        )


def lowest(histories: Sequence[Sequence[Point]]) -> float | None:
    """Return the lowest value that is drawn."""
    drawn = [
        value
        for part in histories
        for one in part
        for value in (one.score, one.baseline_score, one.interval and one.interval[0])
    ]
    return min((one for one in drawn if one is not None), default=None)


def hover(point: Point, changes: Sequence[Change]) -> str:
    """Return a run in words, with what changed since it, for a box that the mouse opens."""
    baseline = "" if point.baseline_score is None else f"baseline {point.baseline_score:.4f}"
    own = [] if any(one.run == point.run for one in changes) else [point.words]
    more = [line for one in changes for line in change_lines(one)]
    return lines_of([point.run, f"{point.metric} {score_text(point)}", baseline, *own, *more])


def change_lines(change: Change) -> list[str]:
    """Return what changed, and in which run it was told where that was a later one."""
    told = [] if change.run == change.since else [f"told in the run of {change.run}"]
    left = len(change.lines) - MOST_LINES
    more = [f"and {left} more changes"] if left > 0 else []
    return [change.words, *told, *change.lines[:MOST_LINES], *more]


def lines_of(lines: Sequence[str]) -> str:
    """Return lines as plotly wants them: text, whatever is in it."""
    cut = [one if len(one) <= LONGEST_LINE else f"{one[: LONGEST_LINE - 1]}…" for one in lines if one]
    return "<br>".join(map(escaped, cut))


def cost_pictures(facts: SweepFacts) -> Iterator[Picture]:
    """What each run cost: trainings on all the data, and minutes; of one run a table says it."""
    shown = [one for one in facts.runs if one.measured][-MOST_RUNS:]
    if len(shown) < 2:
        return
    yield bars("trainings", "Full trainings of each run, all cells together.", shown, [one.trainings for one in shown])
    minutes = [one.seconds / 60 for one in shown]
    yield bars("minutes", "Minutes of all trials of each run together, whatever ran at the same time.", shown, minutes)


def bars(name: str, caption: str, runs: Sequence[RunFacts], values: Sequence[float]) -> Picture:
    """Draw a bar for each run."""
    import plotly.graph_objects as go

    labels = [escaped(one.run.label) for one in runs]
    shown = "%{x}: %{y:.1f} " + name + "<extra></extra>"
    figure = go.Figure(go.Bar(x=labels, y=list(values), marker={"color": SCORE}, hovertemplate=shown))
    figure.update_layout(height=190, margin={"t": 8, "b": 34, "l": 52, "r": 8}, font={"size": 11})
    figure.update_xaxes(type="category", nticks=4)
    figure.update_yaxes(nticks=5, rangemode="tozero")
    return Picture(name, name, caption, figure)


def moment(due_at: str) -> str:
    """Return a moment as plotly wants it, in UTC; to the minute, for a page has thousands."""
    return due_at[:16].replace("T", " ")


def rounded(value: float | None) -> float | None:
    """Return a score to as many digits as a picture shows."""
    return None if value is None else float(f"{value:.6g}")


def ends_of(moments: Sequence[str]) -> tuple[str, str]:
    """Return where the axis of time begins and ends: the same for all cells, with room at both sides."""
    first, last = (datetime.fromisoformat(one) for one in (moments[0], moments[-1]))
    room = max((last - first) * 0.04, timedelta(minutes=30) if last > first else timedelta(hours=12))
    return moment((first - room).isoformat()), moment((last + room).isoformat())
