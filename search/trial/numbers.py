"""The numbers among what an evaluation returns: a score by class, a confusion matrix or a text is none."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
import torch


def number_of(value: Any) -> float | None:
    """Return a number, of Python, numpy or torch, as one of Python; None for what is none, or several."""
    if isinstance(value, np.ndarray | torch.Tensor) and value.ndim == 0:
        value = value.item()
    return float(value) if isinstance(value, Real) else None


def plain_numbers(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the numbers among `values`, whole ones as they are."""
    found = {name: (value, number_of(value)) for name, value in values.items()}
    return {
        name: value if type(value) in (int, float) else number
        for name, (value, number) in found.items()
        if number is not None
    }
