"""Configurations of other studies, which a search tries after the baseline: the best of a fork's parent, of a sweep's
earlier runs, of the study that `--from` names.

They are kept with the study, so that each of its workers tries the same; a trial that has one says whose it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ...spaces.space import Space
from ...studies.records import Study

#: Where a study keeps them, among its limits: they are no part of its identity.
PRIORS = "priors"
#: One in so many trials may follow what somebody believes, or what was best elsewhere; the others search.
SHARE = 3


class Prior(NamedTuple):
    """A configuration, and the study that it was taken from."""

    params: Mapping[str, Any]
    study: str


def priors_of(study: Study) -> list[Prior]:
    """Return what a study was given to begin with."""
    return [Prior(one["params"], one["study"]) for one in study.limits.get(PRIORS) or []]


def room_for(trials: int, space: Space) -> int:
    """Return how many of the trials may be configurations of other studies; one is left to the priors of a space.

    A bad one costs no more than its trial: it is one of the asked total, and all of them are a third of that at most.
    """
    return max(0, trials // SHARE - bool(space.priors))
