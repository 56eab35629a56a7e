"""How much better one model is than another by any function of rows: the metric of a Trainer that is not ours.

Simulated (`tests/benchmarks/coverage.py`), an interval of 95 % covers in 95.5 % or more, where other bootstraps fall to
90 or 76 %. Less, of 30 to 60 rows: in 94 % of losses that are far more skewed for one model than for the other, and of
a class that three rows have; in 78 % where a fifth of such samples has none of the losses that count. Of few seeds that
vary much more than rows it covers in 90 % (two) or 94 % (three). Rows must be independent, or else
groups of them, such as those of one document.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import NoComparison
from .statistics import Comparison, rows_by_group, student_comparison

Rows = NDArray[np.intp]  #: row numbers, some more than once
ScoreRows = Callable[[Rows], float]  #: a model's score on these rows, the same in whatever order they come
Pairs = Sequence[tuple[ScoreRows, ScoreRows]]  #: the better and the worse model, seed by seed

CALLS = 1000  # of a metric that takes 0.05 s, not a minute; of a cheap one a second
FEWEST = 40  # resamples and parts, with however many seeds
UNDEFINED = 0.25  # of the resamples; a class that one row has is missing from 37 %, one of two rows from 14 %


def paired_rows(
    better: Sequence[ScoreRows],
    worse: Sequence[ScoreRows],
    rows: int,
    *,
    seed: int,
    level: float = 0.95,
    calls: int = CALLS,
    groups: Sequence[int] | None = None,
) -> Comparison:
    """Compare two models, each trained with the same S >= 1 seeds, on the same n >= 2 rows, numbered from 0.

    For scores that are a function of rows and nothing else is known of them: of logits, of labels of tokens, F1, a
    correlation, a median; higher is better. The difference is the mean over the seeds of better - worse on all rows.
    The variance of the rows is that of a bootstrap that draws the same rows for all models (Efron & Tibshirani, 1993),
    times n / (n - 1); that of the seeds is added, as in `paired_difference`. The interval is Student's, which the few
    resamples that a slow metric allows bear better than quantiles (Hesterberg, American Statistician 2015), wider at
    both ends by the most that one row adds, as there. Scores are computed about `calls` times; up to half of them are
    of all rows but one, or but one of as many random groups. With 240 calls the interval is hardly wider.

    With `groups`, one a row, whole groups are drawn and left out, and they are what is counted (Davison & Hinkley,
    Bootstrap Methods and their Application, 1997, section 3.8).

    A resample on which a score is not finite or raises `ValueError` or `ArithmeticError` is drawn again. Raises
    `NoComparison` if that happens to more than a quarter of them or without some row; for a score of all rows that is
    not finite; for no seed, and for less than two rows; `ValueError` for other than two models over the same seeds.
    """
    pairs = list(zip(better, worse, strict=True))
    if not pairs or rows < 2:
        raise NoComparison(
            f"two models need a seed and two rows to be compared, got {len(pairs)} seeds and {rows} rows"
        )
    draw, differences = np.random.default_rng(seed), _differences(pairs, np.arange(rows))
    each = max(calls // (2 * len(pairs)), FEWEST)
    blocks = None if groups is None else rows_by_group(groups, seed, most=rows)
    count = rows if blocks is None else len(blocks)
    drawn_parts = np.array_split(draw.permutation(count), min(count, each // 2))
    parts = drawn_parts if blocks is None else [np.concatenate([blocks[one] for one in part]) for part in drawn_parts]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a metric may warn of a class that is missing, here a hundred times
        most = max(_effect(pairs, differences, one, rows) for one in parts)
        resampled = _resampled(pairs, rows, each - len(parts), draw, blocks)
    of_rows = float(resampled.var(ddof=1)) * count / (count - 1)
    freedom = 1 / (1 / (count - 1) + 1 / (len(resampled) - 1))
    return student_comparison(differences, of_rows, freedom, most=most, rows=rows, level=level)


def _differences(pairs: Pairs, chosen: Rows) -> NDArray[np.float64]:
    """Return how much better the better model is on the rows, seed by seed. Raises `NoComparison` if that is no number.

    What a score itself raises is not caught.
    """
    found = np.array([[better(chosen), worse(chosen)] for better, worse in pairs], dtype=np.float64)
    if not np.isfinite(found).all():
        raise NoComparison(f"the score of {len(chosen)} rows is not a finite number: {found[~np.isfinite(found)][0]}")
    return np.asarray(found[:, 0] - found[:, 1])


def _effect(pairs: Pairs, differences: NDArray[np.float64], part: Rows, rows: int) -> float:
    """Return what a group of rows adds to the difference: what changes without it, times the share of rows left."""
    left = np.delete(np.arange(rows), part)
    try:
        without = _differences(pairs, left)
    except (ValueError, ArithmeticError) as error:
        raise NoComparison(
            f"{rows} rows are too few: without {len(part)} of them there is no score ({error})"
        ) from error
    return float(abs((differences - without).mean())) * len(left) / rows


def _resampled(
    pairs: Pairs, rows: int, count: int, draw: np.random.Generator, blocks: Sequence[Rows] | None
) -> NDArray[np.float64]:
    """Return the mean difference over the seeds on resamples of all rows, or of blocks of them."""
    found: list[float] = []
    undefined = 0
    while len(found) < count:
        try:
            found.append(float(_differences(pairs, _sample(rows, draw, blocks)).mean()))
        except (ValueError, ArithmeticError) as error:
            undefined += 1
            if undefined * (1 - UNDEFINED) > count * UNDEFINED:
                raise NoComparison(f"{rows} rows are too few: many samples of them have no score ({error})") from error
    return np.array(found)


def _sample(rows: int, draw: np.random.Generator, blocks: Sequence[Rows] | None) -> Rows:
    """Return as many rows as there are, or blocks, with replacement."""
    if blocks is None:
        return draw.integers(0, rows, rows)
    return np.concatenate([blocks[one] for one in draw.integers(0, len(blocks), len(blocks))])
