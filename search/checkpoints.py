"""Which checkpoints of a study stay on the disk: the best ones, and one that was the best until just now."""

from __future__ import annotations

from dataclasses import dataclass

from ..studies.records import Study
from ..studies.store import StudyStore
from .paths import StudyPaths


@dataclass(frozen=True, kw_only=True)
class CheckpointKeeper:
    """Keeps a study's folder small while any number of workers write to it."""

    store: StudyStore
    study: Study
    paths: StudyPaths
    keep: int = 1  #: checkpoints to keep

    def tidy(self, just_finished: int | None = None) -> None:
        """Remove the checkpoints of finished trials that are not among the best.

        What was among the best until `just_finished` stays until the next time: somebody may be loading it. Folders are
        listed before the store is asked, so that a trial which ends meanwhile is not taken for a bad one.
        """
        numbers = self.paths.trials()
        finished = self.store.finished_among(self.study.study_id, numbers)
        ranking = self.store.ranking(self.study.study_id, self.study.direction, self.keep + 1)
        wanted = set(ranking[: self.keep])
        if just_finished in wanted:
            wanted |= set(ranking[self.keep :])  # pushed out by it
        for number in finished - wanted:
            self.paths.drop_trial(number)
