"""The one configuration that a claimed trial is to run, as an Optuna sampler: nothing is tried twice.

Which sampler draws is `samplers`; that two workers never take the same configuration is the store's business
(`StudyStore.reserve`).
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler

from ...spaces.optuna_space import distributions
from ...spaces.parameter import Parameter
from ...spaces.space import Space

#: Times a sampler is asked before the configurations that are left are gone through instead.
DRAWS = 20
#: Configurations of a space that are gone through; in a larger one some are sure to be left.
COUNTABLE = 100_000

Values = Mapping[str, Any]


class Wanted(NamedTuple):
    """A configuration to try, as which replicate if another trial had it before, and which study it was taken from."""

    values: Values
    replicate: str = ""
    prior: str | None = None


class SpaceExhausted(BaseException):
    """Every configuration of the space was tried.

    Not an `Exception`, for it is no failure of the trial that finds out.
    """


@dataclass(eq=False)
class Proposals(BaseSampler):
    """Proposes what the trial had before, or the first configuration that nobody else has."""

    space: Space
    seed: int
    make: Callable[[int], BaseSampler]  #: the sampler for a draw: 0 is the first, any other is after one that was taken
    first: Sequence[Wanted] = ()  #: what to try before anything is drawn
    draws: int = DRAWS
    before: Values | None = None  #: what the trial had in an attempt that was lost
    seen: Callable[[Any], Any] = lambda study: study  #: Optuna's study as the sampler is to see it
    reserve: Callable[[Wanted], bool] = lambda wanted: True  #: whether nobody else has it, and now this trial does
    chosen: dict[str, Any] = field(default_factory=dict)
    drew: list[BaseSampler] = field(default_factory=list)

    def before_trial(self, study: Any, trial: Any) -> None:
        """Choose the configuration. Raises `SpaceExhausted` if none is left."""
        if self.before is not None:
            self.chosen = dict(self.before)
            return
        for wanted in self.candidates(study, trial):
            if self.reserve(wanted):
                self.chosen = dict(wanted.values)
                return
        raise SpaceExhausted

    def candidates(self, study: Any, trial: Any) -> Iterator[Wanted]:
        """Yield configurations, the most wanted first."""
        yield from self.first
        seen = self.seen(study)
        for draw in range(self.draws):
            yield Wanted(self.drawn(self.make(draw), seen, trial))
        if self.draws:
            yield from map(Wanted, shuffled(self.space, self.seed))

    def drawn(self, sampler: BaseSampler, study: Any, trial: Any) -> dict[str, Any]:
        """Return the configuration that `sampler` proposes, conditions included."""
        self.drew.append(sampler)
        sampler.before_trial(study, trial)
        known = distributions(self.space)
        together = sampler.sample_relative(study, trial, sampler.infer_relative_search_space(study, trial))

        def one(name: str, parameter: Parameter) -> Any:
            if known[name].single():
                return parameter.middle()
            return together[name] if name in together else sampler.sample_independent(study, trial, name, known[name])

        return self.space.resolve(self.space.walk(one))

    def outside(self) -> dict[str, Any]:
        """Return the chosen values that are outside the space: those of a baseline, which is the user's own."""
        nearest = self.space.nearest(self.chosen)
        return {name: value for name, value in self.chosen.items() if name not in nearest or nearest[name] != value}

    def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, BaseDistribution]:
        """Return the names that are chosen already: all that the trial will ask for."""
        chosen = self.space.nearest(self.chosen)
        return {name: kind for name, kind in distributions(self.space).items() if name in chosen}

    def sample_relative(self, study: Any, trial: Any, search_space: Any) -> dict[str, Any]:
        """Return the chosen values, the nearest in the space where they are outside."""
        chosen = self.space.nearest(self.chosen)
        return {name: chosen[name] for name in search_space}

    def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: Any) -> Any:
        """Refuse: nothing but the chosen configuration is tried."""
        raise KeyError(param_name)

    def after_trial(self, study: Any, trial: Any, state: Any, values: Any) -> None:
        """Let the sampler that drew the configuration see how it ended."""
        for sampler in self.drew[-1:]:
            sampler.after_trial(study, trial, state, values)


def shuffled(space: Space, seed: int) -> Iterator[dict[str, Any]]:
    """Yield every configuration of a space in an order that depends on the seed; none of a space too large for it."""
    size = space.size()
    if size is None or size > COUNTABLE:
        return
    configurations = list(space.configurations())
    random.Random(seed).shuffle(configurations)
    yield from configurations


def left(space: Space, tried: Sequence[Values]) -> int | None:
    """Return how many configurations of the space are in none of `tried`; None where there is no end of them."""
    size = space.size()
    if size is None or size > COUNTABLE:
        return None
    known = [space.resolve(values) for values in tried if space.contains(values)]
    return size - len({json.dumps(values, sort_keys=True) for values in known})
