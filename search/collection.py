"""Python's garbage collection, which libraries call for between trials."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def quick_collection() -> Iterator[None]:
    """Keep what is imported out of garbage collection.

    Each trial collects three times (transformers and accelerate do), at a quarter of a second each with all of their
    modules in memory: for short trials that is a sixth of the time.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
