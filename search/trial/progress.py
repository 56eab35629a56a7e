"""What a training tells while it runs, step by step, and what may stop it there."""

from __future__ import annotations

import threading
import time
from typing import Any, Protocol

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from ...studies.records import Trial
from ..errors import TrialTaken, TrialTimedOut
from ..interrupts import raise_if_interrupted
from ..view import View


class ShareCallback(TrainerCallback):
    """Tells the view how much of its budget a training has done."""

    def __init__(self, view: View) -> None:
        self.view = view

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Report the share of steps done, and stop for a Ctrl-C that was lost."""
        raise_if_interrupted()
        self.view.progress(state.global_step / max(1, state.max_steps))


class Pulse(Protocol):
    """What a trial tells the heartbeat of its worker, and hears from it."""

    progress: float  #: share of its budget that the trial has done
    lost: threading.Event  #: the trial was given to somebody else


class TrialCallback(TrainerCallback):
    """Tells everybody how far a trial is, and stops it when it has no right to go on."""

    def __init__(self, trial: Trial, view: View, heart: Pulse, timeout: float | None) -> None:
        self.trial, self.view, self.heart, self.timeout = trial, view, heart, timeout
        self.began = time.monotonic() - sum(trial.seconds.values())  # a trial that waited at rungs goes on

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Report the share of steps done."""
        self.heart.progress = state.global_step / max(1, state.max_steps)
        self.view.progress(self.heart.progress, self.trial.number)
        self.check()

    def on_prediction_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """An evaluation may take long, too."""
        self.check()

    def check(self) -> None:
        """Stop for a Ctrl-C that was lost, a trial that was taken away (`TrialTaken`) or one that takes too long."""
        raise_if_interrupted()
        if self.heart.lost.is_set():
            raise TrialTaken
        if self.timeout is not None and time.monotonic() - self.began > self.timeout:
            raise TrialTimedOut(f"the trial took longer than the {self.timeout:g} s that one may take")
