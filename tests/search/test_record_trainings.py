"""The recorder of the table that strategies are replayed on: its order, its file, and what it trains with."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import datasets
import numpy as np
import pytest

from hpsearch.search.data.raw import RawData
from hpsearch.search.task_problem import template_arguments
from hpsearch.search.tasks import Task, custom_task, task_named

from ..benchmarks.record_trainings import (
    BATCHES,
    EPOCHS,
    FRACTIONS,
    LEARNING_RATES,
    MIDDLE,
    STAGES,
    Job,
    append,
    arguments,
    job_of,
    jobs,
    mend,
    packed,
    recorded,
    status,
    unpacked,
)
from ..benchmarks.training_tasks import LEAST_REPORT, MOST_REPORT, ROWS, by_chance, chosen

CLASSES, NUMBERS = task_named("sst2"), task_named("stsb")


def row(job: Job, **measured: Any) -> dict[str, Any]:
    return {**job._asdict(), "rows": 100, "seconds": "1.50", "evaluating": "0.50", **measured}


def parts(task: Task, train: int, validation: int | None) -> RawData:
    """Return made-up data: one row in four is of class 1."""

    def part(rows: int) -> datasets.Dataset:
        return datasets.Dataset.from_dict({"text_a": list(map(str, range(rows))), "label": [0, 0, 0, 1] * (rows // 4)})

    return RawData(task=task, train=part(train), validation=validation and part(validation), fingerprint="made up")


# The order


def test_no_training_comes_twice():
    assert {1} == set(Counter(jobs()).values())


def test_first_all_rates_of_the_recommended_recipe_for_every_pair():
    """Wherever it is stopped, pairs are complete one after the other, the cheapest first."""
    first = list(jobs([1]))

    assert len(ROWS) * len(FRACTIONS) * len(LEARNING_RATES) == len(first)
    assert {(0, *MIDDLE)} == {(job.seed, job.epochs, job.batch) for job in first}
    assert list(ROWS) == list(dict.fromkeys(job.pair for job in first))
    assert list(jobs())[: len(first)] == first


def test_other_recipes_come_before_other_seeds():
    seeds = list(dict.fromkeys((job.seed, (job.epochs, job.batch) == MIDDLE) for job in jobs()))

    assert [(0, True), (0, False), (1, True)] == seeds[:3]


def test_recipes_and_rates_are_balanced():
    """Each other recipe has every second rate, and each rate half of the recipes beside the recommended one."""
    trials = [trial for stage in (2, 3) for trial in STAGES[stage][0]]
    rates = {rate: [trial[1:] for trial in trials if trial[0] == rate] for rate in LEARNING_RATES}

    assert {4} == set(Counter(trial[1:] for trial in trials).values())
    assert len(EPOCHS) * len(BATCHES) - 1 == len({trial[1:] for trial in trials})
    assert {2, 3} == {len(recipes) for recipes in rates.values()}
    assert {(2, 16), (5, 16), (3, 32)} == set(rates[5e-5]) == set(rates[2e-4])


# The file


def test_what_is_recorded_is_not_missing(tmp_path: Path):
    table = tmp_path / "trainings.csv"
    those = list(jobs())[::50]
    for job in those:
        append(table, row(job), "this machine")

    assert those == list(recorded(table))
    assert all(job_of(one) == job for job, one in recorded(table).items())


def test_a_line_that_was_cut_is_trained_again(tmp_path: Path):
    table = tmp_path / "trainings.csv"
    first, second, third = list(jobs())[:3]
    for job in (first, second):
        append(table, row(job), "this machine")
    table.write_bytes(table.read_bytes()[:-9])

    mend(table)
    assert [first] == list(recorded(table))

    append(table, row(third), "this machine")
    assert [first, third] == list(recorded(table))


@pytest.mark.parametrize("begun", [None, "", "# this mach"])
def test_a_file_of_no_rows_gets_its_head(tmp_path: Path, begun: str | None):
    table = tmp_path / "trainings.csv"
    if begun is not None:
        table.write_text(begun)
    job = next(jobs())

    mend(table)
    append(table, row(job), "this machine")

    assert ["# this machine", ",".join(row(job))] == table.read_text().splitlines()[:2]
    assert [job] == list(recorded(table))


def test_another_machine_is_remarked_between_the_rows(tmp_path: Path):
    table = tmp_path / "trainings.csv"
    for job, where in zip(jobs(), ["one", "one", "two", "two"], strict=False):
        append(table, row(job), where)

    assert [0, 4] == [place for place, line in enumerate(table.read_text().splitlines()) if line.startswith("#")]
    assert 4 == len(recorded(table))


def test_the_status_tells_what_is_left():
    """Seconds of a pair go with the rows that it learns from, of which the epochs are a part."""
    pair = next(iter(ROWS))
    known = Job(*pair, 0, "1", 5e-5, *MIDDLE)

    told = list(status([1], [pair], {known: row(known, rows=300, seconds="3600", evaluating="0")}))

    left = sum(FRACTIONS) * len(LEARNING_RATES) - 1
    assert [f"stage 1: 1 of 32 trainings, 1.00 core hours spent, {left:.2f} left"] == told


# What is kept of predictions


def test_hits_are_read_as_they_were_written():
    true = np.array([0, 1, 1, 0, 1, 0, 1, 1, 1])
    said = np.array([0, 1, 0, 0, 1, 1, 1, 1, 1])

    assert list(true == said) == list(unpacked(packed(CLASSES, said, true), len(true), regression=False))


def test_errors_are_read_as_they_were_written():
    true, said = np.array([0.0, 5.0, 2.5, 1.0]), np.array([0.2, 4.0, 99.0, np.nan])

    assert [0.2, -1.0, 5.08, 5.08] == pytest.approx(unpacked(packed(NUMBERS, said, true), 4, regression=True))


def test_chance_is_what_a_constant_scores():
    labels = [0, 0, 0, 1]

    assert (0.75, pytest.approx(0.5623, abs=1e-4)) == by_chance(CLASSES, labels)
    assert (0.0, pytest.approx(0.5623, abs=1e-4)) == by_chance(task_named("cola"), labels)
    assert (0.0, 0.1875) == by_chance(NUMBERS, [float(one) for one in labels])


# What is trained


@pytest.mark.parametrize(
    ("train", "validation", "report"), [(4000, 2000, MOST_REPORT), (4000, None, MOST_REPORT), (4000, 200, LEAST_REPORT)]
)
def test_the_report_has_its_rows_and_none_of_the_chosen(train: int, validation: int | None, report: int):
    raw = parts(custom_task(["text"], "label").with_labels(["a", "b"]), train, validation)

    found = chosen(raw, 2000)

    assert 2000 == len(found.train)
    assert report == len(found.validation)
    assert 500 == sum(found.train["label"])
    assert report // 4 == sum(found.validation["label"])
    if validation is None:
        assert not {*found.train["text_a"]} & {*found.validation["text_a"]}


def test_arguments_are_those_of_a_trial(tmp_path: Path):
    """But for where it writes; when a trial logs and looks is set by its runner."""
    job = Job(*next(iter(ROWS)), 7, "1", 5e-5, *MIDDLE)
    mine = arguments(job, str(tmp_path))
    precision = "bf16" if mine.bf16 else "fp32"
    product = template_arguments(SimpleNamespace(seed=7), precision, tmp_path)

    theirs = product.to_dict()
    other = {name for name, value in mine.to_dict().items() if value != theirs[name]}
    assert {"output_dir", "logging_strategy"} == other
