"""What bounds a search, wherever its workers are."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from ..studies.records import Study
from .checks import check_keep, check_max_failures, check_timeout


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What bounds a search, for each of its workers; kept with the study, and no part of its identity."""

    max_failures: int | None = None  #: failures in a row that end the search; as many as trials unless given
    trial_timeout: float | None = None  #: seconds a trial may take
    keep: int = 1  #: checkpoints to keep
    stop_when_flat: bool = False  #: whether a search ends when no other trial could gain more than noise

    @classmethod
    def checked(
        cls, *, max_failures: int | None, trial_timeout: float | None, keep: int, stop_when_flat: bool = False
    ) -> Limits:
        """Return limits that make sense. Raises `BadInput`."""
        return cls(
            max_failures=check_max_failures(max_failures),
            trial_timeout=check_timeout(trial_timeout),
            keep=check_keep(keep),
            stop_when_flat=bool(stop_when_flat),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def of(cls, study: Study) -> Limits:
        """Return the limits of a study; those it has none of are the defaults."""
        return cls(**{name: value for name, value in study.limits.items() if name in cls.__dataclass_fields__})
