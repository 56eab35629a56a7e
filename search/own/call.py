"""A user's function that makes a Trainer, called with care: what it raises, prints and waits for.

How the function is found by its name is `factory`, how a script is imported `script`.
"""

from __future__ import annotations

import os
import re
import sys
import sysconfig
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path
from typing import Any

from ...spaces.errors import BadInput, HpsearchError
from ..failures import describe, ends_search
from ..talk import tell

#: Seconds after which it is said what is being waited for.
WAIT_S = 5.0
#: Where code lies that is nobody's own: installed libraries, Python's own, this package's layers.
LIBRARIES = tuple(
    f"{folder}{os.sep}"
    for folder in (
        *(sysconfig.get_path(name) for name in ("purelib", "platlib", "stdlib", "platstdlib")),
        *(str(Path(__file__).parents[2] / layer) for layer in ("spaces", "studies", "search")),
    )
)
NO_DEVICE = re.compile(r"\b(cuda|nvidia|gpu|mps|xpu|hip)\b", re.IGNORECASE)


def built_by(make: Callable[[], Any], shown: str, say: Callable[[str], None] = tell) -> Any:
    """Return the Trainer that a user's function makes; raises as `called`, and `BadInput` if it makes no Trainer."""
    from transformers import Trainer

    made = called(make, shown, "which makes the Trainer", say)
    if not isinstance(made, Trainer):
        what = made.__name__ if isinstance(made, type) else type(made).__name__
        raise BadInput(
            f"{shown} returned {'nothing' if made is None else f'a {what}'}, not a transformers.Trainer",
            hint="does it end with `return trainer`?",
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
                hint="code that is imported reads no command line and leaves sys.exit() to others",
            ) from ended
        except Exception as error:
            raise in_one_sentence(error, shown) from error


def in_one_sentence(error: Exception, shown: str) -> HpsearchError:
    """Return what to say of an error in a user's code, which `shown` names: our own errors as they are."""
    if isinstance(error, HpsearchError):
        return error
    full = ends_search(error)
    if full is not None:
        return full
    said = describe(error)
    hint = "it fails in the same way without hpsearch: call it in a program of your own"
    if NO_DEVICE.search(said):
        hint = "is there such a device on this machine? leave it to the Trainer, which takes what is there"
    return BadInput(f"{shown} failed{at(error)}: {said}", hint=hint)


def at(error: BaseException) -> str:
    """Return ` in FILE, line N`, where the innermost line of a user's own code is known; else nothing."""
    if isinstance(error, SyntaxError) and error.filename:
        return f" in {shortest(error.filename)}, line {error.lineno}"
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if is_users(frame.filename)]
    return f" in {shortest(own[-1].filename)}, line {own[-1].lineno}" if own else ""


def is_users(filename: str) -> bool:
    """Return whether a file is neither a library's nor ours; `<string>` and the like are no files."""
    installed = {"site-packages", "dist-packages"} & set(Path(filename).parts)
    return not filename.startswith(("<", *LIBRARIES)) and not installed


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
    with redirect_stdout(sys.stderr), _descriptor_on(2):
        yield


@contextmanager
def _descriptor_on(there: int) -> Iterator[None]:
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
