"""Configurations that won elsewhere, which a search tries after the baseline: a fork's parent, a sweep's earlier runs.

They are kept with the study, so that each of its workers tries the same; a trial that has one says whose it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ...studies.records import Study

#: Where a study keeps them, among its limits: they are no part of its identity.
PRIORS = "priors"


class Prior(NamedTuple):
    """A configuration, and the study whose winner it was."""

    params: Mapping[str, Any]
    study: str


def priors_of(study: Study) -> list[Prior]:
    """Return what a study was given to begin with."""
    return [Prior(one["params"], one["study"]) for one in study.limits.get(PRIORS) or []]
