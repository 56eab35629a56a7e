"""A Trainer of another library that is driven as one of transformers is: by the same callbacks, at the same places.

It is evaluated once, when its training is at its end.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from transformers import TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import CallbackHandler, DefaultFlowCallback
from transformers.trainer_utils import SaveStrategy

from .parts import Parts
from .protocol import TrainerProtocol

#: Steps that any training is told in: whole percents of it.
STEPS = 100


class DrivenArguments:
    """The values of a Trainer of another library, and what the loop says of one training, in one.

    What neither says is as `TrainingArguments` have it.
    """

    def __init__(self, own: Mapping[str, Any], run: Mapping[str, Any]) -> None:
        self.own, self.run = dict(own), dict(run)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in ("own", "run", "usual"):  # what is asked for before it is there
            raise AttributeError(name)
        return self.own[name] if name in self.own else getattr(self.usual, name)

    @functools.cached_property
    def usual(self) -> TrainingArguments:
        """What the loop says; a batch is of one row, as far as anybody knows here."""
        return TrainingArguments(**{"per_device_train_batch_size": 1, "report_to": [], **self.run})

    def complete(self) -> DrivenArguments:
        """Return itself, with accelerate's state as `TrainingArguments` leave it: a Trainer is made after its own."""
        self.usual.device  # noqa: B018 - asked for, it is known
        return self

    def plain_values(self) -> dict[str, Any]:
        """Return what makes a result."""
        return dict(self.own)


class Driven:
    """Looks as a Trainer of transformers does, for one of another library; what it has not is the other's."""

    hpsearch_looks_once = True  #: there is no look before its training has ended

    def __init__(self, implementation: TrainerProtocol, trainer: Any, args: DrivenArguments, evaluation: Any) -> None:
        self.implementation, self.trainer, self.args, self.evaluation = implementation, trainer, args, evaluation
        self.model = Parts(getattr(trainer, "model", trainer))
        self.compute_metrics: Any = None
        self.state, self.control = TrainerState(max_steps=STEPS), TrainerControl()
        self.callback_handler = CallbackHandler([DefaultFlowCallback()], self.model, None, self.optimizer, None)
        self.add_callback, self.pop_callback = self.callback_handler.add_callback, self.callback_handler.pop_callback

    def __getattr__(self, name: str) -> Any:
        if name == "trainer" or name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.trainer, name)

    @property
    def model_init(self) -> Any:
        """What makes its model, if anything does."""
        return getattr(self.trainer, "model_init", None)

    @property
    def optimizer(self) -> Any:
        """What its training changes, as an optimizer has it."""
        return SimpleNamespace(param_groups=[{"params": list(self.model.parameters())}])

    def train(self, resume_from_checkpoint: str | None = None) -> None:
        """Train to the end, and look; raises what the user's code and the callbacks raise."""
        most_steps = self.args.max_steps if "max_steps" in vars(self.args) else None
        self.state = TrainerState(max_steps=STEPS, num_train_epochs=1, epoch=0.0)
        self.state.compute_steps(self.args.usual, STEPS)
        self.event("on_train_begin")
        self.implementation.train(self.trainer, self.tell, most_steps)
        self.model.take_note()
        self.step(STEPS)
        self.look_and_save()
        self.event("on_epoch_end")
        self.look_and_save()
        self.event("on_train_end")

    def tell(self, share: float) -> None:
        """Tell the callbacks how much is done; the last step is done when the training has returned."""
        step = min(STEPS - 1, int(STEPS * share))
        if step > self.state.global_step:
            self.step(step)

    def step(self, number: int) -> None:
        """Tell the callbacks that a step is done."""
        self.state.global_step, self.state.epoch = number, number / STEPS
        self.event("on_step_end")

    def event(self, name: str, **more: Any) -> None:
        """Tell the callbacks."""
        self.control = self.callback_handler.call_event(name, self.args, self.state, self.control, **more)

    def look_and_save(self) -> None:
        """Evaluate and save, where a callback asks for it at the end; what is best of one look is that one."""
        if self.control.should_evaluate:
            self.control.should_evaluate = False
            self._report_to_hp_search(None, self.state.global_step, self.evaluate())
            self.control.should_save |= self.args.save_strategy == SaveStrategy.BEST
        if self.control.should_save:
            self.control.should_save = False
            self._save_checkpoint(self.trainer, None)
            self.event("on_save")

    def _report_to_hp_search(self, trial: Any, step: int, metrics: dict[str, float]) -> None:
        """For whoever scores a training: nobody, unless `trial.trainer` says so."""

    def evaluate(self, eval_dataset: Any = None) -> dict[str, Any]:
        """Return the metrics of a data set, that of the training unless another is given."""
        rows = self.evaluation if eval_dataset is None else eval_dataset
        found = self.implementation.evaluate(self.trainer, rows)
        metrics = {name if name.startswith("eval_") else f"eval_{name}": value for name, value in found.items()}
        self.log(metrics)
        self.event("on_evaluate", metrics=metrics)
        return metrics

    def log(self, logs: dict[str, Any]) -> None:
        """Log, and tell the callbacks."""
        self.state.log_history.append({**logs, "step": self.state.global_step})
        self.event("on_log", logs=logs)

    def save_model(self, folder: str) -> None:
        """Write the model to a folder, as its library does."""
        self.implementation.save(self.trainer, Path(folder))

    def _get_output_dir(self, trial: Any = None) -> str:
        return str(self.args.output_dir)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        self.save_model(str(Path(self._get_output_dir(trial), f"checkpoint-{self.state.global_step}")))
