"""A batch shared by the processes of a trial: what is searched is the batch of a step, however many take part in it.

With two processes a `per_device_train_batch_size` of 16 would be 32 in effect, half as many steps, and another
configuration than the row says. So the batch is divided: accelerate's `split_batches` gives each process its part of
the very batch that one process would have. Steps, looks, warm-up and the order of the rows stay what they are, and
studies may have workers with and without several processes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...spaces.errors import BadInput
from ..memory import EVAL_BATCH
from ..sampling.population import PBT
from ..trial.configuration import BATCH
from ..workers.devices import gpus

if TYPE_CHECKING:
    from ...spaces.parameter import Parameter
    from ..problem import Problem

#: The sampling of transformers that deals out batches by itself, each process its own.
REBALANCED = "batch_rebalance"


def shared(args: Mapping[str, Any], processes: int) -> dict[str, Any]:
    """Return fields of `TrainingArguments` that change so that so many processes train what `args` means in one.

    An evaluation's batch changes no result, and is rounded up. Raises `BadInput` for a batch that cannot be divided.
    """
    batch, evaluated = args[BATCH], args.get(EVAL_BATCH, processes)
    if batch % processes:
        raise indivisible(batch, processes)
    if args.get("train_sampling_strategy") == REBALANCED:
        return {BATCH: batch // processes}
    config = {**(args.get("accelerator_config") or {}), "split_batches": True}
    return {EVAL_BATCH: -(-evaluated // processes) * processes, "accelerator_config": config}


def check_shareable(problem: Problem, processes: int) -> None:
    """Raise `BadInput` for a problem whose trials cannot be trained by so many processes each."""
    if processes == 1:
        return
    problem.making.refuse(problem.plan, processes)
    if problem.plan.pruner == PBT:
        raise BadInput(
            "population based training runs each trial in one process",
            hint="leave --processes-per-trial out, or take another pruner",
        )
    there = len(gpus())
    if there and processes > there and not problem.trainer.args.use_cpu:
        raise BadInput(
            f"a trial of {processes} processes needs as many GPUs, and there {'is' if there == 1 else 'are'} {there}",
            hint=f"at most --processes-per-trial {there} here",
        )
    for batch in batches_of(problem):
        if batch % processes:
            raise indivisible(batch, processes)


def batches_of(problem: Problem) -> list[int]:
    """Return the batch sizes that trials of a problem may have."""
    parameter = problem.plan.space.parameters.get(BATCH)
    baseline = problem.baseline().get(BATCH, getattr(problem.trainer.args, BATCH))
    return [int(size) for size in (baseline, *sizes_of(parameter))]


def sizes_of(parameter: Parameter | None) -> list[Any]:
    """Return the values of a parameter; of a float, which no batch size should be, the ends."""
    if parameter is None:
        return []
    return list(parameter.ends if parameter.values is None else parameter.values)


def indivisible(batch: int, processes: int) -> BadInput:
    """Return the error for a batch that so many processes cannot share."""
    return BadInput(
        f"{BATCH}={batch} cannot be divided among {processes} processes: it is the batch of a whole step",
        hint=f"let the space have multiples of {processes}, such as choices: [{processes * 4}, {processes * 8}]",
    )
