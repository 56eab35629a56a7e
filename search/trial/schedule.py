"""Hyperparameters that change during a training: a schedule of values over shares of the budget.

Population based training makes such schedules (`sampling.population`); a retraining follows one from its first step to
its last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

#: What a training can change without beginning anew.
LIVE = ("learning_rate", "weight_decay")


@dataclass(frozen=True, kw_only=True)
class Change:
    """Values that count from a share of the budget on."""

    share: float  #: of the training's steps, above 0 and below 1
    values: Mapping[str, float]  #: some of `LIVE`
    after: int | None = None  #: the trial whose weights the training went on with; its own where None

    @classmethod
    def from_dict(cls, written: Mapping[str, Any]) -> Change:
        """Rebuild what `dataclasses.asdict` gave."""
        return cls(share=written["share"], values=dict(written["values"]), after=written.get("after"))


class ScheduleCallback(TrainerCallback):
    """Applies the changes of a schedule to the optimizer, each before the first step that it counts for.

    A training that is resumed at the very step of a change has not seen it: a checkpoint is older than the change.
    """

    def __init__(self, schedule: Sequence[Change]) -> None:
        self.schedule = schedule
        self.pending: list[tuple[int, Change]] = []
        self.now: dict[str, float] = {}

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Lay the changes over this training's steps, and leave out those that the optimizer has seen."""
        self.now = {name: float(getattr(args, name)) for name in LIVE}
        self.pending = [(ceil(state.max_steps * change.share), change) for change in self.schedule]
        while self.pending and self.pending[0][0] < state.global_step:
            self.now.update(self.pending.pop(0)[1].values)

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Apply what is due."""
        while self.pending and self.pending[0][0] <= state.global_step:
            change = self.pending.pop(0)[1]
            apply(change.values, self.now, kwargs["optimizer"], kwargs["lr_scheduler"])
            self.now.update(change.values)


def apply(values: Mapping[str, float], before: Mapping[str, float], optimizer: Any, lr_scheduler: Any) -> None:
    """Let an optimizer and its learning rate scheduler go on with other values than `before`.

    Warm-up and decay go on as they were, scaled to the new learning rate.
    """
    scheduler = getattr(lr_scheduler, "scheduler", lr_scheduler)  # accelerate wraps it
    if "learning_rate" in values:
        factor = values["learning_rate"] / before["learning_rate"]
        for group in optimizer.param_groups:
            for name in {"lr", "initial_lr"} & group.keys():
                group[name] *= factor
        scheduler.base_lrs = [rate * factor for rate in scheduler.base_lrs]
    if "weight_decay" in values:
        for group in decayed(optimizer.param_groups, before["weight_decay"]):
            group["weight_decay"] = values["weight_decay"]


def decayed(groups: Sequence[dict[str, Any]], weight_decay: float) -> list[dict[str, Any]]:
    """Return the groups of parameters that decay; the Trainer puts them first, before those that never do."""
    return [group for group in groups if weight_decay and group["weight_decay"] == weight_decay] or list(groups[:1])
