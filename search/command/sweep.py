"""The commands of a sweep: `check`, `run`, `serve`, `status`, `report` and `install`. No torch is imported.

Exit codes of `run`: 0 all right, 1 a cell failed, 4 a cell is worse than its own history.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from ...spaces.errors import BadInput
from ...studies.clock import utc_now
from ...studies.schema import SchemaState, schema_status
from ...studies.sweep_store import SweepStore
from ...studies.sweeps import RunState, SweepCell, SweepRun
from ..errors import Interrupted
from ..sweep.file import Sweep, read_sweep
from ..talk import tell
from ..words import duration
from .printing import add_row, emit, new_table, show, show_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..sweep.ended import Ended
    from ..sweep.plan import PlannedCell

FAILED, REGRESSION = 1, 4


def check_sweep(path: Path, *, as_json: bool) -> None:
    """Print the plan of a sweep: its cells, what each costs, and which are done. Raises `BadInput` for bad cells."""
    from ..sweep.plan import planned

    sweep = read_sweep(path)
    with opened(sweep) as store:
        cells = planned(sweep, store)
        done = done_cells(sweep, store)
    if as_json:
        emit(plan_json(sweep, cells, done))
    else:
        print_plan(sweep, cells, done)
    problems = [one.problem for one in cells if one.problem]
    if problems:
        for line in problems[1:]:
            tell(f"hpsearch: {line}")
        raise BadInput(problems[0], hint="the other cells are run all the same")


def run_file(
    path: Path, *, only: Sequence[str], max_minutes: float | None, at_once: bool, verbose: bool, as_json: bool
) -> int:
    """Run what is due of a sweep; return the exit code."""
    from ..sweep.runner import chosen_cells, due_of, run_sweep

    if max_minutes is not None and not max_minutes > 0:
        raise BadInput(f"--max-minutes takes a number above 0, got {max_minutes!r}")
    sweep = read_sweep(path)
    chosen = chosen_cells(sweep, only)
    with SweepStore.open(sweep.store, create=True) as store:
        due = due_of(sweep, store, now=utc_now(), at_once=at_once)
        try:
            ended = run_sweep(sweep, store, due=due, chosen=chosen, max_minutes=max_minutes, verbose=verbose)
        except KeyboardInterrupt:
            raise Interrupted from None
    print_ended(ended, as_json=as_json)
    if ended.alarms:
        return REGRESSION
    return FAILED if ended.failed else 0


def serve_files(paths: Sequence[Path]) -> None:
    """Run each sweep whenever it is due, until it is stopped."""
    from ..sweep.server import SweepServer

    SweepServer([str(path) for path in paths]).serve()


def sweep_status(paths: Sequence[Path], *, as_json: bool) -> None:
    """Print when each sweep ran last and is due next, and how its cells stand."""
    found = []
    for path in paths:
        sweep = read_sweep(path)
        with opened(sweep) as store:
            runs = store.runs(sweep.name) if store is not None else []
            cells = store.cells(runs[-1].run_id) if store is not None and runs else []
        found.append((sweep, runs, cells))
    if as_json:
        emit([status_json(*one) for one in found])
        return
    for sweep, runs, cells in found:
        print_status(sweep, runs, cells)


def report_sweep(path: Path, *, output: Path | None, kind: str | None, open_it: bool) -> None:
    """Write the page on a sweep: tasks against models, each cell over time, failures, cost."""
    from ..sweep.report import format_of, written
    from .report import write_report

    form = format_of(output, kind)
    sweep = read_sweep(path)
    with opened(sweep) as store:
        text = written(sweep, store, form)
    write_report(text, output, default=f"{sweep.path.stem}.html" if form == "html" else None, open_it=open_it)


def install_sweep(path: Path, *, only_print: bool) -> None:
    """Put a sweep into this user's crontab, or print what the schedulers that people have would need."""
    from ..sweep.crontab import crontab_block, install_crontab
    from ..sweep.github import github_workflow
    from ..sweep.scheduled import timetable_of
    from ..sweep.systemd import systemd_units

    sweep = read_sweep(path)
    timetable_of(sweep)
    if not only_print:
        new = install_crontab(sweep)
        tell(f"sweep {sweep.name!r} {'is' if new else 'was'} in your crontab{'' if new else ' already'}")
        return
    for made in (
        lambda: {"crontab -e": crontab_block(sweep)},
        lambda: systemd_units(sweep, now=utc_now()),
        lambda: {f".github/workflows/{sweep.path.stem}.yml": github_workflow(sweep)},
    ):
        try:
            files = made()
        except BadInput as error:
            files = {"not possible": f"# {error}\n"}
        for name, text in files.items():
            sys.stdout.write(f"# {name}\n{text.rstrip()}\n\n")


@contextmanager
def opened(sweep: Sweep) -> Iterator[SweepStore | None]:
    """Give the sweep's store, or None where there is none yet: looking makes none."""
    if schema_status(sweep.store).state in (SchemaState.MISSING, SchemaState.EMPTY):
        yield None
        return
    with SweepStore.open(sweep.store) as store:
        yield store


def done_cells(sweep: Sweep, store: SweepStore | None) -> set[str]:
    """Return the names of the cells that are complete in the run that is due now."""
    from ..sweep.runner import due_of

    if store is None:
        return set()
    due = due_of(sweep, store, now=utc_now())
    found = next((one for one in store.runs(sweep.name) if datetime.fromisoformat(one.due_at) == due), None)
    return {one.cell for one in store.cells(found.run_id) if one.state is RunState.COMPLETE} if found else set()


# What is printed


def plan_json(sweep: Sweep, cells: Sequence[PlannedCell], done: set[str]) -> dict[str, Any]:
    """Return a plan for scripts."""
    known = [one.minutes for one in cells if one.cell.name not in done]
    return {
        "sweep": sweep.name,
        "store": sweep.store,
        "next_due": next_due(sweep),
        "minutes": sum(one or 0.0 for one in known) if all(one is not None for one in known) else None,
        "cells": [
            {
                "cell": one.cell.name,
                "trials": one.trials,
                "subset": one.cell.options.subset,
                "seeds": one.cell.options.seeds,
                "trainings": round(one.trainings, 3),
                "minutes": one.minutes,
                "done": one.cell.name in done,
                "problem": one.problem,
                "where": sweep.where(one.cell),
            }
            for one in cells
        ],
    }


def print_plan(sweep: Sweep, cells: Sequence[PlannedCell], done: set[str]) -> None:
    """Print a plan for people."""
    table = new_table(f"sweep {sweep.name}", "cell", "trials", "subset", "seeds", "full trainings", "minutes", "")
    for one in cells:
        state = "done" if one.cell.name in done else "cannot be searched" if one.problem else ""
        minutes = "?" if one.minutes is None else f"{one.minutes:.1f}"
        options = one.cell.options
        add_row(table, one.cell.name, one.trials, options.subset, options.seeds, f"{one.trainings:.1f}", minutes, state)
    show(table)
    left = [one for one in cells if one.cell.name not in done]
    known = [one.minutes for one in left if one.minutes is not None]
    total = f"{sum(one.trainings for one in left):.1f} full trainings"
    expected = f", {sum(known):.0f} minutes by this store's history" if known else ""
    unknown = f"; no history of {len(left) - len(known)} of them" if known and len(known) < len(left) else ""
    show_line(f"{len(cells)} cells, {len(cells) - len(left)} of them done in the run that is due")
    show_line(f"to do: {total}{expected}{unknown}")
    show_line(f"next due {next_due(sweep)}" if sweep.timetable else "no schedule: `hpsearch sweep run` runs it at once")


def print_ended(ended: Ended, *, as_json: bool) -> None:
    """Print how a run ended."""
    from ..sweep.notice import notice

    if as_json:
        emit({**notice(ended), "state": ended.run and ended.run.state.value, "left": list(ended.left)})
        return
    if ended.run is None:
        show_line(f"sweep {ended.sweep.name!r}: nothing to run now")
        return
    table = cells_table(f"{ended.sweep.name} {ended.run.label}", ended.cells)
    show(table)
    if ended.left:
        show_line(f"{len(ended.left)} cells are left: the same command goes on with them")
    elif ended.sweep.timetable is not None:
        show_line(f"next due {next_due(ended.sweep)}")


def print_status(sweep: Sweep, runs: Sequence[SweepRun], cells: Sequence[SweepCell]) -> None:
    """Print how a sweep stands."""
    if runs:
        last = runs[-1]
        show(cells_table(f"{sweep.name} {last.label}: {last.state.value.lower()}", cells))
        if last.failure_message:
            show_line(last.failure_message)
    show_line(
        f"{sweep.name}: {len(runs)} runs; " + (f"next due {next_due(sweep)}" if sweep.timetable else "no schedule")
    )


def cells_table(title: str, cells: Sequence[SweepCell]) -> Any:
    """Return the cells of a run: score, how it stands, and what changed where it did."""
    from ..sweep.runner import score_words

    table = new_table(title, "cell", "score", "against its history", "changed", "time")
    for one in cells:
        if one.state is not RunState.COMPLETE or not one.measured:
            add_row(table, one.cell, one.state.value.lower(), one.failure_message or "", "", "")
            continue
        finding = one.finding or {}
        told = finding.get("changes") or [] if finding.get("state") in ("better", "worse") else []
        words = finding.get("words", "")
        if finding.get("new_history"):
            words += f"; a new history, for {finding['new_history']}"
        took = duration(one.measured["seconds"])
        add_row(table, one.cell, score_words(one.measured), words, "\n".join(told), took)
    return table


def status_json(sweep: Sweep, runs: Sequence[SweepRun], cells: Sequence[SweepCell]) -> dict[str, Any]:
    """Return how a sweep stands, for scripts."""
    return {
        "sweep": sweep.name,
        "next_due": next_due(sweep),
        "runs": len(runs),
        "last": {name: value for name, value in runs[-1].to_dict().items() if name != "spec"} if runs else None,
        "cells": [one.to_dict() for one in cells],
    }


def next_due(sweep: Sweep) -> str | None:
    """Return when a sweep is due next, in its own time zone."""
    if sweep.timetable is None:
        return None
    moment = sweep.timetable.next_due(utc_now()).astimezone(ZoneInfo(sweep.timetable.timezone))
    return f"{moment:%Y-%m-%d %H:%M} {sweep.timetable.timezone}"
