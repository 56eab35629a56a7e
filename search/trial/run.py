"""One trial while it runs: what it is told, what it scored so far, how it ended, and writing that down.

The Trainer side is `trainer`; the row is `studies.records.Trial`; the loop over trials is `loop`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn

import optuna
from transformers import TrainerCallback

from ...studies.claimed_storage import PHASE
from ...studies.constraint import Constraint
from ...studies.errors import LeaseLost, TrialFinished, TrialNotFound
from ...studies.objective import SECONDS, TRAIN, UNITS
from ...studies.outbox import Outbox
from ...studies.records import Failure, Phase, Trial, TrialState
from ...studies.store import StudyStore
from ..errors import NoObjective, TrialPaused, TrialTaken
from ..failures import ends_search
from ..paths import kept_checkpoint
from ..sampling.optuna_trial import OptunaTrial
from ..sampling.population import BEGINNING, Population, Segment
from ..trackers.tracking import Tracking
from .budget import LOOKS, BudgetCallback
from .configuration import Configuration
from .ledger import STORE, Ledger, LedgerCallback
from .outputs import keep_outputs
from .predictions import report_predictions
from .training import Evaluation, Training, finite_score


@dataclass(kw_only=True)
class TrialRun(Training):
    """What one trial needs to know and to remember."""

    trial: Trial
    store: StudyStore
    outbox: Outbox
    device: str  #: what it runs on, as people name it
    resolve: Callable[..., Configuration]  #: of params, `fraction` and `seed`
    fraction: float  #: of the training data
    seed: int
    segment: Segment = BEGINNING
    looks: int = LOOKS  #: how often it is evaluated
    constraints: Sequence[Constraint] = ()  #: what it must keep to, to be the winner
    population: Population | None = None  #: whom the trial waits for at each rung, if for anybody
    clock: Callable[[], float] = time.perf_counter
    tracking: Tracking | None = None  #: whom it tells what it logs
    optuna: OptunaTrial | None = None  #: Optuna's side of it, which may find it hopeless
    predictions: list[Any] | None = None  #: for the report split
    params: dict[str, Any] | None = None  #: what was sampled
    ledger: Ledger = field(init=False)
    ended: Trial | None = None  #: the finished row

    def __post_init__(self) -> None:
        """Start the trial's clock, and take up what it did before the rung it waited at."""
        self.ledger = Ledger(self.clock)
        self.callbacks = [LedgerCallback(self.ledger), *self.callbacks]
        stop_after = LOOKS if self.population is None else self.segment.rung + 1
        self.budget = BudgetCallback(stop_after, looks=self.looks)
        done = self.segment.rung / LOOKS
        self.evaluations = [Evaluation.from_dict(point) for point in self.trial.curve if point["budget"] <= done]

    def start(self, params: Mapping[str, Any]) -> Configuration:
        """Resolve what was sampled and write it down before anything is built from it."""
        baseline = self.trial.baseline or self.trial.number == 0
        self.record(params=dict(params), baseline=baseline, device=self.device)
        self.params = dict(params)
        configuration = self.segment.configuration or self.resolve(params, fraction=self.fraction, seed=self.seed)
        self.configuration = configuration
        self.record(config=configuration.to_dict(), fraction=configuration.fraction, seed=configuration.seed)
        return configuration

    def booked(self, kind: str) -> AbstractContextManager[None]:
        """Return the block whose time is booked as that kind of work."""
        return self.ledger.on(kind)

    @contextmanager
    def tracked(self) -> Iterator[None]:
        """Close what trackers have of the trial when the block is left, however that is."""
        if self.tracking is None:
            yield
            return
        with self.tracking.closing(lambda: self.ended):
            yield

    @property
    def reports(self) -> bool:
        """Whether trackers are told of it by us, and so by nobody else."""
        return self.tracking is not None and bool(self.tracking.names)

    def trackers(self, configuration: Configuration) -> list[TrainerCallback]:
        """Return what tells the trackers of the training that follows."""
        if self.tracking is None:
            return []
        with self.ledger.on(STORE):
            return self.tracking.begin(configuration, self.params)

    def record(self, **values: Any) -> None:
        """Write to the trial's row. Raises `TrialTaken` if this worker does not hold it any more."""
        with still_ours(), self.ledger.on(STORE):
            self.store.record(self.trial.trial_id, worker=self.trial.worker, **values)

    def choose(self) -> dict[str, Any]:
        """Return what the trial tries, which is its alone from now on. Raises `SpaceExhausted` if nothing is left."""
        if self.optuna is None:
            raise NoObjective("a trial without Optuna's side of it has nothing to try")
        return self.optuna.ask(self.marks())

    def marks(self) -> dict[str, Any]:
        """Return what Optuna and its dashboard should know of a trial that runs a configuration again."""
        trial = self.trial
        if trial.phase is Phase.SEARCH:
            return {}
        return {PHASE: trial.phase.value, "fraction": self.fraction, "seed": self.seed, "again": trial.first_number}

    def predict(self, trainer: Any) -> None:
        """Let the trained model predict the report split, where the trial may be the one that counts in the end."""
        if not self.predicts_report:
            return
        if self.scores_predictions:
            self.predictions = report_predictions(trainer, self)
        else:
            keep_outputs(trainer, self)

    def tell_optuna(self) -> None:
        """Tell Optuna how the trial ended."""
        if self.optuna is not None and self.ended is not None:
            with self.ledger.on(STORE):
                self.optuna.tell(self.ended)

    def look_for_signal(self) -> None:
        """Write down whether the training that has just ended was better than chance, if this is the trial to ask."""
        if self.check is not None and self.evaluations:
            with self.ledger.on(STORE):
                self.check.look(self.fraction, self.evaluations[-1].score)

    def evaluated(self, step: int, metrics: Mapping[str, float]) -> list[int]:
        """Take the metrics of an evaluation and write the learning curve down; see `Training.evaluated`.

        Raises `optuna.TrialPruned` where the pruner gives the trial up.
        """
        before = len(self.evaluations)
        looks = super().evaluated(step, metrics)
        if len(self.evaluations) > before:
            curve = [one.to_dict() for one in self.evaluations]
            self.record(curve=curve, progress=self.evaluations[-1].share)
        if self.optuna is not None:
            for look in looks:
                self.optuna.report(look, self.evaluations[-1].score)
        return looks

    def complete(self) -> None:
        """Write down that the training came to its end.

        Raises `NoObjective` without a score or a number that is bounded, `NothingTrained` where no weight was changed,
        and `TrialPaused` where the end was that of a segment, whose steps may all have been those of a warm-up.
        """
        goes_on = self.budget.stopped is None and bool(self.evaluations) and self.evaluations[-1].share < 1
        if self.population is not None and goes_on:
            self.pause(self.population)
        self.environment.check_trained()
        scored = self.scored
        if scored is None:
            raise NoObjective("the training ended without an evaluation")
        broken = [words for one in self.constraints if (words := one.broken(self.bounded(one, scored)))]
        if broken:
            self._finish(TrialState.INFEASIBLE, message="; ".join(broken))
        elif scored.collapsed and not self.objective.name.endswith("loss"):  # a loss still tells such models apart
            self._finish(TrialState.COMPLETE, Failure.COLLAPSED, "the model predicts the same for every row")
        else:
            self._finish(TrialState.COMPLETE)

    def bounded(self, constraint: Constraint, scored: Evaluation) -> float:
        """Return the number that a constraint bounds, as of the evaluation that gives the trial its score.

        Raises `NoObjective` and `NonFiniteScore`, as for an objective.
        """
        if constraint.name == SECONDS:
            return self.seconds().get(TRAIN, 0.0)
        if constraint.name in UNITS:
            return finite_score(self.environment.found, constraint.name)
        return finite_score(scored.metrics, constraint.name)

    def pause(self, population: Population) -> NoReturn:
        """Let the trial wait at the rung it has reached, with its weights; raises `TrialPaused`."""
        rung, weights = round(self.evaluations[-1].share * LOOKS), kept_checkpoint(self.folder)
        if weights is None or self.configuration is None:
            raise NoObjective("the training stopped at a rung and kept no weights")
        population.keep(weights, self.trial, rung, self.configuration)
        self.record(environment=self.began_with())
        with still_ours():
            self.store.pause(self.trial.trial_id, rung=rung, worker=self.trial.worker, seconds=self.seconds())
        raise TrialPaused

    def ended_by(self, error: Exception) -> None:
        """Write down that `error` ended the trial: a pruner's decision or a failure.

        Raises what the user should be told where it says nothing about the trial: a full disk, a store that refuses.
        """
        told = ends_search(error)
        if told is not None:
            raise told from error
        if isinstance(error, optuna.TrialPruned):
            self._finish(TrialState.PRUNED)
        else:
            self._finish(TrialState.FAILED, *self.ranks.blame(error))

    def _finish(self, state: TrialState, failure: Failure | None = None, message: str | None = None) -> None:
        scored = self.scored
        values = {
            "score": None if scored is None or state is TrialState.FAILED else scored.score,
            "metrics": scored.metrics if scored else {},
            "failure_message": message,
            "seconds": self.seconds(),
            "checkpoint": None if state is TrialState.FAILED else self.checkpoint(),
            "predictions": self.predictions,
            "environment": self.began_with(),
        }
        with still_ours():
            self.ended = self.outbox.send(self.store, self.trial, state, failure, values)

    def began_with(self) -> dict[str, Any] | None:
        """Return what the trial began with and runs on; a segment that goes on from a rung knows no first weights."""
        found = self.environment.found
        if found and self.segment.rung:
            return {**found, "weights": (self.trial.environment or {}).get("weights")}
        return found or None

    def checkpoint(self) -> str | None:
        """Return the checkpoint this attempt kept, if any."""
        found = kept_checkpoint(self.folder)
        return None if found is None else str(found)

    def seconds(self) -> dict[str, float]:
        """Return where the trial's time went, by kind of work; that of all segments together."""
        spent = self.ledger.seconds()
        before = self.trial.seconds if self.segment.rung else {}
        return {kind: spent.get(kind, 0.0) + before.get(kind, 0.0) for kind in {**before, **spent}}


@contextmanager
def still_ours() -> Iterator[None]:
    """Raise `TrialTaken` where the store says that the trial is somebody else's by now, or gone."""
    try:
        yield
    except (LeaseLost, TrialFinished, TrialNotFound) as error:
        raise TrialTaken from error
