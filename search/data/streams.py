"""Data sets that can only be read from their beginning: the `IterableDataset` of `datasets`, and that of torch.

A training on a stream is as long as `max_steps` says. A subset of a stream is its beginning, as far as that share of
the steps reads: nested as all subsets are, the same for all trials, and not stratified.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from ...spaces.errors import BadInput

#: Rows of a stream by which it is known: those that come first, as reading all of it may take a day or for ever.
FIRST_ROWS = 100


def is_stream(dataset: Any) -> bool:
    """Return whether a data set cannot be asked for its rows by number."""
    from torch.utils.data import IterableDataset

    return isinstance(dataset, IterableDataset) or not has_length(dataset)


def has_length(dataset: Any) -> bool:
    """Return whether a data set knows how many rows it has."""
    try:
        len(dataset)
    except (TypeError, NotImplementedError, AttributeError):
        return False
    return True


def first_rows(stream: Any, count: int) -> list[Any]:
    """Return the first rows of a stream, as a training begins with them."""
    if hasattr(stream, "set_epoch"):
        stream.set_epoch(0)  # a training leaves it at its last epoch, and rows are shuffled by it
    return list(islice(iter(stream), count))


@contextmanager
def seeded() -> Iterator[None]:
    """Let what is drawn at random in the block be the same every time, and what is drawn after it as without it."""
    import numpy as np
    import torch

    before = random.getstate(), np.random.get_state(), torch.random.get_rng_state()
    random.seed(0)
    np.random.seed(0)
    torch.random.default_generator.manual_seed(0)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
        torch.random.set_rng_state(before[2])


def steps_at(max_steps: int, fraction: float) -> int:
    """Return the steps of a training on a share of a stream, at least one."""
    return max(1, round(fraction * max_steps)) if fraction < 1 else max_steps


def check_share(max_steps: int, fraction: float) -> None:
    """Raise `BadInput` for a share of a stream that cannot be taken: without steps to count, or of less than one."""
    if fraction >= 1:
        return
    if max_steps <= 0:
        raise BadInput(
            "the train_dataset is a stream, and a subset of it is a share of max_steps, which are not given",
            hint="give TrainingArguments(max_steps=...), or leave the subset out",
        )
    if fraction * max_steps < 1:
        raise BadInput(
            f"a subset of {fraction:g} of max_steps={max_steps} is less than one step",
            hint=f"a subset of at least {1 / max_steps:.3g}",
        )


def share_words(max_steps: int, fraction: float) -> str:
    """Return in one line what a subset of a stream is."""
    return (
        f"the train_dataset is a stream: a subset of {fraction:g} is its beginning, what the first "
        f"{steps_at(max_steps, fraction)} of {max_steps} steps read, and not stratified"
    )
