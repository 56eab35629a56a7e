"""A user's function that makes a Trainer, called with care: what it raises, prints and waits for.

How the function is found by its name is `factory`, how a script is imported `script`.
"""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path
from typing import Any

from ...spaces.errors import BadInput, HpsearchError
from ..failures import describe, ends_search
from ..talk import tell
from .blame import COMMAND_LINE, hint_for, is_usage_error, is_users

#: Seconds after which it is said what is being waited for.
WAIT_S = 5.0


def built_by(make: Callable[[], Any], shown: str, say: Callable[[str], None] = tell) -> Any:
    """Return the Trainer that a user's function makes; raises as `called`, and `BadInput` if it makes no Trainer."""
    from ..protocol.table import is_trainer

    made = called(make, shown, "which makes the Trainer", say)
    if not is_trainer(made):
        is_class = isinstance(made, type)
        what = made.__name__ if is_class else type(made).__name__
        raise BadInput(
            f"{shown} returned {'nothing' if made is None else f'a {what}'}, not a transformers.Trainer",
            hint=None if what.endswith("Trainer") and not is_class else "does it end with `return trainer`?",
        )
    return made


def called(user: Callable[[], Any], shown: str, what_for: str, say: Callable[[str], None] = tell) -> Any:
    """Return what a user's code returns; `shown` is what the user calls it.

    What it prints goes to stderr, for stdout belongs to data. `say` is told once if it takes long. Raises `BadInput`
    if it raises, with the file and the line.
    """
    with stdout_on_stderr(), waiting_for(f"{shown}, {what_for}", say):
        try:
            return user()
        except SystemExit as ended:
            raise BadInput(
                f"{shown} ends the program with exit code {ended.code!r}{at(ended)}",
                hint=COMMAND_LINE if is_usage_error(ended) else None,
            ) from ended
        except Exception as error:
            raise in_one_sentence(error, shown, alone=True) from error


@contextmanager
def telling_where(shown: str | None) -> Iterator[None]:
    """Let the block call a user's code, which `shown` names if there is some.

    Raises what it raises, and that in one sentence, see `in_one_sentence`, where it is raised in code of the user's.
    """
    try:
        yield
    except Exception as error:
        if shown is None or not at(error):
            raise
        raise in_one_sentence(error, shown, alone=True) from error


def in_one_sentence(error: Exception, shown: str, *, alone: bool = False) -> HpsearchError:
    """Return what to say of an error in a user's code, which `shown` names: our own errors as they are.

    `alone` is as in `blame.hint_for`.
    """
    if isinstance(error, HpsearchError):
        return error
    full = ends_search(error)
    if full is not None:
        return full
    return BadInput(f"{shown} failed{at(error)}: {describe(error)}", hint=hint_for(error, alone=alone))


def at(error: BaseException) -> str:
    """Return ` in FILE, line N`, where the innermost line of a user's own code is known; else nothing."""
    if isinstance(error, SyntaxError) and error.filename:
        return f" in {shortest(error.filename)}, line {error.lineno}"
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if is_users(frame.filename)]
    return f" in {shortest(own[-1].filename)}, line {own[-1].lineno}" if own else ""


def shortest(filename: str) -> str:
    """Return a path from the current folder, where the file lies below it."""
    path = Path(filename)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


@contextmanager
def waiting_for(what: str, say: Callable[[str], None]) -> Iterator[None]:
    """Say once what is waited for, if the block takes longer than `WAIT_S`."""
    timer = threading.Timer(WAIT_S, say, [f"waiting for {what}: {WAIT_S:g} s so far"])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def stdout_on_stderr() -> Iterator[None]:
    """Send what is written to stdout in the block to stderr: by Python, by libraries in C, by processes."""
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    with redirect_stdout(sys.stderr), descriptor_on(2):
        yield


@contextmanager
def descriptor_on(there: int) -> Iterator[None]:
    """Let descriptor 1 be another one in the block; a program without these has nothing to send elsewhere."""
    try:
        kept = os.dup(1)
    except OSError:
        yield
        return
    try:
        with suppress(OSError):
            os.dup2(there, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
