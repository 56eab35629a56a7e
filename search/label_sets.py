"""The labels of a row where it has several, as one whole number: bit i is label i, so that a row has one value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Bits of a whole number in numpy, without its sign.
MOST_LABELS = 62
#: The column that rows of several labels are stratified by.
STRATUM = "hpsearch_stratum"
#: Thresholds that are tried: 0.5 first, which stays where no other is better.
THRESHOLDS = (0.5, *(round(0.05 * step, 2) for step in range(1, 20) if step != 10))
#: Rows times labels that are set; of fewer a threshold is as good as drawn at random.
FEWEST_SET = 10


def encoded(flags: ArrayLike) -> NDArray[np.int64]:
    """Return a number for each row of an array (rows x labels) of true and false, or 1 and 0."""
    array = np.asarray(flags)
    return np.asarray((array > 0).astype(np.int64) @ (np.int64(1) << np.arange(array.shape[1], dtype=np.int64)))


def decoded(codes: ArrayLike, labels: int) -> NDArray[np.bool_]:
    """Return which of so many labels each row has, as an array of rows x labels."""
    bits = np.arange(labels, dtype=np.int64)
    return np.asarray(((np.asarray(codes, dtype=np.int64)[:, None] >> bits) & 1).astype(bool))


def names_in(code: int, labels: Sequence[str]) -> list[str]:
    """Return the names of a row's labels, in their order."""
    return [name for place, name in enumerate(labels) if code >> place & 1]


def strata(codes: ArrayLike, labels: int) -> NDArray[np.intp]:
    """Return of each row the label of it that the fewest rows have, and `labels` where it has none.

    Rows are stratified by these: each label keeps its share as far as its rarest rows go. (Iterative stratification,
    Sechidis et al., ECML PKDD 2011, begins with the rarest label for the same reason; it draws no nested subsets.)
    """
    flags = decoded(codes, labels)
    rows = flags.sum(axis=0)
    rarity = np.where(flags, rows, len(flags) + 1)
    return np.where(flags.any(axis=1), rarity.argmin(axis=1), labels)


def best_threshold(probabilities: NDArray[Any], flags: NDArray[Any], metric: str = "f1_micro") -> float:
    """Return from which probability on a label is given: that of the best `metric`, or 0.5.

    One for all labels: one for each would be chosen by the few rows of a rare label, and fit these alone (Lipton et
    al., ECML PKDD 2014). Both arrays are of rows x labels. What is none of the metrics of a task is `f1_micro`.
    """
    true = np.asarray(flags) > 0
    if int(true.sum()) < FEWEST_SET:
        return THRESHOLDS[0]
    score = _SCORES.get(metric, _f1_micro)
    return max(THRESHOLDS, key=lambda one: score(probabilities >= one, true))


def _f1_micro(told: NDArray[np.bool_], true: NDArray[np.bool_]) -> float:
    return _f1_macro(told.reshape(-1, 1), true.reshape(-1, 1))


def _f1_macro(told: NDArray[np.bool_], true: NDArray[np.bool_]) -> float:
    both, either = (told & true).sum(axis=0), told.sum(axis=0) + true.sum(axis=0)
    return float(np.mean(2 * both / np.maximum(either, 1)))


def _all_right(told: NDArray[np.bool_], true: NDArray[np.bool_]) -> float:
    return float((told == true).all(axis=1).mean())


_SCORES = {"f1_micro": _f1_micro, "f1_macro": _f1_macro, "subset_accuracy": _all_right}


def probabilities_of(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Return the probability of each label, one by one."""
    from scipy.special import expit

    return np.asarray(expit(logits.astype(np.float64)))
