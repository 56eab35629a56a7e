"""The trials of a study as the dashboard shows them: Optuna's form of each, made from our row."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from optuna.trial import FrozenTrial, TrialState

from ...spaces.errors import BadInput
from ...spaces.optuna_space import distributions
from ...spaces.space import Space
from ...studies.optuna_twin import inside, optuna_moment, optuna_state, reports
from ...studies.records import Study, Trial
from ...studies.store import StudyStore
from ..words import from_where, run_again, short_message, worker_place

#: Added to our keys of what Optuna has none of: no two studies, and no two trials, have one.
OWN_KEYS = 10**9
AT_A_TIME = 1000


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
        found = list(self._after(store, self._finished[-1].trial.number if self._finished else -1))
        finished = list(itertools.takewhile(lambda one: one.trial.state.is_finished, found))
        self._finished += finished
        return [*self._finished, *found[len(finished) :]]

    def _after(self, store: StudyStore, number: int) -> Iterator[Shown]:
        """Yield the trials after one: a thousand rows with all their columns at a time, or they take a gigabyte."""
        rows: list[Trial] = []
        while not rows or len(rows) == AT_A_TIME:
            rows = store.trials_from(self._study.study_id, number + 1, AT_A_TIME)
            if not rows:
                return
            yield from map(self._shown, rows)
            number = rows[-1].number

    def _shown(self, trial: Trial) -> Shown:
        curve = [{"budget": point["budget"], "score": point["score"]} for point in trial.curve]
        light = dataclasses.replace(trial, config={}, metrics={}, environment=None, predictions=None, curve=curve)
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
            user_attrs=attributes(self._study, trial, params),
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


def attributes(study: Study, trial: Trial, shown: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is told of a trial besides its score and the values that are `shown` as its parameters."""
    about = {
        "runs": run_again(trial) or ("baseline" if trial.baseline else from_where(trial) or None),
        "fraction": trial.fraction,
        "seed": trial.seed,
        "failure": trial.failure and trial.failure.value,
        "failure message": short_message(trial.failure_message or ""),
        "seconds": round(trial.total_seconds, 3) if trial.seconds else None,
        "host": worker_place(trial)[0],
        "device": trial.device,
        "done": f"{trial.progress:.0%}" if trial.progress is not None and not trial.state.is_finished else None,
        "attempt": trial.attempt if trial.attempt > 1 else None,
    }
    told = {name: value for name, value in about.items() if value not in (None, "")}
    return told | configuration(study, trial, shown)


def configuration(study: Study, trial: Trial, shown: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that a trial ran with, without those that are `shown` already and those of all its trials.

    The latter are `common_arguments`, told once. The three together are the whole resolved configuration.
    """
    config = trial.config or {"args": trial.params or {}}
    parts = {f"{part}.{name}": value for part in ("model", "data") for name, value in _part(config, part).items()}
    schedule = {"schedule": config["schedule"]} if config.get("schedule") else {}
    told = {**common_arguments(study), **shown}
    values = {**_part(config, "args"), **parts, **schedule}
    own = {name: value for name, value in values.items() if name not in told or told[name] != value}
    return {name: short_message(value) if isinstance(value, str) else value for name, value in own.items()}


def common_arguments(study: Study) -> Mapping[str, Any]:
    """Return the `TrainingArguments` that all trials of a study share."""
    return _part(study.spec.get("identity", {}), "args")


def _part(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = config.get(name)
    return found if isinstance(found, Mapping) else {}
