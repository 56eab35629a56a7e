"""Every rank of a trial but the first: it trains and predicts what rank 0 says, until that ends the trial.

It samples nothing and writes to no row; in a Trainer's checkpoints it has the part that Trainer gives it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..making.making import Making
from ..trial.budget import BudgetCallback
from ..trial.outputs import follow_outputs
from ..trial.predictions import report_predictions
from ..trial.trainer import made_for
from ..trial.training import Training
from .ranks import END, PREDICT, Leg, TrialStopped


@dataclass(kw_only=True)
class Following(Training):
    """What a follower needs to know of the training that it takes part in."""

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


def follow(making: Making, run: Following) -> None:
    """Take part in one trial, with a Trainer made as rank 0's is, to the trial's end."""
    trainer: Any = None
    while (what := run.ranks.agreed(None)) != END:
        if what == PREDICT:
            take_part(trainer, run)
            continue
        run.begin(what)
        trainer = made_for(run, making, what.configuration)
        try:
            trainer.train()
        except TrialStopped:
            return


def take_part(trainer: Any, run: Following) -> None:
    """Take part in the predictions of the report split."""
    report = None if run.configuration is None else run.splits(run.configuration).report
    if run.scores_predictions:
        report_predictions(trainer, run)
    elif report is not None:
        follow_outputs(trainer, run, report)
