"""The pictures that the dashboard shows with a study; their shapes are in `svg`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...studies.records import Trial, TrialState
from .facts import Facts
from .svg import line, path, shortened, svg, text

WIDTH, HEIGHT = 760, 420
LEFT, TOP, RIGHT, BOTTOM = 70, 60, 20, 50
#: Curves in one picture; of more trials the latest are drawn.
MOST_CURVES = 60
#: Classes in one picture, and up to how many of them the cells have numbers.
MOST_CLASSES, MOST_NUMBERS = 60, 20
CELL, LONGEST_LABEL = 46, 24
#: Colours that the colour-blind tell apart (Okabe and Ito 2008).
BEST, BASELINE, PRUNED, FAILED, OTHER = "best", "baseline", "pruned", "failed", "other trials"
COLOURS = {BEST: "#0072b2", BASELINE: "#e69f00", PRUNED: "#cc79a7", FAILED: "#d55e00", OTHER: "#888888"}
PALE = 0.35  #: opacity of trials on less data than others saw


def has_curves(facts: Facts) -> bool:
    """Return whether some trial has been evaluated."""
    return any(_points(trial) for trial in facts.trials)


def learning_curves(facts: Facts) -> str:
    """Return the scores of the trials over the share of their own budget."""
    drawn = [trial for trial in facts.trials if _points(trial)]
    named = [trial for trial in drawn if _is_named(trial, facts)][-MOST_CURVES:]
    others = [trial for trial in drawn if not _is_named(trial, facts)]
    shown = sorted([*others[-MOST_CURVES:], *named], key=lambda trial: _is_best(trial, facts))  # the best one on top
    axes = Axes.around([score for trial in shown for _, score in _points(trial)])
    left_out = len(drawn) - len(shown)
    title = f"{shortened(facts.study.objective, 50)} over the share of each trial's own budget"
    most = max(trial.fraction or 0.0 for trial in shown)
    curves = [_curve(trial, facts, axes, most) for trial in shown]
    legend = _legend(facts, shown, left_out)
    return svg(WIDTH, HEIGHT, [text(LEFT, 22, title, size=15), *legend, *axes.drawn(), *curves])


@dataclass(frozen=True)
class Axes:
    """Where a score is in the picture."""

    low: float
    high: float

    @classmethod
    def around(cls, scores: Sequence[float]) -> Axes:
        """Return axes with some room around the scores."""
        low, high = min(scores), max(scores)
        room = (high - low) * 0.05 or abs(high) * 0.05 or 1.0
        return cls(low - room, high + room)

    def x(self, share: float) -> float:
        """Return the place of a share of the budget."""
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, score: float) -> float:
        """Return the place of a score."""
        return HEIGHT - BOTTOM - (score - self.low) / (self.high - self.low) * (HEIGHT - TOP - BOTTOM)

    def drawn(self) -> Iterator[str]:
        """Yield lines and numbers."""
        for step in range(5):
            score = self.low + step * (self.high - self.low) / 4
            yield line(LEFT, self.y(score), WIDTH - RIGHT, self.y(score))
            yield text(LEFT - 8, self.y(score) + 4, f"{score:.3g}", anchor="end")
        for percent in (0, 25, 50, 75, 100):
            x = self.x(percent / 100)
            yield line(x, TOP, x, HEIGHT - BOTTOM)
            yield text(x, HEIGHT - BOTTOM + 18, f"{percent}%", anchor="middle")


def _legend(facts: Facts, shown: Sequence[Trial], left_out: int) -> Iterator[str]:
    found = {_kind(trial, facts) for trial in shown}
    best = {BEST: "winner" if facts.study.verdict else "best so far"}
    for place, kind in enumerate(one for one in COLOURS if one in found):
        x = LEFT + place * 110
        yield line(x, 42, x + 18, 42, colour=COLOURS[kind], width=3)
        yield text(x + 24, 46, best.get(kind, kind))
    remarks = [
        "pale: on less of the data" if len({trial.fraction for trial in shown}) > 1 else "",
        f"{left_out} earlier trials are not drawn" if left_out else "",
    ]
    yield text(WIDTH - RIGHT, HEIGHT - 8, "; ".join(one for one in remarks if one), anchor="end")


def _points(trial: Trial) -> list[tuple[float, float]]:
    return [(point["budget"], point["score"]) for point in trial.curve if point["score"] is not None]


def _is_best(trial: Trial, facts: Facts) -> bool:
    return facts.best is not None and trial.number == facts.best.number


def _is_named(trial: Trial, facts: Facts) -> bool:
    return trial.baseline or _is_best(trial, facts)


def _curve(trial: Trial, facts: Facts, axes: Axes, most: float) -> str:
    kind = _kind(trial, facts)
    return path(
        [(axes.x(share), axes.y(score)) for share, score in _points(trial)],
        colour=COLOURS[kind],
        width=3 if kind in (BEST, BASELINE) else 1.2,
        dashed=kind in (PRUNED, FAILED),
        opacity=1 if (trial.fraction or 0.0) == most else PALE,
        title=f"trial {trial.number}",
    )


def _kind(trial: Trial, facts: Facts) -> str:
    if _is_best(trial, facts):
        return BEST
    ends = {TrialState.PRUNED: PRUNED, TrialState.FAILED: FAILED}
    return ends.get(trial.state, BASELINE if trial.baseline else OTHER)


def confusion_matrix(labels: Sequence[object], matrix: Sequence[Sequence[int]]) -> str:
    """Return how often each true class, a row each, was taken for which one."""
    count = min(len(labels), MOST_CLASSES)
    names = [shortened(label, LONGEST_LABEL) for label in labels[:count]]
    left, top = 40 + 8 * max(map(len, names), default=0), 100
    parts = [text(16, 24, "True classes (rows) and predicted ones (columns) of the report split", size=15)]
    if count < len(labels):
        parts.append(text(16, 46, f"the first {count} of {len(labels)} classes"))
    for row, name in enumerate(names):
        y = top + row * CELL
        parts.append(text(left - 8, y + CELL / 2 + 4, name, anchor="end"))
        column = text(0, 0, name)
        parts.append(f'<g transform="translate({left + row * CELL + CELL / 2:.1f} {top - 8}) rotate(-30)">{column}</g>')
        parts += _row(matrix[row][:count], left, y, numbers=count <= MOST_NUMBERS)
    return svg(max(left + count * CELL + 120, 560), top + count * CELL + 20, parts)


def _row(counts: Sequence[int], left: float, y: float, *, numbers: bool) -> Iterator[str]:
    """Yield the cells of a true class, the darker the more of its rows they have."""
    total = sum(counts) or 1
    for column, count in enumerate(counts):
        x, share = left + column * CELL, count / total
        yield (
            f'<rect x="{x}" y="{y}" width="{CELL - 2}" height="{CELL - 2}" fill="{COLOURS[BEST]}" '
            f'fill-opacity="{0.06 + 0.94 * share:.2f}"/>'
        )
        if numbers:
            colour = "#ffffff" if share > 0.5 else "#222222"
            yield text(x + CELL / 2 - 1, y + CELL / 2 + 4, count, anchor="middle", colour=colour)
