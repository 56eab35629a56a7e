"""The Ray backend: `trainer.hyperparameter_search(backend="ray")` with the function that runs the trials replaced."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from transformers.hyperparameter_search import ALL_HYPERPARAMETER_SEARCH_BACKENDS, RayTuneBackend
from transformers.trainer_utils import BestRun, HPSearchBackend

from .crew import Crew


class StudyOnRay(RayTuneBackend):
    """Runs the trials of a study on a Ray cluster, behind the stock call.

    Stock `run_hp_search_ray` is replaced, for it cannot keep what a trial is promised: it pickles the Trainer, with its
    data, into each of its actors (pains C2, C3); it starts an actor and imports everything anew for each trial (C5);
    the searcher and the scheduler live in the driver and die with it (C4); a trial that a scheduler stopped is complete
    for Optuna, with the score it had by then; and the score is the last evaluation's (C7). Here the driver only looks
    after workers (`ray_actors`). Each claims its trials from the study in the store and runs them as any worker does:
    `trainer.hyperparameter_search` for one trial, in the shared Optuna study, so that samplers and pruners of either
    backend see the same past.
    """

    def run(self, trainer: Any, n_trials: int, direction: str, *, crew: Crew, **ignored: Any) -> BestRun:
        """Run trials until the study has `n_trials`; return the best one. Raises as `Crew.run` does."""
        crew.run()
        best = crew.store.best(crew.study.study_id)
        if best is None or best.score is None:
            return BestRun(run_id="", objective=math.nan, hyperparameters={})
        return BestRun(run_id=str(best.number), objective=best.score, hyperparameters=dict(best.params or {}))


@contextmanager
def study_on_ray() -> Iterator[None]:
    """Let `backend="ray"` mean `StudyOnRay` for a while."""
    stock = ALL_HYPERPARAMETER_SEARCH_BACKENDS[HPSearchBackend.RAY]
    ALL_HYPERPARAMETER_SEARCH_BACKENDS[HPSearchBackend.RAY] = StudyOnRay
    try:
        yield
    finally:
        ALL_HYPERPARAMETER_SEARCH_BACKENDS[HPSearchBackend.RAY] = stock
