"""What to do about an error in a user's code, as far as its cause is known: who else had a part in it."""

from __future__ import annotations

import inspect
import itertools
import os
import re
import sysconfig
import traceback
from pathlib import Path
from typing import Any

from ..failures import causes, describe
from ..workers.processes import is_worker

#: This package's own code.
PACKAGE = Path(__file__).parents[2]
OURS = (str(PACKAGE / "__init__.py"), *(f"{PACKAGE / layer}{os.sep}" for layer in ("spaces", "studies", "search")))
#: Files of ours that a user's call of a constructor goes through and that have no part in what it does.
ONLOOKERS = (f"making{os.sep}watch.py", f"making{os.sep}arguments_hook.py")
#: Where code lies that is not a user's own: installed libraries, Python's own, this package's.
LIBRARIES = (
    *(f"{sysconfig.get_path(name)}{os.sep}" for name in ("purelib", "platlib", "stdlib", "platstdlib")),
    *OURS,
)
#: What of ours hands the `model.*` values of a trial, a mapping, to a user's function.
MODEL_INITS = ("FreshModel.__call__", "OwnModelInit.__call__")
#: How libraries say that a device is not there; they say other things of one that is full, or that fails.
NO_DEVICE = re.compile(
    r"\bno (nvidia driver|(cuda|hip|xpu)( gpus|-capable)|gpu)\b|not (compiled|linked) with .*\b(cuda|mps|xpu)\b"
    r"|invalid device ordinal|is_available\(\) is False|requires? (a gpu|cuda)\b|support bf16/gpu"
    r"|\b(cuda|gpu|mps|xpu) is (required|needed|not available)",
    re.IGNORECASE,
)
LEAVE_DEVICE = "is there such a device on this machine? leave it to the Trainer, which takes what is there"
COMMAND_LINE = "code that is imported reads no command line: leave that to the part below `if __name__ == '__main__'`"
#: Files of what reads command lines, which end a program with exit code 2 where they do not understand one.
PARSERS = re.compile(r"[/\\](argparse\.py|optparse\.py|(click|typer|fire|absl|tyro|docopt)[/\\])")
ALONE = "nothing of hpsearch's was on the way to it: to look closer, run it without hpsearch"
IN_WORKER = (
    "it worked where the search began: a worker imports the module by itself, without what your program did before"
)


def hint_for(error: Exception, *, alone: bool) -> str | None:
    """Return what to do about an error in a user's code; None where its cause is not known.

    `alone` says that the code was called by itself, see `is_alone`, and not in an evaluation or a training of ours.
    """
    if NO_DEVICE.search(describe(error)):
        return LEAVE_DEVICE
    if not (alone and is_alone(error)):
        return None
    if isinstance(error, IndexError) and "argv" in (last_line(error) or ""):
        return COMMAND_LINE
    return IN_WORKER if is_worker() else ALONE


def is_usage_error(ended: SystemExit) -> bool:
    """Return whether a program was ended by what reads its command line, and did not understand that."""
    frames = traceback.extract_tb(ended.__traceback__)
    return ended.code == 2 and any(PARSERS.search(frame.filename) for frame in frames)


def is_alone(error: BaseException) -> bool:
    """Return whether nothing of ours had a part in an error: it was raised in a user's code, which had called nothing
    of ours and had been handed nothing by us.
    """
    if isinstance(error, SyntaxError) and is_users(error.filename or "<>"):
        return True
    paths = [[frame.filename for frame in traceback.extract_tb(one.__traceback__)] for one in causes(error)]
    below = [list(itertools.dropwhile(lambda file: not is_users(file), path)) for path in paths]
    calls_ours = any(file.startswith(OURS) and not file.endswith(ONLOOKERS) for path in below for file in path)
    return bool(below[0]) and not calls_ours and not handed(error)


def handed(error: BaseException) -> list[Any]:
    """Return the arguments that a user's `model_init` got from us, if an error was raised in it."""
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    if any(frame.f_code.co_qualname in MODEL_INITS for frame in frames):
        for frame in frames:  # those below it
            if is_users(frame.f_code.co_filename):
                names, more, _, values = inspect.getargvalues(frame)
                return [*(values[name] for name in names), *(values[more] if more else ())]
    return []


def last_line(error: BaseException) -> str | None:
    """Return the innermost line of a user's own code that an error went through."""
    lines = [frame.line for frame in traceback.extract_tb(error.__traceback__) if is_users(frame.filename)]
    return lines[-1] if lines else None


def is_users(filename: str) -> bool:
    """Return whether a file is neither a library's nor ours; `<string>` and the like are no files."""
    installed = {"site-packages", "dist-packages"} & set(Path(filename).parts)
    return not filename.startswith(("<", *LIBRARIES)) and not installed
