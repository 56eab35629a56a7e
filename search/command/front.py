"""How a Pareto front is printed: a table for people, JSON for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...studies.objective import Objective
from ...studies.records import Trial
from ..verdict.pareto import Front, front_sentence
from ..words import short_values, shown_params
from .printing import add_row, new_table, show, show_line


def print_front(front: Front, best: Trial) -> None:
    """Print which configurations no other beats, that of the study's best trial marked."""
    show_line("")
    if not front.trials:
        show_line(front_sentence(front))
        return
    table = new_table(front_sentence(front), "trial", *(one.words for one in front.objectives), "values")
    for trial in front.trials:
        mark = " *" if trial.number == best.first_number else ""
        add_row(table, f"{trial.number}{mark}", *(one.text(trial) for one in front.objectives), values_words(trial))
    show(table, lines=len(front.trials))


def values_words(trial: Trial) -> str:
    """Return a trial's values in one line, and whether it is the baseline."""
    return short_values(shown_params(trial)) + (" (baseline)" if trial.baseline else "")


def front_json(front: Front) -> dict[str, Any]:
    """Return a front for scripts; `compared` is how many trials there were to beat."""
    return {
        "objectives": [one.to_json() for one in front.objectives],
        "fraction": front.fraction,
        "compared": len(front.compared),
        "trials": [
            {"trial": one.number, "values": values_of(one, front.objectives), "params": one.params}
            for one in front.trials
        ],
    }


def values_of(trial: Trial, objectives: Sequence[Objective]) -> dict[str, float | None]:
    """Return a trial's numbers by the names of the objectives."""
    return {one.name: one.value(trial) for one in objectives}
