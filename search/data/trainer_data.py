"""The data sets of a programmer's Trainer: what a search needs of them, whatever they are."""

from __future__ import annotations

from typing import Any

from ...spaces.errors import BadInput
from .fingerprints import rows_hash
from .splits import row_count
from .streams import FIRST_ROWS, first_rows, is_stream, seeded


def check_data(making: Any) -> None:
    """Raise `BadInput` for data sets of a Trainer that are missing, empty or not the same for every trial.

    A Trainer that evaluates by an evaluator of its own needs no evaluation set.
    """
    for name in ("train_dataset", "eval_dataset"):
        given = getattr(making, name)
        if given is None and name == "eval_dataset" and getattr(making.template, "evaluator", None) is not None:
            continue
        if given is None:
            hint = "trials are scored on it; scripts of trl drop theirs unless they are told --eval_strategy epoch"
            raise BadInput(f"the trainer has no {name}", hint=hint if name == "eval_dataset" else None)
        for part in given.values() if isinstance(given, dict) else [given]:
            check_part(part, name)
    train = making.train_dataset
    if is_stream(train) and row_count(train) is None and making.template.args.max_steps <= 0:
        raise BadInput(
            "the trainer's train_dataset has no length, so nobody knows how long a training is",
            hint="give TrainingArguments(max_steps=...)",
        )


def check_part(dataset: Any, name: str) -> None:
    """Raise `BadInput` for a data set that cannot be read, or a stream that not every trial can."""
    if is_stream(dataset):
        check_stream(dataset, name)
    elif len(dataset) == 0:
        raise BadInput(f"the trainer's {name} has no rows")


def check_stream(stream: Any, name: str) -> None:
    """Raise `BadInput` for a stream that gives no rows, or not the same ones to every trial."""
    if not hasattr(stream, "__iter__"):
        raise BadInput(
            f"the trainer's {name}, a {type(stream).__name__}, has no length and is no stream",
            hint="give it __len__, or make it a torch.utils.data.IterableDataset",
        )
    with seeded():
        rows = first_rows(stream, FIRST_ROWS)
    if not rows:
        raise BadInput(f"the trainer's {name} has no rows")
    with seeded():
        again = first_rows(stream, FIRST_ROWS)
    if rows_hash(rows) != rows_hash(again):
        how = "other rows" if again else "no rows"
        raise BadInput(
            f"the trainer's {name}, a stream, gives {how} when it is read again, and every trial reads it",
            hint="let __iter__ begin anew each time, and shuffle by a fixed seed",
        )
