"""Trials that learned the same to the last digit although they were told otherwise: a value that reached nobody."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from ...studies.records import Phase, Trial, TrialState

LOSS = "eval_loss"
#: How metrics end that tell how fast an evaluation was.
OF_SPEED = ("runtime", "_per_second", "_time")


def same_curve_lines(trials: Sequence[Trial]) -> list[str]:
    """Return one line for each set of trials with one learning curve, losses and all, and different values."""
    alike: dict[str, list[Trial]] = defaultdict(list)
    for one in trials:
        if one.phase is Phase.SEARCH and one.state is TrialState.COMPLETE and has_losses(one.curve):
            alike[written(one)].append(one)
    return [line for group in alike.values() if len(group) > 1 and (line := words(group))]


def has_losses(curve: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether a curve has a loss at each point: of a score alone two models may have the same."""
    return bool(curve) and all(LOSS in (point.get("metrics") or {}) for point in curve)


def written(trial: Trial) -> str:
    """Return what a trial learned, as text: two that learned the same have the same."""
    points = [
        {name: value for name, value in point["metrics"].items() if not name.endswith(OF_SPEED)}
        for point in trial.curve
    ]
    return json.dumps([trial.fraction, trial.seed, points], sort_keys=True)


def words(trials: Sequence[Trial]) -> str | None:
    """Return how it is said; None where nothing was different."""
    params = [one.params or {} for one in trials]
    names = sorted({name for one in params for name in one if any(other.get(name) != one[name] for other in params)})
    if not names:
        return None
    numbers = ", ".join(str(one.number) for one in trials)
    return f"trials {numbers} learned the same to the last digit: {', '.join(names)} changed nothing there"
