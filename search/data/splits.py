"""The parts of the data a trial and a retraining see, whoever provides them.

`prepared` provides them for the command line; `GivenSplits` for a Trainer that a programmer made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..label_sets import STRATUM
from .prepared import bins, subset_indices
from .streams import has_length, is_stream
from .together import GROUP, codes_of, kept_together, same_text

#: Of whole numbers kept as floats, such as ratings; more of them are counts, or years.
MOST_CLASSES = 20
#: What a column of labels may be called.
LABELS = ("labels", "label", "label_ids")


class Splits(NamedTuple):
    """Data sets; in Python, where the Trainer can do with that, they may be streams or dicts of data sets."""

    train: Any  #: what a trial learns from
    selection: Any  #: what a trial is scored on
    report: Any | None  #: what only the winner is scored on
    full_train: Any  #: what a retraining learns from


class SplitSource(Protocol):
    """Gives the splits for the `data.*` values of a configuration."""

    def splits(self, data: dict[str, Any]) -> Splits:
        """Return whole splits, not a subset."""


class GivenSplits:
    """The data sets of a Trainer as its maker gave them, with a `report` split of the user's, or none.

    With a `report_seed` it is half of what the Trainer evaluates on, drawn, stratified where there are labels.
    """

    def __init__(self, train: Any, evaluation: Any, *, report: Any = None, report_seed: int | None = None) -> None:
        selection, half = (evaluation, report) if report_seed is None else halves(evaluation, report_seed)
        self.whole, self.given = evaluation, Splits(train, selection, half, train)

    def without_report(self) -> GivenSplits:
        """Return the same with nothing kept for the report."""
        return GivenSplits(self.given.train, self.whole)

    def splits(self, data: dict[str, Any]) -> Splits:
        """Return them; no `data.*` value can change them, which `spaces.binding` has checked."""
        return self.given


def halves(dataset: Any, seed: int) -> tuple[Any, Any]:
    """Return two halves of a data set, drawn with `seed`, stratified where it has labels.

    Rows of `datasets` with the same tokens or texts are in one half, unless all rows of a class have the same.
    """
    labels, numbers = labels_of(dataset), is_continuous(labels_of(dataset))
    drawn = subset_indices(labels if labels is not None else len(dataset), 0.5, seed, regression=numbers)
    out = np.isin(np.arange(len(dataset)), drawn)
    units = codes_of(keys) if (keys := row_texts(dataset)) is not None else np.arange(len(dataset))
    strata = np.zeros(len(out)) if labels is None else bins(np.asarray(labels)) if numbers else codes_of(labels)
    together = kept_together(out, units, strata, seed)
    out = together if together.any() else out
    return rows_of(dataset, np.flatnonzero(~out).tolist()), rows_of(dataset, np.flatnonzero(out).tolist())


def row_texts(dataset: Any) -> list[str] | None:
    """Return what is read of each row, as it is compared: its tokens, or else its texts; None where nobody knows.

    Numbers and names of classes are not read, nor is what a transform makes when a row is asked for.
    """
    features = getattr(dataset, "features", None) or {}
    columns = [name for name in features if name.endswith("input_ids")]
    columns = columns or [name for name, feature in features.items() if name not in LABELS and _is_text(feature)]
    if not columns:
        return None
    bare = dataset.with_format(None).select_columns(columns)
    return [repr(tuple(same_text(one) if isinstance(one, str) else one for one in row.values())) for row in bare]


def _is_text(feature: Any) -> bool:
    """Return whether a column holds text and nothing else: plain, or in lists and messages."""
    if isinstance(feature, dict):
        return bool(feature) and all(map(_is_text, feature.values()))
    inner = getattr(feature, "feature", None)
    return _is_text(inner) if inner is not None else getattr(feature, "dtype", None) in ("string", "large_string")


def rows_of(dataset: Any, rows: Sequence[int]) -> Any:
    """Return rows of a data set, by number."""
    if hasattr(dataset, "select"):
        return dataset.select(rows)
    from torch.utils.data import Subset

    return Subset(dataset, rows)


def at_fraction(dataset: Any, fraction: float, seed: int) -> Any:
    """Return the nested, stratified, seeded subset of `dataset`, in whole groups; the whole set itself at fraction 1.

    Of a stream it is the stream: how much of it is read is a matter of steps, see `Configuration.arguments`.
    """
    if isinstance(dataset, dict):  # the form of several data sets, a `DatasetDict` among them, is kept
        return type(dataset)({name: at_fraction(part, fraction, seed) for name, part in dataset.items()})
    if fraction >= 1 or is_stream(dataset):
        return dataset
    labels = labels_of(dataset)
    indices = subset_indices(
        labels if labels is not None else len(dataset),
        fraction,
        seed,
        regression=is_continuous(labels),
        groups=groups_of(dataset),
    )
    return rows_of(dataset, indices)


def groups_of(dataset: Any) -> list[int] | None:
    """Return one group a row of a task's prepared data; None where it has no groups, as that of a Trainer's maker."""
    return list(dataset[GROUP]) if GROUP in (getattr(dataset, "column_names", None) or []) else None


def splits_at(source: SplitSource, data: dict[str, Any], fraction: float, seed: int) -> Splits:
    """Return the splits with the training part at a fraction; `seed` is the study's.

    The subset depends on it alone: all trials of a rung learn from the same rows.
    """
    whole = source.splits(data)
    return whole._replace(train=at_fraction(whole.train, fraction, seed))


def row_count(dataset: Any) -> int | None:
    """Return the rows of a data set, or of all in a dict of them; None where nobody knows."""
    if isinstance(dataset, dict):
        counts = [row_count(part) for part in dataset.values()]
        return None if None in counts else sum(count or 0 for count in counts)
    return len(dataset) if has_length(dataset) else None


def labels_of(dataset: Any) -> list[Any] | None:
    """Return one label a row, or None where the data set has no plain column of them.

    A label that is a list is no class: one of each token, or several numbers to predict.
    """
    columns = getattr(dataset, "column_names", None) or []
    name = next((name for name in (STRATUM, *LABELS) if name in columns), None)
    if name is None:
        return None
    bare = dataset.with_format(None) if hasattr(dataset, "with_format") else dataset  # else they may be tensors
    labels = list(bare[name])
    plain = all(isinstance(label, int | float | str | bool) for label in labels[:100])
    return labels if plain else None


def is_continuous(labels: Sequence[Any] | None) -> bool:
    """Return whether labels are numbers to predict rather than classes: not whole, or too many to be names."""
    numbers = {label for label in labels or () if isinstance(label, float)}
    return len(numbers) > MOST_CLASSES or any(not number.is_integer() for number in numbers)
