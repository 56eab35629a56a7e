"""The keyword arguments that stock hands on to Optuna and to Ray, and what becomes of each here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...spaces.errors import BadInput

Translated = Mapping[str, Any]


def _storage(value: Any) -> Translated:
    url = value if value is None or isinstance(value, str) else getattr(value, "url", None)
    if value is not None and url is None:
        raise BadInput(
            f"storage is an SQL database here, and a {type(value).__name__} is none",
            hint='storage="sqlite:///hpsearch.db", or the URL of a PostgreSQL or MySQL database',
        )
    return {} if url is None else {"store": url}


def _resources(value: Any) -> Translated:
    if not isinstance(value, Mapping) or not value.keys() <= {"cpu", "gpu"}:
        raise BadInput(f"resources_per_trial has cpu and gpu, got {value!r:.80}")
    return {f"{name}s_per_trial": float(amount) for name, amount in value.items()}


def _jobs(value: Any) -> Translated:
    return {"jobs": "auto" if value == -1 else value}


def _same(name: str) -> Callable[[Any], Translated]:
    return lambda value: {} if value is None else {name: value}


def _met(value: Any) -> Translated:
    """Nothing: it is so in any case."""
    return {}


#: Of `optuna.create_study` and `Study.optimize`, and of `ray.tune.run`.
COUNTERPARTS: dict[str, Callable[[Any], Translated]] = {
    "storage": _storage,
    "study_name": _same("study"),
    "sampler": _same("sampler"),
    "pruner": _same("pruner"),
    "callbacks": _same("callbacks"),
    "timeout": _same("timeout"),
    "n_jobs": _jobs,
    "catch": _met,  # no failure of a trial ends a search
    "gc_after_trial": _met,  # each trial gives its memory back
    "show_progress_bar": lambda value: {"quiet": not value},
    "resources_per_trial": _resources,
    "max_concurrent_trials": _same("max_concurrent"),
    "time_budget_s": _same("timeout"),
    "keep_checkpoints_num": _same("keep"),
    "name": _same("study"),
    "storage_path": _same("output_dir"),
    "local_dir": _same("output_dir"),
}


def translated(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return stock's keyword arguments as those of `hpsearch.search`; ours, and what is neither, stay as they are.

    Raises `BadInput` for values that have no counterpart.
    """
    found: dict[str, Any] = {}
    for name, value in given.items():
        found |= COUNTERPARTS[name](value) if name in COUNTERPARTS else {name: value}
    return found
