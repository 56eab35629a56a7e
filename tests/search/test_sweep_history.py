"""A cell and what came before it: the nights it is compared with, what has changed, what its search begins with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hpsearch.search.ladder import Ladder
from hpsearch.search.strategy import FULL, SINGLE, Strategy
from hpsearch.search.sweep.alarm import seeds_of
from hpsearch.search.sweep.cells import Cell
from hpsearch.search.sweep.file import read_sweep
from hpsearch.search.sweep.history import judge, present
from hpsearch.search.sweep.warm_start import family, priors_for
from hpsearch.studies.objective import Objective
from hpsearch.studies.records import Phase, Trial, TrialState
from hpsearch.studies.sweep_store import SweepStore
from hpsearch.studies.worker import worker_name

NIGHT = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
GOOD, BAD = {"learning_rate": 1e-3}, {"learning_rate": 1e-9}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SweepStore]:
    with SweepStore.open(f"sqlite:///{tmp_path}/hpsearch.db", create=True) as store:
        yield store


def measured(
    night: int = 0,
    mean: float = 0.8,
    *,
    params: Mapping[str, Any] = GOOD,
    trial: int = 1,
    history: str = "data",
    metric: str = "accuracy",
    task: str = "cola",
    model: str = "tiny",
    torch: str = "2.12.0",
) -> dict[str, Any]:
    """Return a measurement of a night, with the noise that trainings have."""
    seeds = seeds_of(42, 3, night)
    scores = [float(mean + noise) for noise in np.random.default_rng(seeds).normal(0, 0.005, 3)]
    errors = [1 - mean] * 50
    return {
        "metric": metric,
        "direction": "maximize",
        "split": "report",
        "rows": 1000,
        "task": task,
        "model": model,
        "history": history,
        "winner": {
            "params": dict(params),
            "trial": trial,
            "seeds": seeds,
            "scores": {metric: scores},
            "errors": errors,
        },
        "baseline": {"params": {}, "seeds": seeds, "scores": {metric: scores}},
        "seconds": 60.0,
        "trainings": 6.0,
        "environment": {"versions": {"torch": torch}},
    }


def keep(store: SweepStore, night: int, content: dict[str, Any], *, sweep: str = "s", cell: str = "cola-tiny") -> Any:
    """Judge a measurement and keep it, as a run does; return the finding."""
    due = NIGHT + timedelta(days=night)
    label = f"{due:%Y-%m-%d}"
    run = store.claim(sweep, due, label=label, longer_label=f"{label}T", worker=worker_name(), spec={}).run
    row = store.begin_cell(run.run_id, cell, f"{sweep}/{label}/{cell}")
    finding = judge(store.measured(sweep, cell), content, cells=1)
    store.complete_cell(row, history=content["history"], measured=content, finding=finding)
    return finding


def test_a_drop_is_told_once_with_what_changed_since(store):
    """When it is found it is `worse` and names the release; the level after it is what later nights start from."""
    before = [keep(store, night, measured(night)) for night in range(6)]
    found = keep(store, 6, measured(6, 0.7, torch="2.13.0"))
    after = [keep(store, night, measured(night, 0.7, torch="2.13.0")) for night in range(7, 12)]

    assert "new" == before[0]["state"]
    assert not {"worse", "better"} & {one["state"] for one in [*before, *after]}
    assert ("worse", 6, ["versions.torch: 2.12.0 -> 2.13.0"]) == (found["state"], found["since"], found["changes"])
    assert found["difference"] == pytest.approx(-0.1, abs=0.02)
    assert "since this run" in found["words"]
    assert [2, 3, 4, 5, 6] == [one["nights"] for one in after]


def test_a_change_that_is_found_later_is_dated(store):
    """A small drop takes nights to be sure of: the finding says since which run, and what changed then, not tonight."""
    for night in range(15):
        keep(store, night, measured(night))
    found = [keep(store, night, measured(night, 0.79, torch="2.13.0")) for night in range(15, 20)]
    told = [one for one in found if one["state"] == "worse"]

    assert 1 == len(told)
    assert abs(told[0]["since"] - 15) <= 1
    assert told[0]["since_due"] is None or told[0]["since_due"].startswith("2026-03-1")
    if told[0]["since"] == 15:
        assert ["versions.torch: 2.12.0 -> 2.13.0"] == told[0]["changes"]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"history": "other"}, "the data changed"),
        ({"history": "o", "metric": "f1"}, "the metric changed: accuracy -> f1"),
    ],
)
def test_other_data_or_another_metric_begin_a_new_history(store, changed, why):
    """They are no regression, whatever the score; the nights before are not compared, also not later."""
    for night in range(3):
        keep(store, night, measured(night))
    found = keep(store, 3, measured(3, 0.2, **changed))
    later = keep(store, 4, measured(4, 0.2, **changed))

    assert ("new", why, 1) == (found["state"], found["new_history"], found["nights"])
    assert (None, 2) == (later["new_history"], later["nights"])
    assert 2 == len(present(store.measured("s", "cola-tiny"), changed["history"]))


def test_rows_that_are_wrong_more_often_are_counted(store):
    """With a change come the rows of the report split that were lost and gained, and an exact test over them."""
    for night in range(6):
        keep(store, night, measured(night))
    worse = measured(6, 0.7)
    worse["winner"]["errors"] = [1.0] * 10 + [0.2] * 37 + [0.0] * 3
    found = keep(store, 6, worse)

    assert {"lost": 10, "gained": 3} == {name: found["rows"][name] for name in ("lost", "gained")}
    assert 0.05 < found["rows"]["p"] < 0.2


# Warm start


@pytest.fixture
def cell(tmp_path: Path) -> Cell:
    (tmp_path / "space.yaml").write_text("learning_rate: {low: 1e-6, high: 1e-2, log: true}\n", encoding="utf-8")
    (tmp_path / "sweep.yaml").write_text(
        "name: s\ntasks: [cola]\nmodels: [tiny]\nspaces: [space.yaml]\n", encoding="utf-8"
    )
    return read_sweep(tmp_path / "sweep.yaml").cells[0]


def rate(value: float) -> dict[str, float]:
    return {"learning_rate": value}


def test_a_cell_begins_with_winners_the_nearest_first(store, cell):
    """Its own newest run, then the same task and model elsewhere, the same task, the same family; each once."""
    keep(store, 0, measured(params=rate(4e-4), task="sst2", model="tiny-large"), sweep="other", cell="sst2-tiny-large")
    keep(store, 1, measured(params=rate(3e-4), task="cola", model="bert"), sweep="other", cell="cola-bert")
    keep(store, 2, measured(params=rate(2e-4)), sweep="other", cell="another-name")
    keep(store, 0, measured(params=rate(1e-4)))
    keep(store, 1, measured(params=rate(5e-4)))
    keep(store, 2, measured(params=rate(5e-4)))
    keep(store, 3, measured(params=rate(9e-4), task="mrpc", model="roberta"), sweep="other", cell="mrpc-roberta")

    found = [(one.params["learning_rate"], one.study) for one in priors_for(store, "s", cell, trials=30)]
    assert [5e-4, 1e-4, 2e-4, 3e-4, 4e-4] == [value for value, _ in found]
    assert "s/2026-03-03/cola-tiny" == found[0][1]


@pytest.mark.parametrize(("trials", "count"), [(1, 0), (2, 0), (3, 1), (10, 3)])
def test_winners_of_before_are_a_third_of_the_trials_at_most(store, cell, trials, count):
    """A bad prior costs its trial and no more: the others search."""
    for night in range(5):
        keep(store, night, measured(night, params=rate(1e-4 * (night + 1))))

    assert count == len(priors_for(store, "s", cell, trials=trials))


def test_what_a_space_does_not_hold_is_no_prior(store, cell):
    """Nor is the baseline, which is tried anyway; a cell without history begins with nothing."""
    assert [] == priors_for(store, "s", cell, trials=9)
    keep(store, 0, measured(params=rate(0.5)))
    keep(store, 1, measured(params={"weight_decay": 0.1}))
    keep(store, 2, measured(params=rate(1e-5), trial=0))

    assert [] == priors_for(store, "s", cell, trials=9)


def test_families_are_the_first_word_of_a_name():
    """What is known of distilbert-base-uncased may suit distilbert-base-cased."""
    assert family("distilbert-base-uncased") == family("DistilBERT-base-cased") != family("bert-base-cased")


# Seeds


@pytest.mark.parametrize("run", range(7))
def test_finals_have_the_seeds_of_their_block(run):
    """The ladder asks for winner and baseline over the seeds that are this run's turn."""
    seeds = seeds_of(42, 3, run)
    strategy = Strategy(name=SINGLE, confirm=FULL, finalists=1, seeds=3, shift=seeds[0] - 42)
    ladder = Ladder(strategy=strategy, fraction=0.1, seed=42, objective=Objective("eval_accuracy", "maximize"))
    searched = [
        Trial(
            trial_id=number,
            study_id=1,
            number=number,
            state=TrialState.COMPLETE,
            phase=Phase.SEARCH,
            fraction=0.1,
            seed=42,
            baseline=number == 0,
            params={"learning_rate": number},
            objective="eval_accuracy",
            score=0.5 + 0.1 * number,
        )
        for number in range(3)
    ]
    asked = [(one.origin, one.seed) for one in ladder.promotions(searched)]

    assert sorted(asked) == sorted((origin, seed) for origin in (0, 2) for seed in seeds)
    assert 6 + 0.3 == pytest.approx(sum(count * share for count, share in strategy.trainings(0.1, 3)))
