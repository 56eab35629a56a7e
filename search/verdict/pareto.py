"""How a Pareto front is said; what is on it is `studies.front`."""

from __future__ import annotations

from collections.abc import Sequence

from ...studies.front import NOBODY, RULES, Front, choice_of, front_of, objectives_of
from ...studies.records import Phase, Study, Trial
from ..talk import as_typed, store_flag
from ..words import short


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


def unchosen_lines(study: Study, trials: Sequence[Trial], store_url: str) -> list[str]:
    """Return what is said of a front from which nothing chooses a winner, and what to type; nothing of any other."""
    front = front_of(study, trials) if choice_of(study) == NOBODY else None
    if front is None:
        return []
    if not front.trials:
        return [front_sentence(front)]
    rules = " or ".join(f"--choose {rule}" for rule in RULES)
    retrain = f"`hpsearch retrain{store_flag(store_url)} {as_typed(study.name)} --trial N`"
    return [
        front_sentence(front),
        f"no winner is chosen from it: {retrain} trains one of them on all the data; the same search again with "
        f"{rules} chooses one, compares it with the baseline and retrains it",
    ]


def choice_line(study: Study, trials: Sequence[Trial], winner: int) -> str | None:
    """Return by which rule the configuration `winner` was chosen, and its numbers beside the baseline's.

    None where the first objective alone steers, or no rule was named.
    """
    rule = choice_of(study)
    if rule in (None, NOBODY):
        return None
    searched = {one.number: one for one in trials if one.phase is Phase.SEARCH}
    baseline = next((one for one in searched.values() if one.baseline and one.number != winner), None)
    numbers = ", ".join(
        f"{one.typed} {one.text(searched[winner])}" + (f" (baseline {one.text(baseline)})" if baseline else "")
        for one in objectives_of(study)
    )
    return f"chosen from the front by the rule {rule!r}: the configuration of trial {winner}, {numbers}"
