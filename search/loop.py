"""The loop over the trials of a study: claim a slot, run the trial, keep the best model, until the total is reached.

One trial is `trial_run`, its Trainer `trial_trainer`; slots and rows are `studies.store`.
"""

from __future__ import annotations

import contextlib
import gc
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from ..spaces.space import Space
from ..studies.optuna_study import reconcile
from ..studies.records import Study, Trial, TrialState
from ..studies.store import StudyStore
from ..studies.worker import is_alive, worker_name
from .backends import OptunaBackend
from .configuration import Configuration
from .errors import SearchFailed, StopSearch
from .interrupts import raise_if_interrupted
from .paths import StudyPaths
from .samplers import grid, untried
from .splits import Splits, SplitSource, at_fraction
from .talk import as_typed
from .trial_run import TrialRun
from .trial_trainer import accelerate_state_kept, twin_of
from .view import View

#: Seconds after which a worker on another machine that no longer answers is taken for dead.
LEASE_S = 3600.0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How the trials of a study are run; all of it is part of the study's identity."""

    space: Space
    fraction: float
    seed: int
    score_from: str = "best"
    sampler: str = "tpe"
    pruner: str = "none"


@dataclass(frozen=True, kw_only=True)
class SearchLoop:
    """Runs the trials of one study in this process."""

    trainer: Any  #: the template; never trained, never changed
    source: SplitSource
    plan: Plan
    study: Study
    store: StudyStore
    storage: Any  #: Optuna's side of the store
    view: View = field(default_factory=View)
    timeout: float | None = None  #: seconds after which no further trial starts
    max_failures: int | None = None  #: failures in a row that end the search; as many as trials unless given
    clock: Callable[[], float] = time.monotonic

    def run(self) -> None:
        """Run trials until the study has its total.

        Raises `SearchFailed` after too many failures in a row, `DiskFull` when the disk is full; an interrupted trial
        goes back to the study.
        """
        self.store.recover(self.study.study_id, is_alive)
        self.repair()
        deadline = None if self.timeout is None else self.clock() + self.timeout
        self.view.search_started(self.study, self.finished())
        with accelerate_state_kept(), quick_collection():
            while deadline is None or self.clock() < deadline:
                raise_if_interrupted()
                trial = self.claim()
                if trial is None:
                    return
                self.run_trial(trial)
                self.stop_after_failures()
        self.view.say(f"the time of {self.timeout:g} s is over: no further trial starts")

    def repair(self) -> None:
        """Bring Optuna's side of the study in line with ours, which is the truth."""
        reconcile(self.storage, self.study.name, self.store.trials(self.study.study_id))

    def claim(self) -> Trial | None:
        """Take a slot of the study, if one is left; a grid ends when all its points were tried."""
        if self.plan.sampler == "grid" and not untried(grid(self.plan.space, self.plan.seed), self.tried()):
            self.view.say("every point of the grid was tried")
            return None
        return self.store.claim(self.study.study_id, worker=worker_name(), lease_s=LEASE_S)

    def tried(self) -> list[dict[str, Any]]:
        """Return the parameters of the study's trials."""
        return [trial.params for trial in self.store.trials(self.study.study_id) if trial.params]

    def run_trial(self, trial: Trial) -> None:
        """Run one trial to its end, whatever that is."""
        self.view.trial_started(trial)
        self.paths.drop_trial(trial.number)  # what a killed attempt left
        run = self.trial_run(trial)
        try:
            self.backend().run(twin_of(self.trainer, run), run)
        except StopSearch as stop:
            self.store.release(trial.trial_id)
            self.repair()
            raise stop.cause from stop.__cause__
        finished = self.store.trial(self.study.study_id, trial.number)
        best = self.store.best(self.study.study_id)
        self.keep_best(best)
        self.view.trial_finished(finished, best)

    @property
    def paths(self) -> StudyPaths:
        """The study's folder."""
        return StudyPaths(Path(self.study.folder))

    def trial_run(self, trial: Trial) -> TrialRun:
        """Return what `trial` needs to know."""
        plan = self.plan
        return TrialRun(
            trial=trial,
            store=self.store,
            folder=self.paths.trial(trial.number),
            objective=self.study.objective,
            direction=self.study.direction,
            score_from=plan.score_from,
            resolve=lambda params: Configuration.resolve(
                self.trainer.args, params, fraction=plan.fraction, seed=plan.seed
            ),
            splits=self.splits,
            callbacks=[ShareCallback(self.view)],
        )

    def splits(self, configuration: Configuration) -> Splits:
        """Return the splits with the training part at the configuration's fraction.

        The subset depends on the study's seed alone: all trials of a rung learn from the same rows.
        """
        whole = self.source.splits(configuration.data)
        return whole._replace(train=at_fraction(whole.train, configuration.fraction, self.plan.seed))

    def backend(self) -> OptunaBackend:
        """Return who runs a trial."""
        plan = self.plan
        return OptunaBackend(
            storage=self.storage,
            study_name=self.study.name,
            space=plan.space,
            sampler=plan.sampler,
            pruner=plan.pruner,
            seed=plan.seed,
            tried=self.tried,
        )

    def keep_best(self, best: Trial | None) -> None:
        """Remove every checkpoint but the best trial's, so that a study keeps one model and not one a trial."""
        for number in self.paths.trials():
            if best is None or number != best.number:
                self.paths.drop_trial(number)

    def finished(self) -> int:
        """Return how many trials of the total are done."""
        states = [trial.state for trial in self.store.trials(self.study.study_id)]
        return states.count(TrialState.COMPLETE) + states.count(TrialState.PRUNED)

    def stop_after_failures(self) -> None:
        """Raise `SearchFailed` when the last trials all failed."""
        limit = self.max_failures or self.study.trials
        failures = self.store.consecutive_failures(self.study.study_id)
        if failures < limit:
            return
        last = self.store.trials(self.study.study_id)[-1]
        raise SearchFailed(
            f"{failures} trials in a row failed, the last one with: {last.failure_message}",
            hint=f"`hpsearch trials {as_typed(self.study.name)}` lists them, the details are in {self.paths.log}",
        )


@contextlib.contextmanager
def quick_collection() -> Iterator[None]:
    """Keep what is imported out of garbage collection.

    Each trial collects three times (transformers and accelerate do), at a quarter of a second each with all of their
    modules in memory: for short trials that is a sixth of the time.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


class ShareCallback(TrainerCallback):
    """Tells the view how much of its budget a training has done."""

    def __init__(self, view: View) -> None:
        self.view = view

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Report the share of steps done, and stop for a Ctrl-C that was lost."""
        raise_if_interrupted()
        self.view.progress(state.global_step / max(1, state.max_steps))
