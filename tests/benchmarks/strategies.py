"""Replay the recorded trainings: what would a search of another kind have found, and what would it have cost?

    python tests/benchmarks/strategies.py [--tasks cola,mrpc] [--sections abcdefg] [--searches 1000] [--trials 10]
        [--signal never|baseline|bolder] [--markdown]
    python tests/benchmarks/strategies.py --made-up --table /tmp/made_up.csv
    python tests/benchmarks/strategies.py --noise [--searches 200]

A simulated search draws configurations from `recorded.csv` (see `record.py`) without replacement, the recommended one
first; the recorded training seeds take turns. What a training scores is looked up, and who goes on is said by the
product's own `Ladder`. All kinds of search meet the same draws. Truth is the mean score on the report split over seeds:

- regret: the truth of the best configuration of the table minus that of the chosen one; 0 is perfect
- seeds: in how many of the recorded seeds the mean regret is smaller than the default's, and in how many it is larger
- cost: full trainings, fraction x epochs / 3 each, with a retraining where the search does not end with one
- worse: share of searches whose choice is truly worse than the recommended configuration

Intervals are of the mean over searches (bootstrap, 95 %); they say nothing about tasks, models or seeds that were not
recorded. A seed of a search is one of those the truth is the mean of, which flatters all kinds a little, `full` most.

`--noise` searches where there is nothing to find, and counts how often a gain is claimed all the same.
"""

from __future__ import annotations

import argparse
import csv
import functools
import itertools
import math
import random
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np

from hpsearch.search import strategy as rules
from hpsearch.search.ladder import Ladder
from hpsearch.search.statistics import Comparison, paired_difference
from hpsearch.search.strategy import CONFIRM, FULL, LADDER, NONE, QUICK, SINGLE, Strategy
from hpsearch.studies.records import Failure, Phase, Trial, TrialState
from hpsearch.tests.benchmarks.record import FRACTIONS, LEARNING_RATES, RECIPES, TABLE

MAXIMIZE = "maximize"  # accuracy and Matthews' correlation, the metrics of the recorded tasks
NEVER, ONCE, BOLDER = "never", "baseline", "bolder"
SIGNAL = {
    NEVER: "searches on the fraction it was asked for",
    ONCE: "takes three times the data while the baseline is no better than chance",
    BOLDER: "the product: not where a training with eight times the learning rate is better than chance",
}
#: Where the product begins; of what is recorded this is nearest to its default, a tenth.
FIRST = FRACTIONS[1]
RESAMPLES = 1000
TRIALS = 10  #: the product's default


class Configuration(NamedTuple):
    """What is tried."""

    learning_rate: float
    epochs: int
    batch: int

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


Train = Callable[[int, float, int], Measured]  #: of the number of a configuration, a fraction and a seed


# The table


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


# One search


def climb(ladder: Ladder, train: Train, count: int) -> list[Trial]:
    """Run `count` configurations, the first of them the baseline, and whatever the ladder asks for after them."""
    proposed = {"phase": Phase.SEARCH, "rung": 0, "fraction": ladder.fraction, "seed": ladder.seed}
    trials = [ended(number, train, number, proposed) for number in range(count)]
    while promotions := ladder.promotions(trials):
        for one in promotions:
            asked = {"phase": one.phase, "rung": one.rung, "fraction": one.fraction, "seed": one.seed}
            trials.append(ended(len(trials), train, one.origin, {**asked, "origin": one.origin}))
    return trials


def ended(number: int, train: Train, configuration: int, asked: Mapping[str, Any]) -> Trial:
    """Return the record of a training."""
    found = train(configuration, asked["fraction"], asked["seed"])
    return Trial(
        trial_id=number,
        study_id=0,
        number=number,
        state=TrialState.COMPLETE,
        failure=Failure.COLLAPSED if found.collapsed else None,
        baseline=configuration == 0,
        objective="score",
        score=found.score,
        metrics={"eval_loss": found.loss},
        predictions=found.report,
        **asked,
    )


def winner(trials: Iterable[Trial]) -> int:
    """Return the number of the configuration that the store calls best: by fraction, seeds, mean score, number."""
    groups = defaultdict(list)
    for one in trials:
        groups[one.fraction, one.first_number].append(one)

    def rank(key: tuple[float, int]) -> tuple[float, ...]:
        there = groups[key]
        return (-key[0], -len(there), -sum(one.score for one in there), min(one.number for one in there))

    return min(groups, key=rank)[1]


class Draw(NamedTuple):
    """What chance gives a search."""

    configurations: list[Configuration]
    seed: int


class Outcome(NamedTuple):
    """What a search comes to."""

    chosen: Configuration
    cost: float


Contender = Callable[[Table, Draw], Outcome]


@dataclass(frozen=True, kw_only=True)
class Way:
    """A way to search that goes by a ladder."""

    strategy: Strategy = field(default_factory=Strategy)
    fraction: float = FIRST
    ladder: type[Ladder] = Ladder
    eta: int = rules.ETA
    signal: str = BOLDER
    trials: int = TRIALS
    always_retrains: bool = False

    def __call__(self, table: Table, draw: Draw) -> Outcome:
        """Return what a search comes to."""
        with patch.object(rules, "ETA", self.eta):
            return self.search(table, draw)

    def search(self, table: Table, draw: Draw) -> Outcome:
        """Return what a search comes to, with the step from rung to rung as it is."""
        fraction, spent = self.first_rung(table, draw.seed)
        tried = draw.configurations[: self.trials]
        ladder = self.ladder(strategy=self.strategy, fraction=fraction, seed=draw.seed, direction=MAXIMIZE)
        trials = climb(ladder, lambda number, *where: table.look_up(tried[number], *where), len(tried))
        chosen = tried[winner(trials)]
        spent += sum(one.fraction * tried[one.first_number].cost for one in trials)
        ends_with_one = any(one.fraction == 1.0 for one in trials) and not self.always_retrains
        return Outcome(chosen, spent if ends_with_one else spent + chosen.cost)

    def first_rung(self, table: Table, seed: int) -> tuple[float, float]:
        """Return the fraction that the search begins with, and the cost of finding it besides its first trial."""
        fraction, spent = self.fraction, 0.0
        while self.signal != NEVER and not table.has_signal(BASELINE, fraction, seed):
            if self.signal == BOLDER:
                spent += fraction * table.bolder.cost
                if table.has_signal(table.bolder, fraction, seed):
                    break
            larger = round(fraction * rules.ETA, 9)
            if larger > rules.LARGEST_RUNG:
                break
            fraction, spent = larger, spent + fraction * BASELINE.cost
        return fraction, spent


@dataclass(frozen=True, kw_only=True)
class Places(Strategy):
    """Other numbers of places at the rungs."""

    share: int = rules.ETA  #: one in so many is promoted
    second: int | None = None  #: places at the second rung

    def places(self, rung: int, count: int) -> int:
        """Return how many configurations reach a rung."""
        fixed = self.second if rung == 1 else None
        return max(fixed or count // self.share**rung, self.compared)


class ByScore(Ladder):
    """Ranks by the score alone, whoever came first among equal ones."""

    def ranked(self, trials: Iterable[Trial]) -> list[Trial]:
        """Return the trials, the best first."""
        return sorted(trials, key=lambda one: (-one.score, one.first_number))


class ByLoss(Ladder):
    """Ranks by the validation loss alone."""

    def ranked(self, trials: Iterable[Trial]) -> list[Trial]:
        """Return the trials, the best first."""
        return sorted(trials, key=lambda one: (one.metrics["eval_loss"], one.first_number))


class NoneLost(Ladder):
    """As the product, and where nothing learned all may go on, by their loss, instead of one."""

    def ranked(self, trials: Iterable[Trial]) -> list[Trial]:
        """Return the trials, the best first."""
        complete = sorted(trials, key=self.rank)
        return [one for one in complete if one.failure is None] or complete


@dataclass(frozen=True)
class Affordable:
    """A single rung of as many configurations as a budget pays for."""

    budget: float
    fraction: float
    order: Callable[[Table, Draw], list[Configuration]]

    def __call__(self, table: Table, draw: Draw) -> Outcome:
        """Return what a search comes to."""
        left = self.budget if self.fraction == 1.0 else self.budget - 1  # for the retraining
        tried = []
        for one in self.order(table, draw):
            left -= self.fraction * one.cost
            if left < -1e-9 and tried:
                break
            tried.append(one)
        best = max(tried, key=lambda one: table.look_up(one, self.fraction, draw.seed).score)
        cost = self.fraction * sum(one.cost for one in tried) + (best.cost if self.fraction < 1 else 0)
        return Outcome(best, cost)


def grid(table: Table, points: int) -> list[Configuration]:
    """Return configurations spread evenly over the learning rates; of the recommended recipe where that is enough."""
    same = [one for one in table.configurations if one[1:] == BASELINE[1:]]
    there = same if points <= len(same) else table.configurations
    return [there[int((place + 0.5) * len(there) / points)] for place in range(min(points, len(there)))]


# What is compared


@dataclass(frozen=True)
class Scene:
    """What the contenders of a task depend on."""

    table: Table
    others: list[Table]  #: the other tasks
    default: Way
    budget: float  #: mean cost of the default


Contenders = dict[str, Contender]


def way(scene: Scene, strategy: Strategy | None = None, **changes: Any) -> Way:
    """Return the default with changes."""
    given = {"signal": scene.default.signal, "trials": scene.default.trials, **changes}
    return Way(strategy=strategy or Strategy(), **given)


def stock(scene: Scene) -> Contenders:
    """All configurations at full size."""
    strategy = Strategy(name=SINGLE, confirm=NONE)
    return {"stock: all at full size": way(scene, strategy, fraction=1.0, signal=NEVER, always_retrains=True)}


def single(scene: Scene) -> Contenders:
    """One rung."""
    strategies = [Strategy(name=SINGLE, confirm=one) for one in (NONE, QUICK)]
    return {
        f"single, {one.confirm}, from {named(fraction)}": way(scene, one, fraction=fraction)
        for one, fraction in itertools.product(strategies, FRACTIONS)
    }


def ladders(scene: Scene) -> Contenders:
    """Rungs, places and finals."""
    seeds = len(scene.table.seeds)
    confirms = [one for one in CONFIRM if one != FULL or seeds > 1]
    made: Contenders = {
        f"ladder, {confirm}, from {named(fraction)}": way(scene, strategy_with(confirm, seeds), fraction=fraction)
        for confirm, fraction in itertools.product(confirms, FRACTIONS[:3])
    }
    made |= {f"eta {eta}, nearest fractions": way(scene, eta=eta) for eta in (2, 4)}
    made |= {f"one in {share} promoted": way(scene, Places(share=share)) for share in (2, 3, 4)}
    made |= {f"{second} at the second rung": way(scene, Places(second=second)) for second in (1, 2, 3, 4, 5)}
    if seeds > 1:
        made |= {f"full, {count} finalists": way(scene, strategy_with(FULL, seeds, count)) for count in (1, 2, 3)}
    return made


def strategy_with(confirm: str, seeds: int, finalists: int = 2) -> Strategy:
    """Return a ladder whose finals ask for no more seeds than there are."""
    return Strategy(name=LADDER, confirm=confirm, finalists=finalists, seeds=max(2, min(3, seeds)))


def rankings(scene: Scene) -> Contenders:
    """Who goes on, where the data that is asked for is kept to, and as the product does it."""
    kinds = {"learned first": Ladder, "score only": ByScore, "loss only": ByLoss, "learned, else all": NoneLost}
    return {
        f"{name}, {confirm}, signal {signal}": way(scene, Strategy(confirm=confirm), ladder=kind, signal=signal)
        for signal, confirm, (name, kind) in itertools.product((NEVER, BOLDER), (NONE, QUICK), kinds.items())
    }


def equal_cost(scene: Scene) -> Contenders:
    """Random search and a grid for what the default costs."""
    table, budget, trials = scene.table, scene.budget, scene.default.trials
    price = float(np.mean([one.cost for one in table.configurations]))
    fits = [one for one in FRACTIONS[:3] if one * price * trials + 1 <= budget]
    largest = max(fits, default=FRACTIONS[0])
    points = max(1, int(budget / BASELINE.cost))
    return {
        "random at full size": Affordable(budget, 1.0, lambda table, draw: draw.configurations),
        "grid at full size": Affordable(budget, 1.0, lambda table, draw: grid(table, points)),
        "random at the largest fraction": Affordable(budget, largest, lambda table, draw: draw.configurations[:trials]),
        "grid at the largest fraction": Affordable(budget, largest, lambda table, draw: grid(table, trials)),
    }


def signals(scene: Scene) -> Contenders:
    """When more of the data is taken."""
    return {
        f"signal {signal}, from {named(fraction)}": way(scene, signal=signal, fraction=fraction)
        for fraction, signal in itertools.product(FRACTIONS[:3], SIGNAL)
    }


def portfolios(scene: Scene) -> Contenders:
    """Trials that did well on the other tasks instead of random ones."""
    if not scene.others:
        print(f"(g) skipped for {scene.table.task}: the portfolio is chosen on other tasks, and no other is complete")
        return {}
    order = portfolio(scene.table, scene.others)
    made: Contenders = {}
    for trials in (2, 3, 4, 6):
        random_ones = way(scene, trials=trials)
        made[f"random, {trials} trials"] = random_ones
        made[f"portfolio, {trials} trials"] = functools.partial(in_order, random_ones, order)
    return made


def in_order(search: Way, order: list[Configuration], table: Table, draw: Draw) -> Outcome:
    """Search with other configurations than those drawn."""
    return search(table, draw._replace(configurations=order))


def portfolio(table: Table, others: Sequence[Table]) -> list[Configuration]:
    """Return configurations, the baseline first, each the one that helps most on the other tasks after those before."""
    known = [one for one in table.configurations if all(one in other.truth for other in others)]
    order = [BASELINE]
    while len(order) < len(known):
        rest = [one for one in known if one not in order]
        order.append(max(rest, key=lambda one: sum(best_truth(other, [*order, one]) for other in others)))
    return order


def best_truth(table: Table, configurations: Iterable[Configuration]) -> float:
    """Return the best truth, on a scale where the best of the table is 1 and the worst 0; ties go by the mean."""
    values, span = [table.truth[one] for one in configurations], np.ptp(list(table.truth.values())) or 1.0
    return float((max(values) - min(table.truth.values()) + 1e-6 * np.mean(values)) / span)


SECTIONS: dict[str, Callable[[Scene], Contenders]] = {
    "a": stock,
    "b": single,
    "c": ladders,
    "d": rankings,
    "e": equal_cost,
    "f": signals,
    "g": portfolios,
}
DEFAULT = "default: ladder, quick, from 1/9"


def named(fraction: float) -> str:
    """Return a fraction as people say it."""
    return f"1/{round(1 / fraction)}" if fraction < 1 else "1"


# Measuring


class Result(NamedTuple):
    """What a contender came to on one task, search by search."""

    regret: np.ndarray
    cost: np.ndarray
    worse: np.ndarray


def draws(table: Table, count: int, seed: int) -> list[Draw]:
    """Return what the searches are given: the baseline, all others in random order, and a seed in turn."""
    chance, others = random.Random(f"{seed} {table.task}"), [one for one in table.configurations if one != BASELINE]
    orders = ([BASELINE, *chance.sample(others, len(others))] for _ in range(count))
    return [Draw(order, number % len(table.seeds)) for number, order in enumerate(orders)]


def measured(contender: Contender, table: Table, given: Sequence[Draw]) -> Result:
    """Return what a contender comes to."""
    outcomes = [contender(table, draw) for draw in given]
    truths = np.array([table.truth[one.chosen] for one in outcomes])
    best = max(table.truth.values())
    return Result(best - truths, np.array([one.cost for one in outcomes]), truths < table.truth[BASELINE] - 1e-12)


def measure(tables: list[Table], asked: argparse.Namespace) -> dict[str, dict[str, Result]]:
    """Return task -> contender -> result."""
    found: dict[str, dict[str, Result]] = {}
    for table in tables:
        given = draws(table, asked.searches, asked.seed)
        default = Way(signal=asked.signal, trials=asked.trials)
        there = found[table.task] = {DEFAULT: measured(default, table, given)}
        scene = Scene(table, [one for one in tables if one is not table], default, float(there[DEFAULT].cost.mean()))
        for letter in asked.sections:
            for name, contender in SECTIONS[letter](scene).items():
                there[f"({letter}) {name}"] = measured(contender, table, given)
    return found


def over_tasks(found: Mapping[str, Mapping[str, Result]]) -> dict[str, Result]:
    """Return the mean over the tasks of what all of them have."""
    tables = list(found.values())
    shared = [name for name in tables[0] if all(name in one for one in tables)]
    return {
        name: Result(*(np.mean(columns, axis=0) for columns in zip(*(one[name] for one in tables), strict=True)))
        for name in shared
    }


def interval(values: np.ndarray) -> str:
    """Return a mean with its bootstrap interval."""
    chance = np.random.default_rng(0)
    means = values[chance.integers(len(values), size=(RESAMPLES, len(values)))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return f"{values.mean():.4f} [{low:.4f}, {high:.4f}]"


def better_and_worse(differences: Sequence[float]) -> str:
    """Return in how many of them the regret is smaller, and in how many larger; nothing of none."""
    if not differences:
        return ""
    return f"{sum(one < -1e-9 for one in differences)}:{sum(one > 1e-9 for one in differences)}"


HEAD = ("search", "regret", "regret - default's", "seeds", "cost", "worse")


def lines_of(results: Mapping[str, Result], seeds: int) -> list[tuple[str, ...]]:
    """Return the cells of a table."""
    default = results[DEFAULT]
    return [
        (
            name,
            interval(one.regret),
            interval(one.regret - default.regret),
            better_and_worse([float((one.regret - default.regret)[seed::seeds].mean()) for seed in range(seeds)]),
            f"{one.cost.mean():.2f}",
            f"{one.worse.mean():.0%}",
        )
        for name, one in results.items()
    ]


def show(title: str, head: Sequence[str], lines: Sequence[Sequence[str]], *, markdown: bool) -> None:
    """Print a table."""
    if markdown:
        rule = "|".join(["---", *["---:"] * (len(head) - 1)])
        rows = [f"| {' | '.join(line)} |" for line in lines]
        print(f"### {title}", "", f"| {' | '.join(head)} |", f"|{rule}|", *rows, "", sep="\n")
        return
    widths = [max(map(len, column)) for column in zip(head, *lines, strict=True)]
    print(title)
    for line in (head, *lines):
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    print()


# Nothing to find


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

    def train(self, configuration: int, fraction: float, seed: int) -> Measured:
        """Return what a new model scores; nothing that is known of a configuration tells how well."""
        thinks = math.sqrt(self.alike) * self.seen + math.sqrt(1 - self.alike) * self.chance.normal(size=len(self.seen))
        rate = self.rates[configuration]
        predicted = (thinks <= np.quantile(thinks, rate)).astype(int)
        chosen, report = np.split(predicted, [self.cut])
        collapsed = len(set(chosen)) == 1
        return Measured(self.score(chosen, self.labels[: self.cut]), self.chance.random(), collapsed, report)

    def claim(self, confirm: str, fraction: float = FIRST) -> Comparison | None:
        """Return the gain that a search claims on the report split; None where the baseline wins."""
        ladder = Ladder(strategy=Strategy(confirm=confirm), fraction=fraction, seed=0, direction=MAXIMIZE)
        trials = climb(ladder, self.train, len(self.rates))
        best = winner(trials)
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


# The command


def parsed() -> argparse.Namespace:
    """Return what was asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path, default=TABLE)
    parser.add_argument("--made-up", action="store_true", help="write a made-up table to --table first")
    parser.add_argument("--tasks", help="of the table's, with commas between")
    parser.add_argument("--sections", default="".join(SECTIONS))
    parser.add_argument("--searches", type=int)
    parser.add_argument("--trials", type=int, default=TRIALS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--signal", choices=SIGNAL, default=BOLDER, help="of all but (a), (d), (e) and (f)")
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--noise", action="store_true")
    asked = parser.parse_args()
    if asked.made_up and asked.table == TABLE:
        parser.error("--made-up needs a --table of its own")
    asked.searches = asked.searches or (200 if asked.noise else 1000)
    return asked


def main() -> int:
    """Print the tables; return the exit code."""
    asked = parsed()
    if asked.noise:
        show("claims where there is nothing to find", NOISE_HEAD, noise(asked.searches), markdown=asked.markdown)
        return 0
    if asked.made_up:
        make_up(asked.table, asked.seed)
    tables = [one for one in read_tables(asked.table) if not asked.tasks or one.task in asked.tasks.split(",")]
    if not tables:
        print(f"{asked.table} has no task with two complete configurations, the recommended one among them")
        return 1
    found = measure(tables, asked)
    for table in tables:
        seeds = len(table.seeds)
        title = f"{table.task}, {table.objective}: {len(table.configurations)} configurations, {seeds} seeds"
        truth = f"recommended {table.truth[BASELINE]:.4f}, best {max(table.truth.values()):.4f}"
        lines = lines_of(found[table.task], seeds)
        show(f"{title}; {truth}; {asked.searches} searches", HEAD, lines, markdown=asked.markdown)
    if len(tables) > 1:
        counts = {len(table.seeds) for table in tables}
        lines = lines_of(over_tasks(found), counts.pop() if len(counts) == 1 else 0)
        show(f"mean of {len(tables)} tasks", HEAD, lines, markdown=asked.markdown)
    return 0


if __name__ == "__main__":
    sys.exit(main())
