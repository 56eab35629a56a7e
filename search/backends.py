"""The stock call, `trainer.hyperparameter_search(backend=...)`, with a study of ours behind it.

It is called once a study. What runs the trials is `loop`, here or in workers (`workers`): the stock loops cannot keep
what a trial is promised. Optuna's keeps one Trainer and one set of arguments for all trials; Ray's pickles the Trainer,
with its data, into each of its actors (pains C2, C3), starts an actor and imports everything anew for each trial (C5),
and has a searcher and a scheduler that live in the driver and die with it (C4).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from transformers import Trainer
from transformers.hyperparameter_search import ALL_HYPERPARAMETER_SEARCH_BACKENDS
from transformers.trainer_utils import BestRun, HPSearchBackend

from ..studies.records import Study
from ..studies.store import StudyStore


def search_by_trainer(template: Any, backend: str, study: Study, store: StudyStore, search: Callable[[], None]) -> None:
    """Call `hyperparameter_search` of a copy of the template, behind which `search` runs the trials of a study.

    Raises as `search` does.
    """
    if not isinstance(template, Trainer):
        search()
        return
    caller: Any = copy.copy(template)
    if caller.model_init is None:  # stock insists on one; each trial's model is made by `making`
        caller.model_init = lambda: template.model
    with behind(backend, study, store, search):
        caller.hyperparameter_search(
            backend=backend, hp_space=lambda trial: {}, n_trials=study.trials, direction=study.direction
        )


@contextmanager
def behind(backend: str, study: Study, store: StudyStore, search: Callable[[], None]) -> Iterator[None]:
    """Let a backend of the stock call be `search` for a while."""
    key = HPSearchBackend(backend)
    stock = ALL_HYPERPARAMETER_SEARCH_BACKENDS[key]

    class StudyBackend(stock):  # type: ignore[misc,valid-type]
        """Runs the trials of a study."""

        def run(self, trainer: Any, n_trials: int, direction: str, **ignored: Any) -> BestRun:
            """Run trials until the study has its total; return the best one."""
            search()
            return best_run(study, store)

    ALL_HYPERPARAMETER_SEARCH_BACKENDS[key] = StudyBackend
    try:
        yield
    finally:
        ALL_HYPERPARAMETER_SEARCH_BACKENDS[key] = stock


def best_run(study: Study, store: StudyStore) -> BestRun:
    """Return the best trial of a study as the stock call does."""
    best = store.best(study.study_id)
    if best is None or best.score is None:
        return BestRun(run_id="", objective=math.nan, hyperparameters={})
    return BestRun(run_id=str(best.number), objective=best.score, hyperparameters=dict(best.params or {}))
