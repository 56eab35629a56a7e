"""The report on a sweep: a page, Markdown, JSON for scripts, or a badge."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...spaces.errors import BadInput, did_you_mean
from ...studies.plain import plain
from ...studies.sweep_store import SweepStore
from ...studies.sweeps import RunState
from ..report.markdown import markdown
from ..report.page import page
from ..report.sections import Section, clipped
from ..words import duration
from . import tables
from .badge import FINE, badge
from .facts import RunFacts, SweepFacts
from .file import Sweep
from .matrix import Matrix
from .pictures import cell_pictures, cost_pictures, how_to_read
from .point import FAILED, NOT_RUN, UNFINISHED, WORSE
from .scripted import scripted
from .words import counted

HTML, MARKDOWN, JSON, BADGE = "html", "md", "json", "badge"
FORMATS = (HTML, MARKDOWN, JSON, BADGE)
#: Cells that the answer names one by one.
MOST_NAMED = 12


def format_of(output: Path | None, kind: str | None) -> str:
    """Return what is written: what was asked for, or else what the file's ending says. Raises `BadInput`."""
    if kind is not None and kind not in FORMATS:
        raise BadInput(f"unknown --format {kind!r}", hint=did_you_mean(kind, FORMATS))
    ending = output.suffix.removeprefix(".").lower() if output is not None else ""
    if kind is None and ending not in ("", HTML, MARKDOWN, JSON):
        hint = f"{did_you_mean(ending, FORMATS)}; --format says it for any file"
        raise BadInput(f"no format is known by the ending of {str(output)!r}", hint=hint)
    return kind or ending or HTML


def written(sweep: Sweep, store: SweepStore | None, form: str) -> str:
    """Return the report on a sweep as `form`, one of `FORMATS`; `store` is None where there is none yet."""
    facts = SweepFacts.of(sweep, store)
    if form in (JSON, BADGE):
        content = badge(facts) if form == BADGE else {**said(facts), **scripted(facts)}
        return json.dumps(plain(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    words: dict[str, Any] = {"title": facts.name, "sentence": about(facts), "answer": answer(facts)}
    if form == MARKDOWN:
        return markdown(**words, parts=sections(facts, []))
    drawn = cell_pictures(facts)
    costs = list(cost_pictures(facts))
    return page(**words, numbers=tiles(facts), parts=sections(facts, drawn), drawn=[*drawn, *costs])


def said(facts: SweepFacts) -> dict[str, Any]:
    """Return the words of the page for scripts."""
    return {"sweep": facts.name, "about": about(facts), "answer": answer(facts), "badge": badge(facts)}


# Words


def about(facts: SweepFacts) -> str:
    """Return in one sentence what the sweep is."""
    tasks, models = ({getattr(one, name) for one in facts.cells} for name in ("task", "model"))
    taken = [one for one in facts.runs if one.is_taken]
    since = f" since {taken[0].run.label}" if taken else ""
    cells = counted(len(facts.cells), "cell")
    what = f"{cells}: {counted(len(tasks), 'task')}, {counted(len(models), 'model')}"
    return f"A sweep of {what}; {counted(len(taken), 'run')}{since}."


def answer(facts: SweepFacts) -> list[str]:
    """Return how the sweep stands, what matters most first; at least one sentence."""
    if facts.last is None:
        return [f"No run yet: `hpsearch sweep run {facts.file}` begins one.", *missed(facts)]
    said = [*alarms(facts), *progress(facts, facts.last), *missed(facts), *named(facts)]
    return said or [f"No cell of {facts.file} was run in the run of {facts.last.run.label}."]


def alarms(facts: SweepFacts) -> Iterator[str]:
    """Yield how many cells are worse, and how many came to nothing."""
    total, when = counted(len(facts.cells), "cell"), f"in the run of {facts.last.run.label}" if facts.last else ""
    worse, failed = len(facts.having(WORSE)), len(facts.having(FAILED))
    if worse:
        yield f"{worse} of {total} {'is worse than its' if worse == 1 else 'are worse than their'} own history."
    if failed:
        yield f"All {total} failed {when}." if failed == len(facts.cells) > 1 else f"{failed} of {total} failed {when}."


def progress(facts: SweepFacts, last: RunFacts) -> Iterator[str]:
    """Yield how far the last run is where it is not over, and how many cells stand otherwise."""
    if not last.run.state.is_over:
        done = last.measured
        yield f"The run of {last.run.label} is not over: {done} of {counted(len(facts.cells), 'cell')} done."
    wanted = (*FINE, UNFINISHED, NOT_RUN) if last.run.state.is_over else FINE
    found = [f"{count} {state}" for state in wanted if (count := len(facts.having(state)))]
    if found and len(facts.having(NOT_RUN)) < len(facts.cells):
        others = "The others" if facts.having(WORSE, FAILED) else "In the last run"
        yield f"{others}: {', '.join(found)}."


def missed(facts: SweepFacts) -> Iterator[str]:
    """Yield that the newest run did not take place, if it is so."""
    if facts.runs and not facts.runs[-1].is_taken:
        run = facts.runs[-1].run
        why = f": {clipped(run.failure_message)}" if run.failure_message else "."
        yield f"The run of {run.label} did not take place{why}"


def named(facts: SweepFacts) -> Iterator[str]:
    """Yield each cell that is worse or came to nothing, with its sentence."""
    found = [*facts.having(WORSE), *facts.having(FAILED)]
    for one in found[:MOST_NAMED]:
        point = facts.now(one.name)
        yield f"cell {one.name}: {clipped(point.words if point else '')}"
    if len(found) > MOST_NAMED:
        yield f"and {len(found) - MOST_NAMED} more, see the tables."


def tiles(facts: SweepFacts) -> list[tuple[str, str]]:
    """Return the few numbers to see at once."""
    last = facts.last
    if last is None:
        return []
    shown = [("Last run", last.run.label), ("Cells done", f"{last.measured} of {len(facts.cells)}")]
    if last.measured:
        shown += [("Its cost", f"{last.trainings:.1f} full trainings"), ("Time of all trials", duration(last.seconds))]
    return shown


def sections(facts: SweepFacts, drawn: list[Any]) -> list[Section]:
    """Return the parts that come after the answer; `drawn` are the pictures of cells."""
    matrix = Matrix.of(facts.cells)
    stand = [tables.matrix_table(facts, matrix), tables.glue_table(matrix)] if facts.last else []
    names = tuple(one.name for one in drawn)
    return [
        Section(name="matrix", title="Tasks against models", tables=stand),
        Section(name="last", title="The last run", tables=[tables.last_table(facts)]),
        Section(name="cells", title="Each cell over time", pictures=names, small=True, legend=how_to_read(facts)),
        Section(name="changes", title="What changed when", tables=[tables.changes_table(facts)]),
        Section(name="failures", title="What went wrong", tables=[tables.failures_table(facts)]),
        Section(name="cost", title="What it cost", pictures=("trainings", "minutes"), small=True),
        Section(name="runs", title="All runs", tables=[tables.runs_table(facts)], texts=list(not_to_the_end(facts))),
        Section(name="retired", title="Earlier cells", tables=[tables.retired_table(facts)]),
    ]


def not_to_the_end(facts: SweepFacts) -> Iterator[str]:
    """Yield how many runs did not take place or were given up, if there are any."""
    states = [one.run.state for one in facts.runs]
    skipped, given_up = states.count(RunState.SKIPPED), states.count(RunState.SUPERSEDED)
    if skipped:
        yield f"{counted(skipped, 'run')} did not take place: another one was not over."
    if given_up:
        yield f"{counted(given_up, 'run')} unfinished when a later one began."
