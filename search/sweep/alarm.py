"""Tell a real change of a cell from the noise of its trainings, night after night, and cry wolf hardly ever.

A night is a sweep run as one cell saw it: the scores of its winner on the report split, by seed. The seeds rotate in
`CYCLE` blocks. On one machine a training is deterministic: with the same seeds every night the scores would be the same
for ever, and after an update of the machine there would be as many new ones as a night has seeds, too few to see any
but a huge change. With five blocks a week gives five times as many, each with the score of the same seed to compare.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import scipy  # imports a submodule when it is first used: `stats` takes a second, `special` next to nothing

from ...spaces.errors import BadInput, did_you_mean
from ...studies.objective import DIRECTIONS, MAXIMIZE
from .shifts import MOST_SEEDS, History, Shift, least

CYCLE = 5  #: blocks of seeds; a block is run again, and compared with itself, every so many nights
THRESHOLD = 1e-4  #: of the p-value of one change point; chosen by simulation, see `tests/benchmarks/nights.py`
SUSPICION = 0.01  #: p-value below which a drop is noisy rather than steady


class State(enum.StrEnum):
    """What the newest night says about a cell."""

    NEW = "new"  #: too few scores to compare
    STEADY = "steady"  #: nothing but noise
    BETTER = "better"
    WORSE = "worse"
    NOISY = "noisy"  #: maybe a drop; too little to wake anybody


@dataclass(frozen=True, kw_only=True)
class Night:
    """What a cell's winner scored in one sweep run."""

    scores: Mapping[int, float]  #: seed -> score on the report split; what is not a finite number is left out


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What the nights of one history say about a cell; see `examine`.

    Differences are positive for better and negative for worse, whatever the direction of the objective. `since` counts
    the nights given from 0 and `words` say it as it is: who numbers runs otherwise replaces it.
    """

    state: State
    since: int | None = None  #: the first night after the change, suspected where noisy; None for new and steady
    difference: float | None = None  #: from before the change; of a steady cell from before the newest night
    interval: tuple[float, float] | None = None  #: 95 %, of that difference, not corrected for looking every night
    p: float | None = None  #: the least p-value over the change points
    seeds_needed: int | None = None  #: of noisy: more after the change that would settle it; None if 1000 would not
    detectable: float | None = None  #: of steady and noisy: a drop found within five nights in four cases of five

    @property
    def words(self) -> str:
        """Return it as one sentence for people."""
        match self.state:
            case State.NEW:
                return "new: the first scores of this history"
            case State.STEADY if self.detectable:
                return f"steady: a drop of {self.detectable:.3g} would be found within five runs"
            case State.STEADY:
                return "steady"
            case State.NOISY if self.seeds_needed is not None:
                return f"noisy: cannot tell (needs {self.seeds_needed} more seed{'s' * (self.seeds_needed > 1)})"
            case State.NOISY:
                return f"noisy: cannot tell (nor would {MOST_SEEDS} more seeds)"
        low, high = sorted(abs(end) for end in self.interval or (math.nan, math.nan))
        return f"{self.state} by {abs(self.difference or 0):.3g} ({low:.3g} to {high:.3g}) since run {self.since}"

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self) | {"state": self.state.value, "interval": list(self.interval) if self.interval else None}

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Finding:
        """Return what `to_dict` made."""
        interval = tuple(kept["interval"]) if kept.get("interval") else None
        return cls(**{**kept, "state": State(kept["state"]), "interval": interval})


@dataclass(frozen=True)
class RowsChanged:
    """On how many rows of the report split the models got worse and better; see `rows_changed`."""

    lost: int
    gained: int
    p: float


def seeds_of(seed: int, count: int, run: int) -> list[int]:
    """Return the seeds of a sweep run, counted from 0: its block of `count`, one of `CYCLE` in turn."""
    if count < 1 or run < 0:
        raise BadInput(f"no block of {count} seeds for run {run}", hint="one seed or more, runs count from 0")
    return [(seed + run % CYCLE * count + i) % 2**32 for i in range(count)]


def examine(nights: Sequence[Night], *, direction: str, rows: int, cells: int = 1) -> Finding:
    """Say whether the newest of the nights of one history, oldest first, shows that the cell has changed.

    Each of the last `WINDOW` nights may be the first after a change: the scores from it on are compared with those
    before, and the least p-value is held against a threshold low enough for all these looks, night after night. That is
    the changepoint model of statistical process control (Hawkins, Qiu & Kang, Journal of Quality Technology 2003), a
    generalised likelihood ratio in a window (Lai, JRSS B 1995; Siegmund & Venkatraman, Annals of Statistics 1995). Two
    tests compare: Student's of the scores, and Student's paired one of the seeds on both sides; the one with the
    narrower interval counts, which does not depend on what it says. What keeps them honest:
    - a score that a seed repeats exactly says nothing new and counts once on each side; seeds whose scores are alike
      without being equal count for less than as many scores as they have (Kish's design effect, 1965);
    - the standard deviation is never taken for less than what one of `rows` is worth: scores may happen to be equal;
    - some seeds collapse now and then, and no t test is right about such scores: ranks must agree (Mann & Whitney,
      1947) or three scores and more lie beyond all before, and a seed is paired by its medians.

    The caller begins a new history with the night `since` of what is better or worse, so that a change is told once.
    Of 600 simulated histories of 60 nights without a change, with three seeds, 4.8 % (3.3 to 6.9) have an alarm where
    all is noise, 6.8 % where one training in five collapses; a drop of 1.5 standard deviations is found within five
    nights in 89 % (86 to 92), with collapsing seeds in 4 to 33 %. All `cells` of a sweep share the threshold.
    """
    if direction not in DIRECTIONS:
        raise BadInput(f"no direction {direction!r}", hint=did_you_mean(direction, DIRECTIONS))
    if rows < 1 or cells < 1:
        raise BadInput(f"nothing to examine: {rows=}, {cells=}", hint="a report split and a sweep have one or more")
    history = History.of([night.scores for night in nights], sign=1.0 if direction == MAXIMIZE else -1.0, rows=rows)
    threshold = THRESHOLD / cells
    shifts = history.shifts(threshold)
    if not shifts:
        return Finding(state=State.NEW)
    best = least(shifts)
    state = _state(best)
    steady, told = state is State.STEADY, state in (State.BETTER, State.WORSE)
    shown = history.shifts(0.05)[0] if steady else best  # of tonight, by the test that fits the interval shown
    return Finding(
        state=state,
        since=None if steady else best.since,
        difference=shown.difference,
        interval=shown.interval,
        p=best.p,
        seeds_needed=best.seeds_needed() if state is State.NOISY else None,
        detectable=None if told else history.detectable(threshold, CYCLE),
    )


def _state(shift: Shift) -> State:
    if shift.p < shift.level:
        return State.BETTER if shift.difference > 0 else State.WORSE
    return State.NOISY if shift.p < SUSPICION and shift.difference < 0 else State.STEADY


def rows_changed(before: Sequence[float], after: Sequence[float]) -> RowsChanged:
    """Compare how wrong the models are on each row, a mean over the seeds: 0 to 1 for classes, or absolute errors.

    The p-value is that of the sign test over the rows that changed, exact (McNemar, Psychometrika 1947). It is of these
    trainings: others with other seeds change rows too, so it tells where a change is, and `examine` whether there is.
    """
    first, second = (np.asarray(errors, dtype=np.float64) for errors in (before, after))
    if first.shape != second.shape or first.ndim != 1:
        raise BadInput(
            f"errors of {first.size} and {second.size} rows", hint="compare the same rows, in the same order"
        )
    alike = np.isclose(first, second, rtol=1e-9, atol=1e-12)  # the same mean, added in another order
    lost, gained = int(((second > first) & ~alike).sum()), int(((second < first) & ~alike).sum())
    p = float(scipy.stats.binomtest(lost, lost + gained).pvalue) if lost + gained else 1.0
    return RowsChanged(lost, gained, p)
