"""One cell, run from outside: orders to its process, a watch on it, and its answer."""

from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

from ...spaces.errors import HpsearchError
from ...studies.plain import dumps
from ..interrupts import raise_if_interrupted
from ..options import RunOptions
from ..sampling.priors import Prior
from ..workers.processes import kill_tree

PROCESS = "hpsearch.search.sweep.cell_process"
#: Seconds between two looks at the process.
LOOK_S = 0.5
#: Seconds that a process has to hand its trial back before it is killed.
GRACE_S = 120.0
#: Characters at the end of what a process said that are told where it died without a word.
TAIL = 2000


class CellFailed(HpsearchError):
    """A cell came to nothing."""


class CellStopped(HpsearchError):
    """A cell was interrupted; its trial was handed back."""


def run_cell(
    options: RunOptions,
    *,
    shift: int,
    priors: Sequence[Prior],
    folder: Path,
    stop: threading.Event,
    look: Callable[[], None],
    verbose: bool,
) -> dict[str, Any]:
    """Search and measure a cell in a process of its own; return its measurement.

    `folder` is where relative paths begin, `look` is called again and again meanwhile. Raises `CellFailed` with what
    the process said, and `CellStopped` once `stop` was set.
    """
    orders = {
        "options": dataclasses.asdict(options),
        "shift": shift,
        "priors": [{"params": dict(one.params), "study": one.study} for one in priors],
    }
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
        process = subprocess.Popen(  # noqa: S603 - this very program
            [sys.executable, "-P", "-m", PROCESS],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if verbose else said,
            text=True,
            cwd=folder,
            start_new_session=True,  # a Ctrl-C is told to it by us, once
        )
        try:
            answer = watched(process, dumps(orders), stop, look)
        finally:
            ended(process)
        return understood(process.returncode, answer, said)


def watched(process: subprocess.Popen[str], orders: str, stop: threading.Event, look: Callable[[], None]) -> str:
    """Give the orders and wait for the answer; raises `CellStopped` once `stop` was set."""
    stdin, stdout = process.stdin, process.stdout
    assert stdin is not None and stdout is not None  # noqa: S101, PT018 - both are pipes
    stdin.write(orders + "\n")
    stdin.flush()
    heard: list[str] = []
    reader = threading.Thread(target=lambda: heard.append(stdout.read()), daemon=True)
    reader.start()
    while process.poll() is None:
        raise_if_interrupted()
        if stop.wait(LOOK_S):
            raise CellStopped
        look()
    reader.join()
    return heard[0]


def ended(process: subprocess.Popen[str]) -> None:
    """Let a process that still runs hand its trial back, and see that it is gone."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            kill_tree(process.pid)
            process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()


def understood(code: int, answer: str, said: IO[str]) -> dict[str, Any]:
    """Return the measurement in an answer. Raises `CellFailed` where it has none."""
    try:
        told = json.loads(answer.splitlines()[-1])
    except (ValueError, IndexError):
        said.seek(0)
        last = said.read()[-TAIL:].strip().splitlines()
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        raise CellFailed(f"its process ended with {how}" + (f": {last[-1]}" if last else "")) from None
    if "complaint" in told:
        raise CellFailed(told["complaint"], hint=told["hint"])
    measured: dict[str, Any] = told["measured"]
    return measured
