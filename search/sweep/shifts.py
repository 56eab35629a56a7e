"""How much the scores of a cell differ before and after each night that may have changed it.

Two tests are made of each: Student's of the scores, and Student's paired one of the seeds that ran on both sides. All
change points are computed at once: each is a row of the arrays here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy  # imports a submodule when it is first used: `stats` takes a second, `special` next to nothing
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

WINDOW = 15  #: how many nights ago the newest change looked for may have come
RANKS = 7  #: times the level that counts: what ranks must reach before a smaller p-value of Student's is believed
FEWEST_APART = 3  #: scores that are believed without ranks where all lie beyond all before
HUGE = 1e100  #: a score beyond it has diverged, and its square is no number
MOST_SEEDS = 1000  #: nobody runs more to settle a suspicion


@dataclass(frozen=True)
class Shift:
    """The scores from one night on against those before."""

    since: int
    level: float  #: a p-value below it counts
    sides: tuple[Floats, Floats]  #: the scores
    difference: float
    error: float  #: standard error of the difference
    freedom: float  #: degrees of freedom
    before: float  #: scores before, as far as they count; infinite in the paired test
    after: float  #: scores after, as far as they count; in the paired test the pairs

    @property
    def t(self) -> float:
        """How many standard errors the difference is."""
        return abs(self.difference) / self.error if self.error > 0 else math.inf if self.difference else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the difference."""
        half = float(_quantile(0.975, self.freedom)) * self.error
        return self.difference - half, self.difference + half

    @cached_property
    def chance(self) -> float:
        """The p-value of Student's test."""
        return float(2 * scipy.special.stdtr(self.freedom, -self.t))

    @cached_property
    def p(self) -> float:
        """The p-value that is believed."""
        doubted = RANKS * self.level
        paired = math.isinf(self.before)
        return self.chance if self.chance >= doubted or paired or _ranks_agree(*self.sides, doubted) else doubted

    def seeds_needed(self) -> int | None:
        """Return how many more scores after the change would settle a difference that stays as it is."""
        more = np.arange(1, MOST_SEEDS + 1)
        narrower = (1 / self.before + 1 / (self.after + more)) / (1 / self.before + 1 / self.after)
        t = _quantile(1 - self.p / 2, self.freedom)  # of the p-value that is believed, not of Student's
        enough = 2 * scipy.special.stdtr(self.freedom + more, -t / np.sqrt(narrower)) < self.level
        return int(more[enough][0]) if enough.any() else None


def least(shifts: Sequence[Shift]) -> Shift:
    """Return the shift with the least p-value that is believed, and of equal ones that with the largest t."""
    best, *others = sorted(shifts, key=lambda one: (one.chance, -one.t))
    for one in others:
        if one.chance > best.p:
            break  # ranks, which take a while, only ever raise it
        best = min(best, one, key=lambda one: (one.p, -one.t))
    return best


@dataclass(frozen=True)
class History:
    """The different (seed, score) pairs of some nights, ordered by both."""

    ran: Floats  #: a row for each pair, a column for each seed: 1 where it is the pair's seed
    scores: Floats  #: higher is better
    first: NDArray[np.intp]  #: the night that brought a pair
    last: NDArray[np.intp]  #: the last night that repeated it
    floor: float  #: the least standard deviation
    tonight: int  #: scores of the newest night that has any

    @classmethod
    def of(cls, nights: Sequence[Mapping[int, float]], *, sign: float, rows: int) -> History:
        """Gather what is known; one row of the report split is worth the share 1 / rows of the largest score."""
        seen: dict[tuple[int, float], tuple[int, int]] = {}
        tonight = 0
        for number, night in enumerate(nights):
            known = [(seed, sign * score) for seed, score in night.items() if _is_known(score)]
            seen |= {pair: (seen.get(pair, (number,))[0], number) for pair in known}
            tonight = len(known) or tonight
        pairs = sorted(seen)
        seeds = sorted({seed for seed, _ in pairs})
        ran = np.zeros((len(pairs), len(seeds)))
        ran[range(len(pairs)), np.searchsorted(seeds, [seed for seed, _ in pairs])] = 1
        scores = np.array([score for _, score in pairs], dtype=np.float64)
        first, last = np.array([seen[pair] for pair in pairs], dtype=np.intp).reshape(-1, 2).T
        return cls(ran, scores, first, last, float(np.abs(scores).max(initial=0.0)) / rows, tonight)

    def shifts(self, level: float) -> list[Shift]:
        """Return the comparisons at the nights that may be the first after a change, the newest first.

        Of the two tests each is the one with the narrower interval at this level, which would see the smaller change;
        left out where there are too few scores for both.
        """
        newest = int(self.last.max(initial=0))
        oldest = int(self.first.min(initial=newest))
        since = np.arange(newest, max(oldest, newest - WINDOW), -1)
        before, after = _Sides(self, self.first < since[:, None]), _Sides(self, self.last >= since[:, None])
        tests = np.array([_unpaired(before, after, self.floor), _paired(before, after, self.floor)])
        quantiles = _quantile(1 - level / 2, np.maximum(tests[:, 2], 1))
        widths = np.where(tests[:, 2] >= 1, quantiles * tests[:, 1], math.inf)
        sides = [(self.scores[before.of[row]], self.scores[after.of[row]]) for row in range(len(since))]
        return [
            Shift(int(night), level, both, *tests[test, :, row].tolist())
            for row, (night, test, both) in enumerate(zip(since, widths.argmin(axis=0), sides, strict=True))
            if widths[test, row] < math.inf
        ]

    def detectable(self, level: float, nights: int) -> float | None:
        """Return the least drop that so many nights like the newest would show with a probability of 0.8."""
        everything = _Sides(self, np.ones((1, len(self.scores)), dtype=np.bool_))
        sd, alike = _noise([everything], self.floor)
        before, after = float(everything.worth(alike)[0]), float(nights * self.tonight)
        if before + after < 3:
            return None
        t = sum(float(_quantile(one, before + after - 2)) for one in (1 - level / 2, 0.8))
        return t * float(sd[0]) * math.sqrt(1 / before + 1 / after)


class _Sides:
    """The scores before each change point, or those after each."""

    def __init__(self, history: History, of: Mask) -> None:
        self.of = of  #: for each change point and pair
        self.scores = np.broadcast_to(history.scores, of.shape)[of]  #: one change point after the other
        self.counts = of @ history.ran  #: scores of each seed
        self.size = self.counts.sum(axis=1)
        self.seeds = (self.counts > 0).sum(axis=1)
        self.mean = of @ history.scores / self.size
        away = (history.scores - self.mean[:, None]) * of
        self.squares = (away**2).sum(axis=1)  #: of the distances from the mean
        of_seeds = (away @ history.ran) ** 2 / np.maximum(self.counts, 1)
        self.squares_within = np.maximum(self.squares - of_seeds.sum(axis=1), 0)  #: from the mean of the seed

    def worth(self, alike: Floats) -> Floats:
        """Return how many independent scores these count for, given the correlation of scores of one seed."""
        together = (self.counts**2).sum(axis=1) / self.size
        return np.asarray(self.size / (1 + (together - 1) * alike))

    def medians(self) -> Floats:
        """Return each seed's median score, NaN without any: a seed that collapsed once is taken as it usually is."""
        counts = self.counts.ravel().astype(np.intp)
        start, some = counts.cumsum() - counts, counts > 0
        middle = [self.scores[(start + (counts - above) // 2)[some]] for above in (0, 1)]
        medians = np.full(counts.shape, math.nan)
        medians[some] = (middle[0] + middle[1]) / 2
        return medians.reshape(self.counts.shape)


def _is_known(score: float | None) -> bool:
    return score is not None and abs(score) < HUGE  # nor NaN


def _unpaired(before: _Sides, after: _Sides, floor: float) -> Floats:
    """Compare the means: difference, standard error, degrees of freedom, sizes before and after."""
    sd, alike = _noise([before, after], floor)
    sizes = before.worth(alike), after.worth(alike)
    return np.array([after.mean - before.mean, sd * np.sqrt(1 / sizes[0] + 1 / sizes[1]), sum(sizes) - 2, *sizes])


def _noise(sides: Sequence[_Sides], floor: float) -> tuple[Floats, Floats]:
    """Return the standard deviation within the sides, and the correlation of scores of one seed on one side."""
    size, seeds = sum(one.size for one in sides), sum(one.seeds for one in sides)
    variance = sum(one.squares for one in sides) / np.maximum(size - len(sides), 1)
    within = sum(one.squares_within for one in sides) / np.maximum(size - seeds, 1)
    alike = np.clip(1 - within / np.where(variance > 0, variance, 1), 0, 1)
    return np.maximum(np.sqrt(variance), floor), alike


def _paired(before: _Sides, after: _Sides, floor: float) -> Floats:
    """Compare each seed's medians; the same five numbers."""
    differences = after.medians() - before.medians()
    both = ~np.isnan(differences)
    pairs = both.sum(axis=1)
    mean = np.where(both, differences, 0).sum(axis=1) / np.maximum(pairs, 1)
    squares = np.where(both, differences - mean[:, None], 0) ** 2
    sd = np.maximum(np.sqrt(squares.sum(axis=1) / np.maximum(pairs - 1, 1)), floor)
    return np.array([mean, sd / np.sqrt(np.maximum(pairs, 1)), pairs - 1, np.full(len(pairs), math.inf), pairs])


def _ranks_agree(before: Floats, after: Floats, level: float) -> bool:
    """Return whether most scores changed, not a few by much."""
    if len(after) >= FEWEST_APART and (after.max() < before.min() or after.min() > before.max()):
        return True
    return bool(scipy.stats.mannwhitneyu(before, after).pvalue < level)


def _quantile(probability: float, freedom: ArrayLike) -> Floats:
    return np.asarray(scipy.special.stdtrit(freedom, probability))
