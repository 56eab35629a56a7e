"""One simulated search: what is tried is drawn, what it scores is looked up, who goes on the product says itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from unittest.mock import patch

from hpsearch.search import strategy as rules
from hpsearch.search.ladder import Ladder
from hpsearch.search.strategy import Strategy
from hpsearch.spaces import Choice, Float, Space
from hpsearch.spaces.presets import RATE_HANDOVER
from hpsearch.spaces.transfer import handed_over
from hpsearch.studies.objective import Objective
from hpsearch.studies.records import Failure, Phase, Trial, TrialState
from hpsearch.tests.benchmarks.record import FRACTIONS
from hpsearch.tests.benchmarks.recorded_table import BASELINE, Configuration, Measured, Table

SCORE = Objective("eval_score", "maximize")  # accuracy and Matthews' correlation, the metrics of the recorded tasks
NEVER, ONCE, BOLDER, LOSS = "never", "baseline", "bolder", "loss"
SIGNAL = {
    NEVER: "the product: searches on the fraction it was asked for",
    ONCE: "takes three times the data while the baseline is no better than chance",
    BOLDER: "not where a training with eight times the learning rate is better than chance",
    LOSS: "nor where one of the two has a smaller loss than the shares of the classes would give",
}
#: Where the product begins; of what is recorded this is nearest to its default, a tenth.
FIRST = FRACTIONS[1]
TRIALS = 10  #: the product's default
RECIPE = ("num_train_epochs", "per_device_train_batch_size")

#: Of the number of a configuration, a fraction, a seed, and the values.
Train = Callable[[int, float, int, Mapping[str, Any]], Measured]


def climb(ladder: Ladder, train: Train, proposed: Sequence[Mapping[str, Any]]) -> list[Trial]:
    """Run configurations, the first of them the baseline, and whatever the ladder asks for after them."""
    first = {"phase": Phase.SEARCH, "rung": 0, "fraction": ladder.fraction, "seed": ladder.seed}
    trials = [ended(number, train, {**first, "params": dict(params)}) for number, params in enumerate(proposed)]
    names = ("phase", "rung", "fraction", "seed", "origin", "params")
    while promotions := ladder.promotions(trials):
        for one in promotions:
            trials.append(ended(len(trials), train, {name: getattr(one, name) for name in names}))
    return trials


def ended(number: int, train: Train, asked: Mapping[str, Any]) -> Trial:
    """Return the record of a training."""
    configuration = number if asked.get("origin") is None else asked["origin"]
    found = train(configuration, asked["fraction"], asked["seed"], asked["params"])
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


def winner(trials: Iterable[Trial]) -> Trial:
    """Return a trial of the configuration that the store calls best: by fraction, seeds, mean score, number."""
    groups = defaultdict(list)
    for one in trials:
        groups[one.fraction, one.first_number].append(one)

    def rank(key: tuple[float, int]) -> tuple[float, ...]:
        there = groups[key]
        return (-key[0], -len(there), -sum(one.score for one in there), min(one.number for one in there))

    return groups[min(groups, key=rank)][0]


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
    signal: str = NEVER
    trials: int = TRIALS
    always_retrains: bool = False
    handover: Any = field(default_factory=lambda: dict(RATE_HANDOVER))  #: of the learning rate

    def __call__(self, table: Table, draw: Draw) -> Outcome:
        """Return what a search comes to."""
        with patch.object(rules, "ETA", self.eta):
            return self.search(table, draw)

    def search(self, table: Table, draw: Draw) -> Outcome:
        """Return what a search comes to, with the step from rung to rung as it is."""
        fraction, spent = self.first_rung(table, draw.seed)
        tried, space = draw.configurations[: self.trials], self.space(table)
        known = {"strategy": self.strategy, "seed": draw.seed, "objective": SCORE}
        ladder = self.ladder(fraction=fraction, space=space, **known)

        def train(number: int, fraction: float, seed: int, params: Mapping[str, Any]) -> Measured:
            return table.look_up(table.nearest(params), fraction, seed)

        trials = climb(ladder, train, [one.params for one in tried])
        best = winner(trials)
        chosen = table.nearest(best.params if best.baseline else handed_over(space, best.params, 1 / best.fraction))
        spent += sum(one.fraction * table.nearest(one.params).cost for one in trials)
        ends_with_one = any(one.fraction == 1.0 for one in trials) and not self.always_retrains
        return Outcome(chosen, spent if ends_with_one else spent + chosen.cost)

    def space(self, table: Table) -> Space:
        """Return the space of the recorded learning rates, with the rule for more data."""
        rates = [one.learning_rate for one in table.configurations]
        rate = Float(min(rates), max(rates), log=True, handover=self.handover)
        others = {name: Choice(sorted({one.params[name] for one in table.configurations})) for name in RECIPE}
        return Space({"learning_rate": rate, **others})

    def first_rung(self, table: Table, seed: int) -> tuple[float, float]:
        """Return the fraction that the search begins with, and the cost of finding it besides its first trial."""
        fraction, spent = self.fraction, 0.0
        while self.signal != NEVER and not table.has_signal(BASELINE, fraction, seed):
            if self.signal in (BOLDER, LOSS):
                spent += fraction * table.bolder.cost
                if table.has_signal(table.bolder, fraction, seed):
                    break
            if self.signal == LOSS and any(table.loss_shows(one, fraction, seed) for one in (BASELINE, table.bolder)):
                break
            larger = round(fraction * rules.ETA, 9)
            if larger > rules.LARGEST_RUNG:
                break
            fraction, spent = larger, spent + fraction * BASELINE.cost
        return fraction, spent


@dataclass(frozen=True, kw_only=True)
class Places(Strategy):
    """Other numbers of places at the rungs."""

    name: str = rules.LADDER
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
