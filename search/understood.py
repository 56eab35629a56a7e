"""What was understood of a task's data, as it is kept with the study and said: before a search, in `show` and reports.

A guess may be right, and still nobody must have to guess what it was. The record is made in `data.understanding`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .leaks import Leaks
from .tasks import CLASSES, IMBALANCED, IMBALANCED_OBJECTIVE, NUMBERS, SEVERAL

#: Class names that are shown where there are more: the first and the last few.
FIRST, LAST = 5, 2
LONGEST_NAME = 40
#: Accuracy of a default that the smallest gain is told for, before anything is trained, unless one class has more.
USUAL_ACCURACY = 0.8
#: Recall of a default on the rarest class, likewise: where a gain is hardest to tell.
USUAL_RECALL = 0.5


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """Tokens a row of the training part, special ones included, before they are cut."""

    median: int
    most: int  #: of 95 % of the rows
    cut: int  #: rows that are cut
    rows: int
    max_length: int  #: where they are cut
    sampled: bool = False  #: whether `cut` is from a sample of the long rows

    @property
    def words(self) -> str:
        """Return them in a line."""
        about = "about " if self.sampled else ""
        cut = f"{about}{self.cut} of {self.rows} rows are cut" if self.cut else "no row is cut"
        more = " or more" if self.most >= self.max_length and self.sampled else ""
        return f"{self.median} (median), {self.most}{more} (95% of the rows have no more); {cut} at {self.max_length}"


@dataclass(frozen=True, kw_only=True)
class Understood:
    """The kind of a task, its labels in the training part, its rows and their texts."""

    kind: str  #: "classes", "numbers" or "several"
    classes: tuple[tuple[str, int], ...] = ()  #: names in the order of their ids, with rows of the training part
    report: tuple[int, ...] = ()  #: rows of each class in the report split, in the same order
    without: int | None = None  #: of several labels a row: rows of the training part that have none
    several: int | None = None  #: likewise, those that have more than one
    low: float | None = None  #: the least and the largest number to predict
    high: float | None = None
    positive_label: str | None = None  #: of two classes the one that F1 is of
    positive_said: bool = False  #: whether somebody said so: the user, or the benchmark of a built-in task
    rows: Mapping[str, int]  #: of each split
    tokens: Tokens
    repeated: int = 0  #: rows of the training part whose text stands in an earlier row of it
    contradicted: int = 0  #: texts of the training part that have several labels
    leaks: Leaks = field(default_factory=Leaks)
    remarks: tuple[str, ...] = ()  #: what was decided while the data was read

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {**dataclasses.asdict(self), "largest_share": self.largest_share}

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> Understood:
        """Return what `to_json` wrote."""
        values = {name: value for name, value in written.items() if name != "largest_share"}
        values["classes"] = tuple((str(name), int(count)) for name, count in written["classes"])
        values["report"], values["remarks"] = tuple(written["report"]), tuple(written["remarks"])
        return cls(**{**values, "tokens": Tokens(**written["tokens"]), "leaks": Leaks.from_json(written["leaks"])})

    @property
    def largest(self) -> tuple[str, int] | None:
        """The class with the most rows of the training part, and how many they are."""
        if self.kind != CLASSES:
            return None
        return max(self.classes, key=lambda one: one[1], default=None)

    @property
    def largest_share(self) -> float | None:
        """The share of its rows, which is the accuracy of whoever always says it; None for numbers."""
        return self.largest and self.largest[1] / sum(count for _, count in self.classes)

    def words(self) -> dict[str, str]:
        """Return what is said, by what it is about."""
        return {name: told for name, told in self._all_words().items() if told}

    def _all_words(self) -> dict[str, str]:
        texts = f"{count_of(self.repeated, 'row has', 'rows have')} the text of an earlier one, and stay with it"
        which = "different" if self.kind == SEVERAL else "several"
        several = f"; {count_of(self.contradicted, 'text has', 'texts have')} {which} labels"
        return {
            "labels": self._labels(),
            "largest class": self._largest(),
            "F1 is of": self._positive(),
            "tokens a row": self.tokens.words,
            "repeated texts": f"{texts if self.repeated else 'none'}{several if self.contradicted else ''}",
            **self.leaks.words,
        }

    def _labels(self) -> str:
        if self.kind == NUMBERS:
            return f"numbers to predict, from {self.low:g} to {self.high:g}"
        shown = [f"{shortened(name)} {count}" for name, count in self.classes]
        if len(shown) > FIRST + LAST + 1:
            shown = [*shown[:FIRST], "...", *shown[-LAST:]]
        if self.kind == SEVERAL:
            rows = f"{count_of(self.several or 0, 'row has', 'rows have')} several, {self.without} none"
            return f"{len(self.classes)} labels, any number a row: {', '.join(shown)}; {rows}"
        return f"{len(self.classes)} classes: {', '.join(shown)}"

    def _largest(self) -> str:
        if self.largest is None or self.largest_share is None:
            return ""
        return f"{shortened(self.largest[0])}, {self.largest_share:.1%} of the rows: the accuracy of always saying it"

    def _positive(self) -> str:
        if self.kind != CLASSES:
            return ""
        if self.positive_label is None:
            return "all classes, their mean" if len(self.classes) > 2 else ""
        name = shortened(self.positive_label)
        if self.positive_said:
            return name
        rarer = len({count for _, count in self.classes}) > 1
        return f"{name}, {'the rarer class' if rarer else 'the second of two equal ones'} (--positive-label NAME)"

    def sentences(self) -> list[str]:
        """Return it in a few lines for the start of a search."""
        told = self.words()
        parts = ("largest class", "F1 is of")
        about = "; ".join(f"{name}: {told[name]}" for name in parts if name in told)
        rows = ", ".join(f"{name} {count}" for name, count in self.rows.items())
        texts = f"; repeated texts: {told['repeated texts']}" if self.repeated or self.contradicted else ""
        texts += f"; groups: {told['groups']}" if "groups" in told else ""
        labels = [f"labels: {told['labels']}", *([about] if about else [])]
        return [*labels, f"rows: {rows}; tokens a row: {told['tokens a row']}{texts}"]

    def least_gain(self, objective: str) -> str:
        """Return how small a gain could be told from noise in the end; nothing without a report split or classes.

        Where nearly all rows are of one class the rows of the rarest one count, for other metrics than accuracy.
        """
        rows, share = sum(self.report), self.largest_share
        if not rows or share is None:
            return ""
        from .verdict.statistics import detectable_difference

        rate, each = max(USUAL_ACCURACY, share), ", each taken as independent" if self.leaks.column else ""
        told = f"{points(detectable_difference(rate, rows))} of accuracy, over a default at {rate:.1%}"
        if share < IMBALANCED or objective == "eval_accuracy":
            return f"{told} (in 4 of 5 searches, {rows} rows{each})"
        fewest, name = min(zip(self.report, (name for name, _ in self.classes), strict=True))
        least = points(detectable_difference(USUAL_RECALL, fewest)) if fewest else "none"
        told = f"{least} of the recall of {shortened(name)}, over a default at 50%"
        return f"{told} (in 4 of 5 searches, {fewest} rows{each})"

    def imbalance(self, objective: str, *, said: bool) -> str | None:
        """Return what to think of an objective, which somebody has `said`, where nearly all rows are of one class."""
        if self.largest is None or self.largest_share is None or self.largest_share < IMBALANCED:
            return None
        of = f"{self.largest_share:.1%} of the rows are {shortened(self.largest[0])!r}"
        if objective == f"eval_{IMBALANCED_OBJECTIVE}" and not said:
            return f"the objective is {IMBALANCED_OBJECTIVE}: {of}, and who always says so has that accuracy"
        return f"{of}: who always says so has that accuracy" if objective == "eval_accuracy" else None


def count_of(count: int, one: str, several: str) -> str:
    """Return a number before its noun and verb."""
    return f"{count} {one if count == 1 else several}"


def points(gain: float) -> str:
    """Return a gain of a share in points; an infinite one is none."""
    return "none" if gain == math.inf else f"{100 * gain:.1f} points"


def shortened(name: str) -> str:
    """Return the name of a class, its beginning where it is long."""
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def understood_in(notes: Mapping[str, Any]) -> Understood | None:
    """Return what a study's notes say; None for a Trainer of the user's own, and for what is none of ours."""
    written = notes.get("understood")
    try:
        return Understood.from_json(written) if isinstance(written, Mapping) else None
    except (TypeError, KeyError, ValueError):
        return None


def sentences_in(notes: Mapping[str, Any]) -> Sequence[str]:
    """Return what is said of it at the start of a search."""
    found = understood_in(notes)
    return [] if found is None else found.sentences()
