"""What commands print of trials and studies; how anything is printed is `printing`."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...spaces.transfer import bracket
from ...studies.export import INTERNAL
from ...studies.front import NOBODY, weighed_of
from ...studies.records import Model, Study, StudySummary, Trial, TrialState
from ..data.streams import steps_at
from ..sampling.steering import steers_by_all
from ..sparkline import curve_of, ends_of, sparkline
from ..strategy import Strategy
from ..talk import as_typed, store_flag
from ..understood import Understood, understood_in
from ..verdict.words import summary_lines
from ..words import (
    baseline_of,
    collapsed,
    counts_line,
    duration,
    failures,
    from_where,
    gain_words,
    run_again,
    short,
    short_message,
    short_values,
    shown_params,
    worker_place,
)
from .predicting import show_scores
from .printing import add_row, emit, new_table, show, show_line

if TYPE_CHECKING:
    from ..winner.predict import Predicted

#: What stands for a point that one of two learning curves lacks.
NO_POINT: Mapping[str, Any] = {}


def trial_json(trial: Trial) -> dict[str, Any]:
    """Return a trial for scripts: `seconds` is the total, `seconds_by_kind` says on what."""
    row = {name: value for name, value in trial.to_dict().items() if name not in INTERNAL}
    return {**row, "seconds": row.pop("total_seconds"), "seconds_by_kind": trial.seconds}


def outcome_json(
    study: Study, trials: Sequence[Trial], best: Trial, model: Model | None, predicted: Predicted | None
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
        "understood": study.spec["notes"].get("understood"),
        "predictions": predicted and str(predicted.path),
        "test": predicted and predicted.scores and predicted.scores.to_json(),
    }


def outcome_table(
    study: Study, trials: Sequence[Trial], best: Trial, model: Model | None, predicted: Predicted | None
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
    if predicted is not None:
        show_line(f"predictions: {predicted.path}", wrap=False)
        if predicted.scores is not None:
            show_scores(predicted.scores)


def _score_or_not(study: Study, trial: Trial) -> str:
    """Return the score; what a failed trial measured before it failed is shown, too, and said not to count."""
    measured = trial.metrics.get(study.objective)
    if trial.state is not TrialState.FAILED or not isinstance(measured, int | float):
        return _score(trial)
    return f"{short4(measured)} (does not count)"


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
        f"({from_where(trial)})" if trial.prior else "",
        f"({again})" if (again := run_again(trial)) else "",
        f"(attempt {trial.attempt})" if trial.attempt > 1 else "",
        f"(ended itself at {trial.stopped_at:.0%})" if trial.stopped_at is not None else "",
        f"(on {worker_place(trial)[0]})" if trial.state is TrialState.RUNNING and trial.worker else "",
    ]
    line = " ".join(part for part in (short_values(shown_params(trial)), *notes) if part)
    return "\n".join(part for part in (short_message(trial.failure_message or ""), line) if part)


def studies_table(summaries: Sequence[StudySummary]) -> None:
    """Print a line a study."""
    table = new_table("", "study", "task", "model", "objective", "trials", "failed", "best")
    for one in summaries:
        done = f"{one.done}/{one.study.trials}"
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
    plan, rows, found = problem.plan, problem.notes["rows"], understood_in(problem.notes)
    parameters = {name: str(parameter) for name, parameter in plan.space.parameters.items()}
    beside = len(bracket(plan.space, problem.baseline()))
    summary = {
        "task": problem.task_name,
        "model": problem.model_name,
        "objective": f"{problem.objective.name} ({problem.objective.direction})",
        **_beside(problem, strategy),
        **({"constraints": ", ".join(one.words for one in plan.constraints)} if plan.constraints else {}),
        **({} if found is None else found.words()),
        "rows": ", ".join(f"{name} {count}" for name, count in rows.items()),
        "a trial trains on": learned_from(plan.fraction, rows.get("train"), problem.trainer.args)
        + (", in whole groups: a few more" if found and found.leaks.column and plan.fraction < 1 else ""),
        "trials": f"{trials}, proposed by {plan.sampler}, pruned by {plan.pruner}",
        "strategy": f"{strategy.name}, finals: {strategy.confirm}",
        "trainings": _trainings(strategy.trainings(plan.fraction, trials, beside)),
        **({} if found is None else _gain(found, problem.objective)),
        "precision": precision_of(problem),
        "baseline": short_values(problem.baseline()),
        **parameters,
        **_not_tried(problem.notes),
    }
    if as_json:
        understood = {} if found is None else {"understood": found.to_json()}
        emit({"summary": summary, **understood, "identity": problem.identity})
    else:
        mapping_table("ready to search", summary)


def _beside(problem: Any, strategy: Strategy) -> dict[str, str]:
    """Return the objectives beside the first, whether they steer, and then how a winner is chosen."""
    if not problem.weighed:
        return {}
    others = ", ".join(one.words for one in problem.weighed)
    if not steers_by_all(problem.plan.sampler):
        return {"weighed against": others}
    return {"steered by, too": others, "winner": f"chosen from the front by {strategy.choose or NOBODY}"}


def _not_tried(notes: Mapping[str, Any]) -> dict[str, str]:
    """Return what no check can promise: of a task no step is trained before the first trial."""
    return {"known after a step": "whether the batches fit in the memory"} if notes.get("task") else {}


def learned_from(fraction: float, rows: int | None, args: Any) -> str:
    """Return what a trial learns from; of a stream nobody knows the rows."""
    if rows is None:
        return f"{steps_at(args.max_steps, fraction)} of the {args.max_steps} steps on a stream"
    return f"{round(fraction * rows)} rows ({fraction:g} of {rows})"


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


def _gain(understood: Understood, objective: str) -> dict[str, str]:
    least = understood.least_gain(objective)
    return {"gain that shows": least} if least else {}


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


def short4(value: float | None) -> str:
    """Return a score as text."""
    return "-" if value is None else f"{value:.4f}"


def _score(trial: Trial) -> str:
    return short4(trial.score)
