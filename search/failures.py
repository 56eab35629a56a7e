"""What an exception in a trial means: a failure of that trial, with a class, or the end of the search."""

from __future__ import annotations

import errno
import re
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..spaces.errors import HpsearchError
from ..studies.errors import StoreFailed
from ..studies.records import Failure, Study, Trial, TrialState
from .errors import DiskFull, NonFiniteScore, SearchFailed, TrialTimedOut
from .redaction import redacted
from .talk import as_typed

OUT_OF_MEMORY = re.compile(r"out of memory|can't allocate memory|cannot allocate memory|alloc_cpu", re.IGNORECASE)
DISK_FULL = re.compile(r"no space left on device|disk is full|disk quota exceeded", re.IGNORECASE)
#: Files whose frames say that an example could not be read, tokenised or batched.
DATA_FRAMES = re.compile(r"[/\\](datasets|tokenizers)[/\\]|data_collator\.py|torch[/\\]utils[/\\]data[/\\]")
OURS = {NonFiniteScore: Failure.NAN, TrialTimedOut: Failure.TIMEOUT}
OUT_OF_RANGE = re.compile(r"Target \d+ is out of bounds|index out of range in self|Assertion .* failed", re.IGNORECASE)


def search_failed(study: Study, count: int, trials: Iterable[Trial], log: Path) -> SearchFailed:
    """Return what ends a search whose last `count` trials all failed."""
    failed = [one for one in trials if one.state is TrialState.FAILED]
    last = max(failed, key=lambda one: one.finished_at or "")
    return SearchFailed(
        f"{count} trials in a row failed, the last one ({last.failure}) with: {last.failure_message}",
        hint=f"`hpsearch trials {as_typed(study.name)}` lists them, the details are in {log}",
    )


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield `error` and what it was raised from."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def ends_search(error: BaseException) -> HpsearchError | None:
    """Return what the user should be told if `error` leaves no sense in another trial, else None.

    A full disk or a store that refuses ends the search: every further trial would fail for the same reason, and none
    of them is to blame.
    """
    for one in causes(error):
        if isinstance(one, StoreFailed):
            return one
        full = isinstance(one, OSError) and one.errno in (errno.ENOSPC, errno.EDQUOT)
        if full or DISK_FULL.search(str(one)):
            return DiskFull(
                f"the disk is full: {first_line(one)}",
                hint="free some room and run the same command again: the study continues where it stopped",
            )
    return None


def classify(error: BaseException) -> Failure:
    """Return the class of a trial's failure."""
    for one in causes(error):
        known = next((failure for kind, failure in OURS.items() if isinstance(one, kind)), None)
        if known is not None:
            return known
        if isinstance(one, MemoryError) or OUT_OF_MEMORY.search(str(one)):
            return Failure.OOM
        if OUT_OF_RANGE.search(str(one)) or _in_data(one):
            return Failure.DATA
    return Failure.CODE


def describe(error: BaseException) -> str:
    """Return one line for the store and the screen: class and first line of the message, at most 300 characters.

    Without secrets, which code that fails may well say.
    """
    said = redacted(first_line(error))
    text = type(error).__name__ if said == type(error).__name__ else f"{type(error).__name__}: {said}"
    return "".join(char if char.isprintable() else " " for char in text)[:300]


def first_line(error: BaseException) -> str:
    """Return the first line of the message, or the class where there is none."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _in_data(error: BaseException) -> bool:
    frames = traceback.extract_tb(error.__traceback__)
    return any(DATA_FRAMES.search(frame.filename) for frame in frames[-8:])
