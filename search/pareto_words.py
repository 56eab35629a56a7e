"""How a Pareto front is said: a sentence, a table for people, JSON for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..studies.records import Trial
from .command_output import add_row, new_table, show, show_line
from .objectives import Objective
from .pareto import Front
from .view import short, short_values, shown_params


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


def values_words(trial: Trial) -> str:
    """Return a trial's values in one line, and whether it is the baseline."""
    return short_values(shown_params(trial)) + (" (baseline)" if trial.baseline else "")


def front_json(front: Front) -> dict[str, Any]:
    """Return a front for scripts; `compared` is how many trials there were to beat."""
    return {
        "objectives": [one._asdict() for one in front.objectives],
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
