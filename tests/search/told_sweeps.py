"""Sweeps written to a store without any training, for tests of how they are told."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from hpsearch.search.sweep.file import Sweep, read_sweep
from hpsearch.search.tasks import TASKS
from hpsearch.studies.sweep_store import SweepStore
from hpsearch.studies.sweeps import RunState, SweepRun

FIRST = datetime(2030, 1, 1, 2, tzinfo=UTC)
WORKER = "host:1"
CHANGES = ["versions.torch: 2.12.0 -> 2.13.0", "winner.learning_rate: 5e-05 -> 0.0001"]


def sweep_file(**content: Any) -> Sweep:
    """Return a sweep of a file in the current folder; two tasks and one model unless told otherwise."""
    values = {"name": "nightly", "tasks": ["cola", "rte"], "models": ["tiny"], **content}
    Path("nightly.yaml").write_text(yaml.safe_dump(values, allow_unicode=True), encoding="utf-8")
    return read_sweep("nightly.yaml")


def due(night: int) -> datetime:
    """Return when the run of a night is due."""
    return FIRST + timedelta(days=night)


def label(night: int) -> str:
    """Return what the run of a night is called."""
    return f"{due(night):%Y-%m-%d}"


def begun(store: SweepStore, night: int = 0, sweep: str = "nightly") -> SweepRun:
    """Return the run of a night, claimed."""
    return store.claim(
        sweep, due(night), label=label(night), longer_label=f"{label(night)}T02:00", worker=WORKER, spec={}
    ).run


def ended(store: SweepStore, run: SweepRun, state: RunState = RunState.COMPLETE, message: str | None = None) -> None:
    """End a run."""
    assert store.end(run, state, message)


def complete(store: SweepStore, run: SweepRun, cell: str, score: float = 0.5, **said: Any) -> None:
    """Complete a cell of a run with the finding `said`; its seeds' scores lie about `score`."""
    row = store.begin_cell(run.run_id, cell, f"{run.sweep}/{run.label}/{cell}")
    changes = said.pop("measured", {})
    measured = measurement(score, **{"task": cell.rpartition("-")[0], **changes})
    found = finding(**said)
    store.complete_cell(row, history=measured["history"], measured=measured, finding=found)


def failed(store: SweepStore, run: SweepRun, cell: str, message: str) -> None:
    """Let a cell of a run come to nothing."""
    store.fail_cell(store.begin_cell(run.run_id, cell, f"{run.sweep}/{run.label}/{cell}"), message)


def measurement(
    score: float, *, task: str = "cola", model: str = "tiny", seeds: int = 3, **changes: Any
) -> dict[str, Any]:
    """Return what is kept of a cell that scored so, its baseline a little less."""
    metrics = TASKS[task].metrics if task in TASKS else ("accuracy",)
    return {
        "metric": metrics[0],
        "direction": "maximize",
        "split": "report",
        "rows": 1000,
        "task": task,
        "model": model,
        "history": f"data of {task}",
        "winner": {**side(metrics, score, seeds), "errors": [0.0] * 10},
        "baseline": side(metrics, score - 0.02, seeds),
        "failed": 1,
        "seconds": 300.0,
        "trainings": 4.5,
        "environment": {"versions": {"torch": "2.13.0"}},
        **changes,
    }


def side(metrics: tuple[str, ...], score: float, seeds: int) -> dict[str, Any]:
    """Return the scores of a configuration: they differ by 0.01 from seed to seed, and their mean is `score`."""
    each = [score + 0.01 * (seed - (seeds - 1) / 2) for seed in range(seeds)]
    params = {"learning_rate": 5e-5}
    return {"params": params, "trial": 0, "seeds": list(range(seeds)), "scores": dict.fromkeys(metrics, each)}


def finding(state: str = "steady", *, words: str | None = None, **changes: Any) -> dict[str, Any]:
    """Return a finding as it is kept."""
    sentences = {"new": "new: the first run of this history", "steady": "steady: a drop of 0.021 would be found"}
    known = {"since": None, "difference": None, "interval": None, "p": None, "seeds_needed": None, "detectable": None}
    more = {"since_due": None, "nights": 1, "new_history": None, "changes": [], "rows": None}
    return {"state": state, "words": words or sentences.get(state, state), **known, **more, **changes}


def worse(**changes: Any) -> Mapping[str, Any]:
    """Return the finding of a drop, as `complete` takes it."""
    told = {"state": "worse", "words": "worse by 0.0800 (0.0600 to 0.1000)", "difference": -0.08, "changes": CHANGES}
    return {**told, "rows": {"lost": 91, "gained": 12, "p": 1e-12}, **changes}


def nights(store: SweepStore, sweep: Sweep, count: int, *, seed: int = 0) -> None:
    """Write a plausible history: noise, a drop, a rise, a failure, new data, a run that was skipped, one given up."""
    draw = random.Random(seed)
    names = [one.name for one in sweep.cells]
    levels = {name: draw.uniform(0.4, 0.9) for name in names}
    for night in range(count):
        if night == count // 3:
            why = f"the run of {label(night - 1)} of sweep 'nightly' is not over (host:1)"
            store.skip(sweep.name, due(night), label=label(night), state=RunState.SKIPPED, message=why, worker=WORKER)
            continue
        run, broken = begun(store, night, sweep.name), False
        for place, name in enumerate(names):
            told = {"state": "new" if night == 0 else "steady"}
            cell = sweep.cells[place]
            history = {"history": f"data {place}"}
            if place == 1 and night == count - 1:
                levels[name] -= 0.08
                told = worse()
            if place == 2 and night == count // 2:
                levels[name] += 0.06
                told = {"state": "better", "words": "better by 0.0600 (0.0400 to 0.0800)", "changes": CHANGES * 6}
            if place == 3 and night >= count // 2:
                history = {"history": "new data"}
                told["new_history"] = "the data changed" if night == count // 2 else None
            if place == 4 and night in (count // 4, count - 1):
                failed(store, run, name, "no configuration was trained on all the data (out of memory at batch 64)")
                broken = True
                continue
            if place == 5 and night == count - 1:
                told = {"state": "noisy", "words": "noisy: cannot tell (needs 6 more seeds)", "changes": CHANGES}
            score = levels[name] + draw.gauss(0, 0.006)
            known = {"task": cell.options.task, "model": cell.options.model, "seconds": 300 * draw.uniform(0.8, 1.2)}
            complete(store, run, name, score, measured={**known, **history}, **told)
        if night == count // 5:
            ended(store, run, RunState.WAITING)
        else:
            ended(store, run, RunState.FAILED if broken else RunState.COMPLETE)
