"""What `coverage.py` simulates: two models that are drawn with their rows, and how far they differ in truth."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from hpsearch.tests.benchmarks.coverage_metrics import (
    Metric,
    accuracy,
    auc,
    f1,
    f1_of_tokens,
    f1_or_nothing,
    matthews,
    minus_mean,
    minus_median_error,
    minus_rmse,
    pearson,
)

Draw = np.random.Generator


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
