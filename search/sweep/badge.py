"""How a sweep stands in a few words and a colour: the JSON that a badge of shields.io is made from.

Its address goes into `https://img.shields.io/endpoint?url=...`.
"""

from __future__ import annotations

from typing import Any

from .facts import SweepFacts
from .point import BETTER, FAILED, NEW, NOISY, STEADY, WORSE

FINE = (STEADY, BETTER, NOISY, NEW)


def badge(facts: SweepFacts) -> dict[str, Any]:
    """Return the badge of the last run; a cell that is worse, or failed, is told before the run is over."""
    message, colour = told(facts)
    return {"schemaVersion": 1, "label": facts.name, "message": message, "color": colour}


def told(facts: SweepFacts) -> tuple[str, str]:
    """Return what the badge says, and its colour."""
    total = len(facts.cells)
    if facts.last is None:
        return "no run yet", "lightgrey"
    bad = [f"{count} {state}" for state in (WORSE, FAILED) if (count := len(facts.having(state)))]
    if bad:
        return f"{', '.join(bad)} of {total}", "red" if facts.having(WORSE) else "orange"
    if not facts.last.run.state.is_over:
        done = len(facts.having(*FINE))
        return f"{facts.last.run.state.value.lower()}, {done} of {total}", "lightgrey"
    fine = [f"{count} {state}" for state in FINE if (count := len(facts.having(state)))]
    return (", ".join(fine), "brightgreen") if fine else ("nothing measured", "lightgrey")
