"""What running out of memory teaches: the same effective batch again, in smaller pieces, on the device where it failed.

The lesson is in the store (trials that FAILED `oom`), so every worker and every later search of the study knows it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..studies.records import Failure, Trial
from ..studies.store import StudyStore
from .sampling.proposals import Wanted
from .trial.configuration import BATCH, Configuration

EVAL_BATCH = "per_device_eval_batch_size"
STEPS = "gradient_accumulation_steps"


@dataclass(frozen=True)
class MemoryLimits:
    """The batch sizes of a study that were too large for a device."""

    too_large: Sequence[Trial]  #: see `ran_out_of_memory`
    device: str
    processes: int = 1  #: that share each batch, and so must divide it

    def fitted(self, configuration: Configuration) -> Configuration:
        """Return a configuration whose batch fits, as far as is known; its effective batch stays the same."""
        limit = self.limit(configuration)
        batch = configuration.args.get(BATCH)
        if limit is None or batch is None or batch < limit:
            return configuration
        piece = largest_piece(batch, limit, self.processes)
        smaller = {BATCH: piece, STEPS: configuration.args.get(STEPS, 1) * (batch // piece), EVAL_BATCH: piece}
        return configuration.with_arguments(smaller)

    def limit(self, configuration: Configuration) -> int | None:
        """Return the smallest batch that was too large for such a model and such data here; None if none was."""
        failed = [
            trial.config["args"][BATCH]
            for trial in self.too_large
            if trial.device == self.device and _alike(trial.config, configuration)
        ]
        return min(failed, default=None)


def ran_out_of_memory(store: StudyStore, study_id: int) -> list[Trial]:
    """Return the trials whose batch was too large: a model that fits nowhere fails before the first batch."""
    failed = store.failed_with(study_id, Failure.OOM)
    return [trial for trial in failed if trial.seconds.get("train") and trial.config.get("args", {}).get(BATCH)]


def _alike(config: Mapping[str, Any], configuration: Configuration) -> bool:
    """Memory is a matter of the model, its adapters and the length of its input as much as of the batch."""
    sections = ("model", "data", "peft")  # rows that are older than adapters have no section for them
    return all((config.get(section) or {}) == getattr(configuration, section) for section in sections)


def largest_piece(batch: int, limit: int, processes: int = 1) -> int:
    """Return the largest divisor of `batch` below `limit` that `processes` divide; theirs where there is no other."""
    pieces = range(processes, min(batch, limit - 1) + 1, processes)
    return max((piece for piece in pieces if batch % piece == 0), default=processes)


def to_try_again(too_large: Sequence[Trial]) -> list[Wanted]:
    """Return the configurations that ran out of memory and can be made smaller, each as a replicate of its trial."""
    return [
        Wanted(trial.params, replicate=f"less memory than trial {trial.number}")
        for trial in too_large
        if trial.params and trial.config["args"][BATCH] > (trial.environment or {}).get("processes", 1)
    ]
