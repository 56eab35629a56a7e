"""Optuna's storage as the worker of one claimed trial sees it; handed to `study.optimize` in the storage's place."""

from __future__ import annotations

import copy
from collections.abc import Callable, Container
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, NoReturn

from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import get_storage
from optuna.trial import FrozenTrial, TrialState

from .errors import StoreFailed
from .optuna_tables import refusals_of
from .patience import Patience
from .records import Failure, Trial
from .records import TrialState as Ours

if TYPE_CHECKING:
    from optuna.storages import RDBStorage

#: Optuna's attribute that has the class of a failed trial.
FAILURE = "failure"
#: Optuna's attribute that says why a trial runs a configuration again, see `records.Phase`.
PHASE = "phase"
#: Optuna's attribute with the values of a baseline that are outside the space; Optuna has the nearest ones.
OUTSIDE = "outside"
#: Failures that the configuration is to blame for: the same again would fail again.
BLAMED = frozenset(one.value for one in (Failure.OOM, Failure.NAN, Failure.TIMEOUT, Failure.CODE))


class ClaimedStorage:
    """Optuna's storage, but for four things.

    - Of the trials that wait, only the claimed one is there to be taken.
    - Trials that run a configuration again, on more data or with another seed, are not there: no score of theirs can
      be compared with those of the search, and a search that is continued proposes what an undisturbed one would have.
    - A failed configuration looks like one that was pruned before it reported: samplers pass over failed trials and
      propose their like again (pains B9), while TPE ranks such a pruned one last.
    - A database that is away is waited for.

    A baseline outside the space is not there, either: Optuna knows the nearest values, which nobody ran.
    """

    def __init__(self, storage: RDBStorage, optuna_trial_id: int | None, patience: Patience) -> None:
        self._inner: Any = get_storage(storage)
        self._address = storage.engine.url
        self._mine = optuna_trial_id
        self._patience = patience

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found):
            return found

        @wraps(found)
        def patiently(*given: Any, **named: Any) -> Any:
            return self._keep_trying(lambda: found(*given, **named))

        return patiently

    def create_new_trial(self, study_id: int, template_trial: Any = None) -> NoReturn:
        """Refuse: trials are made by claiming. Raises `StoreFailed`."""
        raise StoreFailed(
            "Optuna's trial of the claimed number is gone: another program changed Optuna's study",
            hint="run the same command again: it continues",
        )

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """Return the trials as `BaseStorage` does, with the exceptions above."""
        if states == (TrialState.WAITING,):
            return self._claimed(study_id)
        found = self._keep_trying(lambda: self._inner.get_all_trials(study_id, deepcopy=deepcopy))
        seen = [
            _as_pruned(one) if _is_blamed(one) else one for one in found if not {PHASE, OUTSIDE} & one.user_attrs.keys()
        ]
        return [one for one in seen if states is None or one.state in states]

    def _claimed(self, study_id: int) -> list[FrozenTrial]:
        """Return the claimed trial while it waits: that one alone is read, however many there are.

        Optuna's cache writes parameters of trials alone that it has seen, so it is shown this one.
        """
        if self._mine is None:
            return []
        try:
            mine = self._keep_trying(lambda: self._inner.get_trial(self._mine))
        except KeyError:
            return []  # it is gone
        self.get_study_directions(study_id)  # makes the cache's entry of the study
        self._inner._add_trials_to_cache(study_id, [mine])
        return [mine] if mine.state is TrialState.WAITING else []

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Any = None) -> bool:
        """Set them; a trial that is finished already was told by somebody who took this worker for dead."""

        def once() -> bool:
            return bool(self._inner.set_trial_state_values(trial_id, state, values))

        def again() -> bool:
            return once() or (trial_id == self._mine and self._inner.get_trial(trial_id).state is state)

        try:
            return bool(self._keep_trying(once, again))
        except UpdateFinishedTrialError:
            return True

    def _keep_trying(self, call: Callable[[], Any], again: Callable[[], Any] | None = None) -> Any:
        def once(call: Callable[[], Any]) -> Any:
            with refusals_of(self._address):
                return call()

        return self._patience.keep_trying(partial(once, call), partial(once, again or call))


def told(trial: Trial) -> tuple[TrialState, list[float] | None]:
    """Return the state and the values that Optuna is told of a trial that is finished with us."""
    states = {
        Ours.COMPLETE: TrialState.COMPLETE,
        Ours.INFEASIBLE: TrialState.COMPLETE,  # with its constraints, which say that it is infeasible
        Ours.PRUNED: TrialState.PRUNED,
        Ours.FAILED: TrialState.FAIL,
    }
    values = None if trial.score is None or trial.state is Ours.FAILED else [trial.score]
    return states[trial.state], values


def _is_blamed(trial: FrozenTrial) -> bool:
    return trial.state is TrialState.FAIL and trial.user_attrs.get(FAILURE) in BLAMED


def _as_pruned(trial: FrozenTrial) -> FrozenTrial:
    seen = copy.copy(trial)
    seen.state, seen.intermediate_values = TrialState.PRUNED, {}
    return seen
