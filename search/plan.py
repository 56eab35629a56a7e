"""How the trials of a study are run; what runs them is `loop`."""

from __future__ import annotations

from dataclasses import dataclass

from ..spaces.space import Space
from ..studies.constraint import Constraint


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How the trials of a study are run; all of it is part of the study's identity."""

    space: Space
    fraction: float
    seed: int
    score_from: str = "best"
    sampler: str = "tpe"
    pruner: str = "none"
    constraints: tuple[Constraint, ...] = ()  #: what a winner keeps to
