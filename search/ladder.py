"""Who climbs to the next rung, and who is compared at full size: a function of the trials, and of nothing else.

Successive halving (Jamieson & Talwalkar 2016), in generations: nobody is promoted before all trials of a rung have
ended, so that neither the number of workers nor a restart changes who is. A promotion is a training of its own, from
the beginning; what the store holds already is not asked for again.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from ..spaces.space import Space
from ..spaces.transfer import bracket, handed_over
from ..studies.front import choice_of, wanted
from ..studies.objective import Objective
from ..studies.promotion import Promotion
from ..studies.records import Failure, Phase, Study, Trial, TrialState
from .strategy import Strategy


@dataclass(frozen=True, kw_only=True)
class Ladder:
    """The rungs of a study."""

    strategy: Strategy
    fraction: float  #: of the first rung
    seed: int
    objective: Objective
    space: Space | None = None  #: whose rules say what changes on more data; without one nothing does
    wanted: Callable[[Sequence[Trial]], Sequence[Trial]] | None = None  #: who goes on, where no ranking by a score says

    @classmethod
    def of(cls, study: Study, *, fraction: float, seed: int, space: Space) -> Ladder:
        """Return the ladder of a study."""
        return cls(
            strategy=Strategy.of(study),
            fraction=fraction,
            seed=seed,
            objective=Objective.of(study),
            space=space,
            wanted=None if choice_of(study) is None else partial(wanted, study),
        )

    def promotions(self, trials: Sequence[Trial]) -> list[Promotion]:
        """Return what is to be run next, when every trial of the study has ended; nothing when it is complete.

        Configurations that failed at a rung give their places to the next in the ranking.
        """
        best = self.ranked(search_trials(trials)) if self.wanted is None else self.wanted(trials)
        count = sum(one.state.is_done for one in search_trials(trials))
        for rung, fraction in enumerate(self.fractions):
            places = self.strategy.places(rung, count)
            if rung == 0 or places <= self.strategy.compared:
                continue  # as many would climb as are compared in the end: there is nothing to decide
            climbed = {one.first_number: one for one in trials if one.phase is Phase.PROMOTION and one.rung == rung}
            chosen = list(self.chosen(best, climbed, places))
            missing = [one for one in chosen if one.first_number not in climbed]
            if missing:
                return [self.promotion(one, Phase.PROMOTION, rung, fraction, self.seed) for one in missing]
            best = self.ranked(climbed.values())
        return self.finals(trials, best)

    @property
    def fractions(self) -> list[float]:
        """The fractions of the rungs."""
        return self.strategy.rungs(self.fraction)

    def chosen(self, best: Sequence[Trial], climbed: dict[int, Trial], places: int) -> Iterator[Trial]:
        """Yield those who have a place at the next rung; one that failed there has none."""
        for trial in best:
            if places == 0:
                return
            there = climbed.get(trial.first_number)
            yield trial
            places -= there is None or there.state is not TrialState.FAILED

    def finals(self, trials: Sequence[Trial], best: Sequence[Trial]) -> list[Promotion]:
        """Return the trainings on all the data that are missing, seed by seed.

        A configuration that failed there, or broke a constraint, gives its place to the next in the ranking. Where the
        space has a bracket, the first of the ranking is tried beside its neighbours before anything else, and the best
        of them takes its place.
        """
        full = [one for one in trials if one.fraction == 1.0]
        out = (TrialState.FAILED, TrialState.INFEASIBLE)
        failed = {one.first_number for one in full if one.phase is Phase.FINAL and one.state in out}
        able = [one for one in best if one.first_number not in failed]
        baseline = [one for one in search_trials(trials) if one.baseline and one.state.ran_through]
        seeds = self.strategy.final_seeds(self.seed)
        beside = self.beside(able[0], seeds[0]) if able and seeds else []
        if beside:
            tried = [one for one in full if one.phase is Phase.FINAL and one.origin is None]
            missing = [one for one in beside if one.params not in [there.params for there in tried]]
            first = [*self.again([able[0], *baseline], full, seeds[:1]), *missing]
            if first:
                return first
            own = [one for one in full if one.first_number == able[0].first_number and one.seed == seeds[0]]
            able = [*self.ranked([*own, *tried])[:1], *able[1:]]
        return self.again([*able[: self.strategy.compared], *baseline], full, seeds)

    def again(self, chosen: Iterable[Trial], full: Sequence[Trial], seeds: Sequence[int]) -> list[Promotion]:
        """Return the trainings on all the data of some configurations that were not asked for yet."""
        done = {(one.first_number, one.seed) for one in full}
        compared = {one.first_number: one for one in chosen}
        return [
            self.promotion(one, Phase.FINAL, len(self.fractions), 1.0, seed)
            for seed in seeds
            for number, one in compared.items()
            if (number, seed) not in done
        ]

    def beside(self, leader: Trial, seed: int) -> list[Promotion]:
        """Return the neighbours of a configuration that was found on less than all the data, to be tried on all.

        None of one that was chosen by more than its score, which alone would compare it with them.
        """
        if self.space is None or leader.fraction == 1.0 or self.wanted is not None:
            return []
        middle = self.promotion(leader, Phase.FINAL, len(self.fractions), 1.0, seed)
        return [
            dataclasses.replace(middle, origin=None, baseline=False, params=params)
            for params in bracket(self.space, middle.params)
        ]

    def promotion(self, trial: Trial, phase: Phase, rung: int, fraction: float, seed: int) -> Promotion:
        """Return one training to come, with what the space makes of the values on more data.

        The baseline stays what is recommended.
        """
        params = trial.params or {}
        if self.space is not None and trial.fraction and not trial.baseline:
            params = handed_over(self.space, params, fraction / trial.fraction)
        return Promotion(
            origin=trial.first_number,
            baseline=trial.baseline,
            params=params,
            phase=phase,
            rung=rung,
            fraction=fraction,
            seed=seed,
        )

    def ranked(self, trials: Iterable[Trial]) -> list[Trial]:
        """Return the trials that may be promoted, the best first: complete ones that learned something.

        Equal scores, such as those of a metric that is flat at this fraction, are ranked by the loss. Where nothing
        learned, the first of that ranking may go on, for on more data it may learn.
        """
        complete = [one for one in trials if one.state is TrialState.COMPLETE and one.score is not None]
        ranking = sorted(complete, key=self.rank)
        learned = [one for one in ranking if one.failure is not Failure.COLLAPSED]
        return learned or ranking[:1]

    def rank(self, trial: Trial) -> tuple[float, float, int]:
        """Return what a trial is sorted by."""
        score = trial.score or 0.0
        loss = trial.metrics.get("eval_loss")
        return (
            -self.objective.sign * score,
            float(loss) if isinstance(loss, int | float) else math.inf,
            trial.first_number,
        )


def search_trials(trials: Iterable[Trial]) -> list[Trial]:
    """Return the trials that were proposed, without those that run a configuration again."""
    return [one for one in trials if one.phase is Phase.SEARCH]


def alongside(trial: Trial, trials: Iterable[Trial], asked: int) -> int:
    """Return how many trainings of a trial's kind there are: all that were asked for, or those of its rung.

    They are known before the first of them begins, and so do not depend on who is quicker.
    """
    if trial.phase is Phase.SEARCH:
        return asked
    return sum((one.phase, one.rung) == (trial.phase, trial.rung) for one in trials)
