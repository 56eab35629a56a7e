"""Optuna's storage as a sampler that steers by all objectives of a study sees it; handed to it in the storage's place.

Optuna's study in the database has one direction, that of the first objective, so that plain `optuna.load_study` and
optuna-dashboard go on working with it, and of a study that is steered so one learns nothing from it that is wrong.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Container, Iterable, Sequence
from typing import Any

from optuna.study import Study as OptunaStudy
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from .objective import Objective
from .records import Trial

#: Optuna's attribute of a trial with its generation, in which it looks for parents.
GENERATION = "NSGAIISampler:generation"


class SeveralStorage:
    """The storage of a study, but for two things; whatever a sampler keeps in it is kept in the storage itself.

    - The study has the directions of all its objectives, and a complete trial its number of each. One that lacks a
      number looks like one that was pruned before it reported, which samplers rank last.
    - A trial that no sampler has proposed, such as the baseline, is of the first generation.
    """

    def __init__(self, storage: Any, objectives: Sequence[Objective], rows: Callable[[], Iterable[Trial]]) -> None:
        self._inner = storage
        self._objectives = objectives
        self._rows = rows  #: reads the trials of our study

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        """Return the directions of all objectives, the first one first."""
        return [StudyDirection[one.direction.upper()] for one in self._objectives]

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """Return the trials as `BaseStorage` does, with the exceptions above."""
        found = self._inner.get_all_trials(study_id, deepcopy=deepcopy)
        ours = {one.number: one for one in self._rows()}  # read later: who is complete there is complete here
        seen = [self._seen(one, ours.get(one.number)) if one.state is TrialState.COMPLETE else one for one in found]
        return [one for one in seen if states is None or one.state in states]

    def _seen(self, trial: FrozenTrial, ours: Trial | None) -> FrozenTrial:
        seen = copy.copy(trial)
        values = [None if ours is None else one.value(ours) for one in self._objectives]
        if None in values:
            seen.state, seen.values, seen.intermediate_values = TrialState.PRUNED, None, {}
            return seen
        seen.values = values
        seen.system_attrs = {GENERATION: 0, **trial.system_attrs}
        return seen


def with_several(study: OptunaStudy, objectives: Sequence[Objective], rows: Callable[[], Iterable[Trial]]) -> Any:
    """Return Optuna's study as a sampler that steers by all `objectives` sees it; `rows` reads our trials of it."""
    return OptunaStudy(study.study_name, SeveralStorage(study._storage, objectives, rows))
