"""Who runs a trial: both go through `trainer.hyperparameter_search`, for one trial at a time.

One call, one trial, because the stock loop over trials keeps one Trainer and one set of arguments for all of them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import optuna

from ..spaces.optuna_space import suggest
from ..spaces.space import Space
from .paths import KEPT
from .samplers import make_pruner, make_sampler
from .trial_run import TrialRun


@dataclass(frozen=True, kw_only=True)
class OptunaBackend:
    """Runs a trial in this process, proposed by an Optuna study that lives in the store."""

    storage: Any
    study_name: str
    space: Space
    sampler: str
    pruner: str
    seed: int
    tried: Callable[[], list[dict[str, Any]]]  #: reads the parameters of the study's other trials

    def run(self, twin: Any, run: TrialRun) -> None:
        """Run one trial on `twin`; how it ended is in `run.ended`. Raises `StopSearch` if the search should end."""
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
                twin.hyperparameter_search(
                    backend="optuna",
                    hp_space=lambda trial: suggest(self.space, trial),
                    compute_objective=lambda metrics: float(metrics[run.objective]),
                    n_trials=1,
                    direction=run.direction,
                    hp_name=lambda trial: KEPT,
                    study_name=self.study_name,
                    storage=self.storage,
                    load_if_exists=True,
                    sampler=make_sampler(
                        self.sampler,
                        self.space,
                        study_seed=self.seed,
                        number=run.trial.number,
                        tried=self.tried,
                    ),
                    pruner=make_pruner(self.pruner),
                    catch=(Exception,),
                )
        except ValueError:
            # After its loop, the stock code asks for the best trial and fails when none has completed yet (A11).
            if run.ended is None:
                raise
