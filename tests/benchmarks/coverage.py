"""How often intervals of a difference cover the true one, and how wide they are: `paired_rows` beside its rivals.

python tests/benchmarks/coverage.py [--simulations 2000] [--settings accuracy,f1] [--rows 30,60]
    [--calls 1000] [--level 0.95] [--methods rows,difference]
"""

from __future__ import annotations

import argparse
import functools
import itertools
import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy import stats

from hpsearch.search.rows import take_rows
from hpsearch.search.verdict.paired_rows import CALLS, paired_rows
from hpsearch.search.verdict.statistics import Comparison, Interval, paired_difference

Draw = np.random.Generator
Metric = Callable[[Any, Any], float]


@dataclass(frozen=True)
class Case:
    """Two models, each with so many seeds, and the rows they are compared on."""

    better: list[Any]
    worse: list[Any]
    labels: np.ndarray
    metric: Metric
    truth: float = 0.0  #: the true difference

    def scores(self, runs: list[Any]) -> list[Callable[[np.ndarray], float]]:
        """Return what `paired_rows` takes."""
        take = take_rows if isinstance(runs[0], tuple) else np.take  # which is quicker
        return [lambda rows, run=run: self.metric(take(run, rows), self.labels[rows]) for run in runs]

    def difference(self, rows: np.ndarray) -> float:
        """Return the mean difference over the seeds on some rows."""
        totals = (sum(score(rows) for score in self.scores(side)) for side in (self.better, self.worse))
        return float(next(totals) - next(totals)) / len(self.better)


Make = Callable[[Draw, int, int], Case]


# Metrics


def accuracy(predicted: np.ndarray, true: np.ndarray) -> float:
    """Return the share that is right."""
    return int(np.count_nonzero(predicted == true)) / len(true)


def f1(predicted: np.ndarray, true: np.ndarray) -> float:
    """Return F1 of class 1, 0 where nothing is predicted."""
    both, either = int(predicted @ true), int(np.count_nonzero(predicted) + np.count_nonzero(true))
    return 2 * both / either if either else 0.0


def f1_or_nothing(predicted: np.ndarray, true: np.ndarray) -> float:
    """Return F1 of class 1, NaN where no row is of that class."""
    return f1(predicted, true) if true.any() else math.nan


def matthews(predicted: np.ndarray, true: np.ndarray) -> float:
    """Return Matthews' correlation coefficient of zeros and ones, 0 for a constant."""
    p, t, n = int(np.count_nonzero(predicted)), int(np.count_nonzero(true)), len(true)
    spread = math.sqrt(p * (n - p) * t * (n - t))
    return (n * int(predicted @ true) - p * t) / spread if spread else 0.0


def pearson(predicted: np.ndarray, true: np.ndarray) -> float:
    """Return the correlation coefficient."""
    one, other = predicted - predicted.sum() / len(true), true - true.sum() / len(true)
    return float(one @ other) / math.sqrt(float(one @ one) * float(other @ other))


def auc(predicted: np.ndarray, true: np.ndarray) -> float:
    """Return the area under the ROC curve, without ties between the classes; `ValueError` for a single class."""
    ordered = np.sort(predicted[true == 0])
    above = np.searchsorted(ordered, predicted[true == 1])
    if not len(ordered) or not len(above):
        raise ValueError("only one class present")
    return float(above.mean()) / len(ordered)


def minus_mean(predicted: np.ndarray, true: np.ndarray) -> float:
    """Return minus the mean of the losses that stand for predictions."""
    return -float(predicted.sum()) / len(predicted)


def minus_rmse(predicted: np.ndarray, true: np.ndarray) -> float:
    """Return minus the root of the mean squared error."""
    errors = predicted - true
    return -math.sqrt(float(errors @ errors) / len(true))


def minus_median_error(predicted: np.ndarray, true: np.ndarray) -> float:
    """Return minus the median absolute error, which jumps."""
    return -float(np.median(np.abs(predicted - true)))


def token_f1(predicted: tuple[np.ndarray, Any], true: np.ndarray) -> float:
    """Return F1 of class 1 over all tokens that are not padding."""
    real = true >= 0
    return f1(predicted[0].argmax(-1)[real], true[real])


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

    return Case([run() for _ in range(seeds)], [run() for _ in range(seeds)], labels, token_f1)


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
    "accuracy 0.8, seeds vary little": Setting(classes(0.8, 0.5, vary=0.01), (150, 1000), SEEDS),
    "accuracy 0.8, seeds vary much": Setting(classes(0.8, 0.5, vary=0.05), (150, 1000), SEEDS),
    "f1 of a tenth, seeds vary": Setting(rare(0.1, f1, (0.6, 0.04), vary=0.05), (150, 1000), SEEDS),
    "rmse, seeds vary": Setting(errors("normal", "normal", minus_rmse, vary=0.05), (150, 1000), SEEDS),
}


# Intervals


class Contest:
    """The methods on one case, all with the same number of calls of the metric."""

    def __init__(self, case: Case, asked: argparse.Namespace) -> None:
        """Draw nothing yet."""
        self.case, self.calls, self.level = case, asked.calls, asked.level

    @functools.cached_property
    def ours(self) -> Comparison:
        """Return the product's comparison."""
        better, worse = (self.case.scores(side) for side in (self.case.better, self.case.worse))
        return paired_rows(better, worse, len(self.case.labels), seed=0, level=self.level, calls=self.calls)

    @functools.cached_property
    def drawn(self) -> Any:
        """Return scipy's resamples, which its methods share."""
        return self.by_scipy("percentile", resamples=self.calls // (2 * len(self.case.better)))

    def by_scipy(self, method: str, *, resamples: int = 0, level: float | None = None) -> Any:
        """Return what scipy's bootstrap finds."""
        level, shared = level or self.level, None if resamples else self.drawn
        given = {"n_resamples": resamples, "confidence_level": level, "bootstrap_result": shared, "method": method}
        everything = np.arange(len(self.case.labels))
        return stats.bootstrap((everything,), self.case.difference, vectorized=False, random_state=0, **given)

    def interval(self, found: Any) -> Interval:
        """Return the interval that scipy found; a point where nothing varies."""
        low, high = found.confidence_interval
        return Interval(*((self.ours.difference,) * 2 if math.isnan(low) else (float(low), float(high))))

    def rows(self) -> Interval:
        """Return the product's: Student's interval with the error of the bootstrap and what one row adds."""
        return self.ours.interval

    def student(self) -> Interval:
        """Return the same without what one row adds."""
        found, half = self.ours, float(stats.t.ppf((1 + self.level) / 2, self.ours.rows - 1)) * self.ours.standard_error
        return Interval(found.difference - half, found.difference + half)

    def percentile(self) -> Interval:
        """Return the quantiles of the resamples."""
        return self.interval(self.drawn)

    def expanded(self) -> Interval:
        """Return quantiles farther out, by what Student's distribution is wider than the normal one (Hesterberg)."""
        n = len(self.case.labels)
        outer = stats.norm.cdf(math.sqrt(n / (n - 1)) * stats.t.ppf((1 + self.level) / 2, n - 1))
        return self.interval(self.by_scipy("percentile", level=2 * float(outer) - 1))

    def basic(self) -> Interval:
        """Return the quantiles reflected."""
        return self.interval(self.by_scipy("basic"))

    def bca(self) -> Interval:
        """Return the quantiles corrected for bias and acceleration, which takes a call more a row and model."""
        return self.interval(self.by_scipy("BCa"))

    def difference(self) -> Interval:
        """Return that of `paired_difference`, a jackknife."""
        case = self.case
        return paired_difference(case.better, case.worse, case.labels, case.metric, seed=0, level=self.level).interval

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
    for _ in range(asked.simulations):
        contest = Contest(setting.make(draw, rows, seeds), asked)
        for method in filter(contest.takes, asked.methods):
            low, high = (lambda one: (one.low, one.high))(getattr(contest, method)())
            covers = low - 1e-12 <= contest.case.truth <= high + 1e-12
            found[method].append((covers, high - low))
    for pairs in found.values():
        covered, width = np.mean(pairs, axis=0) if pairs else (math.nan, math.nan)
        yield f"{covered:.1%} {width:.3f}" if pairs else "-"


def words(text: str) -> list[str]:
    """Return what is written with commas."""
    return text.split(",")


def main() -> None:
    """Print a table, line by line as it is found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--simulations", type=int, default=2000)
    parser.add_argument("--settings", type=words, default=[""], help="beginnings of their names")
    parser.add_argument("--rows", type=words, help="only these numbers of rows")
    parser.add_argument("--methods", type=words, default=METHODS)
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--level", type=float, default=0.95)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")  # scipy warns of resamples that are all the same
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
