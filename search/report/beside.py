"""Several studies side by side: what differs in the problem, the winners, the scores with intervals, the price."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...studies.identity import difference
from ...studies.records import TrialState
from ..words import duration, short
from .facts import Facts
from .figures import COLOURS, Picture, escaped, metric_of
from .markdown import markdown
from .page import page
from .sections import Cell, Row, Section, Table, clipped


def side(facts: Facts) -> dict[str, Any]:
    """Return a study for a comparison, as JSON.

    `default`, `winner`, `gain` and `interval` are those of the verdict on the split `compared_on`; null without one.
    """
    study, found = facts.study, facts.verdict.get("gain") or {}
    retrained = facts.models[-1].metrics.get(study.objective) if facts.models else None
    return {
        "study": study.name,
        "task": study.task,
        "model": study.model,
        "objective": study.objective,
        "trials": f"{sum(one.state.is_finished for one in facts.searched)}/{study.trials}",
        "failed": facts.counts[TrialState.FAILED],
        "best_score": facts.best and facts.best.score,
        "baseline_score": facts.baseline and facts.baseline.score,
        "compared_on": found.get("split"),
        "default": found.get("baseline"),
        "winner": found.get("winner"),
        "gain": found.get("difference"),
        "interval": found.get("interval"),
        "retrained_score": retrained,
        "seconds": sum(one.total_seconds for one in facts.trials),
        "full_trainings": facts.verdict.get("cost", {}).get("trainings"),
        "answer": facts.answer[0],
        "params": dict(facts.best.params or {}) if facts.best else {},
    }


def rows_beside(studies: Sequence[Facts]) -> list[tuple[str, list[str]]]:
    """Return names and one text a study: first what came out, then the winners' values."""
    sides = [side(one) for one in studies]
    named = {
        "task": [one["task"] for one in sides],
        "model": [one["model"] for one in sides],
        "objective": [one["objective"] for one in sides],
        "trials": [one["trials"] for one in sides],
        "failed": [str(one["failed"]) for one in sides],
        "best score": [number(one["best_score"]) for one in sides],
        "default": [scored(one, "default") for one in sides],
        "winner": [scored(one, "winner") for one in sides],
        "gain": [gain_text(one) for one in sides],
        "retrained score": [number(one["retrained_score"]) for one in sides],
        "time": [duration(one["seconds"]) for one in sides],
        "cost": [cost_text(one["full_trainings"]) for one in sides],
    }
    values = [one.winner_values for one in studies]
    names = dict.fromkeys(name for one in values for name in one)
    return [*named.items(), *((name, [short(one.get(name, "-")) for one in values]) for name in names)]


def differences(studies: Sequence[Facts]) -> list[str]:
    """Return how the problems of the other studies differ from that of the first, one line each."""
    first, *others = studies
    lines = []
    for other in others:
        changes = difference(first.identity, other.identity)
        lead = f"{other.study.name}: " if len(others) > 1 else ""
        lines += [f"{lead}{line}" for line in changes]
    return lines


def warnings(studies: Sequence[Facts]) -> list[str]:
    """Return why scores may not be compared, if anything speaks against it."""
    if len({one.study.objective for one in studies}) > 1:
        return ["the objectives differ: their scores cannot be compared"]
    data = {str(one.identity.get("data")) for one in studies}
    return ["the data differ: scores are of other rows"] if len(data) > 1 else []


def beside_page(studies: Sequence[Facts]) -> str:
    """Return the page about several studies."""
    return page(**words(studies), numbers=(), drawn=list(pictures(studies)))


def beside_markdown(studies: Sequence[Facts]) -> str:
    """Return the same as Markdown, without pictures."""
    return markdown(**words(studies))


def words(studies: Sequence[Facts]) -> dict[str, Any]:
    """Return what page and Markdown say of several studies."""
    names = [one.study.name for one in studies]
    table = Table(
        title="What came out",
        head=("", *names),
        rows=[Row([Cell(name), *(Cell(clipped(text)) for text in texts)]) for name, texts in rows_beside(studies)],
    )
    changes = differences(studies)
    listed = Table(
        title=f"Beside {names[0]}", head=("what differs",), rows=[Row([Cell(clipped(one))]) for one in changes]
    )
    same = [] if changes else ["They search the same problem."]
    return {
        "title": " and ".join([", ".join(names[:-1]), names[-1]]),
        "sentence": f"{len(names)} studies side by side.",
        "answer": [f"{one.study.name}: {one.answer[0]}" for one in studies] + warnings(studies),
        "parts": [
            Section(name="beside", title="Side by side", pictures=("beside",), tables=[table]),
            Section(name="problem", title="What differs in the problem", tables=[listed], texts=same),
        ],
    }


def pictures(studies: Sequence[Facts]) -> Iterator[Picture]:
    """The winners' gains over the defaults, a line a study."""
    found = [(one, one.verdict.get("gain") or {}) for one in studies]
    sure = [(one, gain) for one, gain in found if gain.get("interval")]
    if not sure or warnings(studies):
        return
    import plotly.graph_objects as go

    figure = go.Figure()
    for place, (one, gain) in enumerate(sure):
        low, high = gain["interval"]
        figure.add_scatter(
            x=[gain["difference"]],
            y=[escaped(one.study.name)],
            error_x={"type": "data", "array": [high - gain["difference"]], "arrayminus": [gain["difference"] - low]},
            mode="markers",
            marker={"size": 12, "color": COLOURS[place % len(COLOURS)]},
        )
    figure.add_vline(x=0, line={"color": "#777777", "dash": "dot"})
    figure.update_layout(height=120 + 40 * len(sure), showlegend=False)
    figure.update_xaxes(title=f"gain over the default in {metric_of(sure[0][0])}, with its interval")
    figure.update_yaxes(type="category", autorange="reversed", automargin=True)
    yield Picture("beside", "Gains", "Each study's winner minus its default, with the interval of the verdict.", figure)


def number(value: Any) -> str:
    """Return a score as people read it."""
    return f"{value:.4f}" if isinstance(value, int | float) else "-"


def scored(one: Mapping[str, Any], key: str) -> str:
    """Return a score of the verdict and the split it is of."""
    return "-" if one[key] is None else f"{one[key]:.4f} ({one['compared_on']} split)"


def gain_text(one: Mapping[str, Any]) -> str:
    """Return the gain and its interval."""
    if one["gain"] is None:
        return "-"
    low_high = one["interval"]
    return f"{one['gain']:+.4f}" + (f" ({low_high[0]:+.4f} to {low_high[1]:+.4f})" if low_high else "")


def cost_text(trainings: Any) -> str:
    """Return the price of a search."""
    return "-" if trainings is None else f"{trainings:.1f} full trainings"
