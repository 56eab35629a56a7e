"""What a trial finds in the caches of `datasets`: what its own class would make of the same rows, and nothing else.

Rows that a class draws at random in its constructor are one training's: found by another, they would be other rows than
its own seed draws, and the numbers drawn after them would depend on whether they were found. What is computed with a
model, and kept beside the prepared rows (trl's reference models), would be found by trials with other batches.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from .generators import GeneratorStates


@contextmanager
def drawn_rows_forgotten() -> Iterator[None]:
    """Let nobody find again what a `map` or a `filter` in the block made with random numbers.

    What other processes draw (`num_proc`) is not seen.
    """
    from datasets import Dataset

    with ExitStack() as stack:
        for name in ("map", "filter"):
            plain = getattr(Dataset, name)
            setattr(Dataset, name, forgetting(plain))
            stack.callback(setattr, Dataset, name, plain)
        yield


def forgetting(plain: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method of `Dataset` whose result is found again only if nothing was drawn for it."""
    from datasets.fingerprint import fingerprint_rng

    @functools.wraps(plain)
    def method(rows: Any, *args: Any, **named: Any) -> Any:
        before, names = GeneratorStates.now(), fingerprint_rng.getstate()
        found = plain(rows, *args, **named)
        if before.are_now() and names == fingerprint_rng.getstate():
            return found
        return forgotten(found, rows)  # or it was named at random, for want of a hash, and is not found anyway

    return method


def forgotten(found: Any, rows: Any) -> Any:
    """Return a result without its files, but for those of the `rows` that it was made of."""
    from datasets.fingerprint import generate_random_fingerprint

    kept = {one["filename"] for one in rows.cache_files}
    alone = without_files(found)
    alone._fingerprint = generate_random_fingerprint()  # it has that of other rows
    for file in {one["filename"] for one in found.cache_files} - kept:
        with suppress(FileNotFoundError):
            Path(file).unlink()  # what is open stays readable
    return alone


def without_files(given: Any) -> Any:
    """Return a data set of `datasets`, or a dict of them, as if it were in memory: nothing is kept beside its files."""
    from datasets import Dataset
    from datasets.table import InMemoryTable

    if isinstance(given, dict):
        return type(given)({name: without_files(part) for name, part in given.items()})
    if not isinstance(given, Dataset) or not given.cache_files:
        return given
    alone = copy.copy(given)
    alone._data = InMemoryTable(given.data.table)
    alone._indices = None if given._indices is None else InMemoryTable(given._indices.table)
    return alone
