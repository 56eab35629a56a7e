"""A trial of ours in Optuna's words: for a study that is imported, and for the dashboard. Optuna is imported late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..spaces.space import Space
from ..spaces.values import Value
from .records import TrialState

if TYPE_CHECKING:
    from optuna.trial import TrialState as OptunaState


def optuna_state(state: TrialState, score: float | None) -> OptunaState:
    """Return Optuna's state; what is complete without a score, Optuna calls failed."""
    from optuna.trial import TrialState as OptunaState

    if state is TrialState.FAILED or (state.ran_through and score is None):
        return OptunaState.FAIL
    return OptunaState.COMPLETE if state.ran_through else OptunaState[state.value]


def inside(space: Space, params: Mapping[str, Any]) -> dict[str, Value]:
    """Return the values that the space has, each in its one form."""
    known = {name: parameter for name, parameter in space.parameters.items() if name in params}
    return {name: kind.exact(params[name]) for name, kind in known.items() if kind.contains(params[name])}


def reports(curve: Sequence[Mapping[str, Any]]) -> dict[int, float]:
    """Return a learning curve by percent of the budget; of two reports at one, the first counts."""
    scored = [point for point in curve if point["score"] is not None]
    return {round(100 * point["budget"]): float(point["score"]) for point in reversed(scored)}


def optuna_moment(text: str) -> datetime:
    """Return a moment as Optuna's trials have it: in local time, without saying so."""
    return datetime.fromisoformat(text).astimezone().replace(tzinfo=None)
