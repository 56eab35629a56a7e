"""What the dashboard's notes say: of each study what it searches, how, and what came out; of the winner why it is it.

Everything is said from our rows, whenever a note is looked at.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from ...spaces.errors import BadInput
from ...spaces.space import Space
from ...studies.records import Study, StudySummary, Trial
from ..strategy import Strategy
from ..verdict.words import summary_lines
from ..words import baseline_of, counts_line, duration, gain_words, short, short_message
from .artifacts import CURVES, address
from .facts import Facts
from .markdown import block, code, codes, text
from .trials import common_arguments

#: Labels of a task that are listed.
MOST_LABELS = 20
#: What a person has to know of the dashboard's other pages.
READING = (
    "Scores on different shares of the data cannot be compared: the attribute `fraction` says how much of it a trial"
    " saw, `runs` whose configuration it ran. A step of a learning curve is a percent of the trial's own budget."
)
#: What the rows of each part are for.
SPLITS = {"train": "to train on", "selection": "to score trials on", "report": "for the verdict"}
FILES = ("train_file", "validation_file", "data_dir")


def study_attributes(summary: StudySummary) -> dict[str, Any]:
    """Return what a list of studies tells of one."""
    study = summary.study
    done = f"{summary.done} of {study.trials}"
    more = f", and {summary.later_done} of {summary.later} on more data" if summary.later else ""
    outcome = (summary_lines(study, [], otherwise="") or [""])[0] or headline(summary)
    told = {"outcome": outcome, "trials": f"{done}{more}", "task": study.task, "model": study.model}
    return {name: short_message(words) for name, words in {**told, "objective": study.objective}.items()}


def headline(summary: StudySummary) -> str:
    """Return where a search stands that has no verdict."""
    if summary.running:
        return f"{summary.running} trial{' is' if summary.running == 1 else 's are'} running"
    if summary.later > summary.later_done:
        return f"{summary.later_done} of {summary.later} trials on more data are done"
    ends = {
        "complete": summary.complete,
        "infeasible": summary.infeasible,
        "failed": summary.failed,
        "pruned": summary.pruned,
    }
    found = [name for name, count in ends.items() if count]
    if not found:
        return "no trial has begun yet"
    if found == ["failed"]:
        return "every trial failed"
    return "every trial was pruned" if found == ["pruned"] else "no verdict yet, and no trial is running"


def study_note(facts: Facts, key: int) -> str:
    """Return the note on a study; `key` is what the dashboard calls it."""
    first, *more = answer(facts)
    parts = [
        f"**{text(first)}**",
        "\n".join(f"- {text(line)}" for line in [*more, *standing(facts)]),
        READING,
        "### What is searched",
        "\n".join(f"- {name}: {words}" for name, words in about(facts).items() if words),
        picture(facts, key),
        block(commands(facts)),
        common(facts),
    ]
    return "\n\n".join(part for part in parts if part)


def answer(facts: Facts) -> list[str]:
    """Return what came out, the answer first; before there is a verdict, how far the search is."""
    study, trials, best = facts.study, facts.trials, facts.best
    if best is not None and study.verdict:
        return summary_lines(study, trials, otherwise=gain_words(study, baseline_of(trials, best), best))
    return [headline(facts.summary), *([_leader(study, best)] if best is not None else [])]


def _leader(study: Study, best: Trial) -> str:
    return f"best so far: {study.objective} {short4(best.score)}, trial {best.number}"


def standing(facts: Facts) -> list[str]:
    """Return what became of the trials."""
    return [counts_line(facts.study, facts.trials)] if facts.trials else []


def about(facts: Facts) -> dict[str, str]:
    """Return what is searched, on which data, with which model, and how."""
    study, identity = facts.study, facts.identity
    task = facts.notes.get("task") or {}
    rows = facts.notes.get("rows") or {}
    options = facts.notes.get("options") or {}
    files = [options[name] for name in FILES if options.get(name)]
    return {
        "Task": _task(study, task),
        "Objective": f"{code(study.objective)}, {text(study.direction)}",
        "Data": _data(identity, rows) + (f", from {codes(files)}" if files else ""),
        "Model": code(study.model),
        "Search": text(_search(study, identity)),
        "Space": _space(identity),
        "Forked from": code(study.forked_from) if study.forked_from else "",
    }


def _task(study: Study, task: Mapping[str, Any]) -> str:
    if not task:
        return code(study.task)
    labels = task.get("labels")
    shown = codes((labels or ())[:MOST_LABELS])
    more = f" and {len(labels) - MOST_LABELS} more" if labels and len(labels) > MOST_LABELS else ""
    kinds = f"labels {shown}{more}" if labels else "a number to predict"
    return f"{code(study.task)}: text in {codes(task['text_columns'])}, label in {code(task['label_column'])}, {kinds}"


def _data(identity: Mapping[str, Any], rows: Mapping[str, Any]) -> str:
    parts = [f"{rows[name]} rows {words}" for name, words in SPLITS.items() if isinstance(rows.get(name), int)]
    fraction, whole = identity.get("fraction"), rows.get("train")
    if fraction == 1.0:
        parts.append("trials train on all of the training rows")
    elif fraction is not None:
        seen = f" ({round(fraction * whole)})" if isinstance(whole, int) else ""
        parts.append(f"trials begin with {short(fraction)} of the training rows{seen}")
    return text(", ".join(parts))


def _search(study: Study, identity: Mapping[str, Any]) -> str:
    strategy = Strategy.of(study)
    how = {"proposed by": "sampler", "pruned by": "pruner", "precision": "precision", "seed": "seed"}
    told = [f"{words} {identity[name]}" for words, name in how.items() if identity.get(name) not in (None, "none")]
    return ", ".join([f"{study.trials} trials", *told, f"strategy {strategy.name}, finals: {strategy.confirm}"])


def _space(identity: Mapping[str, Any]) -> str:
    try:
        space = Space(identity["space"])
    except (BadInput, KeyError):
        return ""
    return "".join(f"\n  - {code(name)}: {code(parameter)}" for name, parameter in space.parameters.items())


def picture(facts: Facts, key: int) -> str:
    """Return the learning curves, once there are any; the address changes when there is more to see."""
    if not CURVES.is_there(facts):
        return ""
    points = sum(len(trial.curve) for trial in facts.trials)
    return f"![Learning curves]({address(CURVES, facts.study, key)}?points={points})"


def common(facts: Facts) -> str:
    """Return the arguments that all trials share: what a trial's attributes leave out of its configuration."""
    shared = [f"{name}={value}" for name, value in common_arguments(facts.study).items()]
    return f"Every trial has, unless it says otherwise: {codes(shared)}" if shared else ""


def commands(facts: Facts) -> list[str]:
    """Return what to type next."""
    folder = facts.models[-1].folder if facts.models else ""
    return [facts.command("show"), facts.command("report"), *([_predict(folder)] if folder else [])]


def winner_note(facts: Facts) -> str:
    """Return the note on the best trial, where there is one."""
    best = facts.best
    if best is None:
        return ""
    data = "all the training rows" if best.fraction == 1.0 else f"{short(best.fraction)} of the training rows"
    whose = "" if best.origin is None else f", with the configuration of trial {best.origin}"
    title = "The winner" if facts.study.verdict else "Best so far"
    models = [model for model in facts.models if model.trial_number == best.number and model.folder]
    parts = [
        f"**{title}**: {code(facts.study.objective)} {short4(best.score)} on the selection split, the best of the"
        f" trials that saw the most data; trained on {text(data)} in {duration(best.total_seconds)}{whose}.",
        text(answer(facts)[0]) if facts.study.verdict else "",
        f"Its model is in {code(models[-1].folder)}." if models else "",
        block([_predict(models[-1].folder) if models else facts.command("retrain")]),
    ]
    return "\n\n".join(part for part in parts if part)


def _predict(folder: str) -> str:
    return f"hpsearch predict {shlex.quote(folder)} --file FILE --output FILE"


def short4(score: float | None) -> str:
    """Return a score as text."""
    return "-" if score is None else f"{score:.4f}"
