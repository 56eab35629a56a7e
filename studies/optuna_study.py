"""Optuna's study beside ours: made with ours, and told what a worker died before telling it.

The storage behind it is `optuna_storage`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from .clock import Clock, utc_now, utc_text
from .constraint import OPTUNA_PREFIX, constraints_of, violations
from .records import Trial
from .store import StudyStore
from .worker import is_alive

if TYPE_CHECKING:
    import optuna
    from optuna.storages import BaseStorage

#: Seconds after which a worker on another machine that has finished a trial with us has told Optuna, or never will.
TELLING_S = 60.0


def open_optuna_study(storage: BaseStorage, study_name: str, *, direction: str, metric_name: str) -> optuna.Study:
    """Return Optuna's study of that name, made if it is not there."""
    import optuna

    study = optuna.create_study(storage=storage, study_name=study_name, direction=direction, load_if_exists=True)
    if not study.metric_names:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # a name for the dashboard
            study.set_metric_names([metric_name])
    return study


def reconcile(
    storage: BaseStorage,
    store: StudyStore,
    study_id: int,
    *,
    alive: Callable[[str], bool | None] = is_alive,
    clock: Clock = utc_now,
) -> None:
    """Tell Optuna of the trials that are finished with us, and whose workers died before they could.

    A worker that lives tells it by itself.
    """
    constraints = constraints_of(store.summary(study_id).study)
    long_ago = utc_text(clock() - timedelta(seconds=TELLING_S))
    for trial in store.untold(study_id):
        living = alive(trial.worker or "")
        if living is False or (living is None and (trial.finished_at or "") < long_ago):
            _tell(storage, trial, violations(constraints, trial))


def _tell(storage: BaseStorage, trial: Trial, outside: Mapping[str, float]) -> None:
    from optuna.exceptions import UpdateFinishedTrialError

    from .claimed_storage import FAILURE, told

    state, values = told(trial)
    with suppress(UpdateFinishedTrialError):  # another worker was quicker
        if trial.failure is not None:
            storage.set_trial_user_attr(trial.optuna_trial_id, FAILURE, trial.failure.value)
        for name, value in outside.items():
            storage.set_trial_system_attr(trial.optuna_trial_id, OPTUNA_PREFIX + name, value)
        storage.set_trial_state_values(trial.optuna_trial_id, state, values)
