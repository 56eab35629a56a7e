"""An evaluation whose batches several processes share: its loss is the one that a single process finds.

Predictions and metrics are right without this. But every process needs as many rows as the others, so the last batch is
filled up with rows from the beginning, which Trainer leaves out of the metrics and not out of the loss; and it gives
each loss the weight of the rows that all processes have, where that of its own would be right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from accelerate.utils import find_batch_size, recursively_apply

from ..memory import EVAL_BATCH

#: What `prediction_step` of `transformers.Trainer` returns: loss, logits, labels.
Step = tuple[Any, Any, Any]


@contextmanager
def shared_evaluation(trainer: Any) -> Iterator[None]:
    """Let Trainer weigh each process's loss by its own rows, and divide it by its own items, in the block."""
    args, count = trainer.args, trainer.args.world_size
    parts = count if trainer.accelerator.split_batches else 1
    own = {EVAL_BATCH: max(1, getattr(args, EVAL_BATCH) // parts), "average_tokens_across_devices": False}
    before = {name: getattr(args, name) for name in own}
    vars(args).update(own)
    try:
        yield
    finally:
        vars(args).update(before)


def shared_step(trainer: Any, step: Callable[..., Step], model: Any, inputs: Mapping[str, Any], *rest: Any) -> Step:
    """Return what `step`, a Trainer's `prediction_step`, does, with the loss of the rows that count."""
    found = step(model, inputs, *rest)
    rows = find_batch_size(inputs)
    real = real_rows(trainer.accelerator.gradient_state, rows or 0, trainer.args.process_index)
    if found[0] is None or real in (0, rows):
        return found
    counted = recursively_apply(lambda tensor: tensor[:real], dict(inputs))
    # Not wrapped: the other processes do not run it a second time.
    return step(trainer.accelerator.unwrap_model(model), counted, True, *rest[1:])[0], *found[1:]


def real_rows(state: Any, rows: int, process: int) -> int:
    """Return how many of a process's `rows` of a batch count; `state` is accelerate's `GradientState`."""
    if not state.end_of_dataloader or state.remainder <= 0:
        return rows
    return max(0, min(rows, state.remainder - process * rows))
