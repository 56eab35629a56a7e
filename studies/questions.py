"""What a store answers: studies, trials, the best one. `store.py` is the rest of it, and what changes anything."""

from __future__ import annotations

from collections.abc import Collection

from . import statements as sql
from . import transactions as step
from .database import Database
from .errors import StudyNotFound, TrialNotFound
from .front import choice_of, chosen, wanted
from .records import Failure, Model, Phase, Study, StudySummary, Trial, TrialState, Tried


class Questions(Database):
    """The half of a `StudyStore` that only reads."""

    def study(self, name: str) -> Study:
        """Return the study of that name. Raises `StudyNotFound`, with the nearest name."""
        found = self._read(sql.study_by_name(name))
        if not found:
            raise StudyNotFound(name, (row["name"] for row in self._read(sql.study_names())))
        return Study.from_row(found[0])

    def studies(self) -> list[StudySummary]:
        """Return every study with its counts, oldest first."""
        return [StudySummary.from_row(row) for row in self._read(sql.summaries())]

    def optuna_keys(self) -> dict[str, int]:
        """Return the keys that Optuna's studies have in this store, by their names."""
        return {row["study_name"]: row["study_id"] for row in self._read(sql.optuna_keys())}

    def summary(self, study_id: int) -> StudySummary:
        """Return one study with its counts. Raises `StudyNotFound`."""
        query = sql.summaries().where(sql.studies.c.study_id == study_id)
        return StudySummary.from_row(step.only(self._read(query)))

    def trials(self, study_id: int) -> list[Trial]:
        """Return the trials of a study in the order of their numbers."""
        return [Trial.from_row(row) for row in self._read(sql.trials_of(study_id))]

    def trials_from(self, study_id: int, number: int, count: int) -> list[Trial]:
        """Return the first `count` trials of a study with this number or a later one, in the order of their numbers."""
        return [Trial.from_row(row) for row in self._read(sql.trials_from(study_id, number, count))]

    def trial(self, study_id: int, number: int) -> Trial:
        """Return one trial. Raises `TrialNotFound`."""
        found = self._read(sql.trial_by_number(study_id, number)) if 0 <= number < 2**31 else []
        if not found:
            raise TrialNotFound(f"the study has no trial {number}", hint="`hpsearch trials STUDY` lists them")
        return Trial.from_row(found[0])

    def best(self, study_id: int) -> Trial | None:
        """Return the best complete trial among those that saw the most data; None before there is one.

        Where finals were run with several seeds, it is the winner's first, and its mean was the best. Of equal ones it
        is the first. In a study that all of its objectives steer it is what the user's rule chooses from the front,
        and None where there is no rule. Raises `StudyNotFound`.
        """
        study = self._study_of(study_id)
        if choice_of(study) is not None:
            return chosen(study, self.trials(study_id))
        numbers = self.ranking(study_id, study.direction, 1)
        found = self._read(sql.trial_by_number(study_id, numbers[0])) if numbers else []
        return Trial.from_row(found[0]) if found else None

    def ranking(self, study_id: int, direction: str, count: int) -> list[int]:
        """Return the numbers of the `count` best complete trials, one for each configuration and fraction.

        In a study that all of its objectives steer these are the winner, if there is one, what it is compared with on
        all the data, and the front.
        """
        study = self._study_of(study_id)
        if choice_of(study) is None:
            return [row["number"] for row in self._read(sql.standing(study_id, direction).limit(count))]
        trials = self.trials(study_id)
        first = [found] if (found := chosen(study, trials)) else []
        finals = [one for one in trials if one.phase is Phase.FINAL and one.state is TrialState.COMPLETE]
        return list(dict.fromkeys(one.number for one in [*first, *finals, *wanted(study, trials)]))[:count]

    def _study_of(self, study_id: int) -> Study:
        return Study.from_row(step.only(self._read(sql.study_by_id(study_id))))

    def running(self, study_id: int) -> list[Trial]:
        """Return the trials that are running, whoever runs them."""
        return [Trial.from_row(row) for row in self._read(sql.live_trials(study_id))]

    def ended_since(self, study_id: int, moment: str) -> list[Trial]:
        """Return the trials that ended at `moment` (as in `Trial.finished_at`) or later, in the order of their ends."""
        return [Trial.from_row(row) for row in self._read(sql.ended_since(study_id, moment))]

    def finished_among(self, study_id: int, numbers: Collection[int]) -> set[int]:
        """Return those of `numbers` whose trials have ended."""
        return {row["number"] for row in self._read(sql.finished_numbers(study_id, numbers))}

    def untold(self, study_id: int) -> list[Trial]:
        """Return the trials that have ended here and not in Optuna's tables."""
        return [Trial.from_row(row) for row in self._read(sql.untold(study_id))]

    def failed_with(self, study_id: int, failure: Failure) -> list[Trial]:
        """Return the trials that failed in one way."""
        return [Trial.from_row(row) for row in self._read(sql.failed_with(study_id, failure))]

    def tried(self, study_id: int) -> list[Tried]:
        """Return every configuration of the study that a trial was given, in the order of the trials' numbers."""
        return [Tried.from_row(row) for row in self._read(sql.configurations(study_id))]

    def consecutive_failures(self, study_id: int, since: str = "") -> int:
        """Return how many trials failed since the last one that ended well, and since a moment (ISO text)."""
        return int(self._read(sql.failures_in_a_row(study_id, since))[0]["failures"])

    def models(self, study_id: int) -> list[Model]:
        """Return the models of a study, oldest first."""
        return [Model.from_row(row) for row in self._read(sql.models_of(study_id))]
