"""Studies written to a store without any training, for tests of how they are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hpsearch.studies.promotion import Promotion
from hpsearch.studies.records import Failure, Phase, Study, Trial, TrialState
from hpsearch.studies.store import StudyStore

URL = "sqlite:///hpsearch.db"
SPACE = {
    "learning_rate": {"type": "float", "low": 1e-6, "high": 1e-2, "log": True},
    "num_train_epochs": {"type": "int", "low": 1, "high": 5},
    "optim": {"type": "choice", "choices": ["adamw_torch", "adafactor"]},
}
#: What a page, a terminal or a database might take for something else than text.
HOSTILE = (
    "<script>alert(1)</script>",
    "'; drop table hpsearch_trials; --",
    "</script><img src=x onerror=alert(1)>",
    "\u202ereversed\u202c",
    "\u05e9\u05dc\u05d5\u05dd",
    "\U0001f916 robot",
    "{{ 7 * 7 }}",
    "[red]rich[/red]",
    "**bold** | cell",
)


def told_study(store: StudyStore, name: str = "told", **changes: Any) -> Study:
    """Return a new study of ten trials without any."""
    identity = {"task": {"name": "acceptable"}, "data": "d1", "model": {"name": "tiny", "fingerprint": "m1"}}
    plan = {"objective": "eval_accuracy", "direction": "maximize", "space": SPACE, "fraction": 0.1, "seed": 42}
    values: dict[str, Any] = {
        "name": name,
        "spec": {"identity": {**identity, **plan}, "notes": {"rows": {"train": 900, "selection": 100}}},
        "task": "acceptable",
        "model": "tiny",
        "backend": "optuna",
        "objective": "eval_accuracy",
        "direction": "maximize",
        "trials": 10,
        "folder": str(Path("folder").absolute()),
    }
    return store.create_study(**{**values, **changes})


def ended(store: StudyStore, study: Study, score: float | None = None, **changes: Any) -> Trial:
    """Return the next trial of a study, ended: complete with that score, unless `changes` say otherwise."""
    trial = store.claim(study.study_id, worker="host:1", lease_s=60)
    assert trial is not None
    number = trial.number
    state, failure = changes.pop("state", TrialState.COMPLETE), changes.pop("failure", None)
    params = {"learning_rate": 1e-5 * (number + 1), "num_train_epochs": 1 + number % 5, "optim": "adamw_torch"}
    values: dict[str, Any] = {
        "curve": [{"budget": part / 4, "score": (score or 0.0) * part / 4} for part in range(1, 5)],
        "seconds": {"train": 10.0, "evaluate": 1.0},
        **({} if trial.params else {"params": params, "fraction": 0.1, "seed": 42, "baseline": number == 0}),
    }
    message = changes.pop("failure_message", None)
    return store.finish(
        trial.trial_id, state, score=score, failure=failure, failure_message=message, **{**values, **changes}
    )


def climbed(store: StudyStore, study: Study, origin: int, score: float, **changes: Any) -> Trial:
    """Return the final of a configuration, ended."""
    first = next(one for one in store.trials(study.study_id) if one.number == origin)
    values: dict[str, Any] = {"origin": origin, "baseline": first.baseline, "params": first.params or {}, "seed": 42}
    asked = {"phase": Phase.FINAL, "rung": 1, "fraction": 1.0, **values}
    store.promote(study.study_id, [Promotion(**asked)])
    return ended(store, study, score, fraction=1.0, seed=42, **changes)


def concluded(store: StudyStore, name: str = "told", **changes: Any) -> Study:
    """Return a study that has it all: a ladder, a failure, a collapse, finals and a verdict."""
    study = told_study(store, name, **changes)
    ended(store, study, 0.5, failure=Failure.COLLAPSED)
    ended(
        store, study, state=TrialState.FAILED, failure=Failure.OOM, failure_message="out of memory at <b>batch</b> 64"
    )
    ended(store, study, 0.55, state=TrialState.PRUNED)
    for score in (0.6, 0.7, 0.65, 0.62, 0.61, 0.59, 0.58, 0.57):
        ended(store, study, score)
    best = climbed(store, study, 4, 0.9)
    climbed(store, study, 0, 0.8)
    store.conclude(study.study_id, verdict(best))
    return store.study(name)


def verdict(best: Trial) -> dict[str, Any]:
    """Return what came out where `best` is the winner."""
    difference = {
        "difference": 0.1,
        "interval": [0.05, 0.15],
        "level": 0.95,
        "standard_error": 0.02,
        "detectable": 0.07,
    }
    gain = {"split": "report", "metric": "eval_accuracy", "winner": 0.88, "baseline": 0.78, "rows": 200, "seeds": 1}
    finalist = {"scores": [0.9], "mean": 0.9, "tied": True, "baseline": False, "configuration": best.first_number}
    default = {**finalist, "scores": [0.8], "mean": 0.8, "tied": False, "baseline": True, "configuration": 0}
    cost = {"seconds": 140.0, "seconds_by_kind": {"train": 130.0, "evaluate": 10.0}, "thrown_away": 22.0}
    return {
        "winner": best.first_number,
        "trial": best.number,
        "gain": {**gain, **difference},
        "classes": {
            "labels": ["no", "yes"],
            "matrix": [[90, 10], [14, 86]],
            "precision": [0.87, 0.9],
            "recall": [0.9, 0.86],
            "f1": [0.88, 0.88],
            "rows": [100, 100],
        },
        "finalists": [finalist, default],
        "transfer": [],
        "looks": {"selection": 48, "report": 2},
        "cost": {**cost, "full_training": 50.0, "trainings": 2.8},
    }
