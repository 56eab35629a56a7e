"""A stored trial trained again from its row alone, without Optuna and without a trace; what it shows is `replay`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from ...studies.records import Trial, TrialState
from ..accelerate_state import accelerate_state_kept
from ..data.splits import Splits, splits_at
from ..quiet import chatter_to
from ..ranks.ranks import END
from ..study_run import StudyRun
from .budget import LOOKS, BudgetCallback
from .configuration import Configuration
from .looks import looks_of
from .progress import ShareCallback
from .trainer import made_for
from .training import Training


def trained_again(run: StudyRun, trial: Trial) -> Training:
    """Train with the configuration in a trial's row, as far as the trial came; return what was found.

    Nothing is written but to a folder of its own. In one of several processes it takes the others with it.
    """
    problem, configuration = run.problem, Configuration.from_dict(trial.config)
    threads = (trial.environment or {}).get("threads")
    end = len(trial.curve) if trial.state is TrialState.PRUNED else LOOKS  # who is pruned has all looks

    def splits(wanted: Configuration) -> Splits:
        return splits_at(problem.source, wanted.data, wanted.fraction, problem.plan.seed)

    with tempfile.TemporaryDirectory(prefix="hpsearch-replay-") as folder:
        training = Training(
            folder=Path(folder),
            objective=problem.objective,
            score_from=problem.plan.score_from,
            splits=splits,
            callbacks=[ShareCallback(run.view)],
            is_aside=True,
            budget=BudgetCallback(end, looks=looks_of(trial.curve), keeps_weights=False),
            ranks=run.ranks,
            unsmoothed=run.loop(None).unsmoothed,
        )
        log = Path(folder) / "log.txt"
        quietly = chatter_to(log, also_stderr=run.verbose)
        with quietly, accelerate_state_kept(), threads_set_to(threads), problem.making.within():
            made_for(training, problem.making, configuration).train()
            run.ranks.tell(END)
    return training


@contextmanager
def threads_set_to(count: int | None) -> Iterator[None]:
    """Let torch use so many threads: in how many parts a sum is added up shows in its last bits."""
    before = torch.get_num_threads()
    if count in (None, before):
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
