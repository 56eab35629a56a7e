"""The trials of a study as the dashboard shows them: Optuna's form of each, made from our row."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from optuna.trial import FrozenTrial, TrialState

from ...spaces.errors import BadInput
from ...spaces.optuna_space import distributions
from ...spaces.space import Space
from ...studies.optuna_twin import inside, optuna_moment, optuna_state, reports
from ...studies.records import Study, Trial
from ...studies.store import StudyStore
from ..command_output import short_message, worker_place
from ..view import run_again

#: Added to our keys of what Optuna has none of: no two studies, and no two trials, have one.
OWN_KEYS = 10**9
NO_VALUE = object()


class Shown(NamedTuple):
    """A trial, without its long columns, and what the dashboard is given for it."""

    trial: Trial
    twin: FrozenTrial


class ShownTrials:
    """The trials of one study. What is finished never changes, so it is read once."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._space = _space_of(study)
        self._known = distributions(self._space) if self._space else {}
        self._finished: list[Shown] = []  #: up to the first trial that is not

    def read(self, store: StudyStore) -> list[Shown]:
        """Return all trials in the order of their numbers. Raises as the store does."""
        after = self._finished[-1].trial.number + 1 if self._finished else 0
        found = [self._shown(trial) for trial in store.trials_from(self._study.study_id, after)]
        finished = list(itertools.takewhile(lambda one: one.trial.state.is_finished, found))
        self._finished += finished
        return [*self._finished, *found[len(finished) :]]

    def _shown(self, trial: Trial) -> Shown:
        light = dataclasses.replace(trial, config={}, metrics={}, environment=None, predictions=None)
        return Shown(light, self._twin(trial))

    def _twin(self, trial: Trial) -> FrozenTrial:
        state = optuna_state(trial.state, trial.score)
        params = self._params(trial)
        return FrozenTrial(
            number=trial.number,
            trial_id=trial.optuna_trial_id or OWN_KEYS + trial.trial_id,
            state=state,
            value=trial.score if state in (TrialState.COMPLETE, TrialState.PRUNED) else None,
            datetime_start=optuna_moment(trial.started_at) if trial.started_at else None,
            datetime_complete=optuna_moment(trial.finished_at) if trial.finished_at else None,
            params=params,
            distributions={name: self._known[name] for name in params},
            user_attrs=attributes(self._study, trial),
            system_attrs={},
            intermediate_values=reports(trial.curve),
        )

    def _params(self, trial: Trial) -> dict[str, Any]:
        """Return the searched values; one outside its range (on more data, a value may leave it) is an attribute."""
        if self._space is None:
            return {}
        return {name: value for name, value in inside(self._space, trial.params or {}).items() if name in self._known}


def _space_of(study: Study) -> Space | None:
    try:
        return Space(study.spec["identity"]["space"])
    except (BadInput, KeyError):
        return None  # written by a release whose spaces this one cannot read


def attributes(study: Study, trial: Trial) -> dict[str, Any]:
    """Return what is told of a trial besides its searched values and its score."""
    about = {
        "runs": run_again(trial) or ("baseline" if trial.baseline else None),
        "fraction": trial.fraction,
        "seed": trial.seed,
        "failure": trial.failure and trial.failure.value,
        "failure message": short_message(trial.failure_message or ""),
        "seconds": round(trial.total_seconds, 3) if trial.seconds else None,
        "host": worker_place(trial)[0],
        "device": trial.device,
        "done": f"{trial.progress:.0%}" if trial.progress is not None and not trial.state.is_finished else None,
        "attempt": trial.attempt if trial.attempt > 1 else None,
        "configuration": configuration(study, trial),
    }
    return {name: value for name, value in about.items() if value not in (None, "")}


def configuration(study: Study, trial: Trial) -> str:
    """Return the values that a trial ran with, as JSON: all but the arguments that every trial of the study has.

    Those are `common_arguments`, told once.
    """
    common = common_arguments(study)
    config = trial.config or {"args": trial.params or {}}
    args = _part(config, "args")
    own = {name: value for name, value in args.items() if common.get(name, NO_VALUE) != value}
    parts = {f"{part}.{name}": value for part in ("model", "data") for name, value in _part(config, part).items()}
    schedule = {"schedule": config["schedule"]} if config.get("schedule") else {}
    values = {**own, **parts, **schedule}
    return json.dumps(values, ensure_ascii=False) if values else ""


def common_arguments(study: Study) -> Mapping[str, Any]:
    """Return the `TrainingArguments` that all trials of a study share."""
    return _part(study.spec.get("identity", {}), "args")


def _part(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = config.get(name)
    return found if isinstance(found, Mapping) else {}
