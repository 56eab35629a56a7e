"""The command line: parse, call one function, return its exit code. Data goes to stdout, talk to stderr.

Exit codes: 0 done, 1 failed, 2 bad usage or bad input, 3 not found, 130 interrupted. What can be typed is
`command.app`.
"""

from __future__ import annotations

import os
import sys

import typer

from ..spaces.errors import BadInput, HpsearchError
from .allocator import keep_freed_memory
from .command.app import app
from .command.complaint import complain, in_our_words, is_help
from .interrupts import remember_interrupts
from .options import STORE_ENV


def main(argv: list[str] | None = None) -> int:
    """Run a command line; return its exit code."""
    _set_up_environment()
    command = typer.main.get_command(app)
    try:
        code = command.main(args=argv, prog_name="hpsearch", standalone_mode=False)
    except HpsearchError as error:
        return complain(error)
    except Exception as error:
        if is_help(error):
            error.show()  # type: ignore[attr-defined]
            return BadInput.exit_code
        told = in_our_words(error)
        if told is None:
            raise
        return complain(told)
    return code if isinstance(code, int) else 0


def _set_up_environment() -> None:
    # Tokenizers warn about their threads when a process forks, which data loading does.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # transformers writes to stdout, which belongs to data, that wandb is `offline`; by its older name it is that, too.
    if os.environ.get("WANDB_MODE") == "offline":
        os.environ["WANDB_MODE"] = "dryrun"


def entry() -> None:
    """Run the command line of this process."""
    hide_password(sys.argv)
    keep_freed_memory()
    remember_interrupts()
    sys.exit(main())


def hide_password(argv: list[str]) -> None:
    """Begin anew with the store's URL in the environment if it was typed with a password.

    The words of a command can be read by every user of a machine, for as long as it runs; its environment cannot.
    """
    from ..studies.url import safe_url

    for place, word in enumerate(argv):
        flag, equals, value = word.partition("=")
        url = value if equals else "".join(argv[place + 1 : place + 2])
        if flag == "--store" and url and safe_url(url) != url:
            before = sys.orig_argv[: len(sys.orig_argv) - len(argv) + 1]  # Python, its options and the script
            words = [*argv[1:place], *argv[place + (1 if equals else 2) :]]
            os.execve(sys.executable, [*before, *words], {**os.environ, STORE_ENV: url})  # noqa: S606 - no shell
