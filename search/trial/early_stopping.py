"""Callbacks of the user's that end a training early, first of all transformers' `EarlyStoppingCallback`.

Such an end is an ordinary one: the trial is complete, and its score is from the evaluations that there were. When a
training is evaluated, and how it is noticed that it ended, is `budget`; where it ended is `Trial.stopped_at`.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import TYPE_CHECKING, Any

from transformers import EarlyStoppingCallback, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from ...spaces.errors import BadInput
from ..sampling.population import PBT
from .budget import LOOKS

if TYPE_CHECKING:
    from ..plan import Plan

#: What lets a callback that insists on evaluations be in a training without any, such as a retraining.
NEVER_EVALUATED: dict[str, Any] = {"eval_strategy": "steps", "eval_steps": 10**12, "eval_on_start": False}


class StopCallback(TrainerCallback):
    """Ends a training at a share of its budget, as an earlier one of the same configuration ended."""

    def __init__(self, share: float) -> None:
        self.share = share

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """End it at the first step that completes the share."""
        if state.global_step >= ceil(round(state.max_steps * self.share, 6)):
            control.should_training_stop = True


def early_stoppers(trainer: Any) -> list[EarlyStoppingCallback]:
    """Return the callbacks of a Trainer that stop early by its evaluations."""
    return [one for one in trainer.callback_handler.callbacks if isinstance(one, EarlyStoppingCallback)]


def check_stopping(trainer: Any, plan: Plan) -> None:
    """Raise `BadInput` for early stopping in a population, whose trials stop and go on at every rung."""
    if plan.pruner == PBT and early_stoppers(trainer):
        raise BadInput(
            "an EarlyStoppingCallback and the pruner 'pbt' do not go together: the population decides who goes on",
            hint="leave the callback out, or take another pruner",
        )


def stopping_words(trainer: Any, objective: str) -> Iterator[str]:
    """Yield what early stopping means in a trial, which is not evaluated as often as the user's own training."""
    for one in early_stoppers(trainer):
        patience = one.early_stopping_patience
        idle = f": a patience of {patience} stops none early" if patience >= LOOKS - 1 else ""
        yield (
            f"early stopping counts evaluations of {objective} without a gain (patience {patience}), "
            f"and a trial has {LOOKS}, one a quarter of its budget{idle}"
        )
