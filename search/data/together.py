"""Rows that must not be torn apart: those with the same text, and those of one group (`--group-column`).

What a model has seen of a row says something about another row with the same text, or of the same user or document. A
split with one of them on each side scores what was learnt by heart.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: The column of the groups, as numbers, in loaded and in prepared data; no data set of a user's own has one so named.
GROUP = "hpsearch_group"
#: The largest share of the rows that texts may join into one: "ok", which every user says, must not make one of all.
MOST_JOINED = 0.5

Codes = NDArray[np.int64]  #: one number a row; rows of the same number belong together


def same_text(text: str) -> str:
    """Return a text as it is compared: in Unicode's form NFC, without white space around it."""
    return (text if text.isascii() else unicodedata.normalize("NFC", text)).strip()


def text_keys(rows: Any) -> Iterator[tuple[str, ...]]:
    """Yield the text of each row of loaded data as it is compared, both of a pair."""
    columns = [rows[name][:] for name in ("text_a", "text_b") if name in rows.column_names]
    return zip(*(map(same_text, column) for column in columns), strict=True)


def codes_of(keys: Iterator[Any] | Sequence[Any]) -> Codes:
    """Return keys as numbers from 0, in the order in which they come first."""
    known: dict[Any, int] = {}
    return np.array([known.setdefault(key, len(known)) for key in keys], dtype=np.int64)


def units_of(rows: Any) -> Codes:
    """Return which rows of loaded data stay together: those of a group, if there are groups, and of one text.

    Where the texts would join more than half of the rows that no group joins, the groups alone count: `torn_texts`.
    """
    texts = codes_of(text_keys(rows))
    if GROUP not in rows.column_names:
        return texts
    groups = np.asarray(rows[GROUP][:], dtype=np.int64)
    joined = _joined(groups, texts)
    most = max(MOST_JOINED * len(groups), np.bincount(groups).max(initial=0))
    return groups if np.bincount(joined).max(initial=0) > most else joined


def _joined(groups: Codes, texts: Codes) -> Codes:
    """Return the components of the rows where a common group and a common text are both a bond."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    first = int(groups.max()) + 1
    size = first + int(texts.max()) + 1
    bonds = coo_array((np.ones(len(groups), dtype=np.int8), (groups, first + texts)), shape=(size, size))
    return np.asarray(connected_components(bonds, directed=False)[1][groups], dtype=np.int64)


def torn_texts(rows: Any) -> int:
    """Return how many texts of loaded data stand in several units, which only groups can do."""
    if GROUP not in rows.column_names:
        return 0
    pairs = {(text, int(unit)) for text, unit in zip(text_keys(rows), units_of(rows), strict=True)}
    return sum(units > 1 for units in Counter(text for text, _ in pairs).values())


def kept_together(
    out: NDArray[np.bool_],
    units: Codes,
    classes: NDArray[Any],
    seed: int,
    *,
    wanted: Counter[Any] | None = None,
    left: int = 1,
) -> NDArray[np.bool_]:
    """Return which rows to cut out so that no unit is torn, as near as can be to a cut of rows `out`.

    Where `out` tears none, and has the rows of each class that are `wanted` (by default its own), it is `out`. Else
    each torn unit, in an order drawn with `seed`, goes to the side that brings these rows nearer, as in chi-square;
    then each class of two units and more gets one on each side, two rows cut out if it has four and more. A class of
    one unit is kept. At least `left` units are kept.
    """
    wanted = Counter(classes[out].tolist()) if wanted is None else wanted
    inside, sizes = np.bincount(units, weights=out), np.bincount(units)
    torn = (inside > 0) & (inside < sizes)
    if not torn.any() and out.sum() == wanted.total():
        return out
    whole = (inside == sizes) & (sizes > 0)
    held = Counter(classes[whole[units]].tolist())
    counts = _counts(units, classes, torn)
    spare = int((sizes > 0).sum()) - left - int(whole.sum())
    for unit in np.random.RandomState(seed % 2**32).permutation(np.flatnonzero(torn)):
        rows = counts[unit]
        change = sum(n * (2 * (held[c] - wanted[c]) + n) / max(wanted[c], 1) for c, n in rows.items())
        if change < 0 and spare > 0:
            whole[unit], spare = True, spare - 1
            held.update(rows)
    _give_each_class(whole, units, classes, spare)
    return np.asarray(whole[units], dtype=bool)


def _counts(units: Codes, classes: NDArray[Any], which: NDArray[np.bool_]) -> dict[int, Counter[Any]]:
    """Return the rows of each class in each unit of those that are wanted."""
    counts: dict[int, Counter[Any]] = {}
    rows = np.flatnonzero(which[units])
    for unit, one in zip(units[rows].tolist(), classes[rows].tolist(), strict=True):
        counts.setdefault(unit, Counter())[one] += 1
    return counts


def _give_each_class(whole: NDArray[np.bool_], units: Codes, classes: NDArray[Any], spare: int) -> None:
    """Move the smallest units to and fro until each class of several units is on both sides; changes `whole`.

    No more than `spare` units are cut out.
    """
    sizes, codes = np.bincount(units), np.unique(classes, return_inverse=True)[1]
    by_class = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])

    def having(one: int) -> list[int]:
        """Return the units with rows of a class, the smallest first."""
        return sorted(set(units[by_class[one]].tolist()), key=lambda unit: (sizes[unit], unit))

    def stays(unit: int) -> bool:
        """Whether each class of a unit has rows of another one that is kept."""
        theirs = (units[by_class[one]] for one in set(codes[units == unit].tolist()))
        return all(bool((~whole[other] & (other != unit)).any()) for other in theirs)

    for one in sorted(range(len(by_class)), key=lambda one: len(by_class[one])):
        wanted = min(2, len(by_class[one]) // 2)
        if whole[units[by_class[one]]].sum() >= wanted:
            continue
        for unit in having(one):
            if spare > 0 and not whole[unit] and stays(unit):
                whole[unit], spare = True, spare - 1
            if whole[units[by_class[one]]].sum() >= wanted:
                break
    for one in range(len(by_class)):
        if whole[units[by_class[one]]].all():
            whole[having(one)[0]] = False
