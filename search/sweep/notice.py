"""Telling somebody that a sweep found something: the file's command gets it as JSON on stdin."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from typing import Any

from ...studies.plain import plain
from .alarm import State
from .ended import Ended

#: Seconds that the command may take.
LIMIT_S = 60.0
#: Findings that somebody is told of; nobody is woken for the others.
TOLD = (State.WORSE, State.BETTER)


def notify(ended: Ended, say: Callable[[str], None]) -> None:
    """Call the file's command where a cell changed or failed. One that fails itself is said, and breaks nothing."""
    command, content = ended.sweep.notify, notice(ended)
    if not command or not content["reasons"]:
        return
    try:
        done = subprocess.run(  # noqa: S603 - the user's own command
            command,
            input=json.dumps(content, ensure_ascii=False),
            text=True,
            capture_output=True,
            timeout=LIMIT_S,
            cwd=ended.sweep.path.parent,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        say(f"the command of `notify` could not tell anybody: {error}")
        return
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [""]
        say(f"the command of `notify` ended with exit code {done.returncode}: {last[0]}")


def notice(ended: Ended) -> dict[str, Any]:
    """Return what a receiver gets: the sweep, its run, why it is told, and each cell with its finding."""
    states = [(one.finding or {}).get("state") for one in ended.cells]
    reasons = [str(state) for state in TOLD if state in states] + (["failed"] if ended.failed else [])
    return {
        "sweep": ended.sweep.name,
        "run": ended.run.label if ended.run else None,
        "due_at": ended.run.due_at if ended.run else None,
        "reasons": reasons,
        "cells": [plain(cell_notice(one)) for one in ended.cells],
    }


def cell_notice(cell: Any) -> dict[str, Any]:
    """Return a cell for a receiver."""
    measured, finding = cell.measured or {}, cell.finding or {}
    winner = measured.get("winner") or {}
    return {
        "cell": cell.cell,
        "study": cell.study,
        "state": "failed" if cell.failure_message else finding.get("state"),
        "words": cell.failure_message or finding.get("words"),
        "metric": measured.get("metric"),
        "scores": (winner.get("scores") or {}).get(measured.get("metric")),
        "difference": finding.get("difference"),
        "interval": finding.get("interval"),
        "changes": finding.get("changes") or [],
    }
