"""Samplers that steer by all objectives of a study, and not by the first alone: known without importing Optuna."""

from __future__ import annotations

from collections.abc import Sequence

from ...spaces.errors import BadInput
from ...studies.objective import SECONDS

SEVERAL = ("nsga2", "motpe")
#: What the name of an object of Optuna's begins with that steers by several objectives.
OWN = "several:"


def steers_by_all(sampler: str) -> bool:
    """Return whether a sampler steers by all objectives of a study."""
    return sampler in SEVERAL or sampler.startswith(OWN)


def check_steering(sampler: str, pruner: str, names: Sequence[str], *, stop_when_flat: bool) -> None:
    """Raise `BadInput` where a sampler that steers by several objectives has one, or what knows one alone.

    `names` are those of the objectives beside the first.
    """
    if not steers_by_all(sampler):
        return
    if not names:
        raise BadInput(
            f"--sampler {sampler} steers by several objectives, and there is one",
            hint=f"name another, such as --objective {SECONDS}; or take --sampler tpe",
        )
    if pruner != "none":
        raise BadInput(
            f"--pruner {pruner} compares trials by one objective, and --sampler {sampler} steers by several",
            hint="leave --pruner out",
        )
    if stop_when_flat:
        raise BadInput(
            f"--stop-when-flat knows what is left to gain in one objective, and --sampler {sampler} steers by several",
            hint="leave --stop-when-flat out",
        )
