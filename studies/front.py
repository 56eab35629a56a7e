"""The Pareto front of a study of several objectives, and the winner that a rule chooses from it: functions of the rows.

Where one objective steers a search, the others are weighed against it afterwards, and the winner is the best in the
first. Where all of them steer, no trial is the best: the winner is what the rule of the user chooses, or nothing.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .objective import DIRECTIONS, Objective
from .records import Failure, Phase, Study, Trial, TrialState

#: Where a study keeps what is weighed against its objective, or steers beside it, among its limits.
WEIGHED = "weighed"
#: Where a study that all of its objectives steer keeps how its winner is chosen, among its limits.
CHOICE = "choice"
FIRST, KNEE = "first", "knee"
#: `first`: the best in the first objective. `knee`: the nearest to the ideal, which is the best of the front in each
#: objective, after each is scaled to the front's range: compromise programming (Yu 1973, Zeleny 1973) with the
#: Euclidean distance.
RULES = (FIRST, KNEE)
#: The choice of a study whose user has named no rule.
NOBODY = "nobody"


@dataclass(frozen=True, kw_only=True)
class Front:
    """What was compared in several objectives, and what nothing else beats."""

    objectives: Sequence[Objective]  #: the objective of the study first
    fraction: float | None  #: the share of the data that all of them saw; None where nothing can be compared
    compared: Sequence[Trial]  #: in order of their numbers
    trials: Sequence[Trial]  #: the front, the best in the first objective first


def weighed_of(study: Study) -> tuple[Objective, ...]:
    """Return the objectives of a study beside its first; nothing for one that was made before there were any."""
    written = study.limits.get(WEIGHED)
    rows = [one for one in written if isinstance(one, Mapping)] if isinstance(written, list | tuple) else []
    found = (Objective(str(one.get("name")), str(one.get("direction"))) for one in rows)
    return tuple(one for one in found if one.direction in DIRECTIONS and one.name != study.objective)


def objectives_of(study: Study) -> tuple[Objective, ...]:
    """Return the objective of a study, then the others."""
    return (Objective.of(study), *weighed_of(study))


def choice_of(study: Study) -> str | None:
    """Return how the winner of a study is chosen: a rule, `nobody`; None where the first objective alone steers."""
    found = study.limits.get(CHOICE)
    return None if found is None or not weighed_of(study) else found if found in RULES else NOBODY


def front_of(study: Study, trials: Sequence[Trial]) -> Front | None:
    """Return the Pareto front of a study's search; None for a study of one objective.

    Compared are trials of the search, and not those that ran a configuration again, that are complete, which nothing
    infeasible is, have not collapsed, and have a number for each objective; all at one share of the data, for on more
    of it a training takes longer and scores better. That is the share that most of them saw, and of two such the
    larger.
    """
    objectives = objectives_of(study)
    if len(objectives) == 1:
        return None
    able = [one for one in trials if is_comparable(one) and all(each.value(one) is not None for each in objectives)]
    seen = Counter(one.fraction for one in able if one.fraction is not None)
    fraction = max(seen, key=lambda one: (seen[one], one), default=None)
    compared = [one for one in able if fraction is not None and one.fraction == fraction]
    front = pareto_front(compared, objectives)
    return Front(objectives=objectives, fraction=fraction, compared=compared, trials=front)


def is_comparable(trial: Trial) -> bool:
    """Return whether a trial stands for a configuration that was proposed and has learned something."""
    found = trial.phase is Phase.SEARCH and trial.state is TrialState.COMPLETE
    return found and trial.failure is not Failure.COLLAPSED


def pareto_front(trials: Sequence[Trial], objectives: Sequence[Objective]) -> list[Trial]:
    """Return the trials that no other beats: none is as good in all `objectives` and better in one.

    Those that are equal in all of them are there together, or not at all. A trial that lacks a number is not there.
    The best in the first objective come first, and of equals the one with the lower number.
    """
    ranked = sorted((cost, one.number, one) for one in trials if (cost := costs(one, objectives)) is not None)
    front: list[tuple[float, ...]] = []
    found: list[Trial] = []
    for cost, _, trial in ranked:  # whoever beats a trial stands before it
        if not any(beats(other, cost) for other in front):
            front.append(cost)
            found.append(trial)
    return found


def costs(trial: Trial, objectives: Sequence[Objective]) -> tuple[float, ...] | None:
    """Return a trial's numbers with the lower ones being better; None if one is missing."""
    values = [each.value(trial) for each in objectives]
    if any(value is None for value in values):
        return None
    pairs = zip(objectives, values, strict=True)
    return tuple(-each.sign * value for each, value in pairs if value is not None)


def beats(one: Sequence[float], other: Sequence[float]) -> bool:
    """Return whether costs are nowhere higher than others, and somewhere lower."""
    return one != other and all(mine <= theirs for mine, theirs in zip(one, other, strict=True))


# The winner of a front


def by_rule(front: Front, rule: str) -> list[Trial]:
    """Return the trials of a front in the order in which a rule of `RULES` wants them; of equals as they stand there.

    For the `knee`, an objective that is the same all over the front decides nothing.
    """
    if rule == FIRST:
        return list(front.trials)
    rows = [costs(one, front.objectives) or () for one in front.trials]
    lows, spans = [], []
    for column in zip(*rows, strict=True):
        lows.append(min(column))
        spans.append(max(column) - min(column))
    away = {
        trial.number: math.hypot(
            *((cost - low) / span for cost, low, span in zip(row, lows, spans, strict=True) if span)
        )
        for trial, row in zip(front.trials, rows, strict=True)
    }
    return sorted(front.trials, key=lambda one: away[one.number])


def wanted(study: Study, trials: Sequence[Trial]) -> list[Trial]:
    """Return the front of a study that all of its objectives steer, in the order of its rule if it has one."""
    front = front_of(study, trials)
    return [] if front is None else by_rule(front, rule if (rule := choice_of(study)) in RULES else FIRST)


def chosen(study: Study, trials: Sequence[Trial]) -> Trial | None:
    """Return the winner of a study that all of its objectives steer: on all the data, once it was trained there.

    A configuration that failed there, or broke a constraint, gives its place to the next. None where no rule was named,
    and before there is a front.
    """
    if choice_of(study) not in RULES:
        return None
    for first in wanted(study, trials):
        again = [one for one in trials if one.first_number == first.number and one.number != first.number]
        if not any(one.state in (TrialState.FAILED, TrialState.INFEASIBLE) for one in again):
            done = [first, *(one for one in again if one.state is TrialState.COMPLETE)]
            return max(done, key=lambda one: (one.fraction or 0.0, -one.number))
    return None
