"""A cell in a process of its own: what it breaks or leaks ends with it, and whoever runs the sweep needs no torch.

It reads its orders as one line of JSON from stdin, which stays open: when it closes, whoever gave them is gone, and the
trial is handed back. The last line of stdout is the measurement, or why there is none.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from ...spaces.errors import HpsearchError
from ...studies.plain import dumps
from ..command.complaint import in_our_words
from ..interrupts import remember_interrupts
from ..options import RunOptions
from ..sampling.priors import Prior
from ..view import PlainView

#: Options that JSON has as text.
PATHS = ("data_dir", "test_file", "output_dir", "config")


def main() -> int:
    """Search the cell; return the exit code."""
    remember_interrupts()
    orders = json.loads(sys.stdin.readline())
    end_with_the_sweep()
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints is no answer
    answer: dict[str, Any]
    try:
        answer = {"measured": searched_and_measured(orders)}
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        told = error if isinstance(error, HpsearchError) else in_our_words(error)
        if told is None:
            raise
        answer = {"complaint": str(told), "hint": told.hint}
    out.write(dumps(answer) + "\n")
    out.flush()
    return 0 if "measured" in answer else 1


def searched_and_measured(orders: dict[str, Any]) -> dict[str, Any]:
    """Search the study of a cell, or what is left of it, and measure what came out."""
    from ..command.run import checked, searched, strategy_for

    given: dict[str, Any] = {
        name: Path(value) if name in PATHS and value else value for name, value in orders["options"].items()
    }
    options = RunOptions(**given)
    space, workers = checked(options)
    workers.check_store(options.store)
    strategy = dataclasses.replace(strategy_for(options), shift=orders["shift"])
    priors = [Prior(one["params"], one["study"]) for one in orders["priors"]]
    with PlainView() as view:
        run = searched(options, space, workers, view, strategy=strategy, priors=priors)
        from .measure import measure

        found = measure(run)
    for number in run.paths.trials():
        run.paths.drop_trial(number)  # a checkpoint each night for each cell would fill any disk
    return found


def end_with_the_sweep() -> None:
    """Hand the trial back and end when stdin closes."""

    def watch() -> None:
        sys.stdin.read()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="hpsearch-sweep", daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
