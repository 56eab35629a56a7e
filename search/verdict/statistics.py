"""How far a difference, a ranking or a score can be believed.

Scores are "higher is better" and metrics come in as callables; those of the tasks are in `metrics`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import scipy  # imports a submodule when it is first used: `stats` takes a second
from numpy.typing import ArrayLike, NDArray

from ..errors import NoComparison

Values = NDArray[Any]  #: class ids or numbers, one a row
Runs = Sequence[ArrayLike]  #: what the models trained with one seed after another predict for the same rows
Score = Callable[[Values, Values], float]  #: of predictions and labels, the same in whatever order the rows come
Verdict = Literal["held", "did not hold", "too few to say"]

MOST_PARTS = 500  # more would take seconds: each is a score to compute, for each model and seed
FEWEST_RANKED = 5  # any order of four has a chance of 1 in 24, too much for a level of 95 %


@dataclass(frozen=True)
class Interval:
    """A confidence interval, both ends included, in the unit of what it is of."""

    low: float
    high: float
    level: float = 0.95

    def covers(self, value: float) -> bool:
        """Return whether a value lies in it."""
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Comparison:
    """How much better one model is than another, in the unit of the score; see `paired_difference`."""

    difference: float  #: mean over the seeds; above 0 where the better one is better
    interval: Interval
    standard_error: float  #: of the difference; 0 if both models predict the same
    seeds: int
    rows: int

    def detectable(self, power: float = 0.8) -> float:
        """Return the least true difference whose interval leaves out 0 with probability `power`."""
        return (self.interval.high - self.interval.low) / 2 + _quantile(power) * self.standard_error


@dataclass(frozen=True)
class RankAgreement:
    """Whether configurations rank alike at two fractions; see `rank_agreement`."""

    tau: float | None  #: Kendall's tau-b, -1 to 1; None without two different scores at each fraction
    interval: Interval | None
    count: int  #: configurations
    verdict: Verdict


class ChanceLevel(NamedTuple):
    """What predictions score by chance, in the unit of the score; see `chance_level`."""

    mean: float
    sd: float


def paired_difference(
    better: Runs,
    worse: Runs,
    labels: ArrayLike,
    score: Score,
    *,
    seed: int,
    level: float = 0.95,
    groups: Sequence[int] | None = None,
) -> Comparison:
    """Compare two models, each trained with the same S >= 1 seeds, on the same n >= 2 rows.

    The difference is the mean over the seeds of score(better) - score(worse). Its variance is the sum of two, that of
    the rows by the jackknife, which leaves the same row out for all models (Efron & Stein, Annals of Statistics 1981),
    and, of several seeds, that of their differences. What is chance of one row with one seed is in both, which errs to
    the safe side (as Owen's pigeonhole bootstrap does, Annals of Applied Statistics 2007). Rows with equal prediction
    and label count the same, so a metric of classes is computed a few times only, not thousands as for a bootstrap. Of
    more than `MOST_PARTS` different rows groups are left out, drawn with `seed`. Not for scores that jump, as medians.
    With `groups`, one a row and two or more in all, it is they that are left out, for their rows depend on each other
    and only they do not: cluster-robust, with as many degrees of freedom as groups less one (Cameron & Miller, Journal
    of Human Resources 2015).

    The interval is Student's, with Welch and Satterthwaite's degrees of freedom, and wider at both ends by the most
    that one row adds: Edwards' correction of McNemar's test, for any score. Simulated, it covers in 95 % or more, but
    of few seeds that vary much more than rows do only in 87 % (two), 92 % (three) or 94 % (five); and a model that
    says one class on all but five rows may seem worse than a constant one. Of one seed it holds the rows' noise alone.
    Raises `ValueError` for lengths that do not fit and for a score that is not finite.
    """
    true = np.asarray(labels)
    pairs = _paired(better, worse, true)
    left_out = _left_out_together(pairs, true, seed) if groups is None else rows_by_group(groups, seed)
    differences = np.array([_finite(score, b, true) - _finite(score, w, true) for b, w in pairs])
    effects = np.mean(
        [_effects(b, true, left_out, score) - _effects(w, true, left_out, score) for b, w in pairs], axis=0
    )
    parts, most = len(effects), float(np.abs(effects).max())
    of_rows = float(effects.var(ddof=1)) * parts
    return student_comparison(differences, of_rows, parts - 1, most=most, rows=len(true), level=level)


def student_comparison(
    differences: NDArray[np.float64], of_rows: float, freedom: float, *, most: float, rows: int, level: float
) -> Comparison:
    """Return the comparison of models whose scores differ by these numbers, one a seed.

    `of_rows` is the variance that the choice of rows gives to their mean, known with `freedom` degrees of freedom, and
    `most` what a single row adds to it at most; all in the unit of the score. See `paired_difference` for the interval.
    """
    seeds, difference = len(differences), float(differences.mean())
    of_seeds = float(differences.var(ddof=min(1, seeds - 1))) / seeds  # of one seed 0
    spread = of_rows**2 / freedom + of_seeds**2 / max(1, seeds - 1)
    error, welch = math.sqrt(of_rows + of_seeds), (of_rows + of_seeds) ** 2 / spread if spread > 0 else 1.0
    half = _quantile((1 + level) / 2, welch) * error + most
    return Comparison(difference, Interval(difference - half, difference + half, level), error, seeds, rows)


def score_interval(
    predictions: ArrayLike, labels: ArrayLike, score: Score, *, seed: int, level: float = 0.95
) -> Interval | None:
    """Return the interval of one model's score on n >= 2 rows, in the unit of the score, for other rows of their kind.

    The variance is that of the rows by the jackknife, and the interval is made of it as in `paired_difference`.
    Simulated, it covers in 95 % or more of 50 rows and more, and of 20 for F1 and Matthews' coefficient; of 20 rows in
    91 to 93 % for correlations and squared errors. None where no row changes the score, as of a model that is right on
    all: it says nothing of how often that would be so. Raises `ValueError` for lengths that do not fit and for a score
    that is not finite.
    """
    true = np.asarray(labels)
    pairs = _paired([predictions], [predictions], true)
    effects = _effects(pairs[0][0], true, _left_out_together(pairs, true, seed), score)
    most, parts = float(np.abs(effects).max()), len(effects)
    scored = np.array([_finite(score, pairs[0][0], true)])
    if most <= 1e-9 * abs(scored[0]):  # but for rounding
        return None
    of_rows = float(effects.var(ddof=1)) * parts
    return student_comparison(scored, of_rows, parts - 1, most=most, rows=len(true), level=level).interval


def rate_interval(right: int, rows: int, *, level: float = 0.95) -> Interval:
    """Return the exact interval of a rate, such as an accuracy, of which `right` of n >= 1 `rows` are right.

    Clopper & Pearson, Biometrika 1934: it covers in `level` or more, whatever the rate, and also where all are right.
    """
    found = scipy.stats.binomtest(right, rows).proportion_ci(level, method="exact")
    return Interval(float(found.low), float(found.high), level)


def _paired(better: Runs, worse: Runs, labels: Values) -> list[tuple[Values, Values]]:
    """Return what the two models predict, a pair for each seed. Raises `ValueError` for lengths that do not fit."""
    pairs = [(np.asarray(b), np.asarray(w)) for b, w in zip(better, worse, strict=True)]
    shapes = sorted({one.shape for pair in pairs for one in pair})
    if shapes != [labels.shape] or labels.ndim != 1 or len(labels) < 2:
        raise ValueError(f"predictions of shapes {shapes} do not fit labels of shape {labels.shape}, two or more")
    return pairs


def _finite(score: Score, predictions: Values, labels: Values) -> float:
    value = float(score(predictions, labels))
    if not math.isfinite(value):
        raise ValueError(f"the score of {len(labels)} rows is not a finite number: {value}")
    return value


def _left_out_together(pairs: list[tuple[Values, Values]], labels: Values, seed: int) -> list[NDArray[np.intp]]:
    """Return the rows one by one, or in random groups where too many of them are different."""
    rows = len(labels)
    if rows <= MOST_PARTS or max(_kinds(one, labels).max() for pair in pairs for one in pair) < MOST_PARTS:
        return list(np.arange(rows).reshape(rows, 1))
    return np.array_split(np.random.default_rng(seed).permutation(rows), MOST_PARTS)


def rows_by_group(groups: Sequence[int], seed: int, most: int = MOST_PARTS) -> list[NDArray[np.intp]]:
    """Return the rows of each group; of more than `most` groups several together, drawn with `seed`.

    Raises `NoComparison` for fewer than two groups.
    """
    codes = np.unique(np.asarray(groups), return_inverse=True)[1]
    if codes.max() < 1:
        raise NoComparison("all rows of the report split are of one group, and say nothing about another one")
    parts = np.array_split(np.random.default_rng(seed).permutation(codes.max() + 1), min(most, codes.max() + 1))
    place = np.empty(codes.max() + 1, dtype=np.intp)
    for number, part in enumerate(parts):
        place[part] = number
    return np.split(np.argsort(place[codes], kind="stable"), np.cumsum(np.bincount(place[codes]))[:-1])


def _kinds(predictions: Values, labels: Values) -> NDArray[np.intp]:
    """Number the rows from 0 so that those with equal prediction and equal label, and no others, share a number."""
    predicted, true = (np.unique(values, return_inverse=True)[1] for values in (predictions, labels))
    return np.asarray(np.unique(predicted * len(labels) + true, return_inverse=True)[1])


def _effects(predictions: Values, labels: Values, groups: list[NDArray[np.intp]], score: Score) -> NDArray[np.float64]:
    """Return what each group of rows adds to a score: what is lost without it, times the share of rows then left."""
    alone = all(len(group) == 1 for group in groups)
    kinds = _kinds(predictions, labels)[np.concatenate(groups)] if alone else np.arange(len(groups))
    _, first, kind = np.unique(kinds, return_index=True, return_inverse=True)
    total = _finite(score, predictions, labels)
    without = [_finite(score, *(np.delete(one, groups[i]) for one in (predictions, labels))) for i in first]
    left = 1 - np.array([len(groups[i]) for i in first]) / len(labels)
    return np.asarray(((total - np.array(without)) * left)[kind])


def _quantile(probability: float, freedom: float = math.inf) -> float:
    """Return a quantile of Student's distribution; without degrees of freedom that is the normal one."""
    return float(scipy.stats.t.ppf(probability, freedom))


def mcnemar(better: ArrayLike, worse: ArrayLike, labels: ArrayLike) -> float:
    """Return the exact two-sided p-value of two models being right equally often; 1 if on the same rows.

    All three are n >= 2 class ids. McNemar, Psychometrika 1947. Raises `ValueError` for lengths that do not fit.
    """
    true = np.asarray(labels)
    first, second = (one == true for one in _paired([better], [worse], true)[0])
    gained, lost = int((first & ~second).sum()), int((second & ~first).sum())
    return float(scipy.stats.binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0


def detectable_difference(
    rate: float, rows: int, *, disagreement: float | None = None, level: float = 0.95, power: float = 0.8
) -> float:
    """Return the least gain in accuracy over `rate` that a paired test on n `rows` finds with probability `power`.

    Shares from 0 to 1, as is `disagreement`: of the rows that exactly one of the two models has right. By default the
    two err independently, about the most that models of any use do and so the safe side: fine-tunings of one model
    disagree less, and with half as much 0.7 of the gain is found. Infinite where even the largest gain is missed.
    McNemar's test with Edwards' correction, in Connor's approximation of its power (Biometrics 1987); why: Card et al.,
    EMNLP 2020. Raises `ValueError` for a share that is none and for less than one row.
    """
    if rows < 1 or not (0 <= rate <= 1 and 0 <= (disagreement or 0) <= 1 and 0 < level < 1 and 0 < power < 1):
        raise ValueError(f"no rows, or no shares: {rows=}, {rate=}, {disagreement=}, {level=}, {power=}")
    surely, likely = _quantile((1 + level) / 2), _quantile(power)

    def excess(gain: float) -> float:
        differ = rate * (1 - rate - gain) + (1 - rate) * (rate + gain) if disagreement is None else disagreement
        noise = surely * math.sqrt(differ) + likely * math.sqrt(max(differ - gain**2, 0.0))
        return gain - 1 / rows - noise / math.sqrt(rows)

    most = 1 - rate if disagreement is None else min(1 - rate, disagreement)
    return float(scipy.optimize.brentq(excess, 0.0, most)) if excess(most) >= 0 else math.inf


def rank_agreement(lower: Sequence[float], higher: Sequence[float], *, level: float = 0.95) -> RankAgreement:
    """Say whether the ranking of configurations at a lower fraction held at a higher one.

    Two lists of scores, position by position of one configuration. The verdict is "held" if the whole interval of
    Kendall's tau-b is above 0; else "did not hold" if it ends below 0.5, which rules a strong agreement out; else, and
    for fewer than five configurations or for scores that are all equal, "too few to say".
    The interval is normal for atanh(tau), with variance 0.437 / (count - 4) (Fieller, Hartley & Pearson, Biometrika
    1957) times what ties add. Up to a tau of 0.65, where verdicts fall, it covers in 92 % or more of simulations, where
    a bootstrap falls to 50 %. Raises `ValueError` for lists of different lengths and scores that are not numbers.
    """
    count = len(lower)
    if count != len(higher) or any(math.isnan(one) for one in (*lower, *higher)):
        raise ValueError(f"each configuration needs a score at both fractions, got {lower} and {higher}")
    tau = float(scipy.stats.kendalltau(lower, higher).statistic) if count > 1 else math.nan
    if count < FEWEST_RANKED or math.isnan(tau):
        return RankAgreement(None if math.isnan(tau) else tau, None, count, "too few to say")
    farthest = 1 - 2 / (count * (count - 1))  # half a step from 1, where atanh has no value
    middle = math.atanh(min(max(tau, -farthest), farthest))
    half = _quantile((1 + level) / 2) * math.sqrt(0.437 / (count - 4) * _inflation_by_ties(lower, higher))
    interval = Interval(math.tanh(middle - half), math.tanh(middle + half), level)
    otherwise: Verdict = "did not hold" if interval.high < 0.5 else "too few to say"
    return RankAgreement(tau, interval, count, "held" if interval.low > 0 else otherwise)


def _inflation_by_ties(*rankings: Sequence[float]) -> float:
    """Return how much ties add to the variance of tau-b of unrelated rankings, as a factor (Kendall's, rearranged)."""
    n, ratio = len(rankings[0]), 1.0
    for ties in (np.unique(ranking, return_counts=True)[1] for ranking in rankings):
        pairs_apart = 1 - (ties * (ties - 1)).sum() / (n * (n - 1))
        triples_apart = 1 - (ties * (ties - 1) * (ties - 2)).sum() / (n * (n - 1) * (n - 2))
        ratio *= float(triples_apart / pairs_apart)
    return (2 * (n - 2) * ratio + 9) / (2 * n + 5)


def chance_level(
    score: Score, predictions: ArrayLike, labels: ArrayLike, *, seed: int, permutations: int = 50
) -> ChanceLevel:
    """Return mean and standard deviation of what n predictions score against shuffled labels.

    Test 1 of Ojala & Garriga (JMLR 2010). It is the predictions that are shuffled, which is the same, so that constant
    ones score equally to the last bit, with deviation 0. Raises `ValueError` for a score that is not finite and for
    fewer than two permutations.
    """
    if permutations < 2:
        raise ValueError(f"a standard deviation needs two permutations or more, got {permutations=}")
    draw, predicted, true = np.random.default_rng(seed), np.asarray(predictions), np.asarray(labels)
    scores = np.array([_finite(score, draw.permutation(predicted), true) for _ in range(permutations)])
    above = scores - scores[0]  # exact where all are equal, which their own mean need not be
    return ChanceLevel(float(scores[0] + above.mean()), float(above.std(ddof=1)))


def tied(scores: Mapping[int, Sequence[float]], *, level: float = 0.95) -> set[int]:
    """Return the configuration with the best mean score, and all that cannot be told from it.

    `scores` has of each one score a seed, position by position of the same seeds. One is told from the winner if
    Student's interval of their mean paired difference leaves out 0; with one seed, of whose noise nothing is known, if
    it is not equal. Neither the winner's luck nor the number of comparisons is corrected for. Raises `ValueError` for
    no scores, lists of different lengths and scores that are not finite.
    """
    lists = list(scores.values())
    if len({len(one) for one in lists}) != 1 or not all(len(one) and np.isfinite(one).all() for one in lists):
        raise ValueError(f"finite scores over the same seeds are needed, got {dict(scores)}")
    table, seeds = np.array(lists, dtype=np.float64), len(lists[0])
    behind = table[table.mean(axis=1).argmax()] - table
    errors = behind.std(axis=1, ddof=min(1, seeds - 1)) / math.sqrt(seeds)  # of one seed 0
    told = behind.mean(axis=1) > _quantile((1 + level) / 2, max(1, seeds - 1)) * errors
    return {number for number, apart in zip(scores, told, strict=True) if not apart}
