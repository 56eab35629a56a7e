"""What commands print: JSON for scripts, tables for people. Values come from data and are shown as text only."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..studies.export import INTERNAL
from ..studies.plain import plain
from ..studies.records import Model, Study, StudySummary, Trial, TrialState
from .options import DEFAULT_STORE
from .talk import as_typed, printable
from .view import duration, short, short_values


def emit(value: Any) -> None:
    """Print JSON to stdout."""
    json.dump(plain(value), sys.stdout, indent=2, ensure_ascii=False, allow_nan=False)
    sys.stdout.write("\n")


def trial_json(trial: Trial) -> dict[str, Any]:
    """Return a trial for scripts: `seconds` is the total, `seconds_by_kind` says on what."""
    row = {name: value for name, value in trial.to_dict().items() if name not in INTERNAL}
    return {**row, "seconds": row.pop("total_seconds"), "seconds_by_kind": trial.seconds}


def outcome_json(
    study: Study, trials: Sequence[Trial], best: Trial, model: Model | None, predictions: Path | None
) -> dict[str, Any]:
    """Return how a search ended."""
    return {
        "study": study.name,
        "trials": study.trials,
        "baseline": next((trial_json(trial) for trial in trials if trial.number == 0), None),
        "best": trial_json(best),
        "model": model and model.to_dict(),
        "predictions": predictions and str(predictions),
    }


def outcome_table(
    study: Study, trials: Sequence[Trial], best: Trial, model: Model | None, predictions: Path | None
) -> None:
    """Print baseline and best side by side."""
    baseline = next((trial for trial in trials if trial.number == 0), None)
    columns = [trial for trial in (baseline, best) if trial is not None]
    table = new_table(
        f"{study.name}: {study.objective} ({study.direction})", "", *("baseline", "best")[-len(columns) :]
    )
    add_row(table, "trial", *(trial.number for trial in columns))
    add_row(table, f"score at {best.fraction:g} of the data", *(_score(trial) for trial in columns))
    for name in dict.fromkeys(name for trial in columns for name in trial.params or {}):
        add_row(table, name, *(short((trial.params or {}).get(name, "-")) for trial in columns))
    add_row(table, "seconds", *(duration(trial.total_seconds) for trial in columns))
    show(table)
    counts = [f"{len(found)} {state.value.lower()}" for state in TrialState if (found := _in_state(trials, state))]
    show_line(f"{study.trials} trials: {', '.join(counts)}; {_gain(study, baseline, best)}")
    if model is not None:
        score = model.metrics.get(study.objective)
        where = model.spec.get("evaluated_on", "held-out")
        rows = model.spec.get("rows", {})
        took = duration(sum(model.seconds.values()))
        evaluated = f"{study.objective} {short4(score)} on the {rows.get('evaluated', '?')} rows of the {where} split"
        show_line(f"retrained on {rows.get('train', '?')} rows in {took}: {evaluated}")
        show_line(f"model: {model.folder}", wrap=False)
    if predictions is not None:
        show_line(f"predictions: {predictions}", wrap=False)


def _gain(study: Study, baseline: Trial | None, best: Trial) -> str:
    if baseline is None or baseline.score is None:
        return "the baseline has no score"
    if best.number == baseline.number:
        return "no configuration beat the baseline"
    return f"best is {abs((best.score or 0.0) - baseline.score):.4f} better than the baseline on the selection split"


def next_commands(study: Study, store_url: str, model: Model | None) -> str:
    """Return what to type next."""
    name = as_typed(study.name)
    store = "" if store_url == DEFAULT_STORE else f" --store {shlex.quote(_safe(store_url))}"
    lines = [f"hpsearch trials{store} {name}"]
    if model is None:
        lines.append(f"hpsearch retrain{store} {name}")
    elif model.spec.get("task"):
        lines.append(f"hpsearch predict {shlex.quote(model.folder)} --file FILE --output FILE")
    return "\n  ".join(["next:", *lines])


def _safe(url: str) -> str:
    from ..studies.url import safe_url

    return safe_url(url)


def trials_table(study: Study, trials: Sequence[Trial], best: Trial | None) -> None:
    """Print a line a trial."""
    table = new_table(
        f"{study.name}: {study.objective} ({study.direction})", "trial", "state", "score", "time", "values"
    )
    for trial in trials:
        mark = " *" if best is not None and trial.number == best.number else ""
        state = trial.state.value.lower() if trial.failure is None else f"failed: {trial.failure.value}"
        what = short_values(trial.params or {}) + (" (baseline)" if trial.number == 0 else "")
        told = trial.failure_message or what
        add_row(table, f"{trial.number}{mark}", state, _score(trial), duration(trial.total_seconds), told)
    show(table)


def studies_table(summaries: Sequence[StudySummary]) -> None:
    """Print a line a study."""
    table = new_table("", "study", "task", "model", "objective", "trials", "failed", "best")
    for one in summaries:
        done = f"{one.complete + one.pruned}/{one.study.trials}"
        study = one.study
        add_row(
            table,
            study.name,
            study.task,
            study.model,
            study.objective,
            done,
            one.failed,
            short4(one.best_score),
        )
    show(table)


def mapping_table(title: str, values: Mapping[str, Any]) -> None:
    """Print names and values."""
    table = new_table(title, "", "")
    for name, value in values.items():
        add_row(table, name, value)
    show(table)


def print_check(problem: Any, trials: int, *, as_json: bool) -> None:
    """Print what a search of `problem` would do."""
    plan, rows = problem.plan, problem.notes["rows"]
    parameters = {name: str(parameter) for name, parameter in plan.space.parameters.items()}
    seen = round(plan.fraction * rows["train"])
    summary = {
        "task": problem.task_name,
        "model": problem.model_name,
        "objective": f"{problem.objective} ({problem.direction})",
        "rows": ", ".join(f"{name} {count}" for name, count in rows.items()),
        "a trial trains on": f"{seen} rows ({plan.fraction:g} of {rows['train']})",
        "trials": f"{trials}, proposed by {plan.sampler}, pruned by {plan.pruner}",
        "precision": problem.identity["precision"],
        "baseline": short_values(problem.baseline()),
        **parameters,
    }
    if as_json:
        emit({"summary": summary, "identity": problem.identity})
    else:
        mapping_table("ready to search", summary)


def new_table(title: str, *columns: str) -> Table:
    """Return a plain table."""
    table = Table(
        title=Text(title) if title else None,
        title_justify="left",
        box=None,
        pad_edge=False,
        show_header=any(columns),
    )
    for column in columns:
        table.add_column(Text(column), overflow="fold")
    return table


def add_row(table: Table, *cells: Any) -> None:
    """Add a row of cells as text: no markup and no control character in them has an effect."""
    table.add_row(*(Text(printable(str(cell))) for cell in cells))


def show(what: Any, *, wrap: bool = True) -> None:
    """Print to stdout, as wide as the terminal, or 120 characters in a pipe."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(width=120, highlight=False)
    console.print(what, soft_wrap=not wrap)


def show_line(text: str, *, wrap: bool = True) -> None:
    """Print a line of text to stdout."""
    show(Text(printable(text)), wrap=wrap)


def short4(value: float | None) -> str:
    """Return a score as text."""
    return "-" if value is None else f"{value:.4f}"


def _score(trial: Trial) -> str:
    return short4(trial.score)


def _in_state(trials: Sequence[Trial], state: TrialState) -> list[Trial]:
    return [trial for trial in trials if trial.state is state]
