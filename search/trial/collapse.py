"""Notices a model that predicts the same for every row: its score is the constant predictor's, whatever was learned."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

#: Rows that the one prediction must be wrong for: of fewer, a model that has learned something may miss them all.
WRONG_ROWS = 10


def has_collapsed(predictions: Any, labels: Any) -> bool:
    """Return whether every row has the same prediction, and that is wrong for ten rows or more.

    Predictions are logits (rows x classes), class numbers or numbers (rows, or rows x 1), alone or first in a tuple
    where nothing else has such a form; labels one a row. False for anything else: several labels a row, tokens, and a
    custom model's embeddings beside its logits, which could be taken for these.
    """
    first = predictions
    if isinstance(predictions, tuple):
        one_a_row = [one for one in predictions if _are_numbers(one) and one.ndim in (1, 2)]
        if len(one_a_row) != 1 or one_a_row[0] is not predictions[0]:
            return False
        first = predictions[0]
    if not (_are_numbers(first) and _are_numbers(labels)):
        return False
    if first.ndim == 2 and first.shape[1]:
        first = first.argmax(axis=1) if first.shape[1] > 1 else first[:, 0]
    if first.ndim != 1 or labels.shape != first.shape or not len(first):
        return False
    return bool(np.all(first == first[0])) and int((labels != first[0]).sum()) >= WRONG_ROWS


def _are_numbers(values: Any) -> bool:
    """An array of objects is a ragged one, or holds words."""
    return isinstance(values, np.ndarray) and values.dtype.kind in "biuf"


def watching(compute_metrics: Callable[..., Any] | None, tell: Callable[[bool], None]) -> Callable[..., Any] | None:
    """Return `compute_metrics` that also tells, before it computes, whether the model has collapsed."""
    if compute_metrics is None:
        return None

    def watched(prediction: Any, *args: Any, **named: Any) -> Any:
        # What a user's own evaluation hands over need be no `EvalPrediction`.
        tell(has_collapsed(getattr(prediction, "predictions", None), getattr(prediction, "label_ids", None)))
        return compute_metrics(prediction, *args, **named)

    return watched
