"""What a sweep keeps of a cell's run: the scores of winner and baseline over the seeds, and all they may depend on."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from typing import Any

import numpy as np

from ...spaces.errors import HpsearchError
from ...studies.identity import fingerprint
from ...studies.records import Trial, TrialState
from ..metrics import scores
from ..study_run import StudyRun
from ..tasks import Task
from ..verdict.verdict import at_full_size, baseline_rows
from ..workers.devices import cores

#: Libraries whose releases may change a score.
LIBRARIES = (
    *("accelerate", "datasets", "evaluate", "numpy", "optuna", "peft", "ray", "safetensors", "scikit-learn", "scipy"),
    *("sentencepiece", "tokenizers", "torch", "transformers"),
)
#: Decimals of a row's error: what was predicted is not kept, only how wrong it was.
DECIMALS = 4


def measure(run: StudyRun) -> dict[str, Any]:
    """Return the measurement of a finished study, as JSON.

    `winner` and `baseline` have a list of scores for each metric, one a seed, on the split `split`; `errors` is each
    row's mean error over the seeds, for classes the share of seeds that were wrong. `history` is the fingerprint of all
    that must be equal for two measurements to be compared. Raises `HpsearchError` where nothing reached all the data.
    """
    study, trials = run.study, run.store.trials(run.study.study_id)
    best = run.store.best(study.study_id)
    if best is None or best.fraction != 1.0:
        raise HpsearchError(
            "no configuration was trained on all the data", hint="`hpsearch trials` of its study shows why"
        )
    rows = at_full_size(trials, best)
    report = run.problem.source.splits({}).report
    labels = None if report is None else np.asarray(report["labels"])
    sides = {
        "winner": side(run, rows[best.first_number], labels),
        "baseline": side(run, baseline_rows(rows), labels),
    }
    sides["baseline"].pop("errors", None)
    verdict = run.store.study(study.name).verdict or {}
    return {
        "metric": study.objective.removeprefix("eval_"),
        "direction": study.direction,
        "split": "selection" if labels is None else "report",
        "rows": len(run.problem.source.splits({}).selection) if labels is None else len(labels),
        "task": study.task,
        "model": study.model,
        "history": fingerprint(compared_by(run)),
        **sides,
        "failed": sum(one.state is TrialState.FAILED for one in trials),
        "seconds": sum(one.total_seconds for one in trials),
        "trainings": verdict.get("cost", {}).get("trainings"),
        "environment": environment(run, trials),
    }


def compared_by(run: StudyRun) -> dict[str, Any]:
    """Return what must be equal for scores to be compared: the data, how it was split, and the metric."""
    identity, notes = run.study.spec["identity"], run.study.spec["notes"]
    return {
        "data": notes.get("raw", identity.get("data")),
        "task": identity.get("task"),
        "select_on": identity.get("select_on"),
        "seed": identity.get("seed"),
        "metric": run.study.objective,
        "direction": run.study.direction,
    }


def side(run: StudyRun, by_seed: Mapping[int, Trial], labels: Any) -> dict[str, Any]:
    """Return the scores of one configuration over its seeds."""
    if not by_seed:
        return {"params": None, "seeds": [], "scores": {}}
    trials = [by_seed[seed] for seed in sorted(by_seed)]
    found = {"params": trials[0].params, "trial": trials[0].first_number, "seeds": [one.seed for one in trials]}
    if labels is None or any(one.predictions is None for one in trials):
        return found | {"scores": {run.study.objective.removeprefix("eval_"): [one.score for one in trials]}}
    task = Task.from_dict(run.problem.notes["task"])
    predicted = [np.asarray(one.predictions) for one in trials]
    each = [scores(task, one, labels) for one in predicted]
    return found | {
        "scores": {name: [one[name] for one in each] for name in each[0]},
        "errors": row_errors(predicted, labels, regression=task.is_regression),
    }


def row_errors(predicted: Sequence[Any], labels: Any, *, regression: bool) -> list[float]:
    """Return how wrong the predictions for each row are, on average over the seeds."""
    wrong = [np.abs(one - labels) if regression else one != labels for one in predicted]
    return [round(float(value), DECIMALS) for value in np.mean(wrong, axis=0)]


def environment(run: StudyRun, trials: Sequence[Trial]) -> dict[str, Any]:
    """Return what a score may depend on besides data and metric: what is named when it has changed.

    `tokenised` is the fingerprint of what the tokenizer made of the texts; of the strategy everything counts but the
    seeds, whose turn it is.
    """
    whole = run.study.spec["identity"]
    identity = {name: value for name, value in whole.items() if name not in ("data", "versions")}
    strategy = {name: value for name, value in run.study.limits.get("strategy", {}).items() if name != "shift"}
    threads = {one.environment["threads"] for one in trials if one.environment and "threads" in one.environment}
    devices = {one.device for one in trials if one.device}
    return {
        "versions": {name: found for name in LIBRARIES if (found := release(name))}
        | {"python": platform.python_version()},
        "hpsearch": {"version": version("hpsearch"), "commit": commit()},
        "machine": {
            "processor": processor(),
            "cores": cores(),
            "devices": sorted(devices),
            "threads": sorted(threads),
            "system": platform.platform(),
        },
        "tokenised": whole.get("data"),
        "study": identity | {"strategy": strategy},
    }


def release(name: str) -> str | None:
    """Return the release of an installed package."""
    with suppress(PackageNotFoundError):
        return version(name)
    return None


def commit() -> str | None:
    """Return the commit of an hpsearch that was installed from a repository or runs out of one."""
    import json

    with suppress(PackageNotFoundError, ValueError, TypeError):
        recorded = json.loads(distribution("hpsearch").read_text("direct_url.json") or "{}")
        if found := recorded.get("vcs_info", {}).get("commit_id"):
            return str(found)
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None
    with suppress(OSError, subprocess.SubprocessError):
        asked = ["git", "-C", str(root), "rev-parse", "HEAD"]
        return subprocess.run(asked, capture_output=True, text=True, check=True, timeout=10).stdout.strip()  # noqa: S603
    return None


def processor() -> str:
    """Return the kind of processor."""
    with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine() or os.name
