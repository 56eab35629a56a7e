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
    torn = np.flatnonzero((inside > 0) & (inside < sizes))
    if not len(torn) and out.sum() == wanted.total():
        return out
    counts = _counts(units, classes)
    whole = (inside == sizes) & (sizes > 0)
    held = Counter(classes[whole[units]].tolist())
    spare = len(counts) - left - int(whole.sum())
    for unit in np.random.RandomState(seed % 2**32).permutation(torn):
        rows = counts[unit]
        change = sum(n * (2 * (held[c] - wanted[c]) + n) / max(wanted[c], 1) for c, n in rows.items())
        if change < 0 and spare > 0:
            whole[unit], spare = True, spare - 1
            held.update(rows)
    _give_each_class(whole, held, counts, Counter(classes.tolist()), spare)
    return np.asarray(whole[units], dtype=bool)


def _counts(units: Codes, classes: NDArray[Any]) -> dict[int, Counter[Any]]:
    """Return the rows of each class in each unit."""
    counts: dict[int, Counter[Any]] = {}
    for unit, one in zip(units.tolist(), classes.tolist(), strict=True):
        counts.setdefault(unit, Counter())[one] += 1
    return counts


def _give_each_class(
    whole: NDArray[np.bool_], held: Counter[Any], counts: dict[int, Counter[Any]], sizes: Counter[Any], spare: int
) -> None:
    """Move the smallest units to and fro until each class of several units is on both sides; changes `whole`.

    No more than `spare` units are cut out.
    """
    having: dict[Any, list[int]] = {}
    for unit in sorted(counts, key=lambda one: (counts[one].total(), one)):
        for one in counts[unit]:
            having.setdefault(one, []).append(unit)

    def stays(unit: int) -> bool:
        """Whether each class of a unit has another one that is kept."""
        return all(any(not whole[other] and other != unit for other in having[one]) for one in counts[unit])

    for one in sorted(having, key=lambda name: sizes[name]):
        for unit in having[one]:
            if held[one] >= min(2, sizes[one] // 2):
                break
            if spare > 0 and not whole[unit] and stays(unit):
                whole[unit], spare = True, spare - 1
                held.update(counts[unit])
    for theirs in having.values():
        if all(whole[unit] for unit in theirs):
            whole[theirs[0]] = False
            held.subtract(counts[theirs[0]])
