"""What the next trial of a study tries: the baseline, configurations of other studies, the user's priors, what deserves
another try, a draw.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...spaces.space import Space
from ...studies.errors import ConfigurationTaken
from ...studies.identity import fingerprint
from ...studies.objective import Objective
from ...studies.records import Phase, Trial
from ...studies.several_storage import with_several
from ...studies.store import StudyStore
from ..memory import ran_out_of_memory, to_try_again
from .around_prior import AroundPrior
from .belief import Belief, turn
from .priors import Prior
from .proposals import DRAWS, Proposals, Wanted, left
from .samplers import grid, make_sampler, seed_of
from .steering import steers_by_all

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


@dataclass(frozen=True, kw_only=True)
class Chooser:
    """Chooses the configurations of a study's trials; the store is its only memory."""

    space: Space
    sampler: str
    seed: int
    baseline: Mapping[str, Any]
    store: StudyStore
    study_id: int
    own_sampler: BaseSampler | None = None  #: the user's, in the place of the one of that name
    priors: Sequence[Prior] = ()  #: configurations of other studies, the most promising first
    objectives: Sequence[Objective] = ()  #: all of the study, which some samplers steer by

    def proposals(self, trial: Trial) -> Proposals:
        """Return the sampler of one claimed trial.

        Its seed depends on the trial's place among those of the search: what was promoted before it takes numbers, too,
        and would change what a search that is continued proposes.
        """
        summary, is_grid = self.store.summary(self.study_id), self.sampler == "grid"
        place = trial.number - summary.later
        belief = self.belief(place, summary.study.direction) if trial.params is None else None
        return Proposals(
            space=self.space,
            seed=self.seed,
            make=lambda draw: self.make(place, draw, belief),
            first=self.first(trial.number, belief),
            draws=0 if is_grid else DRAWS,
            before=trial.params,
            seen=self.seen,
            reserve=lambda wanted: self.reserve(trial, wanted),
        )

    def belief(self, place: int, direction: str) -> Belief | None:
        """Return the user's belief, where a trial at that place has a turn of it and it holds."""
        belief, which = Belief(self.space), turn(place, len(self.priors))
        if not self.space.priors or not which:
            return None
        return belief if which == 1 or belief.holds(self.store.tried(self.study_id), direction) else None

    def make(self, place: int, draw: int, belief: Belief | None) -> BaseSampler:
        """Return the sampler for a draw; the first half of a belief's draws are around its priors."""
        sampler = self.own_sampler or make_sampler(self.sampler, study_seed=self.seed, number=place, draw=draw)
        if belief is None or draw >= DRAWS // 2:
            return sampler
        return AroundPrior(belief, sampler, seed_of(self.seed, place, draw))

    def seen(self, study: Any) -> Any:
        """Return Optuna's study as the sampler is to see it: with all objectives, where it steers by them."""
        if not steers_by_all(self.sampler):
            return study
        return with_several(study, self.objectives, lambda: self.store.trials(self.study_id))

    def first(self, number: int, belief: Belief | None = None) -> list[Wanted]:
        """Return what trial `number` tries before anything is drawn, if nobody has it."""
        if number == 0:
            return [Wanted(dict(self.baseline))]
        known = [one for one in self.priors if self.space.contains(one.params)] if number <= len(self.priors) else []
        first = [Wanted(self.space.resolve(one.params), prior=one.study) for one in known]
        first += [] if belief is None else [Wanted(belief.exact(self.baseline))]
        first += self.again()
        return first + (self.points() if self.sampler == "grid" else [])

    def again(self) -> list[Wanted]:
        """Return what ran out of memory and nobody has tried again since."""
        too_large = ran_out_of_memory(self.store, self.study_id)
        newest = {fingerprint(one.params): one.number for one in self.store.tried(self.study_id)} if too_large else {}
        searched = [one for one in too_large if one.phase is Phase.SEARCH]
        return to_try_again([one for one in searched if newest.get(fingerprint(one.params or {})) == one.number])

    def points(self) -> list[Wanted]:
        """Return the points of the grid."""
        return [Wanted(self.space.resolve(point)) for point in grid(self.space, self.seed)]

    def reserve(self, trial: Trial, wanted: Wanted) -> bool:
        """Return whether the trial has this configuration now, and no other trial has."""
        values, replicate, prior = wanted
        if not replicate and self.space.size() is not None and self.was_tried(trial, values):
            return False  # by an imported one: these hold no reservation
        try:
            self.store.reserve(trial.trial_id, values, replicate=replicate, prior=prior, worker=trial.worker)
        except ConfigurationTaken:
            return False
        return True

    def was_tried(self, trial: Trial, values: Mapping[str, Any]) -> bool:
        """Return whether another trial had this configuration."""
        return any(one.params == values and one.number != trial.number for one in self.store.tried(self.study_id))

    def exhausted(self) -> str | None:
        """Return how it is said that nothing is left to try; None while something is."""
        if (self.sampler != "grid" and self.space.size() is None) or self.again():
            return None
        if self.sampler == "grid":
            tried = self.tried()
            untried = any(point.values not in tried for point in self.points())
            return None if untried else "every point of the grid was tried"
        if left(self.space, self.tried()) != 0:
            return None
        return f"all {self.space.size()} configurations of the space were tried"

    def tried(self) -> list[dict[str, Any]]:
        """Return the configurations that trials of the study were given."""
        return [one.params for one in self.store.tried(self.study_id)]
