"""How a verdict is said: the answer in one line, then whether it can be trusted and what it cost. See `verdict`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import stdev
from typing import Any

from ...studies.records import Study, Trial
from ..words import duration
from .pareto import choice_line
from .same_curves import same_curve_lines
from .signal_words import signal_words


def summary_lines(study: Study, trials: Sequence[Trial], *, otherwise: str) -> list[str]:
    """Return what a person should know of a study, one line each, the answer first.

    `otherwise` is said where the winner and the baseline were not compared.
    """
    verdict = study.verdict
    if not verdict:
        return [otherwise]
    lines = (
        gain_line(verdict, trials) or otherwise,
        choice_line(study, trials, verdict["winner"]),
        *same_curve_lines(trials),
        signal_words(study.signal or {}, study.spec["identity"].get("fraction", 1.0)),
        *finalist_lines(verdict),
        *transfer_lines(verdict),
        cost_line(verdict),
    )
    return [line for line in lines if line]


def finalist_lines(verdict: Mapping[str, Any]) -> list[str]:
    """Return the finalists over their seeds, where there are several: mean, spread, and who is tied."""
    lines: list[str] = []
    for one in verdict.get("finalists") or []:
        scores = one["scores"]
        if len(scores) < 2:
            continue
        who = "baseline" if one["baseline"] else f"configuration of trial {one['configuration']}"
        tie = "; tied with the best" if one["tied"] and lines else ""
        lines.append(f"{who}: {one['mean']:.4f} +- {stdev(scores):.4f} over {len(scores)} seeds{tie}")
    return lines


def gain_line(verdict: Mapping[str, Any], trials: Sequence[Trial]) -> str | None:
    """Return default against winner in one line that a person can act on."""
    found = verdict.get("gain")
    if found is None:
        return None
    default, winner, difference = found["baseline"], found["winner"], found["difference"]
    where = f"on the {found['split']} split"
    if any(one.baseline and one.first_number == verdict["winner"] for one in trials):
        return f"no gain over the defaults: the baseline is the best ({default:.4f} {where})"
    values = f"default {default:.4f}, winner {winner:.4f} {where}: {difference:+.4f}"
    if found["interval"] is None:
        return f"{values}; {unsure_words(found)}"
    low, high = found["interval"]
    sure = f"{values} ({found['level']:.0%} interval {low:+.4f} to {high:+.4f})"
    if low > 0:
        return f"better than the defaults: {sure}"
    if high < 0:
        return f"worse than the defaults: {sure}"
    if low == high:
        return f"no gain over the defaults: both predict the same for each of the {found['rows']} rows"
    detectable = f"this split of {found['rows']} rows finds differences of {found['detectable']:.4f} and more"
    return f"no gain over the defaults that could be told from noise: {sure}; {detectable}"


def unsure_words(found: Mapping[str, Any]) -> str:
    """Return why nothing says how sure a gain is."""
    why = found.get("why")  # studies have had it only since there was something to say
    if found["split"] == "report":
        return f"how sure that is cannot be said: {why}"
    unsure = "the rows that chose the winner cannot say how sure that is"
    return unsure if why is None else f"{unsure}, and nothing was compared on the report split: {why}"


def transfer_lines(verdict: Mapping[str, Any]) -> list[str]:
    """Return whether the ranking held from fraction to fraction."""
    lines = []
    for one in verdict.get("transfer") or []:
        between = f"the ranking at {one['from']:.3g} of the data"
        there = "at full size" if one["to"] == 1.0 else f"at {one['to']:.3g}"
        if one["tau"] is None or one["interval"] is None:
            count = one["configurations"]
            few = f"{count} configurations are too few" if count > 1 else "one configuration is too few"
            lines.append(f"{between}: {few} to say whether it held {there}")
            continue
        low, high = one["interval"]
        tau = f"Kendall's tau {one['tau']:.2f}, {low:.2f} to {high:.2f}, {one['configurations']} configurations"
        words = {"held": f"held {there}", "did not hold": f"did not hold {there}"}
        lines.append(f"{between} {words.get(one['verdict'], f'may or may not have held {there}')} ({tau})")
    return lines


def cost_line(verdict: Mapping[str, Any]) -> str | None:
    """Return the price of the search in trainings on all the data."""
    trainings = verdict["cost"]["trainings"]
    return None if trainings is None else f"this search cost {trainings:.1f} x one full training"


def ledger_line(verdict: Mapping[str, Any]) -> str:
    """Return where the time of a search went: seconds by kind of work, and what was thrown away."""
    cost = verdict["cost"]
    kinds = ", ".join(f"{kind} {duration(seconds)}" for kind, seconds in cost["seconds_by_kind"].items() if seconds)
    lost = f"; thrown away with stopped trials: {duration(cost['thrown_away'])}" if cost["thrown_away"] else ""
    return f"time of all trials {duration(cost['seconds'])}: {kinds}{lost}"
