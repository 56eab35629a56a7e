"""Who runs a trial: both go through `trainer.hyperparameter_search`, for one trial at a time.

One call, one trial, because the stock loop over trials keeps one Trainer and one set of arguments for all of them.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import optuna

from ..spaces.optuna_space import suggest
from ..spaces.space import Space
from ..studies.claimed_storage import ClaimedStorage
from .paths import KEPT
from .sampling.chooser import Chooser
from .sampling.samplers import make_pruner
from .trial.run import TrialRun


@dataclass(frozen=True, kw_only=True)
class OptunaBackend:
    """Runs a trial in this process, in an Optuna study that lives in the store."""

    storage: Any
    study_name: str
    space: Space
    chooser: Chooser
    pruner: str

    def run(self, twin: Any, run: TrialRun) -> None:
        """Run one trial on `twin`; how it ended is in `run.ended`.

        Raises `StopSearch` if the search should end, `SpaceExhausted` if nothing is left to try, `TrialTaken` if the
        trial is somebody else's by now.
        """
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
                    storage=self.storage_for(run),
                    load_if_exists=True,
                    sampler=self.chooser.proposals(run.trial),
                    pruner=make_pruner(self.pruner),
                    catch=(Exception,),
                )
        except ValueError:
            # After its loop, the stock code asks for the best trial and fails when none has completed yet (A11).
            if run.ended is None:
                raise

    def storage_for(self, run: TrialRun) -> Any:
        """Return Optuna's storage for one trial."""
        return ClaimedStorage(self.storage, run.trial.optuna_trial_id, run.store.patience, ended=lambda: run.ended)
