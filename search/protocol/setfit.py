"""SetFit's Trainer: an encoder that is trained on pairs of sentences, and a classifier that is fitted upon it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import setfit
from transformers import PrinterCallback, ProgressCallback, TrainerCallback

from ...spaces.errors import BadInput
from ..making.arguments import GivenArguments
from ..trial.configuration import plain
from .protocol import Wanted

#: How a trial differs from the user's training besides its values: it is evaluated and saved by hpsearch alone.
ALWAYS = {
    "eval_strategy": "no",
    "eval_steps": None,
    "save_strategy": "no",
    "report_to": "none",
    "show_progress_bar": False,
}
#: The share of a training after which the encoder is trained.
ENCODED = 0.95


class Telling(TrainerCallback):
    """Tells how far the training of the encoder is."""

    def __init__(self, tell: Callable[[float], None]) -> None:
        self.tell = tell

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Tell it."""
        self.tell(ENCODED * state.global_step / max(1, state.max_steps))


class SetFit:
    """Implements `protocol.TrainerProtocol` for `setfit.Trainer`."""

    arguments = setfit.TrainingArguments

    def values(self, trainer: Any) -> dict[str, Any]:
        """Return the fields of the arguments, two equal ones of a pair as one."""
        if trainer.args.load_best_model_at_end:
            raise BadInput(
                "the Trainer goes back to the best of several evaluations of its encoder, and a trial has but one",
                hint="leave load_best_model_at_end out of the TrainingArguments",
            )
        return {name: one_or_pair(value) for name, value in plain(trainer.args).items()}

    def changes(self, wanted: Wanted) -> Mapping[str, Callable[[Any], Any]]:
        """Return how the arguments are made anew."""
        values = {name: as_given(name, value) for name, value in wanted.values.items()}
        run = {**ALWAYS, "output_dir": str(wanted.folder), "seed": wanted.seed}

        def args(given: Any) -> Any:
            return GivenArguments.of(given or setfit.TrainingArguments()).made(**{**values, **run})

        return {"args": args}

    def train(self, trainer: Any, tell: Callable[[float], None], most_steps: int | None) -> None:
        """Train the encoder, and fit the classifier."""
        for kind in (PrinterCallback, ProgressCallback):  # these print to stdout, which belongs to data
            trainer.pop_callback(kind)
        trainer.add_callback(Telling(tell))
        if most_steps is not None:
            trainer.args = trainer.args.update({"max_steps": most_steps})
        trainer.train()

    def evaluate(self, trainer: Any, dataset: Any) -> Mapping[str, Any]:
        """Return what the user's metric says."""
        return dict(trainer.evaluate(dataset))

    def save(self, trainer: Any, folder: Path) -> None:
        """Write encoder, classifier and SetFit's own card."""
        trainer.model.save_pretrained(str(folder))


def one_or_pair(value: Any) -> Any:
    """Return a pair of two equal values as one, as people write it, and any other as a list."""
    if not isinstance(value, tuple | list):
        return value
    return value[0] if len(set(value)) == 1 else list(value)


def as_given(name: str, value: Any) -> Any:
    """Return a value as the arguments take it: pairs are tuples, and a rate is never a whole number."""
    if isinstance(value, list):
        return tuple(value)
    return float(value) if name == "body_learning_rate" else value
