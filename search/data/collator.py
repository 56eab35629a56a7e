"""Batches of prepared examples: padded to the longest of the batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from transformers import DataCollatorWithPadding

from ..label_sets import STRATUM
from .together import GROUP

#: Columns of a prepared data set that are about an example and not part of it.
NOTES = frozenset({"length", STRATUM, GROUP})


@dataclass
class TaskCollator(DataCollatorWithPadding):
    """Pads a batch and drops the columns that no model takes.

    They are dropped here and not by the Trainer, which would drop the lengths before its sampler could group by them
    and then read every example again to count its tokens.
    """

    several: int = 0  #: of how many labels a row has several; 0 where it has one

    def __call__(self, features: list[dict[str, Any]]) -> Any:
        """Return tensors of shape (batch, longest); several labels are 0.0 and 1.0, of shape (batch, labels)."""
        batch = super().__call__([{k: v for k, v in one.items() if k not in NOTES} for one in features])
        if self.several:
            import torch

            batch["labels"] = (batch["labels"].unsqueeze(1) >> torch.arange(self.several) & 1).float()
        return batch
