"""The commands that look at a store, or change what is in it, without training: none of them imports torch."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from ...spaces.errors import BadInput
from ...spaces.presets import PRESETS
from ...studies.constraint import constraints_of, constraints_to_json
from ...studies.export import FORMATS, export_document, write_export
from ...studies.front import NOBODY, choice_of, front_of, weighed_of
from ...studies.records import Study, Trial
from ...studies.store import StudyStore
from ...studies.url import safe_url
from ...studies.worker import worker_name
from ..constraints import none_feasible
from ..limits import Limits
from ..paths import DEFAULT_OUTPUT, StudyPaths
from ..removal import remove
from ..strategy import Strategy
from ..talk import as_typed, tell
from ..trackers.trackers import trackers_of
from ..understood import understood_in
from ..verdict.pareto import unchosen_lines
from ..verdict.words import ledger_line, summary_lines
from ..words import collapsed, duration, failure_words, failures, short_values, shown_params, size, worker_place
from ..workers.study_watch import follow
from .front import front_json, print_front, show_unchosen
from .output import mapping_table, short4, studies_table, trial_json, trials_table
from .printing import add_row, emit, new_table, show, show_line

Found = TypeVar("Found")


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
    """Print a study's whole specification and where it stands.

    `failures` counts the failed trials by class, `workers` are those that run a trial now, and `checkpoint_bytes` is
    what lies in the study's folder: 0 where that is on another machine.
    """
    store = StudyStore.open(store_url)
    study = store.study(name)
    summary = store.summary(study.study_id).to_dict()
    models = [model.to_dict() for model in store.models(study.study_id)]
    trials = store.trials(study.study_id)
    standing = {
        "failures": failures(trials),
        "collapsed": collapsed(trials),
        "limits": Limits.of(study).to_dict(),
        "strategy": Strategy.of(study).to_dict(),
        "weighed": [one.to_json() for one in weighed_of(study)],
        "choice": choice_of(study),
        "constraints": constraints_to_json(constraints_of(study)),
        "signal": study.signal,
        "verdict": study.verdict,
        "understood": study.spec["notes"].get("understood"),
        "checkpoint_bytes": _on_disk(study, StudyPaths.checkpoint_bytes, 0),
        "workers": _workers(store, study),
    }
    if as_json:
        about = {"uid": study.uid, "forked_from": study.forked_from, "spec": study.spec, "models": models}
        emit({**summary, **standing, **about})
        return
    left_out = ("study", "best_score", "later", "later_done")
    table = {key: value for key, value in summary.items() if key not in left_out and value is not None}
    if summary["later"]:
        table["on more data"] = f"{summary['later_done']} of {summary['later']}"
    best = {"best score": short4(summary["best_score"])}
    made = {f"model of trial {model['trial_number']}": model["folder"] for model in models}
    mapping_table(study.name, {**table, **best, **_standing(study, standing), **_plan(study), **made})
    for line in [*summary_lines(study, trials, otherwise=""), *unchosen_lines(study, trials, store.url)]:
        show_line(line)
    if study.verdict:
        show_line(ledger_line(study.verdict))


def _plan(study: Study) -> dict[str, Any]:
    """Return the words of `show` for what is searched, and how."""
    identity = study.spec["identity"]
    names = ("fraction", "seed", "score", "sampler", "pruner", "precision")
    rows, found = study.spec["notes"].get("rows", {}), understood_in(study.spec["notes"])
    return {
        **{name: identity[name] for name in names if name in identity},
        **({} if found is None else found.words()),
        "rows": ", ".join(f"{part} {count}" for part, count in rows.items()),
        **{f"space: {name}": _written(value) for name, value in identity["space"].items()},
    }


def _workers(store: StudyStore, study: Study) -> list[dict[str, Any]]:
    """Return who runs which trial now, and how far it is as of the worker's last sign of life."""
    running = [(trial, *worker_place(trial)) for trial in store.running(study.study_id)]
    return [
        {"host": host, "pid": pid, "trial": trial.number, "progress": trial.progress} for trial, host, pid in running
    ]


def _standing(study: Study, standing: Mapping[str, Any]) -> dict[str, str]:
    """Return the words of `show` for failures, limits, checkpoints and workers."""
    limits, timeout = standing["limits"], standing["limits"]["trial_timeout"]
    words = {
        "failures": failure_words(standing["failures"]),
        "max failures": f"{limits['max_failures'] or study.trials} in a row",
        "trial timeout": "none" if timeout is None else f"{timeout} s",
        "strategy": f"{standing['strategy']['name']}, finals: {standing['strategy']['confirm']}",
        "weighed against" if choice_of(study) is None else "steered by, too": ", ".join(
            one.words for one in weighed_of(study)
        ),
        "winner": "" if (rule := choice_of(study)) is None else f"chosen from the front by {rule}",
        "constraints": ", ".join(one.words for one in constraints_of(study)),
        "reports to": ", ".join(trackers_of(study)),
        "keep": f"{limits['keep']} checkpoint{'' if limits['keep'] == 1 else 's'}",
        "checkpoints": size(standing["checkpoint_bytes"]),
    }
    for one in standing["workers"]:
        done = "" if one["progress"] is None else f", {one['progress']:.0%} done"
        words[f"worker on {one['host']}, pid {one['pid'] or '?'}"] = f"trial {one['trial']}{done}"
    return {name: told for name, told in words.items() if told}


def _on_disk(study: Study, look: Callable[[StudyPaths], Found], absent: Found) -> Found:
    """Return what `look` finds in the study's folder; `absent` where it is not here, or none of this user's."""
    try:
        return look(StudyPaths(Path(study.folder))) if study.folder else absent
    except (OSError, ValueError):
        return absent


def list_trials(store_url: str, name: str, *, as_json: bool, watch: bool = False) -> None:
    """Print a study's trials; with `watch` once the study is over, and until then what its workers do, on stderr."""
    store = StudyStore.open(store_url)
    study = store.study(name)
    if watch:
        follow(store, study)
    trials = store.trials(study.study_id)
    if as_json:
        emit([trial_json(trial) for trial in trials])
    else:
        trials_table(study, trials, store.best(study.study_id))


def show_best(store_url: str, name: str, *, as_json: bool) -> None:
    """Print a study's best trial.

    `checkpoint` is its folder on this machine, or null. Where another machine has it, `checkpoint_host` and
    `checkpoint_path` say which, and where on it; in the table that is `PATH on HOST`.

    Below it, and under `front`, is the Pareto front of a study of several objectives; see `studies.front`. Where
    nothing chooses a winner from it, it is all there is.
    """
    store = StudyStore.open(store_url)
    study = store.study(name)
    front = front_of(study, store.trials(study.study_id)) if weighed_of(study) else None
    if front is not None and front.trials and choice_of(study) == NOBODY:
        show_unchosen(store, study, as_json=as_json)
        return
    best = _best_of(store, study)
    kept = _checkpoint(study, best)
    if as_json:
        weighed = {} if front is None else {"front": front_json(front)}
        emit({"study": study.name, **trial_json(best), **kept, **weighed})
        return
    there = f"{kept['checkpoint_path']} on {kept['checkpoint_host']}" if "checkpoint_host" in kept else "-"
    about = {
        "score": f"{short4(best.score)} {study.objective}",
        "fraction": best.fraction,
        "seed": best.seed,
        "time": duration(best.total_seconds),
        "checkpoint": kept["checkpoint"] or there,
    }
    mapping_table(f"{study.name}: trial {best.number}", {**about, **shown_params(best), **best.metrics})
    if front is not None:
        print_front(front, best)


def _checkpoint(study: Study, trial: Trial) -> dict[str, str | None]:
    """Return where a trial's checkpoint is, as `show_best` says it."""
    here = _on_disk(study, lambda paths: paths.checkpoint(trial.number), None) or _folder(trial.checkpoint)
    host, own = worker_place(trial)[0], worker_name().partition("#")[0]
    if here or not trial.checkpoint or host in ("", own):
        return {"checkpoint": str(here) if here else None}
    return {"checkpoint": None, "checkpoint_host": host, "checkpoint_path": trial.checkpoint}


def _folder(path: str | None) -> Path | None:
    """Return the folder at `path`, if there is one: a worker on this machine may not use the study's own folder."""
    try:
        return Path(path) if path and Path(path).is_dir() else None
    except (OSError, ValueError):
        return None


def _best_of(store: StudyStore, study: Study) -> Trial:
    best = store.best(study.study_id)
    if best is None:
        from ...studies.errors import TrialNotFound

        none = none_feasible(study, store.trials(study.study_id))
        raise TrialNotFound(
            f"{study.name!r} has no winner: {none}" if none else f"no trial of {study.name!r} is complete yet",
            hint=f"`hpsearch trials {as_typed(study.name)}` shows where it stands",
        )
    return best


def export_study(store_url: str, name: str, output: Path, kind: str | None) -> None:
    """Write a study to a file."""
    store = StudyStore.open(store_url)
    document = export_document(store, store.study(name))
    format_name = kind or output.suffix.lstrip(".")
    if not format_name:
        raise BadInput(f"{str(output)!r} has no ending that says which format", hint=f"--format {', '.join(FORMATS)}")
    write_export(document, output, format_name)
    tell(f"{len(document['trials'])} trials in {output}")


def import_file(store_url: str, file: Path, name: str | None) -> None:
    """Add the study in a file to a store, which is made where there is none."""
    from ...studies.exported import read_export
    from ...studies.importing import import_study

    read_export(file)  # what cannot be imported makes no store
    with StudyStore.open(store_url, create=True) as store:
        study = import_study(store, file, name=name, folder=str(DEFAULT_OUTPUT.absolute()))
        count = len(store.trials(study.study_id))
    tell(f"{count} trials in {study.name!r}; the command that searched it goes on: --study {as_typed(study.name)}")


def delete_study(store_url: str, name: str, *, sure: bool) -> None:
    """Delete a study's rows and folder, after asking."""
    store = StudyStore.open(store_url)
    study = store.study(name)
    folder = Path(study.folder)
    if not sure and not _agreed(study, folder):
        raise BadInput("nothing was deleted", hint="--yes deletes without asking")
    remove(store, study)
    tell(f"deleted {study.name!r}")


def _agreed(study: Study, folder: Path) -> bool:
    if not sys.stdin.isatty():
        return False
    sys.stderr.write(f"delete study {study.name!r} with all its trials and {str(folder)!r}? [y/N] ")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def list_tasks(*, as_json: bool) -> None:
    """Print the built-in tasks."""
    from ..tasks import TASKS

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
    from ...studies.schema import schema_status

    status = schema_status(store_url)
    about = status.to_dict()
    if as_json:
        emit(about)
    else:
        mapping_table("", about)


def database_upgrade(store_url: str) -> None:
    """Bring a store's schema up to date."""
    from ...studies.schema import upgrade

    status = upgrade(store_url)
    tell(f"{safe_url(store_url)} has schema {status.revision}")
