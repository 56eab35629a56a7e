"""A learning curve in as many characters as it has points."""

from __future__ import annotations

from collections.abc import Sequence

from ..studies.records import Trial

BLOCKS = "▁▂▃▄▅▆▇█"
FLAT = BLOCKS[3]


def sparkline(values: Sequence[float], low: float, high: float) -> str:
    """Return a character for each value, the lowest for `low` and the highest for `high`."""
    if not high > low:
        return FLAT * len(values)
    places = (round((min(max(value, low), high) - low) / (high - low) * (len(BLOCKS) - 1)) for value in values)
    return "".join(BLOCKS[place] for place in places)


def curve_of(trial: Trial) -> list[float]:
    """Return the scores of a trial's evaluations, as far as they are numbers."""
    return [float(one["score"]) for one in trial.curve if isinstance(one.get("score"), int | float)]


def ends_of(trials: Sequence[Trial]) -> tuple[float, float]:
    """Return the lowest and the highest score of all curves, so that they can be compared."""
    scores = [score for one in trials for score in curve_of(one)]
    return min(scores, default=0.0), max(scores, default=0.0)
