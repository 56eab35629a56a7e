"""The ways to search that are compared on the recorded tables, in sections."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hpsearch.search.ladder import Ladder
from hpsearch.search.strategy import CONFIRM, FULL, LADDER, NONE, QUICK, SINGLE, Strategy
from hpsearch.spaces.handover import BRACKET, KEEP
from hpsearch.tests.benchmarks.record import FRACTIONS
from hpsearch.tests.benchmarks.recorded_table import BASELINE, Configuration, Table
from hpsearch.tests.benchmarks.simulated import (
    BOLDER,
    NEVER,
    SIGNAL,
    Affordable,
    ByLoss,
    ByScore,
    Contender,
    Draw,
    NoneLost,
    Outcome,
    Places,
    Way,
    grid,
)


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
    made |= {f"ladder, eta {eta}, nearest fractions": way(scene, Strategy(name=LADDER), eta=eta) for eta in (2, 4)}
    made |= {f"ladder, one in {share} promoted": way(scene, Places(share=share)) for share in (2, 3, 4)}
    made |= {f"ladder, {second} at the second rung": way(scene, Places(second=second)) for second in (2, 3, 4, 5)}
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
        f"ladder, {name}, {confirm}, signal {signal}": way(
            scene, Strategy(name=LADDER, confirm=confirm), ladder=kind, signal=signal
        )
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


def handovers(scene: Scene) -> Contenders:
    """What becomes of the learning rate on more data."""
    rules_of_rate = {
        "kept": KEEP,
        "to the power -0.2": {"rescale": -0.2},
        "-0.32": {"rescale": -0.32},
        "-0.5": {"rescale": -0.5},
        "bracket": BRACKET,
    }
    return {
        f"learning rate {name}, {confirm}": way(scene, Strategy(confirm=confirm), handover=rule)
        for confirm, (name, rule) in itertools.product((NONE, QUICK), rules_of_rate.items())
        if rule != BRACKET or confirm == QUICK
    }


def together(scene: Scene) -> Contenders:
    """What is chosen together where the asked fraction is kept to: it, the places above it, who gets them."""
    kinds = {"learned first": Ladder, "loss only": ByLoss, "learned, else all": NoneLost}
    return {
        f"{named(fraction)}, {places} at the second rung, {confirm}, {name}": way(
            scene, Places(second=places, confirm=confirm), fraction=fraction, ladder=kind, signal=NEVER
        )
        for fraction, places, confirm, (name, kind) in itertools.product(
            FRACTIONS[:2], (1, 2, 3), (NONE, QUICK), kinds.items()
        )
    }


SECTIONS: dict[str, Callable[[Scene], Contenders]] = {
    "a": stock,
    "b": single,
    "c": ladders,
    "d": rankings,
    "e": equal_cost,
    "f": signals,
    "g": portfolios,
    "h": handovers,
    "i": together,
}
DEFAULT = "default: single, quick, from 1/9"


def named(fraction: float) -> str:
    """Return a fraction as people say it."""
    return f"1/{round(1 / fraction)}" if fraction < 1 else "1"
