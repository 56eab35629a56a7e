"""Where the chatter of transformers, datasets, optuna and Python's warnings goes: a log file, not the screen."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

#: Libraries that print through handlers of their own.
LIBRARIES = (
    "transformers",
    "datasets",
    "optuna",
    "accelerate",
    "evaluate",
    "torch",
    "alembic",
    "huggingface_hub",
    "ray",
    "mlflow",
    "setfit",
    "hpsearch",
)


class LogFile(logging.FileHandler):
    """A log whose loss ends nothing and prints nothing: on a full disk its lines are left out."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Leave the line out, where the standard handler would print a traceback to the screen."""

    def close(self) -> None:
        """Close the file, also where its last lines find no room."""
        with suppress(OSError):
            super().close()


@contextmanager
def chatter_to(log: Path, *, also_stderr: bool = False) -> Iterator[None]:
    """Send log records and warnings to the file `log` (and to stderr) and show no progress bars of libraries."""
    handlers: list[logging.Handler] = [LogFile(log, encoding="utf-8", delay=True)]
    if also_stderr:
        handlers.append(logging.StreamHandler(sys.stderr))
    for handler in handlers:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    with ExitStack() as stack:
        stack.enter_context(_bars_off())
        for logger in _loggers():
            stack.enter_context(_only_to(logger, handlers))
        stack.enter_context(warnings.catch_warnings())
        logging.captureWarnings(True)
        stack.callback(logging.captureWarnings, False)
        try:
            yield
        finally:
            for handler in handlers:
                handler.close()


def _loggers() -> list[logging.Logger]:
    """Return the libraries' loggers, and those below them that write by themselves."""
    import torch  # noqa: F401 - gives its loggers their handlers when it is imported, so that has to come first

    parents = tuple(f"{name}." for name in LIBRARIES)
    below = [
        logger
        for name, logger in logging.root.manager.loggerDict.items()
        if name.startswith(parents) and isinstance(logger, logging.Logger) and logger.handlers
    ]
    return [*map(logging.getLogger, (*LIBRARIES, "py.warnings")), *below]


@contextmanager
def _only_to(logger: logging.Logger, handlers: list[logging.Handler]) -> Iterator[None]:
    """Let `logger` write to `handlers` alone, at level INFO."""
    before = (logger.handlers[:], logger.propagate, logger.level)
    logger.handlers, logger.propagate = handlers[:], False
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.handlers, logger.propagate = before[0], before[1]
        logger.setLevel(before[2])


@contextmanager
def _bars_off() -> Iterator[None]:
    import datasets
    from transformers.utils import logging as transformers_logging

    datasets_on = not datasets.are_progress_bars_disabled()
    models_on = transformers_logging.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        if datasets_on:
            datasets.enable_progress_bars()
        if models_on:
            transformers_logging.enable_progress_bar()


def write_to_log(log: Path) -> None:
    """Send what anything writes to stdout or stderr to the file `log`: the terminal is another process's."""
    log.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (1, 2):
        os.dup2(file, stream)
    os.close(file)


@contextmanager
def chatter_away() -> Iterator[None]:
    """Silence the libraries where there is no study yet whose log could take their chatter."""
    with tempfile.TemporaryDirectory() as folder, chatter_to(Path(folder) / "log.txt"):
        yield
