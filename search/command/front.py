"""How a Pareto front is printed: a table for people, JSON for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...studies.front import Front, front_of
from ...studies.objective import Objective
from ...studies.records import Study, Trial
from ...studies.store import StudyStore
from ..verdict.pareto import front_sentence, unchosen_lines
from ..words import collapsed, counts_line, failures, short_values, shown_params
from .printing import add_row, emit, new_table, show, show_line


def show_unchosen(store: StudyStore, study: Study, *, as_json: bool) -> None:
    """Print the front of a study from which nothing chooses a winner, and what to type to have one."""
    trials = store.trials(study.study_id)
    front = front_of(study, trials)
    if front is None:
        return
    if as_json:
        none = dict.fromkeys(("best", "verdict", "model", "predictions"))
        counts = {"trials": study.trials, "failures": failures(trials), "collapsed": collapsed(trials)}
        emit({"study": study.name, **counts, **none, "front": front_json(front)})
        return
    print_front(front, None)
    show_line(counts_line(study, trials))
    for line in unchosen_lines(study, trials, store.url)[1:]:
        show_line(line)


def print_front(front: Front, best: Trial | None) -> None:
    """Print which configurations no other beats, that of the study's best trial marked."""
    show_line("")
    if not front.trials:
        show_line(front_sentence(front))
        return
    table = new_table(front_sentence(front), "trial", *(one.words for one in front.objectives), "values")
    for trial in front.trials:
        mark = " *" if best is not None and trial.number == best.first_number else ""
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
