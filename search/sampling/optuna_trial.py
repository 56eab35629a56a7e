"""One trial as Optuna sees it: asked for its configuration, told its evaluations, and how it ended."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.pruners import BasePruner

from ...spaces.optuna_space import suggest
from ...spaces.space import Space
from ...studies.claimed_storage import FAILURE, OUTSIDE, told
from ...studies.constraint import Constraint, violations
from ...studies.records import Trial
from .proposals import Proposals


@dataclass(kw_only=True)
class OptunaTrial:
    """Optuna's side of a claimed trial, in the study that lives in the store."""

    storage: Any  #: see `ClaimedStorage`
    study_name: str
    space: Space
    proposals: Proposals
    pruner: BasePruner
    constraints: Sequence[Constraint] = ()  #: which samplers and plain Optuna know the infeasible trials by
    study: Any = field(init=False, default=None)
    trial: Any = field(init=False, default=None)

    def ask(self, marks: Mapping[str, Any]) -> dict[str, Any]:
        """Return the configuration that the trial runs; Optuna knows it, and `marks` of the trial, from now on.

        Raises `SpaceExhausted` if nothing is left to try.
        """
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
            self.study = optuna.load_study(
                study_name=self.study_name, storage=self.storage, sampler=self.proposals, pruner=self.pruner
            )
            self.trial = self.study.ask()
            suggest(self.space, self.trial)
        outside = self.proposals.outside()
        for name, value in {**marks, **({OUTSIDE: outside} if outside else {})}.items():
            self.trial.set_user_attr(name, value)
        return dict(self.proposals.chosen)

    def report(self, percent: int, score: float) -> None:
        """Tell Optuna of an evaluation at that share of the budget. Raises `optuna.TrialPruned` if it is hopeless."""
        self.trial.report(score, percent)
        if self.trial.should_prune():
            raise optuna.TrialPruned

    def tell(self, ended: Trial) -> None:
        """Tell Optuna how the trial ended, as our row of it says."""
        if self.trial is None:
            return
        if ended.failure is not None:
            self.trial.set_user_attr(FAILURE, ended.failure.value)
        for name, outside in violations(self.constraints, ended).items():
            self.trial.set_constraint(name, outside)
        state, values = told(ended)
        pruned = state is optuna.trial.TrialState.PRUNED  # whose value is the last one that was reported
        self.study.tell(self.trial, None if pruned else values, state=state, skip_if_finished=True)
