"""How often intervals of a difference cover the true one, and how wide they are: `paired_rows` beside its rivals.

    python tests/benchmarks/coverage.py [--simulations 1000] [--settings accuracy 'f1 of tokens'] [--rows 30,60]
        [--calls 1000] [--level 0.95] [--methods rows,difference]

Two models are drawn with their rows, again and again, that are equally good or differ by as much as is known; the
metric is scored on all selections of rows at once, for the arithmetic of `paired_rows` itself. Quantiles are those of
as many resamples as `paired_rows` may score. A thousand simulations a cell leave a noise of 0.7 points, and take about
half an hour of one core in all.

Found, in the 89 cells of one seed where all but `difference` apply (69 for it), without "loss, huge or even":

    coverage of 95 %                           least   mean   cells below 94
    rows (the product's)                       94.1 %  97.7 %   0
    student (the same without one row's part)  88.8 %  94.9 %  16
    percentile                                 88.3 %  94.2 %  35
    expanded (Hesterberg 2015)                 89.7 %  94.7 %  25
    basic                                      75.7 %  94.4 %  25
    bca (Efron 1987)                           76.1 %  92.9 %  46
    difference (`paired_difference`)           82.1 %  97.2 %   3, all of the median

- The price is width: 1.40 times the percentiles' of 30 rows, 1.31 of 60, 1.21 of 150, 1.16 of 500 and 1000. Of
  `paired_difference` it is 0.98 to 1.04 times the width; more of many rows, where half as many groups are left out.
- It covers less than 95 % where losses of one model are much more skewed than those of the other (94.1 % of 30 rows,
  94.6 % of 60), and where a metric is undefined without a class that three rows have (94.1 %). "loss, huge or even" is
  beyond every method: of 30 rows a fifth has none of the large losses, and it covers 78 %; of 60 rows 95.6 %, of 150
  94.7 %, of 500 96.9 %.
- Of seeds that vary little it covers 98 to 99.5 %; of those that vary much more than rows 90 % (two), 94 % (three) and
  97 % (five), as `paired_difference` does (89, 93, 97 %).
- With 240 calls in place of 1000 it covers the same and is 1 to 9 % wider (one seed, 60 and 150 rows), 13 % for the
  median. At a level of 99 % it covers 98.9 % or more.
- On the accuracies `scipy.stats.bootstrap` gave the same as the quantiles here. It is not used for the product: it
  neither draws again what is undefined nor leaves out rows.
- A bootstrap of Student's t on the jackknife's pseudo-values, tried once and not kept here, covered in 80 % or more
  (symmetric: 91 %), where few rows differ with intervals up to two hundred times as wide: a resample without any of
  them has no deviation to divide by.

Efron & Tibshirani, An Introduction to the Bootstrap, 1993; Efron, Better bootstrap confidence intervals, JASA 1987;
Hesterberg, What teachers should know about the bootstrap, American Statistician 2015; Edwards, Psychometrika 1948.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy import stats

from hpsearch.search.verdict.paired_rows import CALLS, FEWEST, paired_rows
from hpsearch.search.verdict.statistics import Comparison, Interval, paired_difference

Draw = np.random.Generator
#: Scores of selections of rows, from how often each (a row of a matrix) takes each row, predictions and labels.
Metric = Callable[[np.ndarray, Any, np.ndarray], np.ndarray]
SEQUENCES = 20  # of selections of rows, by the seed of `paired_rows`, which simulations take in turn


@dataclass(frozen=True)
class Case:
    """Two models, each with so many seeds, and the rows they are compared on."""

    better: list[Any]
    worse: list[Any]
    labels: np.ndarray
    metric: Metric
    truth: float = 0.0  #: the true difference

    def scores(self, counts: np.ndarray) -> list[list[np.ndarray]]:
        """Return the scores of selections, side by side and seed by seed."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return [[self.metric(counts, run, self.labels) for run in side] for side in (self.better, self.worse)]

    def score(self, predicted: np.ndarray, true: np.ndarray) -> float:
        """Return the score as `paired_difference` wants it."""
        return float(self.metric(np.ones((1, len(true))), predicted, true)[0])


Make = Callable[[Draw, int, int], Case]


# Metrics


def accuracy(counts: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return the share that is right."""
    return np.asarray(counts @ (predicted == true)) / counts.sum(1)


def f1_of(both: np.ndarray, said: np.ndarray, are: np.ndarray) -> np.ndarray:
    """Return F1 of numbers of rows; 0 where none is of the class and none said to be."""
    return np.asarray(2 * both / np.maximum(said + are, 1))


def f1(counts: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return F1 of class 1."""
    return f1_of(counts @ (predicted * true), counts @ predicted, counts @ true)


def f1_or_nothing(counts: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return F1 of class 1, NaN where no row is of that class."""
    return np.where(counts @ true, f1(counts, predicted, true), math.nan)


def f1_of_tokens(counts: np.ndarray, predicted: tuple[np.ndarray, Any], true: np.ndarray) -> np.ndarray:
    """Return F1 of class 1 over all tokens that are not padding."""
    said, are, real = predicted[0].argmax(-1), true == 1, true >= 0
    return f1_of(counts @ (said * are).sum(1), counts @ (said * real).sum(1), counts @ are.sum(1))


def matthews(counts: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return Matthews' correlation coefficient of zeros and ones, 0 for a constant."""
    n, both, said, are = counts.sum(1), counts @ (predicted * true), counts @ predicted, counts @ true
    spread = np.sqrt(said * (n - said) * are * (n - are))
    return np.where(spread > 0, (n * both - said * are) / np.maximum(spread, 1), 0.0)


def pearson(counts: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return the correlation coefficient."""
    powers = np.stack([predicted, true, predicted * true, predicted**2, true**2], axis=1)
    one, other, both, squared, other_squared = (counts @ powers / counts.sum(1)[:, None]).T
    return np.asarray((both - one * other) / np.sqrt((squared - one**2) * (other_squared - other**2)))


def auc(counts: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return the area under the ROC curve of predictions of which no two are equal."""
    order = np.argsort(predicted)
    positive, negative = counts[:, order] * true[order], counts[:, order] * (1 - true[order])
    return np.asarray((positive * negative.cumsum(1)).sum(1) / (positive.sum(1) * negative.sum(1)))


def minus_mean(counts: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return minus the mean of the losses that stand for predictions."""
    return np.asarray(-counts @ predicted / counts.sum(1))


def minus_rmse(counts: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return minus the root of the mean squared error."""
    return -np.sqrt(counts @ (predicted - true) ** 2 / counts.sum(1))


def minus_median_error(counts: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return minus the median absolute error, which jumps."""
    errors = np.abs(predicted - true)
    order = np.argsort(errors)
    below, half = counts[:, order].cumsum(1), counts.sum(1)[:, None] / 2
    middle = errors[order][(below >= half).argmax(1)], errors[order][(below > half).argmax(1)]
    return -(middle[0] + middle[1]) / 2


# What two models are like


def right_at(draw: Draw, rows: int, seeds: int, *, rates: tuple[float, float], alike: float, vary: float) -> Case:
    """Two classes; `alike` of the rows all models have right or wrong together, and the rates of seeds vary."""
    together, labels = draw.random(rows), draw.integers(0, 2, rows)

    def run(rate: float) -> np.ndarray:
        mine = np.where(draw.random(rows) < alike, together, draw.random(rows))
        return np.where(mine < rate + vary * draw.normal(), labels, 1 - labels)

    better, worse = ([run(rate) for _ in range(seeds)] for rate in rates)
    return Case(better, worse, labels, accuracy, rates[0] - rates[1])


def finding(draw: Draw, rows: int, seeds: int, *, share: float, found: Any, metric: Metric, vary: float = 0.0) -> Case:
    """A class of so many of the rows; of each model the share of it that it finds, and of the others that it takes."""
    labels = (draw.random(rows) < share).astype(int)
    if metric is f1_or_nothing and labels.sum() < 2:
        return finding(draw, rows, seeds, share=share, found=found, metric=metric, vary=vary)

    def run(hit: float, false: float) -> np.ndarray:
        return (draw.random(rows) < np.where(labels == 1, hit + vary * draw.normal(), false)).astype(int)

    better, worse = ([run(*rates) for _ in range(seeds)] for rates in found)
    return Case(better, worse, labels, metric)


def same_f1(share: float, hit: float, false: float, other: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return two models of equal F1 in the long run, of which one finds `other` of the class."""
    value = 2 * share * hit / (share * hit + (1 - share) * false + share)
    taken = (2 * share * other / value - share - share * other) / (1 - share)
    return (hit, false), (other, taken)


def numbers(draw: Draw, rows: int, seeds: int, *, kinds: tuple[str, str], metric: Metric, vary: float = 0.0) -> Case:
    """Numbers predicted with errors of these kinds, all of variance 1/2; half of it is of the row, for both models."""
    drawn = {"normal": draw.standard_normal, "heavy": lambda n: draw.standard_t(5, n) * math.sqrt(3 / 5)}
    true, together = draw.normal(size=rows), drawn[kinds[1]](rows)
    labels = (true > 0).astype(int) if metric is auc else true

    def run(kind: str) -> np.ndarray:
        return np.asarray(labels + 0.5 * together + 0.5 * (1 + vary * draw.normal()) * drawn[kind](rows))

    better, worse = ([run(kind) for _ in range(seeds)] for kind in kinds)
    return Case(better, worse, labels, metric)


def losses(draw: Draw, rows: int, seeds: int, *, of: Callable[[Draw, np.ndarray, int], np.ndarray]) -> Case:
    """Losses of rows, of which some are hard for both models."""
    hard = draw.normal(size=rows)
    better, worse = ([of(draw, hard, model) for _ in range(seeds)] for model in (0, 1))
    return Case(better, worse, np.zeros(rows), minus_mean)


def cross_entropy(draw: Draw, hard: np.ndarray, model: int) -> np.ndarray:
    """Return what a classifier has: most near 0, a few of several nats."""
    return np.log1p(np.exp(-(2 + 2 * hard + 1.5 * draw.normal(size=len(hard)))))


def rarely_huge(draw: Draw, hard: np.ndarray, model: int) -> np.ndarray:
    """Return losses of which three in a hundred are fifty times the others."""
    return np.where(draw.random(len(hard)) < 0.03, 10.0, 0.2) + 0.1 * draw.random(len(hard))


def other_tails(draw: Draw, hard: np.ndarray, model: int) -> np.ndarray:
    """Return lognormal losses of mean 1, of one model much more skewed than of the other."""
    sigma = (1.2, 0.6)[model]
    return np.exp(sigma * draw.normal(size=len(hard)) - sigma**2 / 2)


def huge_or_even(draw: Draw, hard: np.ndarray, model: int) -> np.ndarray:
    """Return losses of mean 0.5: of one model 10 in one row of twenty and else 0, of the other about 0.5 each."""
    if model:
        return 0.5 + 0.1 * draw.normal(size=len(hard))
    return np.where(draw.random(len(hard)) < 0.05, 10.0, 0.0)


def tokens(draw: Draw, rows: int, seeds: int) -> Case:
    """Sentences of 3 to 20 tokens, one of ten of class 1; logits and another output; models err more in some rows."""
    labels = (draw.random((rows, 20)) < 0.1).astype(int)
    labels[np.arange(20) >= draw.integers(3, 21, rows)[:, None]] = -100
    hard = draw.beta(1, 4, size=rows)[:, None]

    def run() -> tuple[np.ndarray, Any]:
        said = np.where(draw.random(labels.shape) < hard, 1 - labels, labels) == 1
        return np.stack([~said, said], axis=-1).astype(float), (None, draw.normal(size=(rows, 2)))

    return Case([run() for _ in range(seeds)], [run() for _ in range(seeds)], labels, f1_of_tokens)


def classes(rate: float, alike: float, *, gain: float = 0.0, vary: float = 0.0) -> Make:
    """Return the making of accuracies."""
    return partial(right_at, rates=(rate + gain, rate), alike=alike, vary=vary)


def errors(first: str, second: str, metric: Metric, vary: float = 0.0) -> Make:
    """Return the making of numbers."""
    return partial(numbers, kinds=(first, second), metric=metric, vary=vary)


def rare(share: float, metric: Metric, *found: tuple[float, float], vary: float = 0.0) -> Make:
    """Return the making of a class; by default of two models that are alike."""
    return partial(finding, share=share, found=found * (2 if len(found) == 1 else 1), metric=metric, vary=vary)


@dataclass(frozen=True)
class Setting:
    """What is simulated, with how many rows and seeds."""

    make: Make
    rows: tuple[int, ...] = (30, 60, 150, 500)
    seeds: tuple[int, ...] = (1,)


RARE, MANY, SEEDS = (60, 150, 500), (30, 60, 150, 500, 1000), (2, 3, 5)
SETTINGS: dict[str, Setting] = {
    f"accuracy {rate}, {alike:.0%} alike": Setting(classes(rate, alike))
    for rate in (0.6, 0.8, 0.95)
    for alike in (0.0, 0.7)
}
SETTINGS |= {
    "accuracy 0.9 against 0.8": Setting(classes(0.8, 0.5, gain=0.1), MANY),
    "f1 of a tenth": Setting(rare(0.1, f1, (0.6, 0.04)), RARE),
    "f1 of a tenth, other precision": Setting(rare(0.1, f1, *same_f1(0.1, 0.5, 0.01, 0.8)), RARE),
    "f1 of a twentieth, or nothing": Setting(rare(0.05, f1_or_nothing, (0.6, 0.04)), RARE),
    "f1 of tokens": Setting(tokens),
    "matthews, three of ten": Setting(rare(0.3, matthews, (0.7, 0.1)), RARE),
    "matthews, a twentieth": Setting(rare(0.05, matthews, (0.5, 0.02)), RARE),
    "auc": Setting(errors("normal", "normal", auc)),
    "pearson": Setting(errors("normal", "normal", pearson)),
    "pearson, heavy tails": Setting(errors("heavy", "heavy", pearson)),
    "rmse": Setting(errors("normal", "normal", minus_rmse), MANY),
    "rmse, heavy tails": Setting(errors("heavy", "heavy", minus_rmse)),
    "rmse, other tails": Setting(errors("heavy", "normal", minus_rmse)),
    "median error": Setting(errors("normal", "normal", minus_median_error), MANY),
    "loss, cross-entropy": Setting(partial(losses, of=cross_entropy), MANY),
    "loss, rarely huge": Setting(partial(losses, of=rarely_huge)),
    "loss, other tails": Setting(partial(losses, of=other_tails), MANY),
    "loss, huge or even": Setting(partial(losses, of=huge_or_even)),
    "accuracy 0.8, seeds vary little": Setting(classes(0.8, 0.5, vary=0.01), (300,), SEEDS),
    "accuracy 0.8, seeds vary much": Setting(classes(0.8, 0.5, vary=0.05), (300,), SEEDS),
    "f1 of a tenth, seeds vary": Setting(rare(0.1, f1, (0.6, 0.04), vary=0.05), (300,), SEEDS),
    "rmse, seeds vary": Setting(errors("normal", "normal", minus_rmse, vary=0.05), (300,), SEEDS),
}


# Intervals


@functools.lru_cache(maxsize=SEQUENCES)
def selections(rows: int, seeds: int, calls: int, sequence: int) -> np.ndarray:
    """Return how often each row is in what `paired_rows` asks scores of, in the order in which it asks.

    That depends on its seed alone. As many resamples as it bears have no score here, so that there are some to spare.
    """
    asked: list[np.ndarray] = []
    each = max(calls // (2 * seeds), FEWEST)
    parts = min(rows, each // 2)

    def score(chosen: np.ndarray) -> float:
        asked.append(np.bincount(chosen, minlength=rows))
        return math.nan if 0 < len(asked) - 1 - parts <= (each - parts) // 3 else 0.0

    nothing = [lambda chosen: 0.0] * seeds
    paired_rows([score, *nothing[1:]], nothing, rows, seed=sequence, calls=calls)
    return np.array(asked, dtype=float)


@functools.lru_cache(maxsize=SEQUENCES)
def samples(rows: int, count: int, sequence: int) -> np.ndarray:
    """Return how often each row is in the samples of a bootstrap."""
    return np.random.default_rng(sequence).multinomial(rows, np.full(rows, 1 / rows), size=count).astype(float)


def played(scores: np.ndarray) -> Callable[[np.ndarray], float]:
    """Return a model whose scores are known in the order in which they are asked for."""
    following = iter(scores.tolist())
    return lambda chosen: next(following)


@dataclass
class Contest:
    """The methods on one case, all with the same number of scores."""

    case: Case
    calls: int
    level: float
    sequence: int

    @functools.cached_property
    def ours(self) -> Comparison:
        """Return the product's comparison."""
        rows, seeds = len(self.case.labels), len(self.case.better)
        scores = self.case.scores(selections(rows, seeds, self.calls, self.sequence))
        better, worse = ([played(one) for one in side] for side in scores)
        return paired_rows(better, worse, rows, seed=self.sequence, level=self.level, calls=self.calls)

    def differences(self, counts: np.ndarray) -> np.ndarray:
        """Return the mean differences over the seeds on samples."""
        better, worse = self.case.scores(counts)
        return np.asarray(np.mean(better, axis=0) - np.mean(worse, axis=0))

    @functools.cached_property
    def resampled(self) -> np.ndarray:
        """Return the differences of a plain bootstrap."""
        count = self.calls // (2 * len(self.case.better))
        return self.differences(samples(len(self.case.labels), count, self.sequence))

    @property
    def ends(self) -> np.ndarray:
        """Return the two probabilities that the level leaves out."""
        return np.array([1 - self.level, 1 + self.level]) / 2

    def quantiles(self, probabilities: Any) -> Interval:
        """Return an interval between quantiles of the resampled differences, of those that are defined."""
        return Interval(*(float(one) for one in np.nanquantile(self.resampled, probabilities)))

    def rows(self) -> Interval:
        """Return the product's: Student's interval with the error of the bootstrap and what one row adds."""
        return self.ours.interval

    def student(self) -> Interval:
        """Return the same without what one row adds."""
        found, half = self.ours, stats.t.ppf(self.ends[1], self.ours.rows - 1) * self.ours.standard_error
        return Interval(found.difference - half, found.difference + half)

    def percentile(self) -> Interval:
        """Return the quantiles of the resamples."""
        return self.quantiles(self.ends)

    def expanded(self) -> Interval:
        """Return quantiles farther out, by what Student's distribution is wider than the normal one (Hesterberg)."""
        n = self.ours.rows
        return self.quantiles(stats.norm.cdf(math.sqrt(n / (n - 1)) * stats.t.ppf(self.ends, n - 1)))

    def basic(self) -> Interval:
        """Return the quantiles reflected."""
        found, twice = self.percentile(), 2 * self.ours.difference
        return Interval(twice - found.high, twice - found.low)

    def bca(self) -> Interval:
        """Return the quantiles corrected for bias and acceleration, for which each row is left out once more."""
        n, resampled, whole = self.ours.rows, self.resampled, self.ours.difference
        without = self.differences(np.ones((n, n)) - np.eye(n))
        effects = without.mean() - without
        if not effects.any():
            return self.percentile()
        speed = (effects**3).sum() / (6 * (effects**2).sum() ** 1.5)
        below = ((resampled < whole).mean() + (resampled <= whole).mean()) / 2
        bias = stats.norm.ppf(np.clip(below, 1 / len(resampled), 1 - 1 / len(resampled)))
        moved = bias + stats.norm.ppf(self.ends)
        return self.quantiles(stats.norm.cdf(bias + moved / (1 - speed * moved)))

    def difference(self) -> Interval:
        """Return that of `paired_difference`, a jackknife."""
        case = self.case
        return paired_difference(case.better, case.worse, case.labels, case.score, seed=0, level=self.level).interval

    def takes(self, method: str) -> bool:
        """Return whether a method applies: one number a row, metrics that are defined on every resample, one seed."""
        if method in ("rows", "difference"):
            return method == "rows" or self.case.labels.ndim == 1
        return len(self.case.better) == 1 and self.case.metric is not f1_or_nothing


METHODS = ("rows", "difference", "student", "percentile", "expanded", "basic", "bca")


def measured(setting: Setting, rows: int, seeds: int, asked: argparse.Namespace) -> Iterator[str]:
    """Yield coverage in percent and mean width for each method."""
    draw = np.random.default_rng([rows, seeds])
    found: dict[str, list[tuple[bool, float]]] = {method: [] for method in asked.methods}
    for number in range(asked.simulations):
        case = setting.make(draw, rows, seeds)
        contest = Contest(case, asked.calls, asked.level, number % SEQUENCES)
        for method in filter(contest.takes, asked.methods):
            one = getattr(contest, method)()
            covers = one.low - 1e-12 <= case.truth <= one.high + 1e-12
            found[method].append((covers, one.high - one.low))
    for pairs in found.values():
        covered, width = np.mean(pairs, axis=0) if pairs else (math.nan, math.nan)
        yield f"{covered:.1%} {width:.3f}" if pairs else "-"


def words(text: str) -> list[str]:
    """Return what is written with commas."""
    return text.split(",")


def main() -> None:
    """Print a table, line by line as it is found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--simulations", type=int, default=1000)
    parser.add_argument("--settings", nargs="+", default=[""], help="beginnings of their names")
    parser.add_argument("--rows", type=words, help="only these numbers of rows")
    parser.add_argument("--methods", type=words, default=METHODS)
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--level", type=float, default=0.95)
    asked = parser.parse_args()
    print(f"| setting | rows | seeds | {' | '.join(asked.methods)} |\n|---|--:|--:|{'--:|' * len(asked.methods)}")
    for name, setting in SETTINGS.items():
        if not name.startswith(tuple(asked.settings)):
            continue
        for rows, seeds in itertools.product(setting.rows, setting.seeds):
            if asked.rows is None or str(rows) in asked.rows:
                cells = measured(setting, rows, seeds, asked)
                print(f"| {name} | {rows} | {seeds} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
