"""A sampler that draws around the priors of a space, and leaves the other names to another sampler."""

from __future__ import annotations

import random
from typing import Any

from optuna.samplers import BaseSampler

from .belief import Belief


class AroundPrior(BaseSampler):
    """Draws the names that have a prior around it; `rest` proposes the others, and sees how the trial ended."""

    def __init__(self, belief: Belief, rest: BaseSampler, seed: int) -> None:
        self.belief, self.rest = belief, rest
        self.chance = random.Random(seed)

    def before_trial(self, study: Any, trial: Any) -> None:
        """Let the other sampler prepare."""
        self.rest.before_trial(study, trial)

    def infer_relative_search_space(self, study: Any, trial: Any) -> Any:
        """Return what the other sampler draws together."""
        return self.rest.infer_relative_search_space(study, trial)

    def sample_relative(self, study: Any, trial: Any, search_space: Any) -> dict[str, Any]:
        """Return what the other sampler draws together, but for the names that have a prior."""
        together = self.rest.sample_relative(study, trial, search_space)
        return {name: value for name, value in together.items() if name not in self.belief.space.priors}

    def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: Any) -> Any:
        """Return a value around the prior, or the other sampler's where there is none."""
        if param_name in self.belief.space.priors:
            return self.belief.draw(param_name, self.chance)
        return self.rest.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(self, study: Any, trial: Any, state: Any, values: Any) -> None:
        """Let the other sampler see how it ended."""
        self.rest.after_trial(study, trial, state, values)
