"""The commands that look at a store, or change what is in it, without training: none of them imports torch."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

from ..spaces.errors import BadInput
from ..spaces.presets import PRESETS
from ..studies.export import FORMATS, export_rows, write_export
from ..studies.identity import difference
from ..studies.records import Study, Trial
from ..studies.store import StudyStore
from ..studies.url import safe_url
from .command_output import (
    add_row,
    emit,
    mapping_table,
    new_table,
    short4,
    show,
    studies_table,
    trial_json,
    trials_table,
)
from .paths import StudyPaths
from .talk import as_typed, tell
from .view import duration, short_values


def list_studies(store_url: str, *, as_json: bool) -> None:
    """Print the studies of a store."""
    summaries = StudyStore.open(store_url).studies()
    if as_json:
        emit([one.to_dict() for one in summaries])
    elif summaries:
        studies_table(summaries)
    else:
        tell("no studies yet; `hpsearch run` makes one")


def show_study(store_url: str, name: str, *, as_json: bool) -> None:
    """Print a study's whole specification and where it stands."""
    store = StudyStore.open(store_url)
    study = store.study(name)
    summary = store.summary(study.study_id).to_dict()
    models = [model.to_dict() for model in store.models(study.study_id)]
    if as_json:
        emit(
            {
                **summary,
                "uid": study.uid,
                "forked_from": study.forked_from,
                "spec": study.spec,
                "models": models,
            }
        )
        return
    identity = study.spec["identity"]
    space = {f"space: {key}": _written(value) for key, value in identity["space"].items()}
    about = {key: value for key, value in summary.items() if key not in ("study", "best_score") and value is not None}
    plan = {
        key: identity[key] for key in ("fraction", "seed", "score", "sampler", "pruner", "precision") if key in identity
    }
    made = {f"model of trial {model['trial_number']}": model["folder"] for model in models}
    rows = study.spec["notes"].get("rows", {})
    counts = {"rows": ", ".join(f"{part} {count}" for part, count in rows.items())}
    mapping_table(study.name, {**about, "best score": short4(summary["best_score"]), **plan, **counts, **space, **made})


def list_trials(store_url: str, name: str, *, as_json: bool) -> None:
    """Print a study's trials."""
    store = StudyStore.open(store_url)
    study = store.study(name)
    trials = store.trials(study.study_id)
    if as_json:
        emit([trial_json(trial) for trial in trials])
    else:
        trials_table(study, trials, store.best(study.study_id))


def show_best(store_url: str, name: str, *, as_json: bool) -> None:
    """Print a study's best trial."""
    store = StudyStore.open(store_url)
    study = store.study(name)
    best = _best_of(store, study)
    kept = StudyPaths(Path(study.folder)).checkpoint(best.number)
    if as_json:
        emit({"study": study.name, **trial_json(best), "checkpoint": kept and str(kept)})
        return
    about = {
        "score": f"{short4(best.score)} {study.objective}",
        "fraction": best.fraction,
        "seed": best.seed,
        "time": duration(best.total_seconds),
        "checkpoint": kept or "-",
    }
    mapping_table(f"{study.name}: trial {best.number}", {**about, **(best.params or {}), **best.metrics})


def _best_of(store: StudyStore, study: Study) -> Trial:
    best = store.best(study.study_id)
    if best is None:
        from ..studies.errors import TrialNotFound

        raise TrialNotFound(
            f"no trial of {study.name!r} is complete yet",
            hint=f"`hpsearch trials {as_typed(study.name)}` shows where it stands",
        )
    return best


def compare_studies(store_url: str, first: str, second: str, *, as_json: bool) -> None:
    """Print what differs between two studies."""
    store = StudyStore.open(store_url)
    pair = [store.study(name) for name in (first, second)]
    changes = difference(pair[0].spec["identity"], pair[1].spec["identity"])
    sides = [_side(store, study) for study in pair]
    if as_json:
        emit({"differences": changes, "studies": sides})
        return
    table = new_table("", "", first, second)
    for key in sides[0]:
        if key not in ("study", "params"):
            add_row(table, key.replace("_", " "), *(_cell(side[key]) for side in sides))
    for key in dict.fromkeys(key for side in sides for key in side["params"]):
        add_row(table, key, *(_cell(side["params"].get(key)) for side in sides))
    show(table)
    sys.stdout.write("".join(f"differs: {line}\n" for line in changes) or "both search the same problem\n")
    if pair[0].objective != pair[1].objective:
        tell("the objectives differ: their scores cannot be compared")


def _side(store: StudyStore, study: Study) -> dict[str, Any]:
    trials = store.trials(study.study_id)
    best = store.best(study.study_id)
    models = store.models(study.study_id)
    return {
        "study": study.name,
        "task": study.task,
        "model": study.model,
        "objective": study.objective,
        "trials": f"{sum(trial.state.is_finished for trial in trials)}/{study.trials}",
        "best_score": best and best.score,
        "baseline_score": next((trial.score for trial in trials if trial.number == 0), None),
        "retrained_score": models[-1].metrics.get(study.objective) if models else None,
        "seconds": sum(trial.total_seconds for trial in trials),
        "params": dict(best.params or {}) if best else {},
    }


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def export_study(store_url: str, name: str, output: Path, kind: str | None) -> None:
    """Write a study's trials to a file."""
    store = StudyStore.open(store_url)
    rows = export_rows(store, store.study(name))
    format_name = kind or output.suffix.lstrip(".")
    if not format_name:
        raise BadInput(f"{str(output)!r} has no ending that says which format", hint=f"--format {', '.join(FORMATS)}")
    write_export(rows, output, format_name)
    tell(f"{len(rows)} trials in {output}")


def delete_study(store_url: str, name: str, *, sure: bool) -> None:
    """Delete a study's rows and folder, after asking."""
    store = StudyStore.open(store_url)
    study = store.study(name)
    folder = Path(study.folder)
    if not sure and not _agreed(study, folder):
        raise BadInput("nothing was deleted", hint="--yes deletes without asking")
    store.delete_study(study.study_id)
    if folder.name.endswith(study.uid):  # only ever a folder that was made for this study
        shutil.rmtree(folder, ignore_errors=True)
    tell(f"deleted {study.name!r}")


def _agreed(study: Study, folder: Path) -> bool:
    if not sys.stdin.isatty():
        return False
    sys.stderr.write(f"delete study {study.name!r} with all its trials and {str(folder)!r}? [y/N] ")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def list_tasks(*, as_json: bool) -> None:
    """Print the built-in tasks."""
    from .tasks import TASKS

    if as_json:
        emit([task.to_dict() for task in TASKS.values()])
        return
    table = new_table("", "task", "text", "label", "labels", "objective")
    for task in TASKS.values():
        labels = "a number" if task.is_regression else ", ".join(task.labels or ())
        add_row(table, task.name, ", ".join(task.text_columns), task.label_column, labels, task.objective)
    show(table)


def list_spaces(*, as_json: bool) -> None:
    """Print the built-in spaces."""
    if as_json:
        emit({name: space.to_dict() for name, space in PRESETS.items()})
        return
    table = new_table("", "space", "hyperparameter", "values")
    for name, space in PRESETS.items():
        for parameter, values in space.parameters.items():
            add_row(table, name, parameter, values)
    show(table)


def _written(value: Any) -> str:
    return short_values(value) if isinstance(value, dict) else str(value)


def database_status(store_url: str, *, as_json: bool) -> None:
    """Print which schema a store has."""
    from ..studies.schema import schema_status

    status = schema_status(store_url)
    about = status.to_dict()
    if as_json:
        emit(about)
    else:
        mapping_table("", about)


def database_upgrade(store_url: str) -> None:
    """Bring a store's schema up to date."""
    from ..studies.schema import upgrade

    status = upgrade(store_url)
    tell(f"{safe_url(store_url)} has schema {status.revision}")
