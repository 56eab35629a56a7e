"""Pictures of a study, as plotly figures. Colours of text and grid are the page's, which knows whether it is dark."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ...studies.records import Phase, Trial, TrialState
from ..words import short_values, shown_params
from .facts import ENOUGH_FOR_IMPORTANCE, Facts, Stage
from .seen_by_optuna import importances, optuna_study

if TYPE_CHECKING:
    import plotly.graph_objects as go

#: Told apart by people with any colour vision (Okabe & Ito 2008), on white and on black.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
WINNER, BASELINE, OTHER = "#D55E00", "#777777", "rgba(128,128,128,0.45)"
#: Curves in one picture: more are a blur.
MOST_CURVES = 40
#: Trials in pictures with a point a trial: the page stays small.
MOST_POINTS = 2000
#: Lines in parallel coordinates.
MOST_LINES = 200
PHASES = {Phase.SEARCH: "search", Phase.PROMOTION: "on more data", Phase.FINAL: "finals"}


class Picture(NamedTuple):
    """A figure with its words."""

    name: str
    title: str
    caption: str
    figure: go.Figure
    is_wide: bool = False  #: whether a narrow screen shows a part of it at a time


def pictures(facts: Facts) -> list[Picture]:
    """Return the pictures that a study has rows for."""
    return [one for draw in DRAWN for one in draw(facts)]


def metric_of(facts: Facts) -> str:
    """Return the name of the objective for an axis."""
    return escaped(facts.metric)


def gain(facts: Facts) -> Iterator[Picture]:
    """The winner minus the default, with its interval."""
    found = facts.verdict.get("gain")
    if not found or not found.get("interval") or found["interval"][0] == found["interval"][1]:
        return
    import plotly.graph_objects as go

    low, high = found["interval"]
    middle = found["difference"]
    spread = {"type": "data", "array": [high - middle], "arrayminus": [middle - low], "thickness": 3, "width": 10}
    figure = go.Figure(
        go.Scatter(x=[middle], y=[""], error_x=spread, mode="markers", marker={"size": 14, "color": WINNER})
    )
    figure.add_vline(x=0, line={"color": BASELINE, "dash": "dot"})
    figure.update_layout(height=130, showlegend=False, margin={"t": 10, "b": 40, "l": 20, "r": 20})
    figure.update_xaxes(title=f"difference in {metric_of(facts)} (0: as good as the default)")
    yield Picture(
        "gain",
        "Winner against default",
        f"The winner's {facts.metric} on the {found['split']} split minus the default's, with its {found['level']:.0%} "
        "interval. An interval that contains 0 is no gain that could be told from noise.",
        figure,
    )


def history(facts: Facts) -> Iterator[Picture]:
    """The best score so far over what it cost."""
    if not any(step.trial.score is not None for step in facts.history):
        return
    import plotly.graph_objects as go

    unit = facts.full_training
    figure = go.Figure()
    for place, stage in enumerate(facts.stages):
        add_stage(figure, facts, stage, COLOURS[place % len(COLOURS)], unit or 60)
    figure.update_xaxes(title="cost so far, in full trainings of the baseline" if unit else "cost so far, in minutes")
    figure.update_yaxes(title=f"{metric_of(facts)}, selection split")
    yield Picture(
        "history",
        "History",
        "Each trial where it ended, over the cost of all trials until then; the line is the best so far of those that "
        "saw as much of the data. Crosses were stopped early or predict the same for every row.",
        figure,
    )


def add_stage(figure: go.Figure, facts: Facts, stage: Stage, colour: str, unit: float) -> None:
    """Draw the trials on one share of the data over their cost, in units of so many seconds, and the best so far."""
    steps = [step for step in facts.history if step.trial.fraction == stage.fraction and step.best is not None]
    steps = [steps[place] for place in thinned(range(len(steps)))]
    cost = [step.cost / unit for step in steps]
    figure.add_scatter(
        x=cost,
        y=[step.trial.score for step in steps],
        text=[words(step.trial) for step in steps],
        mode="markers",
        marker={"color": colour, "opacity": 0.6, "symbol": [symbol(step.trial) for step in steps]},
        name=f"trials on {stage.words}",
        legendgroup=stage.words,
        hovertemplate="%{text}<br>%{y:.4f}<extra></extra>",
    )
    figure.add_scatter(
        x=cost,
        y=[step.best for step in steps],
        mode="lines",
        line={"shape": "hv", "color": colour, "width": 3},
        name="best so far",
        legendgroup=stage.words,
        showlegend=False,
        hoverinfo="skip",
    )


def curves(facts: Facts) -> Iterator[Picture]:
    """Learning curves over the share of the budget, a picture for each share of the data."""
    from plotly.subplots import make_subplots

    stages = [Stage(one.fraction, [t for t in one.trials if len(t.curve) > 1]) for one in facts.stages]
    stages = [one for one in stages if one.trials]
    if not stages:
        return
    figure = make_subplots(rows=1, cols=len(stages), shared_yaxes=True, subplot_titles=[one.words for one in stages])
    for column, stage in enumerate(stages, 1):
        for trial in chosen(stage.trials, facts):
            points = [one for one in trial.curve if isinstance(one.get("score"), int | float)]
            colour, width = highlighted(trial, facts)
            figure.add_scatter(
                x=[100 * one["budget"] for one in points],
                y=[one["score"] for one in points],
                mode="lines+markers",
                line={"color": colour, "width": width},
                marker={"size": 5},
                name=words(trial),
                showlegend=False,
                hovertemplate=f"{words(trial)}<br>%{{x:.0f}} %: %{{y:.4f}}<extra></extra>",
                row=1,
                col=column,
            )
        figure.update_xaxes(title="% of the budget" if column == (len(stages) + 1) // 2 else None, row=1, col=column)
    figure.update_yaxes(title=metric_of(facts), row=1, col=1)
    left_out = sum(max(0, len(one.trials) - MOST_CURVES) for one in stages)
    some = f" {left_out} of the curves in the middle of the ranking are left out." if left_out else ""
    yield Picture(
        "curves",
        "Learning curves",
        f"The winner is orange, the baseline dark grey; the others are light.{some}",
        figure,
    )


def ladder(facts: Facts) -> Iterator[Picture]:
    """What became of each configuration on more data."""
    if len(facts.stages) < 2:
        return
    import plotly.graph_objects as go

    places = {stage.fraction: place for place, stage in enumerate(facts.stages)}
    climbed: dict[int, dict[float, Trial]] = {}
    for stage in facts.stages:
        for trial in stage.trials:
            climbed.setdefault(trial.first_number, {}).setdefault(stage.fraction, trial)
    figure = go.Figure()
    for runs in [one for one in climbed.values() if len(one) > 1]:
        trials = [runs[fraction] for fraction in sorted(runs)]
        colour, width = highlighted(trials[-1], facts)
        figure.add_scatter(
            x=[places[trial.fraction] for trial in trials if trial.fraction is not None],
            y=[trial.score for trial in trials],
            text=[words(trial) for trial in trials],
            mode="lines+markers",
            line={"color": colour, "width": width},
            showlegend=False,
            hovertemplate="%{text}<br>%{y:.4f}<extra></extra>",
        )
    if not figure.data:
        return
    figure.update_xaxes(tickvals=list(places.values()), ticktext=[one.words for one in facts.stages])
    figure.update_yaxes(title=f"{metric_of(facts)}, selection split")
    yield Picture(
        "ladder",
        "From rung to rung",
        "Each line is a configuration that was run on more data. Lines that cross are rankings that did not hold.",
        figure,
    )


def importance(facts: Facts) -> Iterator[Picture]:
    """Which hyperparameters the scores depend on."""
    found = importances(facts)
    if not found:
        return
    import plotly.graph_objects as go

    names = sorted(found, key=lambda name: found[name])
    figure = go.Figure(
        go.Bar(x=[found[name] for name in names], y=names, orientation="h", marker={"color": COLOURS[0]})
    )
    figure.update_xaxes(title="importance (all together: 1)")
    figure.update_layout(height=120 + 34 * len(names))
    count = sum(one.state is TrialState.COMPLETE for one in facts.searched)
    few = (
        f" With {count} trials this is a hint at best: {ENOUGH_FOR_IMPORTANCE} or more would say something."
        if count < ENOUGH_FOR_IMPORTANCE
        else ""
    )
    yield Picture(
        "importance",
        "What mattered",
        "How much each tells the better trials of the first rung from the others (PED-ANOVA, Watanabe et al. 2023)."
        f"{few}",
        figure,
    )


def slices(facts: Facts) -> Iterator[Picture]:
    """The scores over each hyperparameter by itself."""
    trials = [one for one in facts.searched if one.state is TrialState.COMPLETE and one.score is not None]
    names, space = facts.parameters, facts.space
    if len(trials) < 2 or not names:
        return
    from plotly.subplots import make_subplots

    trials = [trials[place] for place in thinned(range(len(trials)))]
    rows = -(-len(names) // 2)
    figure = make_subplots(rows=rows, cols=2, shared_yaxes=True, subplot_titles=names, vertical_spacing=0.3 / rows)
    for place, name in enumerate(names):
        row, column = place // 2 + 1, place % 2 + 1
        there = [one for one in trials if name in (one.params or {})]
        numbers = all(isinstance((one.params or {})[name], int | float) for one in there)
        figure.add_scatter(
            x=[value if numbers else escaped(str(value)) for value in ((one.params or {})[name] for one in there)],
            y=[one.score for one in there],
            text=[words(one) for one in there],
            mode="markers",
            marker={"color": COLOURS[0], "opacity": 0.7, "symbol": [symbol(one) for one in there]},
            showlegend=False,
            hovertemplate="%{text}<br>%{y:.4f}<extra></extra>",
            row=row,
            col=column,
        )
        is_log = isinstance(space.get(name), dict) and space[name].get("log")
        figure.update_xaxes(type="log" if is_log and numbers else None, row=row, col=column)
    figure.update_yaxes(title=metric_of(facts), col=1)
    figure.update_layout(height=60 + 220 * rows)
    yield Picture("slices", "Slices", "The trials of the first rung over each hyperparameter by itself.", figure)


def parallel(facts: Facts) -> Iterator[Picture]:
    """Where in the space the good trials are."""
    study = optuna_study(facts, most=MOST_LINES)
    if study is None or len(facts.parameters) < 2:
        return
    from optuna.visualization import plot_parallel_coordinate

    figure = plot_parallel_coordinate(study, params=facts.parameters, target_name=metric_of(facts))
    figure.update_layout(title=None)
    for line in figure.data[:-1]:  # Optuna's fade to white, which is the page; the last trace is the scale
        share = float(line.y[0]) if facts.maximize else 1 - float(line.y[0])
        line.line.update(color=blended(share), width=1 + 2 * share)
    ends = [[0, blended(0.0)], [1, blended(1.0)]]
    figure.data[-1].marker.update(colorscale=ends, reversescale=not facts.maximize)
    yield Picture(
        "parallel",
        "Parallel coordinates",
        "One line a trial of the first rung, from its score through its values; the better, the bluer.",
        figure,
        is_wide=True,
    )


def blended(share: float) -> str:
    """Return a colour between grey, for the worst, and blue."""
    low, high = (170, 180, 191), (0, 114, 178)
    return f"rgb({', '.join(str(round(a + (b - a) * share)) for a, b in zip(low, high, strict=True))})"


def time(facts: Facts) -> Iterator[Picture]:
    """Where the time went, by phase and kind of work."""
    spent = facts.seconds_by_kind
    if not any(spent.values()):
        return
    import plotly.graph_objects as go

    phases = [phase for phase in PHASES if spent.get(phase.value)]
    kinds = dict.fromkeys(kind for phase in phases for kind in spent[phase.value])
    figure = go.Figure()
    for place, kind in enumerate(kinds):
        figure.add_bar(
            y=[PHASES[phase] for phase in phases],
            x=[spent[phase.value].get(kind, 0.0) / 60 for phase in phases],
            name=kind,
            orientation="h",
            marker={"color": COLOURS[place % len(COLOURS)], "pattern": {"shape": "/" if place >= len(COLOURS) else ""}},
        )
    figure.update_layout(barmode="stack", height=130 + 50 * len(phases))
    figure.update_xaxes(title="minutes of all workers together")
    figure.update_yaxes(autorange="reversed")
    yield Picture("time", "Where the time went", "By phase and by kind of work.", figure)


DRAWN = (gain, history, curves, ladder, importance, slices, parallel, time)


def words(trial: Trial) -> str:
    """Return a trial in one line, for a box that the mouse opens; plotly takes a few tags there, so there are none."""
    text = f"trial {trial.number}: {short_values(shown_params(trial))}"
    return escaped(text if len(text) <= 160 else f"{text[:157]}...")


def escaped(text: str) -> str:
    """Return a text that plotly shows as it is."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def symbol(trial: Trial) -> str:
    """Return how a trial is drawn."""
    return "circle" if trial.state is TrialState.COMPLETE and trial.failure is None else "x"


def highlighted(trial: Trial, facts: Facts) -> tuple[str, float]:
    """Return colour and width of a trial's line."""
    if facts.best is not None and trial.first_number == facts.best.first_number:
        return WINNER, 3.0
    return (BASELINE, 3.0) if trial.baseline else (OTHER, 1.2)


def chosen(trials: Sequence[Trial], facts: Facts) -> list[Trial]:
    """Return the trials whose curves are drawn: the best ones and the worst, the winner and the baseline among them."""
    ranked = sorted(trials, key=lambda one: one.score or 0.0, reverse=facts.maximize)
    if len(ranked) > MOST_CURVES:
        ranked = [*ranked[: MOST_CURVES // 2], *ranked[-MOST_CURVES // 2 :]]
    always = [one for one in trials if highlighted(one, facts)[0] != OTHER]
    return list({one.number: one for one in [*ranked, *always]}.values())


def thinned(places: range) -> list[int]:
    """Return at most `MOST_POINTS` places, evenly spread, the last among them."""
    step = max(1, -(-len(places) // MOST_POINTS))
    return sorted({*places[::step], *places[-1:]})
