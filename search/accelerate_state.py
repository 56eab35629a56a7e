"""Accelerate's process-wide state, which belongs to the Trainer that is in use."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from accelerate.state import AcceleratorState, GradientState, PartialState


@contextlib.contextmanager
def accelerate_state_kept() -> Iterator[None]:
    """Leave accelerate's process-wide state as it was found: every `TrainingArguments` made here resets it."""
    kinds = (PartialState, AcceleratorState, GradientState)
    before = [dict(kind._shared_state) for kind in kinds]
    try:
        yield
    finally:
        for kind, state in zip(kinds, before, strict=True):
            kind._shared_state.clear()
            kind._shared_state.update(state)
