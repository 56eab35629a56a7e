"""Every rank of a trial but the first: it trains and predicts what rank 0 says, until that ends the trial.

It samples nothing and writes to no row; in a Trainer's checkpoints it has the part that Trainer gives it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers.trainer_utils import HPSearchBackend

from ..paths import KEPT
from ..trial.budget import BudgetCallback
from ..trial.configuration import Configuration
from ..trial.trainer import TrialMixin, rebuild_for_trial, twin_of
from ..trial.training import Training
from .ranks import END, PREDICT, Leg, TrialStopped


@dataclass(kw_only=True)
class Following(Training):
    """What a follower needs to know of the training that it takes part in."""

    configuration: Configuration | None = None

    @property
    def reports(self) -> bool:
        """Trackers hear of a trial from rank 0 alone."""
        return True

    def evaluated(self, step: int, metrics: Mapping[str, float]) -> list[int]:
        """Leave what an evaluation means to rank 0."""
        return []

    def begin(self, leg: Leg) -> None:
        """Take up the next training."""
        self.folder, self.configuration = Path(leg.folder), leg.configuration
        self.is_aside, self.predicts_report = leg.is_aside, leg.predicts_report
        self.budget = BudgetCallback(leg.stop_after, looks=leg.looks, keeps_weights=leg.keeps_weights)


def follow(trainer: Any, run: Following) -> None:
    """Take part in one trial with a twin of `trainer`, to the trial's end."""
    twin = twin_of(trainer, run)
    # With these Trainer does the same as on rank 0, in the same order: it has collectives outside of a search, too.
    twin.hp_search_backend, twin.hp_name = HPSearchBackend.OPTUNA, lambda trial: KEPT
    twin.hp_space = twin.compute_objective = None
    trial = run.ranks.agreed(None)  # from the stock search on rank 0: Optuna's trial with its values fixed
    while (what := run.ranks.agreed(None)) != END:
        if what == PREDICT:
            twin.report_predictions(run)
            continue
        run.begin(what)
        rebuild_for_trial(twin, what.configuration)
        try:
            super(TrialMixin, twin).train(None, trial, None)
        except TrialStopped:
            return
