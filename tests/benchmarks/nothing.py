"""Searches where there is nothing to find: how often is a gain claimed all the same?"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hpsearch.search.ladder import Ladder
from hpsearch.search.strategy import FULL, QUICK, Strategy
from hpsearch.search.verdict.statistics import Comparison, paired_difference
from hpsearch.tests.benchmarks.recorded_table import PARTS, Measured
from hpsearch.tests.benchmarks.simulated import FIRST, SCORE, TRIALS, climb, winner


@dataclass
class Nothing:
    """A task whose labels say nothing: models that agree with each other on what they predict, at some rate."""

    task: str
    seed: int
    alike: float = 0.5  #: correlation of what two models think of a row

    def __post_init__(self) -> None:
        """Draw the labels, what all models see in a row, and how often each configuration says class 1."""
        part = PARTS[self.task]
        self.chance, self.cut = np.random.default_rng(self.seed), part.selection
        self.labels = (self.chance.random(part.selection + part.report) < part.majority).astype(int)
        self.seen = self.chance.normal(size=len(self.labels))
        self.is_accuracy = self.task != "cola"
        # To say the larger class more often is truly better for accuracy, and changes Matthews' correlation by nothing.
        rates = np.minimum(self.chance.uniform(0.5, 1.1, size=TRIALS), 1.0)
        self.rates = np.full(TRIALS, part.majority) if self.is_accuracy else rates

    def score(self, predicted: np.ndarray, true: np.ndarray) -> float:
        """Return the metric of the task."""
        return float((predicted == true).mean()) if self.is_accuracy else matthews(predicted, true)

    def train(self, configuration: int, fraction: float, seed: int, params: Mapping[str, Any]) -> Measured:
        """Return what a new model scores; nothing that is known of a configuration tells how well."""
        thinks = math.sqrt(self.alike) * self.seen + math.sqrt(1 - self.alike) * self.chance.normal(size=len(self.seen))
        rate = self.rates[configuration]
        predicted = (thinks <= np.quantile(thinks, rate)).astype(int)
        chosen, report = np.split(predicted, [self.cut])
        collapsed = len(set(chosen)) == 1
        return Measured(self.score(chosen, self.labels[: self.cut]), self.chance.random(), collapsed, report)

    def claim(self, confirm: str, fraction: float = FIRST) -> Comparison | None:
        """Return the gain that a search claims on the report split; None where the baseline wins."""
        ladder = Ladder(strategy=Strategy(confirm=confirm), fraction=fraction, seed=0, objective=SCORE)
        trials = climb(ladder, self.train, [{}] * len(self.rates))
        best = winner(trials).first_number
        finals = {(one.first_number, one.seed): one.predictions for one in trials if one.fraction == 1.0}
        seeds = sorted(seed for number, seed in finals if number == best)
        if best == 0:
            return None
        pairs = [[finals[number, seed] for seed in seeds] for number in (best, 0)]
        return paired_difference(*pairs, self.labels[self.cut :], self.score, seed=self.seed)


def matthews(predicted: np.ndarray, true: np.ndarray) -> float:
    """Return Matthews' correlation coefficient of zeros and ones, 0 for a constant; as scikit-learn, but quickly."""
    p, t = float(predicted.mean()), float(true.mean())
    spread = math.sqrt(p * (1 - p) * t * (1 - t))
    return (float((predicted * true).mean()) - p * t) / spread if spread else 0.0


def noise(searches: int) -> list[tuple[str, ...]]:
    """Return how often searches claimed a gain where there was none, for each task and kind of finals."""
    lines = []
    for task, confirm in itertools.product(PARTS, (QUICK, FULL)):
        claims = [Nothing(task, seed).claim(confirm) for seed in range(searches)]
        made = [one.interval for one in claims if one is not None]
        said = zip(*((one.covers(0), one.low > 0, one.high < 0) for one in made), strict=True)
        shares = (f"{float(np.mean(those)):.1%}" for those in said)
        lines.append((task, confirm, f"{searches}", f"{len(made)}", *shares))
    return lines


NOISE_HEAD = ("task", "confirm", "searches", "winner is not the baseline", "covers 0", "better", "worse")
