"""What commands print: JSON for scripts, tables for people. Values come from data and are shown as text only."""

from __future__ import annotations

import itertools
import json
import math
import re
import shlex
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..spaces.transfer import bracket
from ..studies.export import INTERNAL
from ..studies.plain import plain
from ..studies.records import Failure, Model, Phase, Study, StudySummary, Trial, TrialState
from .objectives import weighed_of
from .sparkline import curve_of, ends_of, sparkline
from .strategy import Strategy
from .talk import as_typed, printable, store_flag
from .tasks import Task
from .verdict_words import summary_lines
from .view import duration, run_again, short, short_values, shown_params, winner_of

#: What stands for a point that one of two learning curves lacks.
NO_POINT: Mapping[str, Any] = {}
#: Accuracy of a default that the smallest gain is told for, before anything is trained.
USUAL_ACCURACY = 0.8
#: Characters of a failure's message that a table shows; `--json` has all of it.
LONGEST_MESSAGE = 200
#: Characters of any other cell: a path has fewer, a name from data may have thousands.
LONGEST_CELL = 1000


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
    """Return how a search ended; `failures` counts the failed trials by class, `collapsed` complete ones."""
    baseline = baseline_of(trials, best)
    return {
        "study": study.name,
        "trials": study.trials,
        "failures": failures(trials),
        "collapsed": collapsed(trials),
        "baseline": baseline and trial_json(baseline),
        "best": trial_json(best),
        "verdict": study.verdict,
        "model": model and model.to_dict(),
        "predictions": predictions and str(predictions),
    }


def outcome_table(
    study: Study, trials: Sequence[Trial], best: Trial, model: Model | None, predictions: Path | None
) -> None:
    """Print baseline and best side by side, what became of all trials, and where the model is."""
    baseline = baseline_of(trials, best)
    columns = [trial for trial in (baseline, best) if trial is not None]
    table = new_table(
        f"{study.name}: {study.objective} ({study.direction})", "", *("baseline", "best")[-len(columns) :]
    )
    add_row(table, "trial", *(trial.number for trial in columns))
    add_row(table, f"score at {short(best.fraction)} of the data", *(_score_or_not(study, one) for one in columns))
    values = [shown_params(trial) for trial in columns]
    for name in dict.fromkeys(name for one in values for name in one):
        add_row(table, name, *(short(one.get(name, "-")) for one in values))
    add_row(table, "seconds", *(duration(trial.total_seconds) for trial in columns))
    show(table)
    show_line(counts_line(study, trials))
    for line in summary_lines(study, trials, otherwise=gain_words(study, baseline, best)):
        show_line(line)
    if model is not None:
        _show_model(study, model)
    if predictions is not None:
        show_line(f"predictions: {predictions}", wrap=False)


def baseline_of(trials: Sequence[Trial], best: Trial) -> Trial | None:
    """Return the baseline's trial on as much data as the best one had, or else its first."""
    runs = [trial for trial in trials if trial.baseline or trial.number == 0]
    alike = [trial for trial in runs if trial.state is TrialState.COMPLETE and trial.fraction == best.fraction]
    return next(iter([*alike, *runs]), None)


def _score_or_not(study: Study, trial: Trial) -> str:
    """Return the score; what a failed trial measured before it failed is shown, too, and said not to count."""
    measured = trial.metrics.get(study.objective)
    if trial.state is not TrialState.FAILED or not isinstance(measured, int | float):
        return _score(trial)
    return f"{short4(measured)} (does not count)"


def counts_line(study: Study, trials: Sequence[Trial]) -> str:
    """Return one line: what became of the trials, how those failed that did, and how many workers there were."""
    searched = [trial for trial in trials if trial.phase is Phase.SEARCH]
    states = Counter(trial.state for trial in searched)
    done = states[TrialState.COMPLETE] + states[TrialState.PRUNED]
    shown = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING, TrialState.WAITING)
    words = {state: f"{states[state]} {state.value.lower()}" for state in shown if states[state]}
    if TrialState.COMPLETE in words and collapsed(trials):
        words[TrialState.COMPLETE] += f" ({collapsed(trials)} collapsed: the same prediction for every row)"
    counts = ", ".join(words.values())
    failed = states[TrialState.FAILED]
    replaced = "" if done < study.trials else " and was replaced" if failed == 1 else " and were replaced"
    workers = len({trial.worker for trial in trials if trial.worker})
    again = f"{len(trials) - len(searched)} more on more data" if len(trials) > len(searched) else ""
    parts = (counts, f"{failed} failed{replaced}: {failure_words(failures(searched))}" if failed else "", again)
    by = f"run by {workers} workers" if workers > 1 else ""
    return f"{study.trials} trials: {'; '.join(part for part in (*parts, by) if part)}"


def failures(trials: Sequence[Trial]) -> dict[str, int]:
    """Return how many trials failed in each way, the most frequent first."""
    failed = [trial for trial in trials if trial.state is TrialState.FAILED]
    return dict(Counter(trial.failure.value for trial in failed if trial.failure is not None).most_common())


def collapsed(trials: Sequence[Trial]) -> int:
    """Return how many trials are complete and predict the same for every row."""
    return sum(trial.state is TrialState.COMPLETE and trial.failure is Failure.COLLAPSED for trial in trials)


def failure_words(counts: Mapping[str, int]) -> str:
    """Return `2 oom, 1 nan`."""
    return ", ".join(f"{count} {failure}" for failure, count in counts.items())


def gain_words(study: Study, baseline: Trial | None, best: Trial) -> str:
    """Return how the best trial stands beside the baseline where no report split was there to compare them on."""
    if best.failure is Failure.COLLAPSED:
        return "no trial learned anything: the best one predicts the same for every row"
    if baseline is not None and baseline.state is TrialState.FAILED:
        return f"the baseline failed: {baseline.failure}"
    if baseline is None or baseline.score is None:
        return "the baseline has no score"
    if best.first_number == baseline.first_number:
        return "no configuration beat the baseline"
    if best.fraction != baseline.fraction:
        return f"trial {best.first_number} was followed to {short(best.fraction)} of the data, the baseline was not"
    gain = ((best.score or 0.0) - baseline.score) * (1 if study.direction == "maximize" else -1)
    how = f"best is {gain:.4f} better" if gain >= 0 else f"trial {best.number} is {-gain:.4f} worse"
    return f"{how} than the baseline on the selection split"


def _show_model(study: Study, model: Model) -> None:
    score, rows = model.metrics.get(study.objective), model.spec.get("rows", {})
    took, where = duration(sum(model.seconds.values())), model.spec.get("evaluated_on", "held-out")
    evaluated = f"{study.objective} {short4(score)} on the {rows.get('evaluated', '?')} rows of the {where} split"
    how = f"trial {model.trial_number}'s own training on" if model.spec.get("final") else "retrained on"
    show_line(f"{how} {rows.get('train', '?')} rows in {took}: {evaluated}")
    show_line(f"model: {model.folder}", wrap=False)


def next_commands(study: Study, store_url: str, model: Model | None) -> str:
    """Return what to type next."""
    name = as_typed(study.name)
    store = store_flag(store_url)
    lines = [f"hpsearch trials{store} {name}"]
    if weighed_of(study):
        lines.append(f"hpsearch best{store} {name}")
    if model is None:
        lines.append(f"hpsearch retrain{store} {name}")
    elif model.spec.get("task"):
        lines.append(f"hpsearch predict {shlex.quote(model.folder)} --file FILE --output FILE")
    return "\n  ".join(["next:", *lines])


def trials_table(study: Study, trials: Sequence[Trial], best: Trial | None) -> None:
    """Print a line a trial: a failed one's begins with how it failed, a running one's says how far it is, and where."""
    title = f"{study.name}: {study.objective} ({study.direction})"
    table = new_table(title, "trial", "state", "score", "curve", "time", "values")
    ends = ends_of(trials)
    for trial in trials:
        mark = " *" if best is not None and trial.number == best.number else ""
        time = duration(trial.total_seconds)
        curve = sparkline(curve_of(trial), *ends)
        add_row(table, f"{trial.number}{mark}", _state(trial), _score(trial), curve, time, _values(trial))
    show(table, lines=len(trials))


def _state(trial: Trial) -> str:
    if trial.state is TrialState.COMPLETE and trial.failure is not None:
        return trial.failure.value
    if trial.failure is not None:
        return f"failed: {trial.failure.value}"
    if trial.state is TrialState.RUNNING and trial.progress is not None:
        return f"running {trial.progress:.0%}"
    return trial.state.value.lower()


def _values(trial: Trial) -> str:
    notes = [
        "(baseline)" if trial.number == 0 else "",
        f"({winner_of(trial)})" if trial.prior else "",
        f"({again})" if (again := run_again(trial)) else "",
        f"(attempt {trial.attempt})" if trial.attempt > 1 else "",
        f"(ended itself at {trial.stopped_at:.0%})" if trial.stopped_at is not None else "",
        f"(on {worker_place(trial)[0]})" if trial.state is TrialState.RUNNING and trial.worker else "",
    ]
    line = " ".join(part for part in (short_values(shown_params(trial)), *notes) if part)
    return "\n".join(part for part in (short_message(trial.failure_message or ""), line) if part)


def short_message(message: str) -> str:
    """Return a text in one line, shortened: the message of a failure, or any other that may be long."""
    line = " ".join(message.split())
    return line if len(line) <= LONGEST_MESSAGE else f"{line[: LONGEST_MESSAGE - 3]}..."


def worker_place(trial: Trial) -> tuple[str, int | None]:
    """Return the host and the process id of the worker that holds a trial, or held it last."""
    host, _, process = (trial.worker or "").partition(":")
    pid = re.match(r"[0-9]+", process)
    return host.partition("#")[0], int(pid[0]) if pid else None


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


def print_check(problem: Any, trials: int, strategy: Strategy, *, as_json: bool) -> None:
    """Print what a search of `problem` would do."""
    plan, rows = problem.plan, problem.notes["rows"]
    parameters = {name: str(parameter) for name, parameter in plan.space.parameters.items()}
    seen = round(plan.fraction * rows["train"])
    beside = len(bracket(plan.space, problem.baseline()))
    summary = {
        "task": problem.task_name,
        "model": problem.model_name,
        "objective": f"{problem.objective} ({problem.direction})",
        **({"weighed against": ", ".join(one.words for one in problem.weighed)} if problem.weighed else {}),
        "rows": ", ".join(f"{name} {count}" for name, count in rows.items()),
        "a trial trains on": f"{seen} rows ({plan.fraction:g} of {rows['train']})",
        "trials": f"{trials}, proposed by {plan.sampler}, pruned by {plan.pruner}",
        "strategy": f"{strategy.name}, finals: {strategy.confirm}",
        "trainings": _trainings(strategy.trainings(plan.fraction, trials, beside)),
        **_resolution(problem.notes),
        "precision": precision_of(problem),
        "baseline": short_values(problem.baseline()),
        **parameters,
    }
    if as_json:
        emit({"summary": summary, "identity": problem.identity})
    else:
        mapping_table("ready to search", summary)


def precision_of(problem: Any) -> str:
    """Return the precision of a task's trainings; a Trainer of the user's own says it in its arguments."""
    args = problem.trainer.args
    return problem.identity.get("precision") or ("bf16" if args.bf16 else "fp16" if args.fp16 else "fp32")


def _trainings(planned: Sequence[tuple[int, float]]) -> str:
    """Return how much is trained, if every trial takes as many epochs as the others."""
    where = {fraction: f"{fraction:g} of the data" for _, fraction in planned} | {1.0: "all of it"}
    parts = [f"{count} on {where[fraction]}" for count, fraction in planned if count]
    whole = sum(count * fraction for count, fraction in planned)
    return f"{', '.join(parts)}: together about {whole:.1f} full trainings"


def _resolution(notes: Mapping[str, Any]) -> dict[str, str]:
    """Return how small a gain of a classifier could be told from noise in the end; nothing without a report split."""
    rows, task = notes["rows"].get("report"), notes.get("task")
    if not rows or not task or Task.from_dict(task).is_regression:
        return {}
    from .statistics import detectable_difference

    least = detectable_difference(USUAL_ACCURACY, rows)
    gain = "none" if least == math.inf else f"{100 * least:.1f} points of accuracy"
    return {"gain that shows": f"{gain}, over a default at {USUAL_ACCURACY:.0%} (in 4 of 5 searches, {rows} rows)"}


def print_replay(done: Any, *, as_json: bool) -> None:
    """Print a `Replay`: what the row says beside what came out this time."""
    if as_json:
        emit(done.to_dict())
        return
    title = f"trial {done.trial} of {done.study}: {'the same to the last bit' if done.identical else 'not the same'}"
    table = new_table(title, "", "in its row", "replayed")
    add_row(table, "first weights", done.before.weights or "unknown", done.after.weights)
    add_row(table, "score", done.before.score, done.after.score)
    for old, new in itertools.zip_longest(done.before.curve, done.after.curve, fillvalue=NO_POINT):
        add_row(table, f"at {(old or new)['budget']:.0%}", old.get("score", "-"), new.get("score", "-"))
    show(table)
    for difference in done.differences:
        show_line(difference)


def new_table(title: str, *columns: str) -> Table:
    """Return a plain table; title and names of columns are text, as the cells are."""
    table = Table(
        title=Text(printable(title)) if title else None,
        title_justify="left",
        box=None,
        pad_edge=False,
        show_header=any(columns),
    )
    for column in columns:
        table.add_column(Text(printable(column)), overflow="fold")
    return table


def add_row(table: Table, *cells: Any) -> None:
    """Add a row of cells as text: no markup and no control character in them has an effect; a long one is cut."""
    table.add_row(*(Text(printable(_cut(str(cell)))) for cell in cells))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_CELL else f"{text[: LONGEST_CELL - 3]}..."


def show(what: Any, *, wrap: bool = True, lines: int = 0) -> None:
    """Print to stdout, as wide as the terminal, or 120 characters in a pipe.

    What has more `lines` than a terminal is high goes through the user's pager there.
    """
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(width=120, highlight=False)
    elif lines > console.height:
        with console.pager():
            console.print(what)
        return
    console.print(what, soft_wrap=not wrap)


def show_line(text: str, *, wrap: bool = True) -> None:
    """Print a line of text to stdout."""
    show(Text(printable(text)), wrap=wrap)


def short4(value: float | None) -> str:
    """Return a score as text."""
    return "-" if value is None else f"{value:.4f}"


def _score(trial: Trial) -> str:
    return short4(trial.score)
