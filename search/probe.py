"""One look at what a Trainer's evaluation returns, before a search spends anything on it (pains A2)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from torch.utils.data import Subset

from ..spaces.errors import BadInput, did_you_mean
from .accelerate_state import accelerate_state_kept
from .data.streams import first_rows as first_of_stream
from .data.streams import is_stream
from .objectives import SECONDS
from .own.call import in_one_sentence
from .trial.configuration import fresh_arguments
from .trial.trainer import rebuild, twin_of

ROWS = 16
#: Metrics that the Trainer adds about its own speed.
TIMING = re.compile(r"_(runtime|per_second|preparation_time|mem_.*)$")


def check_objective_is_returned(trainer: Any, objective: str, weighed: Iterable[str] = ()) -> None:
    """Evaluate a few rows with an untrained twin; raise `BadInput` if the objective is not among the metrics.

    What is `weighed` against it must be there, too, but for the seconds. Metrics that cannot be computed on so few
    rows are left to trial 0; whatever else the evaluation raises would end every trial, and is told with its place in
    the user's code.
    """
    try:
        metrics = probe_metrics(trainer)
    except (ValueError, ArithmeticError, LookupError):
        return
    except Exception as error:
        raise in_one_sentence(error, "the evaluation of the trainer") from error
    names = sorted(name for name in metrics if not TIMING.search(name))
    if objective not in names:
        raise BadInput(f"the evaluation returns no {objective!r}", hint=did_you_mean(objective, names))
    for name in weighed:
        if name not in (*names, SECONDS):
            raise BadInput(f"the evaluation returns no {name!r}", hint=did_you_mean(name, [*names, SECONDS]))


def probe_metrics(trainer: Any) -> dict[str, float]:
    """Return the metrics of the first rows of the evaluation set; `trainer` stays as it is."""
    given = trainer.eval_dataset
    few = {name: first_rows(part) for name, part in given.items()} if isinstance(given, dict) else first_rows(given)
    with accelerate_state_kept():
        twin = twin_of(trainer)
        quiet = fresh_arguments(trainer.args, disable_tqdm=True, report_to=[])
        rebuild(twin, quiet, train=trainer.train_dataset, evaluation=few, callbacks=[], model={})
        return dict(twin.evaluate())


def first_rows(dataset: Any) -> Any:
    """Return the first rows of a data set, those of a stream as a list."""
    if is_stream(dataset):
        return first_of_stream(dataset, ROWS)
    rows = range(min(ROWS, len(dataset)))
    return dataset.select(rows) if hasattr(dataset, "select") else Subset(dataset, rows)
