"""What is known of one study: what the notes, the pictures and the other files of the dashboard are made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from ...studies.plain import mapping_of
from ...studies.records import Model, Study, StudySummary, Trial
from ...studies.store import StudyStore
from ..talk import as_typed, store_flag


@dataclass(frozen=True)
class Facts:
    """What is known of a study."""

    summary: StudySummary
    trials: Sequence[Trial]
    best: Trial | None
    models: Sequence[Model]
    store_url: str

    @classmethod
    def of(cls, store: StudyStore, summary: StudySummary, trials: Sequence[Trial]) -> Self:
        """Return what the store knows of a study whose `trials` were read already."""
        key = summary.study.study_id
        return cls(summary, trials, store.best(key), store.models(key), store.url)

    @property
    def study(self) -> Study:
        """The study itself."""
        return self.summary.study

    @property
    def identity(self) -> Mapping[str, Any]:
        """The problem that the study stands for."""
        return self.study.spec.get("identity", {})

    @property
    def notes(self) -> Mapping[str, Any]:
        """What was written down beside it; releases before the first wrote a word."""
        return mapping_of(self.study.spec.get("notes"))

    def command(self, words: str) -> str:
        """Return a command on this study, as it is typed."""
        return f"hpsearch {words}{store_flag(self.store_url)} {as_typed(self.study.name)}"
