"""Where the user believes the best values to be (`prior` in a space), and how many trials that may cost.

A third of the first trials may follow the belief: one tries the priors themselves, all else as in the baseline; the
others draw around them, all else as the sampler proposes. A draw is a normal deviate on the (log) range, cut at its
ends, as in PriorBand (Mallik et al. 2023, "PriorBand: Practical Hyperparameter Optimization in the Age of Deep
Learning"). As there, a belief has to earn its trials: it has a turn only while the best third of what has ended is
likelier under it than under a uniform draw. A wrong one costs its first trial and loses the turns after that to the
sampler. A right one has fewer the more is known, as the prior of pi-BO fades with the number of trials (Hvarfner et al.
2022, "piBO: Augmenting Acquisition Functions with User Beliefs for Bayesian Optimization"). Of three trials or more a
belief never has more than a third.

All of it is a function of the space, of the trial's place in the search and of the store's rows.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from statistics import NormalDist, fmean
from typing import Any, NamedTuple

from ...spaces.errors import BadInput
from ...spaces.parameters import Float, Int
from ...spaces.space import Space
from ...studies.records import Phase, TrialState, Tried
from .priors import SHARE

#: Standard deviation of a draw around a prior, as a share of the (log) range: a factor of four on three decades.
WIDTH = 0.2
#: Turns that come every third trial; those after them come at twice as many trials each.
CLOSE = 3
#: How often a choice is the prior itself before all of them, this one too, are drawn alike.
CHOSEN = 0.5


class Belief(NamedTuple):
    """The priors of a space."""

    space: Space

    def exact(self, baseline: Mapping[str, Any]) -> dict[str, Any]:
        """Return the priors as a configuration; names without one are as in the baseline."""
        return self.space.nearest({**baseline, **self.space.priors})

    def draw(self, name: str, chance: random.Random) -> Any:
        """Return a value around the prior of a name."""
        parameter, prior = self.space.parameters[name], self.space.priors[name]
        if not isinstance(parameter, Float | Int):
            return prior if chance.random() < CHOSEN else chance.choice(list(parameter.values or ()))
        around = NormalDist(position(parameter, prior), WIDTH)
        share = around.inv_cdf(chance.uniform(around.cdf(0), around.cdf(1)))
        return parameter.clip(at(parameter, share))

    def likelihood(self, values: Mapping[str, Any]) -> float:
        """Return how many times likelier a configuration is than under a uniform draw."""
        return math.prod(self.likelihood_of(name, values[name]) for name in self.space.priors if name in values)

    def likelihood_of(self, name: str, value: Any) -> float:
        """Return the same of one value."""
        parameter, prior = self.space.parameters[name], self.space.priors[name]
        if not isinstance(parameter, Float | Int):
            return 1 - CHOSEN + (CHOSEN * len(parameter.values or ()) if value == prior else 0)
        around = NormalDist(position(parameter, prior), WIDTH)
        return around.pdf(position(parameter, value)) / (around.cdf(1) - around.cdf(0))

    def holds(self, tried: Sequence[Tried], direction: str) -> bool:
        """Tell whether the best third of what has ended is likelier under the belief; nothing is known before that."""
        ended = [one for one in tried if one.phase is Phase.SEARCH and one.state.is_finished]
        scored = [one for one in ended if one.state is TrialState.COMPLETE and one.score is not None]
        sign = -1 if direction == "maximize" else 1
        ranking = sorted(scored, key=lambda one: (sign * (one.score or 0.0), one.number))
        best = [one.params for one in ranking[: math.ceil(len(ended) / SHARE)]]
        likelihoods = [self.likelihood(params) for params in best if self.space.contains(params)]
        return not likelihoods or fmean(likelihoods) >= 1


def turn(place: int, given: int) -> int:
    """Return which turn of a belief a trial at that place of the search is, 1 the first; 0 for none.

    `given` trials after the baseline (place 0) try configurations of other studies: they count towards the third.
    """
    if not given and place in (1, 2):
        return 2 - place  # a belief alone need not wait for the third trial
    thirds, rest = divmod(place + 1, SHARE)
    which = 0 if rest else max(0, thirds - given)
    rounds, between = divmod(which, CLOSE)
    return which if which < CLOSE or (not between and rounds.bit_count() == 1) else 0


def position(parameter: Float | Int, value: Any) -> float:
    """Return where on the (log) range a value is, from 0 to 1."""
    low, high, here = (math.log(one) if parameter.log else one for one in (parameter.low, parameter.high, value))
    return (here - low) / (high - low)


def at(parameter: Float | Int, share: float) -> float:
    """Return the number at a position from 0 to 1."""
    low, high = (math.log(one) if parameter.log else one for one in (parameter.low, parameter.high))
    here = low * (1 - share) + high * share
    return math.exp(here) if parameter.log else here


def check_belief(space: Space, sampler: str) -> None:
    """Raise `BadInput` for priors that the sampler could not follow."""
    if space.priors and sampler == "grid":
        raise BadInput(
            f"the grid tries all its points alike, whatever the prior of {next(iter(space.priors))} is",
            hint="leave the prior out, or take another --sampler",
        )
