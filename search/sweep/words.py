"""How a cell stands, in few words: the same in each table, picture and sentence."""

from __future__ import annotations

from .facts import NEW_HISTORY, CellFacts, SweepFacts
from .point import BETTER, FAILED, NEW, NOISY, NOT_RUN, RUNNING, STEADY, UNFINISHED, WORSE, Point

#: What stands before the word, for who looks before reading.
SIGNS = {
    WORSE: "\N{BLACK DOWN-POINTING TRIANGLE}",
    BETTER: "\N{BLACK UP-POINTING TRIANGLE}",
    STEADY: "\N{RIGHTWARDS ARROW}",
    NOISY: "\N{ALMOST EQUAL TO}",
    NEW: "\N{BULLET}",
    NEW_HISTORY: "\N{BULLET}",
    FAILED: "\N{MULTIPLICATION X}",
    RUNNING: "\N{HORIZONTAL ELLIPSIS}",
    UNFINISHED: "\N{HORIZONTAL ELLIPSIS}",
    NOT_RUN: "\N{EN DASH}",
}


def standing(state: str) -> str:
    """Return a state with its sign."""
    return f"{SIGNS[state]} {state}" if state in SIGNS else state


def score_text(point: Point) -> str:
    """Return the winner's mean score with its interval, or over how few seeds it is."""
    if point.score is None:
        return "no score"
    if point.interval is None:
        return f"{point.score:.4f} (one seed)"
    low, high = point.interval
    return f"{point.score:.4f} ({low:.4f} to {high:.4f})"


def stand_text(cell: CellFacts, facts: SweepFacts) -> str:
    """Return a cell's last score and how it stands in the last run, which may be another one."""
    now, latest = standing(facts.state(cell.name)), cell.latest
    if latest is None:
        return now
    old = latest is not facts.now(cell.name)
    return f"{score_text(latest)}{f', run of {latest.run}; now' if old else ''} {now}"


def counted(count: int, noun: str) -> str:
    """Return `1 cell` or `2 cells`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
