"""Telling trackers of a trial while it runs: one run an attempt, closed on every way out; none ends the trial.

What a run is in each tracker is `runs`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import io
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from ...studies.records import Study, Trial, TrialState
from ..accelerate_state import accelerate_state_kept
from ..errors import TrialPaused
from ..failures import describe
from ..trial.configuration import Configuration, plain
from .runs import RUNS, About, Ending, TrackerRun, prepare

INTERRUPTED = "INTERRUPTED"
log = logging.getLogger("hpsearch")
_said: set[str] = set()


@dataclass(kw_only=True)
class Tracking:
    """The runs of one trial, one for each tracker."""

    names: Sequence[str]
    study: Study
    trial: Trial
    goes_on: bool = False  #: whether the trial waited at a rung
    name_of: Callable[[Trial, Mapping[str, Any]], str | None] = lambda trial, params: None  #: what the user calls it
    say: Callable[[str], None] = lambda text: None
    runs: dict[str, TrackerRun] = field(default_factory=dict)
    is_open: bool = False
    about: About | None = None
    params: Mapping[str, Any] = field(default_factory=dict)  #: of the training that was begun

    def begin(self, configuration: Configuration, params: Mapping[str, Any] | None) -> list[TrainerCallback]:
        """Return what tells the trackers of the training that follows."""
        if not self.names:
            return []
        self.params = params or {}
        self.about = self.about_of(parameters(configuration, self.params), configuration.to_dict())
        self.open()
        return [TrackingCallback(self)]

    def about_of(self, params: Mapping[str, Any], configuration: Mapping[str, Any]) -> About:
        """Return what the trackers are told of the trial."""
        return About(
            study=self.study,
            number=self.trial.number,
            attempt=self.trial.attempt,
            phase=self.trial.phase.value,
            goes_on=self.goes_on,
            called=self.called(),
            params=params,
            configuration=configuration,
        )

    def called(self) -> str | None:
        """Return what the user calls the trial; None where nobody does, or their function fails."""
        try:
            return self.name_of(self.trial, self.trial.params or self.params)
        except Exception as error:  # noqa: BLE001 - a name is not worth a trial
            tell_once("hp_name", error, self.say)
            return None

    def open(self) -> None:
        """Open a run in each tracker."""
        about, self.is_open = self.about, True
        if about is None:
            return
        for name in self.names:
            with self.harmless(name):
                self.runs[name] = RUNS[name](about)
        self.each(lambda run: run.callback.on_train_begin(about.arguments(), TrainerState(), None, model=None))

    def tell(self, state: TrainerState, logs: Mapping[str, Any]) -> None:
        """Tell the trackers what the Trainer logged."""
        if self.about is not None:
            plain = dataclasses.replace(state, is_hyper_param_search=False, trial_name=None)
            arguments = self.about.arguments()
            self.each(lambda run: run.callback.on_log(arguments, plain, None, logs=dict(logs), model=None))

    @contextlib.contextmanager
    def closing(self, ended: Callable[[], Trial | None]) -> Iterator[None]:
        """Close the runs when the block is left, however that is; `ended` gives the trial's row if it is finished."""
        state = INTERRUPTED
        try:
            yield
        except TrialPaused:
            state = TrialState.WAITING.value
            raise
        finally:
            self.end(ended(), state)

    def end(self, trial: Trial | None, otherwise: str) -> None:
        """Close the runs of a trial with this row, or in that state where it has not ended."""
        if trial is not None and self.about is None:  # it failed before there was anything to train
            self.about = self.about_of(trial.params or {}, trial.config)
        if not self.is_open:
            self.open()
        self.each(lambda run: run.close(ending(trial, otherwise)))
        self.runs, self.about, self.is_open = {}, None, False

    def each(self, tell: Callable[[TrackerRun], Any]) -> None:
        """Do something with each run; one that fails is not told anything any more."""
        for name, run in list(self.runs.items()):
            with self.harmless(name):
                tell(run)

    @contextlib.contextmanager
    def harmless(self, name: str) -> Iterator[None]:
        """Go on without a tracker that fails, and say so once; what it prints stays off stdout, which is for data."""
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                yield
        except Exception as error:  # noqa: BLE001 - a server that is away, a full disk, a bug: the trial is worth more
            self.runs.pop(name, None)
            tell_once(f"the tracker {name}", error, self.say)


class TrackingCallback(TrainerCallback):
    """Hears what the Trainer logs."""

    def __init__(self, tracking: Tracking) -> None:
        self.tracking = tracking

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Pass it on."""
        self.tracking.tell(state, logs or {})


def tell_once(name: str, error: Exception, say: Callable[[str], None]) -> None:
    """Say that a tracker, or what names its runs, fails; the study's log has it each time."""
    words = f"{name} fails, and the trials go on without it: {describe(error)}"
    log.warning(words)
    if name not in _said:
        _said.add(name)
        say(words)


def prepare_trackers(study: Study, say: Callable[[str], None]) -> None:
    """Make what the trackers need once; where that fails, say so."""
    try:
        prepare(study)
    except Exception as error:  # noqa: BLE001 - as in `Tracking.harmless`
        tell_once("the tracker mlflow", error, say)


def ending(trial: Trial | None, otherwise: str) -> Ending:
    """Return how a trial ended; `otherwise` is the state of one that did not."""
    if trial is None:
        return Ending(state=otherwise)
    failure = None if trial.failure is None else trial.failure.value
    return Ending(state=trial.state.value, failure=failure, message=trial.failure_message, score=trial.score)


def parameters(configuration: Configuration, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the resolved configuration by name: what the space has, and whatever else is not transformers' default.

    `model.*`, `data.*` and `peft.*` keep their names; `fraction` and `seed` are the trial's.
    """
    usual = usual_arguments()
    args = {
        name: value
        for name, value in configuration.args.items()
        if name in params or name not in usual or value != usual[name]
    }
    sections = {"model": configuration.model, "data": configuration.data, "peft": configuration.peft}
    named = {f"{section}.{name}": value for section, values in sections.items() for name, value in values.items()}
    return {**args, **named, "fraction": configuration.fraction, "seed": configuration.seed}


@functools.cache
def usual_arguments() -> dict[str, Any]:
    """Return transformers' defaults, as JSON has them."""
    with accelerate_state_kept():
        return plain(TrainingArguments())
