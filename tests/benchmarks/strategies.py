"""Replay the recorded trainings: what would a search of another kind have found, and what would it have cost?

    python tests/benchmarks/strategies.py [--tasks cola,mrpc] [--sections abcdefghi] [--searches 1000] [--trials 10]
        [--signal never|baseline|bolder|loss] [--markdown]
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
import random
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hpsearch.tests.benchmarks.contenders import DEFAULT, SECTIONS, Scene
from hpsearch.tests.benchmarks.nothing import NOISE_HEAD, noise
from hpsearch.tests.benchmarks.record import TABLE
from hpsearch.tests.benchmarks.recorded_table import BASELINE, Table, make_up, read_tables
from hpsearch.tests.benchmarks.simulated import NEVER, SIGNAL, TRIALS, Contender, Draw, Way

RESAMPLES = 1000


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
    parser.add_argument("--signal", choices=SIGNAL, default=NEVER, help="of all but (a), (d), (e), (f) and (i)")
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
