"""The loop over the trials of a study, in one worker: claim a slot, run the trial, keep the best model.

One trial is `trial.run`, its Trainer `trial.trainer`, what it tries `sampling.chooser`; slots and rows are
`studies.store`. Several workers each run this loop on one study; `workers.crew` starts them.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..studies.claimed_storage import ClaimedStorage
from ..studies.clock import utc_now, utc_text
from ..studies.errors import StoreFailed, StudyNotFound
from ..studies.front import choice_of, objectives_of
from ..studies.leases import LEASE_S, RENEW_S
from ..studies.objective import Objective
from ..studies.optuna_study import reconcile
from ..studies.outbox import Outbox, take_back
from ..studies.records import Phase, Study, Trial
from ..studies.store import StudyStore
from ..studies.worker import worker_name
from .accelerate_state import accelerate_state_kept
from .checkpoints import CheckpointKeeper
from .collection import quick_collection
from .data.splits import Splits, SplitSource, splits_at
from .errors import TrialPaused, TrialTaken
from .failures import search_failed
from .interrupts import raise_if_interrupted, uninterrupted
from .ladder import Ladder, alongside
from .limits import Limits
from .making.making import Making
from .memory import MemoryLimits, ran_out_of_memory
from .paths import StudyPaths
from .plan import Plan
from .ranks.ranks import ALONE, END, Ranks
from .sampling.chooser import Chooser
from .sampling.optuna_parts import NO_PARTS, OptunaParts
from .sampling.optuna_trial import OptunaTrial
from .sampling.population import BEGINNING, PBT, Population, Segment
from .sampling.priors import Prior
from .sampling.proposals import SpaceExhausted
from .strategy import NONE, Strategy
from .trackers.trackers import trackers_of
from .trackers.tracking import Tracking
from .trial.configuration import Configuration
from .trial.looks import looks_on
from .trial.progress import Pulse, TrialCallback
from .trial.run import TrialRun
from .trial.signal_check import SignalCheck
from .trial.trainer import made_for
from .verdict.flatness import Flatness
from .view import View
from .workers.devices import Room, device_name, take_threads
from .workers.heartbeat import Heartbeat
from .workers.study_watch import StudyWatch

#: Seconds between two looks for work while other workers have all that is left.
IDLE_S = 0.5


@dataclass(frozen=True, kw_only=True)
class SearchLoop:
    """Runs trials of one study in this process, beside any number of other workers."""

    making: Making  #: how the user's Trainer came to be
    scores_predictions: bool = True  #: see `trial.training.Training`
    source: SplitSource
    plan: Plan
    baseline: Mapping[str, Any]
    priors: Sequence[Prior] = ()  #: configurations of other studies, which are tried after the baseline
    study: Study
    store: StudyStore
    storage: Any  #: Optuna's side of the store
    view: View = field(default_factory=View)
    timeout: float | None = None  #: seconds after which no further trial starts
    clock: Callable[[], float] = time.monotonic
    lease_s: float = LEASE_S
    renew_s: float = RENEW_S
    launcher: Any = None  #: who runs trials in several processes, where they are: `ranks.launch.Launcher`
    room: Room | None = None  #: of the machine, where other workers of the study are on it
    ranks: Ranks = ALONE  #: which of the processes of a trial this one is
    parts: OptunaParts = NO_PARTS  #: Optuna's own objects, where it was given any

    def run(self) -> None:
        """Run trials until the study has its total, or nothing is left to try.

        Raises `SearchFailed` after too many failures in a row, `DiskFull` when the disk is full; an interrupted trial
        goes back to the study.
        """
        deadline = None if self.timeout is None else self.clock() + self.timeout
        pulse = Heartbeat(self.store.url, self.study.study_id, self.outbox, lease_s=self.lease_s, renew_s=self.renew_s)
        with pulse as heart, self.giving_back(), accelerate_state_kept(), quick_collection():
            self.give_back()  # what an earlier search of this very process left, when its store was away
            self.take_back(heart)
            if self.launcher is not None:
                self.launcher.warm_up()
            watch = StudyWatch(store=self.store, study=self.study, view=self.view)
            watch.look()
            began = utc_text(utc_now())
            while deadline is None or self.clock() < deadline:
                raise_if_interrupted()
                self.stop_after_failures(began)
                if not self.step(heart, watch):
                    break
            else:
                self.view.say(f"the time of {self.timeout:g} s is over: no further trial starts")
            self.take_back(heart)
        self.tidy()

    def tidy(self) -> None:
        """Remove what nobody needs any more: checkpoints, and weights at rungs when every trial has ended."""
        self.keeper().tidy()
        if self.population is None:
            return
        summary = self.store.summary(self.study.study_id)
        if summary.done >= self.study.trials:
            self.population.drop_rungs()

    @contextlib.contextmanager
    def giving_back(self) -> Iterator[None]:
        """Put back the trial that an error or a Ctrl-C leaves unfinished, whenever it comes."""
        try:
            yield
        except BaseException:
            with uninterrupted(), contextlib.suppress(StoreFailed, StudyNotFound):
                self.give_back()
            raise

    def give_back(self) -> None:
        """Put back the trials that this process holds."""
        for trial in self.store.running(self.study.study_id):
            if trial.worker == worker_name():
                self.store.release(trial.trial_id, worker=trial.worker)

    def take_back(self, heart: Heartbeat) -> None:
        """Send what dead workers left unsent, take their trials back, and tell Optuna what they could not."""
        take_back(self.store, self.study.study_id, self.outbox, heart.watch.is_lost)
        reconcile(self.storage, self.store, self.study.study_id)

    def step(self, heart: Heartbeat, watch: StudyWatch) -> bool:
        """Run one trial, or wait a little while others have all that is left; return whether there may be more.

        Trials of others may fail, or be lost, and be replaced. Whether there are any is known from before the claim:
        one that is put back after a claim in vain must not be missed.
        """
        others_run = bool(watch.running)
        nothing_left = self.chooser.exhausted() or self.flat()
        trial = self.claim(new=nothing_left is None)
        if trial is not None:
            watch.look()
            self.run_trial(trial, heart)
            watch.look()
            return not self.asked_to_stop(trial)
        if not others_run and self.go_on():
            watch.look()
            return True
        if nothing_left and not others_run:
            self.view.say(nothing_left)
        if others_run:
            time.sleep(random.uniform(0.5, 1.0) * IDLE_S)
            watch.look()
        return others_run

    def asked_to_stop(self, trial: Trial) -> bool:
        """Tell the user's callbacks of a trial of the search; return whether one of them ends it."""
        if not self.parts.callbacks or trial.phase is not Phase.SEARCH:
            return False
        key = self.store.trial(self.study.study_id, trial.number).optuna_trial_id
        return key is not None and self.parts.tell(self.storage, self.study.name, key)

    def flat(self) -> str | None:
        """Return how it is said that no other trial could gain anything, where the user asked to stop then."""
        if not self.limits.stop_when_flat:
            return None
        seen = ClaimedStorage(self.storage, None, self.store.patience)
        trials = seen.get_all_trials(seen.get_study_id_from_name(self.study.name))
        return Flatness(study=self.store.study(self.study.name), seed=self.plan.seed).words(trials)

    def go_on(self) -> bool:
        """Let the best go on to the next rung if every trial has ended; return whether there is more to run."""
        study, trials = self.store.study(self.study.name), self.store.trials(self.study.study_id)
        if not all(trial.state.is_finished for trial in trials):
            return True  # another worker was quicker
        ladder = Ladder.of(study, fraction=self.fraction, seed=self.plan.seed, space=self.plan.space)
        promotions = ladder.promotions(trials)
        if promotions:
            self.store.promote(study.study_id, promotions)  # or another worker has
        return bool(promotions)

    @property
    def fraction(self) -> float:
        """The share of the data that trials of the first rung see: an earlier release took more where it was flat."""
        return float((self.study.signal or {}).get("fraction") or self.plan.fraction)

    def claim(self, *, new: bool) -> Trial | None:
        """Take a trial that waits, or a new one if there is something left to try and a slot for it."""
        return self.store.claim(self.study.study_id, worker=worker_name(), lease_s=self.lease_s, new=new)

    def run_trial(self, trial: Trial, heart: Heartbeat) -> None:
        """Run one trial to its end, whatever that is."""
        self.paths.drop_trial(trial.number)  # what a killed attempt left
        heart.begin(trial)
        try:
            if self.launcher is None:
                self.train(trial, heart)
            else:
                self.launcher.run(self, trial, heart)
            self.keeper(trial).tidy(trial.number)
        except SpaceExhausted:
            self.store.withdraw(trial.trial_id, worker=trial.worker)
        except TrialPaused:
            pass  # it waits for the others at its rung
        except TrialTaken:
            self.paths.drop_attempt(trial.number, trial.attempt)
            self.view.say(f"trial {trial.number} was given to another worker: this one was silent for too long")
        finally:
            heart.end()

    def train(self, trial: Trial, heart: Pulse) -> None:
        """Train a claimed trial in this process, to its end, whatever that is.

        Raises `SpaceExhausted` if nothing is left to try, `TrialPaused` at a rung, `TrialTaken` if the trial is
        somebody else's by now, and what ends the search: a full disk, a store that refuses, Ctrl-C.
        """
        self.take_threads(trial)
        run = self.trial_run(trial, heart)
        with run.tracked(), self.making.within():
            try:
                configuration = run.start(run.choose())
                trainer = made_for(run, self.making, configuration)
                checkpoint = run.segment.checkpoint
                trainer.train(None if checkpoint is None else str(checkpoint))
                run.look_for_signal()
                run.predict(trainer)
                run.ranks.tell(END)
                run.complete()
            except Exception as error:  # noqa: BLE001 - what a user's code raises is a failure of its trial
                run.ended_by(error)
            run.tell_optuna()

    def take_threads(self, trial: Trial) -> None:
        """Take this worker's share of the cores, which is larger where fewer trials run at a time."""
        if self.room is not None:
            rung = [] if trial.phase is Phase.SEARCH else self.store.trials(self.study.study_id)
            take_threads(self.room.threads(alongside(trial, rung, self.study.trials)))

    @property
    def device(self) -> str:
        """What trials run on here."""
        return self.ranks.device(device_name(self.making.template.args.device))

    @property
    def paths(self) -> StudyPaths:
        """The study's folder."""
        return StudyPaths(Path(self.study.folder))

    @property
    def outbox(self) -> Outbox:
        """Where results wait for the store."""
        return Outbox(self.paths.outbox)

    @property
    def objective(self) -> Objective:
        """What steers the search."""
        return Objective.of(self.study)

    @property
    def limits(self) -> Limits:
        """What bounds the search."""
        return Limits.of(self.study)

    def keeper(self, trial: Trial | None = None) -> CheckpointKeeper:
        """Who looks after the checkpoints: while there are finals, those of all that are compared."""
        finals = trial is not None and trial.phase is Phase.FINAL
        keep = max(self.limits.keep, Strategy.of(self.study).compared + 1 if finals else 0)
        return CheckpointKeeper(store=self.store, study=self.study, paths=self.paths, keep=keep)

    @property
    def chooser(self) -> Chooser:
        """Who chooses what is tried."""
        return Chooser(
            space=self.plan.space,
            sampler=self.plan.sampler,
            seed=self.plan.seed,
            baseline=self.baseline,
            priors=self.priors,
            objectives=objectives_of(self.study),
            store=self.store,
            study_id=self.study.study_id,
            own_sampler=self.parts.sampler,
        )

    def trial_run(self, trial: Trial, heart: Pulse) -> TrialRun:
        """Return what `trial` needs to know."""
        fraction = self.fraction if trial.phase is Phase.SEARCH else trial.fraction or 1.0
        check, segment = self.check(trial), self.segment(trial)
        return TrialRun(
            trial=trial,
            store=self.store,
            outbox=self.outbox,
            folder=self.paths.trial(trial.number, trial.attempt),
            device=self.device,
            objective=self.objective,
            constraints=self.plan.constraints,
            score_from=self.plan.score_from,
            resolve=self.resolve,
            fraction=fraction,
            seed=self.plan.seed if trial.phase is Phase.SEARCH or trial.seed is None else trial.seed,
            splits=self.splits,
            ranks=self.ranks,
            check=check,
            predicts_report=self.predicts_report(fraction),
            scores_predictions=self.scores_predictions,
            outputs=self.paths.outputs(trial.number),
            segment=segment,
            looks=looks_on(fraction, self.making.template, self.source.splits({}), self.plan),
            optuna=self.optuna_trial(trial),
            unsmoothed=self.unsmoothed,
            population=self.population,
            tracking=Tracking(
                names=trackers_of(self.study),
                study=self.study,
                trial=trial,
                goes_on=segment.rung > 0,
                name_of=self.parts.name_of,
                say=self.view.say,
            ),
            callbacks=[TrialCallback(trial, self.view, heart, self.limits.trial_timeout)],
        )

    def predicts_report(self, fraction: float) -> bool:
        """Return whether a trial on that share may be the one that stands for its configuration in the end."""
        compares = (
            Strategy.of(self.study).confirm != NONE or choice_of(self.study) is not None
        )  # if not now, then later
        return fraction == 1.0 and compares and self.source.splits({}).report is not None

    def check(self, trial: Trial) -> SignalCheck | None:
        """Return what looks for a signal in a subset, for the first trial of a study whose metric may be flat."""
        measured = self.making.template.compute_metrics is not None and not self.objective.is_loss
        if trial.number != 0 or not measured or self.fraction >= 1 or self.plan.pruner == PBT:
            return None
        return SignalCheck(
            objective=self.objective,
            seed=self.plan.seed,
            settle=lambda signal: self.store.note_signal(self.study.study_id, signal),
        )

    @property
    def population(self) -> Population | None:
        """Whom trials wait for at their rungs, where they do."""
        if self.plan.pruner != PBT:
            return None
        return Population(space=self.plan.space, seed=self.plan.seed, objective=self.objective, paths=self.paths)

    def segment(self, trial: Trial) -> Segment:
        """Return what of a trial is trained next: all of it, where it waits for nobody."""
        if self.population is None or trial.rung == 0:
            return BEGINNING
        return self.population.segment(trial, self.store.trials(self.study.study_id))

    def resolve(self, params: Mapping[str, Any], *, fraction: float, seed: int) -> Configuration:
        """Return the resolved configuration of a trial on this worker's device."""
        configuration = Configuration.resolve(self.making, params, fraction=fraction, seed=seed)
        too_large = ran_out_of_memory(self.store, self.study.study_id)
        return MemoryLimits(too_large, self.device, self.ranks.count).fitted(configuration)

    def splits(self, configuration: Configuration) -> Splits:
        """Return the splits with the training part at the configuration's fraction."""
        return splits_at(self.source, configuration.data, configuration.fraction, self.plan.seed)

    def optuna_trial(self, trial: Trial) -> OptunaTrial:
        """Return Optuna's side of a trial; what is compared on more data is compared to its end."""
        return OptunaTrial(
            storage=ClaimedStorage(self.storage, trial.optuna_trial_id, self.store.patience),
            study_name=self.study.name,
            space=self.plan.space,
            proposals=self.chooser.proposals(trial),
            pruner=self.parts.pruner_of(self.plan.pruner if trial.phase is Phase.SEARCH else "none"),
            constraints=self.plan.constraints,
        )

    @property
    def unsmoothed(self) -> bool:
        """Whether losses are compared that smoothed labels would make larger, by as much as each trial smooths."""
        return self.objective.name.endswith("loss") and "label_smoothing_factor" in self.plan.space.searched

    def stop_after_failures(self, since: str) -> None:
        """Raise `SearchFailed` when the last trials all failed; those before this search are forgiven."""
        limit = self.limits.max_failures or self.study.trials
        failures = self.store.consecutive_failures(self.study.study_id, since)
        if failures < limit or (self.limits.max_failures is None and self.chooser.again()):
            return  # what ran out of memory will be tried in smaller pieces
        raise search_failed(self.study, failures, self.store.trials(self.study.study_id), self.paths.log)
