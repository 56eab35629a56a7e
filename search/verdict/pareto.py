"""The Pareto front of a study: the configurations that no other beats in all of its objectives.

Computed from the rows when somebody looks; the search knows the first objective alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ...studies.objective import Objective
from ...studies.records import Failure, Phase, Study, Trial, TrialState
from ..objectives import objectives_of
from ..words import short


@dataclass(frozen=True, kw_only=True)
class Front:
    """What was compared in several objectives, and what nothing else beats."""

    objectives: Sequence[Objective]  #: the objective of the study first
    fraction: float | None  #: the share of the data that all of them saw; None where nothing can be compared
    compared: Sequence[Trial]  #: in order of their numbers
    trials: Sequence[Trial]  #: the front, the best in the first objective first


def front_of(study: Study, trials: Sequence[Trial]) -> Front | None:
    """Return the Pareto front of a study's search; None for a study of one objective.

    Compared are trials of the search, and not those that ran a configuration again, that are complete, have not
    collapsed, and have a number for each objective; all at one share of the data, for on more of it a training takes
    longer and scores better. That is the share that most of them saw, and of two such the larger.
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


def front_sentence(front: Front) -> str:
    """Return what was compared, and on which share of the data."""
    *others, last = [one.typed for one in front.objectives]
    names = f"{', '.join(others)} and {last}"
    if not front.trials:
        return f"Pareto front in {names}: no trial of the search is complete, not collapsed, and has a number for each"
    where = "all the data" if front.fraction == 1.0 else f"{short(front.fraction)} of the data"
    return (
        f"Pareto front in {names}: {len(front.trials)} of {len(front.compared)} trials on {where}, beaten by no other"
    )
