"""Whether a search may end before its last trial: what another could gain is below the noise (`--stop-when-flat`)."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from optuna.exceptions import ExperimentalWarning
from optuna.study import StudyDirection
from optuna.terminator import RegretBoundEvaluator
from optuna.trial import FrozenTrial, TrialState

from ...spaces.errors import BadInput
from ...studies.records import Study

#: Complete trials before anybody asks: of fewer, no model says what another could gain.
FEWEST = 8
SHARES = ("accuracy", "f1", "f1_micro", "f1_macro", "subset_accuracy")
CORRELATIONS = ("matthews_correlation", "pearson", "spearmanr")


def check_noise_is_known(objective: str) -> None:
    """Raise `BadInput` for an objective whose standard error nobody knows."""
    if objective.removeprefix("eval_") not in SHARES + CORRELATIONS:
        known = ", ".join(SHARES + CORRELATIONS)
        raise BadInput(f"--stop-when-flat does not know the noise of {objective!r}", hint=f"it knows that of {known}")


@dataclass(frozen=True, kw_only=True)
class Flatness:
    """Compares the gain that may be left in a space with the standard error of the best score.

    The gain is bounded by the confidence bounds of a Gaussian process (Makarova et al., "Automatic Termination for
    Hyperparameter Optimization", AutoML 2022), as `optuna.terminator` computes them.
    """

    study: Study
    seed: int

    def words(self, trials: Sequence[FrozenTrial]) -> str | None:
        """Return how it is said that the search is flat; None while it is not. `trials` are Optuna's."""
        complete = [one for one in trials if one.state is TrialState.COMPLETE and one.value is not None]
        rows = self.study.spec["notes"].get("rows", {}).get("selection")
        if len(complete) < FEWEST or not rows or not any(one.distributions for one in complete):
            return None
        gain, noise = self.gain(complete), self.noise([one.value or 0.0 for one in complete], rows)
        if gain >= noise:
            return None
        return f"flat after {len(complete)} trials: another could gain {gain:.4f}, less than the noise of {noise:.4f}"

    def gain(self, complete: list[FrozenTrial]) -> float:
        """Return what another trial may gain at most."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=ExperimentalWarning)
            bound = RegretBoundEvaluator(seed=self.seed)
        return float(bound.evaluate(complete, StudyDirection[self.study.direction.upper()]))

    def noise(self, scores: Sequence[float], rows: int) -> float:
        """Return the standard error of the best score on a selection split of so many rows."""
        best = max(scores)
        if self.study.objective.removeprefix("eval_") in SHARES:
            return math.sqrt(max(best * (1 - best), 1 / rows) / rows)
        return (1 - best**2) / math.sqrt(max(rows - 1, 1))
