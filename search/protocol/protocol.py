"""What it takes to search a Trainer that is none of transformers': four methods, and the names that may be searched.

An implementation is found by the entry point of the group `hpsearch.trainers` whose name is the class that it is for:

    [project.entry-points."hpsearch.trainers"]
    "my_library.training.Trainer" = "my_library.for_hpsearch:Searchable"

The class has a method `train`, where a script's training is noticed, and its constructor takes `train_dataset`,
`eval_dataset` and, if it likes, `model` or a `model_init` that makes a new model for each trial.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is different in the Trainer of one training."""

    values: Mapping[str, Any]  #: of fields of `TrainerProtocol.arguments`; the others stay as the user gave them
    train: Any
    evaluation: Any
    seed: int
    folder: Path  #: where it may write


class TrainerProtocol(Protocol):
    """How the Trainers of one class are made, trained, evaluated and saved; subclasses of it likewise."""

    #: A dataclass whose fields are the names that a space may have, with their types.
    arguments: type

    def values(self, trainer: Any) -> Mapping[str, Any]:
        """Return the values of those fields that a Trainer of the user's trains with, as JSON.

        They are the baseline. Raises `BadInput` for a Trainer that cannot be searched.
        """

    def changes(self, wanted: Wanted) -> Mapping[str, Callable[[Any], Any]]:
        """Return how to make a Trainer for given values, data and seed.

        By the name of an argument of the constructor: a function of what the user gives for it (None: nothing), that
        returns what to give instead. Those of the data and of `model_init` need not be among them.
        """

    def train(self, trainer: Any, tell: Callable[[float], None], most_steps: int | None) -> None:
        """Train; `tell` is told the share that is done, as often as there is something to tell, and may raise.

        With `most_steps` the training is only tried out: few steps are enough, if it can be told so.
        """

    def evaluate(self, trainer: Any, dataset: Any) -> Mapping[str, Any]:
        """Return the metrics of a data set, with or without `eval_` before their names."""

    def save(self, trainer: Any, folder: Path) -> None:
        """Write the trained model to a folder, as users of its library open it."""
