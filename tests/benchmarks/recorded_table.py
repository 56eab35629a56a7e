"""What `record.py` has recorded, as tables: what a training of a configuration scored."""

from __future__ import annotations

import csv
import functools
import itertools
import math
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hpsearch.tests.benchmarks.record import FRACTIONS, LEARNING_RATES, RECIPES


class Configuration(NamedTuple):
    """What is tried."""

    learning_rate: float
    epochs: int
    batch: int

    @property
    def params(self) -> dict[str, Any]:
        """Its values by the names of a space."""
        names = ("learning_rate", "num_train_epochs", "per_device_train_batch_size")
        return dict(zip(names, self, strict=True))

    @property
    def cost(self) -> float:
        """Price of a training on all the data, in trainings of the baseline."""
        return self.epochs / BASELINE.epochs


BASELINE = Configuration(5e-5, *RECIPES[0])


class Part(NamedTuple):
    """Rows of the splits of a task, and the share of its larger class."""

    selection: int
    report: int
    majority: float


PARTS = {
    "cola": Part(855, 1043, 0.70),
    "mrpc": Part(367, 408, 0.68),
    "sst2": Part(1000, 872, 0.55),
    "demo": Part(600, 600, 0.5),
}


class Measured(NamedTuple):
    """What came of a training."""

    score: float  #: on the selection split, as the loss
    loss: float
    collapsed: bool
    report: Any = None  #: score on the report split; of the noise, the predictions for it


@dataclass(frozen=True)
class Table:
    """What is recorded of one task: the configurations that are complete, over the seeds that all of them have."""

    task: str
    objective: str
    measured: Mapping[tuple[Configuration, int, int], Measured]  #: by configuration, place in FRACTIONS, and seed
    configurations: list[Configuration]
    seeds: list[int]

    def look_up(self, one: Configuration, fraction: float, seed: int) -> Measured:
        """Return what a training scored; seeds begin again where the recorded ones end."""
        return self.measured[one, nearest(fraction), self.seeds[seed % len(self.seeds)]]

    def nearest(self, params: Mapping[str, Any]) -> Configuration:
        """Return the configuration of these epochs and batch size whose learning rate is nearest, as a ratio."""
        recipe = (params["num_train_epochs"], params["per_device_train_batch_size"])
        same = [one for one in self.configurations if one[1:] == recipe]
        return min(same, key=lambda one: abs(math.log(one.learning_rate / params["learning_rate"])))

    @functools.cached_property
    def truth(self) -> dict[Configuration, float]:
        """The mean score on the report split at full size."""
        last = len(FRACTIONS) - 1
        return {
            one: float(np.mean([self.measured[one, last, seed].report for seed in self.seeds]))
            for one in self.configurations
        }

    @functools.cached_property
    def bolder(self) -> Configuration:
        """The recommended configuration with about eight times its learning rate."""
        same = [one for one in self.configurations if one[1:] == BASELINE[1:]]
        return min(same, key=lambda one: abs(math.log(one.learning_rate / BASELINE.learning_rate / 8)))

    def has_signal(self, one: Configuration, fraction: float, seed: int) -> bool:
        """Return whether a training is better than chance by two standard deviations.

        What predictions that were not recorded score by chance is not known: those of a constant predictor stand for
        them where the metric is accuracy, which asks for more than the product does.
        """
        found, part = self.look_up(one, fraction, seed), PARTS[self.task]
        if found.collapsed:
            return False
        if self.objective == "accuracy":
            return found.score > part.majority + 2 * math.sqrt(part.majority * (1 - part.majority) / part.selection)
        return found.score > 2 / math.sqrt(part.selection - 1)

    def loss_shows(self, one: Configuration, fraction: float, seed: int) -> bool:
        """Return whether the loss is smaller than that of the shares of two classes, by a hundredth of a nat."""
        share = PARTS[self.task].majority
        entropy = -share * math.log(share) - (1 - share) * math.log(1 - share)
        return self.look_up(one, fraction, seed).loss < entropy - 0.01


@functools.cache
def nearest(fraction: float) -> int:
    """Return the place of the recorded fraction that is nearest, as a ratio."""
    return min(range(len(FRACTIONS)), key=lambda place: abs(math.log(fraction / FRACTIONS[place])))


def read_tables(path: Path) -> list[Table]:
    """Return the tables of all tasks that have the baseline and another configuration, as far as they are complete."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    tasks = dict.fromkeys(row["task"] for row in rows)
    found = [table_of(task, [row for row in rows if row["task"] == task]) for task in tasks]
    return [one for one in found if BASELINE in one.configurations and len(one.configurations) > 1]


def table_of(task: str, rows: Sequence[Mapping[str, str]]) -> Table:
    """Return the table of one task: of the seed that has most configurations, and of those that have them all too."""
    measured = {}
    for row in rows:
        one = Configuration(float(row["learning_rate"]), int(row["epochs"]), int(row["batch"]))
        numbers = (float(row[name]) for name in ("score", "loss"))
        there = Measured(*numbers, row["collapsed"] == "1", float(row["report"]))
        measured[one, nearest(float(row["fraction"])), int(row["seed"])] = there
    complete = defaultdict(set)
    for one, seed in {(one, seed) for one, _, seed in measured}:
        if all((one, place, seed) in measured for place in range(len(FRACTIONS))):
            complete[seed].add(one)
    most = max(complete.values(), key=len, default=set())
    seeds = sorted(seed for seed, those in complete.items() if those >= most)
    return Table(task, rows[0]["objective"], measured, sorted(most), seeds)


def make_up(path: Path, seed: int = 0) -> None:
    """Write a table of the recorded form where the best learning rate is 2e-4 and few steps teach nothing."""
    chance = random.Random(seed)
    columns = "task,seed,fraction,learning_rate,epochs,batch,objective,score,loss,report,collapsed,rows,seconds"
    lines = ["# made up by strategies.py, no training", columns]
    for task, training, fraction in itertools.product(PARTS, range(3), FRACTIONS):
        for rate, (epochs, batch) in itertools.product(LEARNING_RATES, RECIPES):
            rows = round(fraction * 7700)
            learned = 1 - math.exp(-rate * epochs * rows / batch / 0.02) - 0.1 * math.log(rate / 2e-4) ** 2 / math.e
            collapsed = learned < 0.1
            objective, floor = ("matthews_correlation", 0.0) if task == "cola" else ("accuracy", PARTS[task].majority)
            scores = [floor + (0 if collapsed else 0.25 * learned + chance.gauss(0, 0.015)) for _ in range(2)]
            loss = 0.7 - 0.3 * learned + chance.gauss(0, 0.01)
            known = f"{task},{training},{fraction:.4g},{rate},{epochs},{batch},{objective}"
            lines.append(f"{known},{scores[0]:.5f},{loss:.5f},{scores[1]:.5f},{int(collapsed)},{rows},0")
    path.write_text("\n".join(lines) + "\n")
