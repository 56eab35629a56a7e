"""What may be written to a trial while it runs, and how a trial may end: from arguments to columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike, fspath
from typing import Any, TypedDict, get_type_hints

from .plain import clean_text, finite
from .records import Failure, TrialState

LONGEST_MESSAGE = 4000  # characters of a failure message that are kept: the end of a traceback, never a log


class TrialFields(TypedDict, total=False):
    """The fields of a trial that change while it runs; `records.Trial` says what they mean."""

    params: Mapping[str, Any] | None
    config: Mapping[str, Any]
    metrics: Mapping[str, Any]
    curve: Sequence[Mapping[str, Any]]
    seconds: Mapping[str, float]
    fraction: float | None
    seed: int | None
    baseline: bool
    phase: str
    rung: int
    objective: str
    checkpoint: str | PathLike[str] | None
    progress: float | None
    device: str | None
    predictions: Sequence[float] | None
    environment: Mapping[str, Any] | None


FIELDS = frozenset(get_type_hints(TrialFields))


def columns_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns for `values`. Raises `TypeError` for a field that is not one of `TrialFields`."""
    unknown = sorted(values.keys() - FIELDS)
    if unknown:
        raise TypeError(f"a trial has no field {', '.join(unknown)} to write; known: {', '.join(sorted(FIELDS))}")
    columns = dict(values)
    if columns.get("checkpoint") is not None:
        columns["checkpoint"] = fspath(columns["checkpoint"])
    if "fraction" in columns:
        columns["fraction"] = finite(columns["fraction"])
    return columns


def ending_of(state: TrialState, score: float | None, failure: Failure | None, message: str | None) -> dict[str, Any]:
    """Return the columns of a trial's end. Raises `ValueError` where they do not go together."""
    if not state.is_finished:
        raise ValueError(f"a trial cannot end {state.value}")
    collapsed = state is TrialState.COMPLETE and failure is Failure.COLLAPSED
    if (state is TrialState.FAILED) != (failure is not None) and not collapsed:
        raise ValueError(f"a failure class belongs to a failed trial and to no other, got {failure} for {state}")
    return {
        "state": state.value,
        "score": finite(score),
        "failure": failure and failure.value,
        "failure_message": clean_text(message)[-LONGEST_MESSAGE:] if message else None,
    }
