"""Where the time of a trial goes, by kind of work; each second is booked once."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

#: Kinds of work. What is none of the others is `setup` until a training begins, and `train` after that.
SETUP, DATA, TRAIN, EVALUATE, CHECKPOINT, STORE = "setup", "data", "train", "evaluate", "checkpoint", "store"


class Ledger:
    """Books seconds; work inside other work is booked as the inner one."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.clock = clock
        self.booked: dict[str, float] = defaultdict(float)
        self.kinds = [SETUP]
        self.since = clock()

    def book(self) -> None:
        """Book the time since the last booking."""
        now = self.clock()
        self.booked[self.kinds[-1]] += now - self.since
        self.since = now

    @contextmanager
    def on(self, kind: str) -> Iterator[None]:
        """Book the time in the block as that kind of work."""
        self.book()
        self.kinds.append(kind)
        try:
            yield
        finally:
            self.book()
            self.kinds.pop()

    def training_begins(self) -> None:
        """Book what is none of the kinds as training from now on."""
        self.book()
        self.kinds[0] = TRAIN

    def seconds(self) -> dict[str, float]:
        """Return the seconds so far, by kind of work; kinds that took none are left out."""
        self.book()
        return {kind: spent for kind, spent in self.booked.items() if spent > 0}


class LedgerCallback(TrainerCallback):
    """Tells a ledger when the training begins."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Leave the setting up behind."""
        self.ledger.training_begins()
