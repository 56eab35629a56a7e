"""One trial while it runs: what it is told, what it scored so far, how it ended, and writing that down.

The Trainer side is `trial_trainer`; the row is `studies.records.Trial`; the loop over trials is `loop`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import optuna
from transformers import TrainerCallback

from ..studies.errors import LeaseLost, TrialFinished, TrialNotFound
from ..studies.outbox import Outbox
from ..studies.records import Failure, Trial, TrialState
from ..studies.store import StudyStore
from .budget import LOOKS, BudgetCallback, percent
from .configuration import Configuration
from .environment import EnvironmentCallback
from .errors import NonFiniteScore, NoObjective, TrialPaused, TrialTaken
from .failures import classify, describe
from .paths import kept_checkpoint
from .population import BEGINNING, Population, Segment
from .signal_check import SignalCheck
from .splits import Splits
from .strategy import ETA, LARGEST_RUNG


@dataclass(frozen=True)
class Evaluation:
    """One evaluation inside a trial."""

    share: float  #: of the trial's budget, 0 to 1
    score: float
    metrics: dict[str, float]
    collapsed: bool = False  #: the model predicted the same for every row

    def to_dict(self) -> dict[str, Any]:
        """Return the point of the learning curve that the store keeps."""
        return {"budget": self.share, "score": self.score, "metrics": self.metrics}

    @classmethod
    def from_dict(cls, point: Mapping[str, Any]) -> Evaluation:
        """Rebuild what `to_dict` gave."""
        return cls(point["budget"], point["score"], dict(point["metrics"]))


@dataclass(kw_only=True)
class TrialRun:
    """What one trial needs to know and to remember."""

    trial: Trial
    store: StudyStore
    outbox: Outbox
    folder: Path
    device: str  #: what it runs on, as people name it
    objective: str
    direction: str
    score_from: str  #: `best` or `last` evaluation
    resolve: Callable[..., Configuration]  #: of params, `fraction` and `seed`
    fraction: float  #: of the training data
    seed: int
    splits: Callable[[Configuration], Splits]
    callbacks: list[TrainerCallback] = field(default_factory=list)
    segment: Segment = BEGINNING
    population: Population | None = None  #: whom the trial waits for at each rung, if for anybody
    is_aside: bool = False  #: while another configuration is trained
    bolder: Callable[[Mapping[str, Any]], Mapping[str, Any] | None] = lambda params: None  #: with more to learn by
    check: SignalCheck | None = None  #: what looks for a signal in the data, in the first trial
    clock: Callable[[], float] = time.perf_counter
    budget: BudgetCallback = field(init=False)
    predicts_report: bool = False  #: whether it may stand for its configuration in the end
    environment: EnvironmentCallback = field(default_factory=EnvironmentCallback)
    predictions: list[Any] | None = None  #: for the report split
    evaluations: list[Evaluation] = field(init=False)
    configuration: Configuration | None = None
    began: float = field(init=False)
    collapsed: bool = False  #: as of the latest predictions
    ended: Trial | None = None  #: the finished row

    def __post_init__(self) -> None:
        """Start the trial's clock, and take up what it did before the rung it waited at."""
        self.began = self.clock()
        self.budget = BudgetCallback(LOOKS if self.population is None else self.segment.rung + 1)
        done = self.segment.rung / LOOKS
        self.evaluations = [Evaluation.from_dict(point) for point in self.trial.curve if point["budget"] <= done]

    def start(self, params: Mapping[str, Any]) -> Configuration:
        """Resolve what was sampled and write it down before anything is built from it."""
        baseline = self.trial.baseline or self.trial.number == 0
        self.record(params=dict(params), baseline=baseline, device=self.device)
        configuration = self.segment.configuration or self.resolve(params, fraction=self.fraction, seed=self.seed)
        self.configuration = configuration
        self.record(config=configuration.to_dict(), fraction=configuration.fraction, seed=configuration.seed)
        return configuration

    def record(self, **values: Any) -> None:
        """Write to the trial's row. Raises `TrialTaken` if this worker does not hold it any more."""
        with still_ours():
            self.store.record(self.trial.trial_id, worker=self.trial.worker, **values)

    def finds_signal(self) -> bool:
        """Return whether the training that has just ended was better than chance; True where nobody asks."""
        if self.check is None or self.check.settled or not self.evaluations or self.configuration is None:
            return True
        rate = self.configuration.args["learning_rate"]
        if not self.check.look(self.fraction, self.evaluations[-1].score, rate):
            return False
        self.check.end(self.fraction, found=True)
        return True

    @contextmanager
    def aside(self, params: Mapping[str, Any]) -> Iterator[Configuration]:
        """Train another configuration in this trial, without a trace in its row."""
        kept = self.evaluations, self.budget, self.configuration, self.collapsed
        self.evaluations, self.budget, self.is_aside = [], BudgetCallback(), True
        try:
            self.configuration = self.resolve(params, fraction=self.fraction, seed=self.seed)
            yield self.configuration
        finally:
            self.evaluations, self.budget, self.configuration, self.collapsed = kept
            self.is_aside = False

    def takes_more_data(self) -> bool:
        """Return whether the training is to be done again, on three times the data; False where it cannot be."""
        larger = round(self.fraction * ETA, 9)
        if larger > LARGEST_RUNG and self.check is not None:
            self.check.end(self.fraction, found=False)
            return False
        self.fraction, self.evaluations, self.budget = larger, [], BudgetCallback()
        return True

    def predicted(self, collapsed: bool) -> None:
        """Take note of whether the model that the next metrics are of has collapsed."""
        self.collapsed = collapsed

    def evaluated(self, step: int, metrics: Mapping[str, float]) -> list[int]:
        """Take the metrics of an evaluation at `step`; return the percents of the budget it completes.

        Raises `NoObjective` if the objective is not among them and `NonFiniteScore` if it is not a finite number.
        """
        looks = self.budget.looks_at(step)
        score = finite_score(metrics, self.objective)
        values = {name: float(value) for name, value in metrics.items() if _is_number(value)}
        self.evaluations += [Evaluation(look / LOOKS, score, values, self.collapsed) for look in looks]
        if looks and not self.is_aside:
            share = looks[-1] / LOOKS
            self.record(curve=[one.to_dict() for one in self.evaluations], progress=share)
        return [percent(look) for look in looks]

    @property
    def scored(self) -> Evaluation | None:
        """The evaluation that gives the trial its score: the first of the best ones, or the last."""
        if not self.evaluations:
            return None
        if self.score_from == "last":
            return self.evaluations[-1]
        pick = max if self.direction == "maximize" else min
        return pick(self.evaluations, key=lambda one: one.score)

    def complete(self) -> float:
        """Write down that the training came to its end; return the trial's value.

        Raises `NoObjective` without one, and `TrialPaused` where the end was that of a segment.
        """
        if self.population is not None and self.evaluations and self.evaluations[-1].share < 1:
            self.pause(self.population)
        scored = self.scored
        if scored is None:
            raise NoObjective("the training ended without an evaluation")
        if scored.collapsed and not self.objective.endswith("loss"):  # a loss still tells such models apart
            self._finish(TrialState.COMPLETE, Failure.COLLAPSED, "the model predicts the same for every row")
        else:
            self._finish(TrialState.COMPLETE)
        return scored.score

    def pause(self, population: Population) -> NoReturn:
        """Let the trial wait at the rung it has reached, with its weights; raises `TrialPaused`."""
        rung, weights = round(self.evaluations[-1].share * LOOKS), kept_checkpoint(self.folder)
        if weights is None or self.configuration is None:
            raise NoObjective("the training stopped at a rung and kept no weights")
        population.keep(weights, self.trial, rung, self.configuration)
        with still_ours():
            self.store.pause(self.trial.trial_id, rung=rung, worker=self.trial.worker, seconds=self.seconds())
        raise TrialPaused

    def ended_by(self, error: Exception) -> None:
        """Write down that `error` ended the trial: a pruner's decision or a failure."""
        if isinstance(error, optuna.TrialPruned):
            self._finish(TrialState.PRUNED)
        else:
            if self.check is not None:
                self.check.end(self.fraction, found=True)  # nothing is known
            self._finish(TrialState.FAILED, classify(error), describe(error))

    def _finish(self, state: TrialState, failure: Failure | None = None, message: str | None = None) -> None:
        scored = self.scored
        values = {
            "score": None if scored is None or state is TrialState.FAILED else scored.score,
            "metrics": scored.metrics if scored else {},
            "failure_message": message,
            "seconds": self.seconds(),
            "checkpoint": None if state is TrialState.FAILED else self.checkpoint(),
            "predictions": self.predictions,
            "environment": self.environment.found or None,
        }
        with still_ours():
            self.ended = self.outbox.send(self.store, self.trial, state, failure, values)

    def checkpoint(self) -> str | None:
        """Return the checkpoint this attempt kept, if any."""
        found = kept_checkpoint(self.folder)
        return None if found is None else str(found)

    def seconds(self) -> dict[str, float]:
        """Return where the trial's time went: setting up, training, evaluating; that of all segments together."""
        total = self.clock() - self.began
        new = [one for one in self.evaluations if one.share > self.segment.rung / LOOKS]
        evaluate = sum({id(one.metrics): one.metrics.get("eval_runtime", 0.0) for one in new}.values())
        setup = self.budget.began - self.began if self.budget.began else total
        spent = {"setup": setup, "train": max(0.0, total - setup - evaluate), "evaluate": evaluate}
        before = self.trial.seconds if self.segment.rung else {}
        return {kind: seconds + before.get(kind, 0.0) for kind, seconds in spent.items()}


@contextmanager
def still_ours() -> Iterator[None]:
    """Raise `TrialTaken` where the store says that the trial is somebody else's by now, or gone."""
    try:
        yield
    except (LeaseLost, TrialFinished, TrialNotFound) as error:
        raise TrialTaken from error


def finite_score(metrics: Mapping[str, Any], objective: str) -> float:
    """Return the objective among `metrics`. Raises `NoObjective` or `NonFiniteScore`, each with what was there."""
    if objective not in metrics:
        raise NoObjective(f"the evaluation returned no {objective!r}, only {', '.join(sorted(metrics))}")
    score = metrics[objective]
    if not _is_number(score) or not math.isfinite(score):
        raise NonFiniteScore(f"{objective} is {score!r}")
    loss = metrics.get("eval_loss")
    if loss is not None and not math.isfinite(loss):
        raise NonFiniteScore(f"eval_loss is {loss!r}")
    return float(score)


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True
