"""When a trial is evaluated: at fixed shares of its own budget, never at optimiser steps (pains A13)."""

from __future__ import annotations

from math import ceil
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_utils import SaveStrategy

#: Evaluations in a trial, at equal shares of its budget; why some have fewer is in `looks`.
LOOKS = 4


def look_steps(max_steps: int, looks: int = LOOKS) -> dict[int, list[int]]:
    """Return optimiser step -> the looks due there, for a training of `max_steps` steps with `looks` looks.

    Look k, of 1..`LOOKS`, is due at the first step that completes k/`LOOKS` of the budget; of fewer looks it is every
    second, or the last. A training of fewer steps than looks has several at one step, so that every trial reports at
    all of them.
    """
    every = LOOKS // looks
    due: dict[int, list[int]] = {}
    for look in range(every, LOOKS + 1, every):
        due.setdefault(ceil(max_steps * look / LOOKS), []).append(look)
    return due


def percent(look: int) -> int:
    """Return the share of the budget at `look` in whole percent: the step Optuna is told."""
    return round(100 * look / LOOKS)


class BudgetCallback(TrainerCallback):
    """Asks for an evaluation at each look and knows which looks a step completes."""

    def __init__(self, stop_after: int = LOOKS, *, looks: int = LOOKS, keeps_weights: bool = True) -> None:
        self.looks = looks  #: how many there are
        self.stop_after = stop_after  #: the look that ends the training, for now
        self.keeps_weights = keeps_weights  #: when it is stopped there
        self.due: dict[int, list[int]] = {}
        self.max_steps = 0
        self.saved: int | None = None  #: the step whose weights were kept last
        self.stopped: int | None = None  #: the step between two looks at which somebody else ended the training

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Lay the looks over this training's steps."""
        self.due, self.max_steps, self.stopped = look_steps(state.max_steps, self.looks), state.max_steps, None
        # transformers' own flow would look every ceil(max_steps * eval_steps) steps, which drifts off the shares.
        state.eval_steps = state.max_steps

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Ask for an evaluation where a look is due; keep the weights and stop where it is the one to stop after."""
        looks = self.due.get(state.global_step)
        if looks:
            control.should_evaluate = True
            if self.stop_after < LOOKS and looks[-1] >= self.stop_after:
                control.should_save, control.should_training_stop = self.keeps_weights, True
        self.look_if_stopped(state, control)

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Ask for a last evaluation if a callback that reads the log ended the training."""
        self.look_if_stopped(state, control)

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Ask for a last evaluation if a callback ended the training anywhere else, and keep the last weights."""
        self.look_if_stopped(state, control)
        if (
            control.should_training_stop
            and args.save_strategy == SaveStrategy.STEPS
            and self.saved != state.global_step
        ):
            control.should_save = True

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Take note of it."""
        self.saved = state.global_step

    def look_if_stopped(self, state: TrainerState, control: TrainerControl) -> None:
        """Ask for an evaluation of what a callback has ended between two looks: no training ends without one."""
        step = state.global_step
        if control.should_training_stop and self.stopped is None and step and step not in self.due:
            self.stopped, control.should_evaluate = step, True

    def shares_at(self, step: int) -> list[float]:
        """Return the shares of the budget that an evaluation at `step` stands for; none where nobody planned it."""
        if step == self.stopped:
            return [step / self.max_steps]
        return [look / LOOKS for look in self.looks_at(step)]

    def looks_at(self, step: int) -> list[int]:
        """Return the looks that `step` completes; none for an evaluation that nobody planned."""
        return self.due.get(step, [])
