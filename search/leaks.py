"""Rows of one part of the data whose like is in another: what was learnt by heart, and is no measure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Leaks:
    """What the validation part has in common with the training part, and the groups that splits keep together."""

    rows: int = 0  #: of the validation part; 0 where there is none
    same_text: int = 0  #: of these, whose text is in the training part
    other_label: int = 0  #: of these, which have a label there that none of the rows with that text has
    same_group: int = 0  #: rows of the validation part whose group is in the training part
    column: str | None = None  #: of the groups
    groups: int = 0  #: in the training part
    largest: int = 0  #: rows of the largest one
    torn: int = 0  #: texts that are of several groups which are not kept together

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> Leaks:
        """Return what `dataclasses.asdict` wrote."""
        return cls(**written)

    @property
    def words(self) -> dict[str, str]:
        """Return what is told, by what it is about."""
        return {"also in train": self._shared(none="none"), "groups": self._groups()}

    @property
    def remark(self) -> str:
        """Return what to think of before a score is believed; nothing where there is nothing in common."""
        shared = self._shared(none="")
        return shared and f"{shared}: they are kept, and scores on that part are too good by them"

    def _shared(self, *, none: str) -> str:
        of = f"of {self.rows} rows of the validation part"
        told = []
        if self.same_text:
            other = f", {self.other_label} of them with another label" if self.other_label else ""
            told.append(f"{self.same_text} {of} have a text of the training part{other}")
        if self.same_group:
            told.append(f"{self.same_group} {of} have a {self.column!r} of the training part")
        return "; ".join(told) or (none if self.rows else "")

    def _groups(self) -> str:
        if self.column is None:
            return ""
        torn = f"; {self.torn} {'text is' if self.torn == 1 else 'texts are'} in several of them" if self.torn else ""
        return f"{self.groups} in column {self.column!r}, at most {self.largest} rows each, kept together{torn}"
