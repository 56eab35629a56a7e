"""Optuna's study beside ours: made with its first trials, and brought in line with ours after a death.

The storage behind it is `optuna_storage`.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .optuna_storage import optuna_zombies, requeue
from .records import Trial, TrialState

if TYPE_CHECKING:
    import optuna
    from optuna.storages import BaseStorage


def open_optuna_study(
    storage: BaseStorage,
    study_name: str,
    *,
    direction: str,
    metric_name: str,
    first: Sequence[Mapping[str, Any]],
) -> optuna.Study:
    """Return Optuna's study of that name, made with `first` as the parameters of its first trials."""
    import optuna

    study = optuna.create_study(storage=storage, study_name=study_name, direction=direction, load_if_exists=True)
    if not study.get_trials(deepcopy=False):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # a name for the dashboard
            study.set_metric_names([metric_name])
        for values in first:
            study.enqueue_trial(dict(values), skip_if_exists=True)
    return study


def reconcile(storage: BaseStorage, study_name: str, trials: Sequence[Trial]) -> None:
    """Give each trial that Optuna believes RUNNING the state it has with us.

    A worker that died between our row and Optuna's leaves the two apart: a trial that is finished with us is finished
    with Optuna, one that goes back to its study is taken again by the next worker, one that runs is left alone.
    """
    rows = {trial.optuna_trial_id: trial for trial in trials if trial.optuna_trial_id is not None}
    for trial_id in optuna_zombies(storage, study_name, live=()):
        row = rows.get(trial_id)
        if row is None or row.state is TrialState.WAITING:
            requeue(storage, trial_id)
        elif row.state.is_finished:
            _tell(storage, trial_id, row)


def _tell(storage: BaseStorage, trial_id: int, row: Trial) -> None:
    from optuna.trial import TrialState as OptunaState

    states = {
        TrialState.COMPLETE: OptunaState.COMPLETE,
        TrialState.PRUNED: OptunaState.PRUNED,
        TrialState.FAILED: OptunaState.FAIL,
    }
    values = None if row.score is None or row.state is TrialState.FAILED else [row.score]
    storage.set_trial_state_values(trial_id, states[row.state], values)
