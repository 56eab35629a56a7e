"""Sixty nights of a cell: how often is a maintainer woken for nothing, and how soon when a model got worse?

    nice -n 10 python tests/benchmarks/nights.py [--histories 200] [--repeats 200] [--seeds 3] [--markdown]

Simulated histories, examined night after night as a sweep does: after a change is told, the history begins again with
the first night after it. Scores are in units of the standard deviation over seeds. A world says what of a seed's
deviation is its own for ever (`own`), what is drawn anew with each update of the machine (`updates`, and by a change),
what is drawn anew every night (`nightly`), and how often a training collapses to ten standard deviations below. A pair
of seed and night without anything drawn anew scores exactly the same, as on a machine that is deterministic.

- unchanged: the share of histories with any alarm, the alarms in a hundred histories, and the share of nights `noisy`
- drop: the share found within five (or twenty) nights, as one cell of a sweep or of twelve; of the found ones (five
  nights, one cell) those whose first night was told within one night, and those told a second time in the next ten

Intervals are Clopper and Pearson's, 95 %. Two rules to compare with: `naive`, a t test of tonight against last night at
0.05, and `same seeds`, our rule where the seeds do not rotate.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count, islice

import numpy as np
from scipy import stats

from hpsearch.search.sweep.alarm import CYCLE, Night, State, examine, seeds_of
from hpsearch.tests.benchmarks.strategies import show

NIGHTS, CHANGES, DROP, SMALLER = 60, range(10, 40), 1.5, 1.0
ROWS, MEAN, SD = 2000, 0.8, 0.01  #: of the report split, and of the scores
TOLD = (State.BETTER, State.WORSE)

Rule = Callable[[Sequence[Night]], tuple[State, int | None]]  #: what tonight is, and since which night


@dataclass(frozen=True)
class World:
    """How the scores of a cell vary while nothing changes."""

    name: str
    own: float = 0.0  #: share of the variance that is the seed's for ever
    nightly: float = 0.0  #: share that is drawn anew every night
    updates: tuple[int, ...] = ()  #: nights that redraw the rest
    collapsed: float = 0.0  #: share of trainings
    tails: float = np.inf  #: degrees of freedom of what is drawn every night
    cycle: int = CYCLE  #: blocks of seeds

    def nights(self, draw: np.random.Generator, seeds: int, change: int = NIGHTS, drop: float = 0.0) -> Iterator[Night]:
        """Yield night after night; from `change` on the scores are lower."""
        size, spread = seeds * self.cycle, np.sqrt([self.own, 1 - self.own - self.nightly, self.nightly])
        own = draw.normal(size=size) * spread[0]
        for run in count():
            if run == 0 or run in (*self.updates, change):
                lasting, broken = draw.normal(size=size) * spread[1], draw.random(size) < self.collapsed
            if self.nightly:
                broken = draw.random(size) < self.collapsed
            tonight = draw.standard_t(self.tails, size) if self.tails < np.inf else draw.normal(size=size)
            scores = own + lasting + tonight * spread[2] - (drop if run >= change else 0)
            scores = np.where(broken, 0.1 * scores - 10, scores)
            block = range(run % self.cycle * seeds, (run % self.cycle + 1) * seeds)
            numbers = seeds_of(1, seeds, run) if self.cycle == CYCLE else list(block)
            yield Night(scores={n: MEAN + SD * float(scores[i]) for n, i in zip(numbers, block, strict=True)})


WEEKLY = tuple(range(5, NIGHTS, 5))
DETERMINISTIC = World("deterministic, 11 updates", updates=WEEKLY)
WORLDS = (
    World("all noise", nightly=1.0),
    World("half the seed's own", own=0.5, nightly=0.5),
    DETERMINISTIC,
    World("deterministic, half the seed's own", own=0.5, updates=WEEKLY),
    World("mixed, 3 updates", own=0.3, nightly=0.3, updates=(10, 25, 40)),
    World("almost deterministic, 2 updates", nightly=0.1, updates=(20, 40)),
    World("heavy tails (Student, 3)", nightly=1.0, tails=3),
    World("1 in 20 collapses", nightly=1.0, collapsed=0.05),
    World("1 in 10 collapses", nightly=1.0, collapsed=0.1),
    World("1 in 5 collapses", nightly=1.0, collapsed=0.2),
    World("deterministic, 1 in 10 collapses", updates=WEEKLY, collapsed=0.1),
)
SAME_SEEDS = replace(DETERMINISTIC, name=f"{DETERMINISTIC.name}, same seeds", cycle=1)


def ours(cells: int = 1) -> Rule:
    """Return the rule of sweeps."""

    def rule(nights: Sequence[Night]) -> tuple[State, int | None]:
        found = examine(nights, direction="maximize", rows=ROWS, cells=cells)
        return found.state, found.since

    return rule


def naive(nights: Sequence[Night]) -> tuple[State, int | None]:
    """Compare tonight with last night, at 0.05."""
    if len(nights) < 2:
        return State.NEW, None
    last, tonight = (np.array(list(night.scores.values())) for night in nights[-2:])
    if np.array_equal(last, tonight):
        return State.STEADY, None
    state = State.WORSE if tonight.mean() < last.mean() else State.BETTER
    p = stats.ttest_ind(last, tonight).pvalue
    return (state, len(nights) - 1) if p < 0.05 else (State.STEADY, None)


def watched(rule: Rule, nights: Sequence[Night], begin: int = 0) -> Iterator[tuple[State, int | None]]:
    """Yield what a maintainer is told of each night from `begin` on; a change begins a new history."""
    start = 0
    for newest in range(begin, len(nights)):
        state, since = rule(nights[start : newest + 1])
        first = None if since is None else start + since
        if state in TOLD:
            start = first or 0
        yield state, first


def some(world: World, draw: np.random.Generator, seeds: int, length: int, *change: float) -> list[Night]:
    """Return the first nights of a history."""
    at, drop = change or (NIGHTS, 0.0)
    return list(islice(world.nights(draw, seeds, int(at), drop), length))


def unchanged(world: World, rule: Rule, histories: int, seeds: int) -> tuple[str, ...]:
    """Return a line of the table of what is told while nothing changes."""
    draw = np.random.default_rng(0)
    alarms, noisy = [], []
    for _ in range(histories):
        states = [state for state, _ in watched(rule, some(world, draw, seeds, NIGHTS))]
        alarms.append(sum(state in TOLD for state in states))
        noisy.append(np.mean([state is State.NOISY for state in states]))
    return share(sum(map(bool, alarms)), histories), f"{100 * np.mean(alarms):.1f}", f"{np.mean(noisy):.1%}"


@dataclass(frozen=True)
class Told:
    """What is told of a drop."""

    off: int | None  #: how many nights its first night is missed by; None where it is not found
    again: bool  #: whether another change is told soon after


def told(world: World, rule: Rule, repeats: int, seeds: int, *, drop: float, nights: int, after: int = 0) -> list[Told]:
    """Return what is told of a drop within some nights, and in those after, one simulation after the other."""
    draw, found = np.random.default_rng(1), []
    for _ in range(repeats):
        change = int(draw.choice(CHANGES))
        history = some(world, draw, seeds, change + nights + after, change, drop)
        words = watched(rule, history, change)
        since = next((since for state, since in islice(words, nights) if state is State.WORSE), None)
        again = since is not None and any(state in TOLD for state, _ in islice(words, after))
        found.append(Told(None if since is None else since - change, again))
    return found


def dropped(world: World, repeats: int, seeds: int) -> tuple[str, ...]:
    """Return a line of the table of what is told of a drop."""
    one = told(world, ours(), repeats, seeds, drop=DROP, nights=5, after=10)
    twelve = told(world, ours(12), repeats, seeds, drop=DROP, nights=5)
    smaller = told(world, ours(12), repeats, seeds, drop=SMALLER, nights=20)
    shares = [share(sum(case.off is not None for case in cases), repeats) for cases in (one, twelve, smaller)]
    found = [(case.off, case.again) for case in one if case.off is not None]
    placed, again = sum(abs(off) <= 1 for off, _ in found), sum(twice for _, twice in found)
    return (*shares, share(placed, len(found)), share(again, len(found)))


def share(hits: int, of: int) -> str:
    """Return a share in per cent with its interval."""
    if not of:
        return "-"
    low, high = stats.binomtest(hits, of).proportion_ci(method="exact")
    return f"{100 * hits / of:.1f} ({100 * low:.1f} to {100 * high:.1f})"


def parsed() -> argparse.Namespace:
    """Return what was asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--histories", type=int, default=200, help="unchanged ones, of each world")
    parser.add_argument("--repeats", type=int, default=200, help="changed ones, of each world")
    parser.add_argument("--seeds", type=int, default=3, help="a night")
    parser.add_argument("--markdown", action="store_true")
    return parser.parse_args()


def main() -> int:
    """Print the two tables; return the exit code."""
    asked = parsed()
    lines = [(world.name, *unchanged(world, ours(), asked.histories, asked.seeds)) for world in (*WORLDS, SAME_SEEDS)]
    lines += [(f"{world.name}, naive", *unchanged(world, naive, asked.histories, asked.seeds)) for world in WORLDS[:3]]
    head = ("world", "histories with an alarm, %", "alarms in 100 histories", "nights noisy")
    title = f"unchanged: {asked.histories} histories of {NIGHTS} nights, {asked.seeds} seeds a night"
    show(title, head, lines, markdown=asked.markdown)

    lines = [(world.name, *dropped(world, asked.repeats, asked.seeds)) for world in (*WORLDS, SAME_SEEDS)]
    head = (
        "world",
        f"{DROP} sd in 5 nights, %",
        "of 12 cells",
        f"{SMALLER} sd in 20 nights, of 12 cells",
        "first night within 1",
        "told twice",
    )
    title = f"a drop: found in {asked.repeats} simulations, {asked.seeds} seeds a night"
    show(title, head, lines, markdown=asked.markdown)
    return 0


if __name__ == "__main__":
    sys.exit(main())
