"""Batches of prepared examples: padded to the longest of the batch."""

from __future__ import annotations

from typing import Any

from transformers import DataCollatorWithPadding

from .together import GROUP

#: Columns of a prepared data set that are about an example and not part of it.
NOTES = frozenset({"length", GROUP})


class TaskCollator(DataCollatorWithPadding):
    """Pads a batch and drops the columns that no model takes.

    They are dropped here and not by the Trainer, which would drop the lengths before its sampler could group by them
    and then read every example again to count its tokens.
    """

    def __call__(self, features: list[dict[str, Any]]) -> Any:
        """Return tensors of shape (batch, longest)."""
        return super().__call__([{k: v for k, v in one.items() if k not in NOTES} for one in features])
