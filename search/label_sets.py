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


def best_threshold(probabilities: NDArray[Any], flags: NDArray[Any]) -> float:
    """Return from which probability on a label is given: that of the best F1 over all labels together, or 0.5.

    One for all labels: one for each would be chosen by the few rows of a rare label, and fit these alone (Lipton et
    al., ECML PKDD 2014). Both arrays are of rows x labels.
    """
    true = np.asarray(flags) > 0
    if int(true.sum()) < FEWEST_SET:
        return THRESHOLDS[0]
    return max(THRESHOLDS, key=lambda one: _f1(probabilities >= one, true))


def _f1(told: NDArray[np.bool_], true: NDArray[np.bool_]) -> float:
    set_in_either = int(told.sum()) + int(true.sum())
    return 2 * int((told & true).sum()) / set_in_either if set_in_either else 0.0


def probabilities_of(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Return the probability of each label, one by one."""
    from scipy.special import expit

    return np.asarray(expit(logits.astype(np.float64)))
