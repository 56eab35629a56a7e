"""What a trial must keep to, to be the winner: a bound on one of its numbers, `eval_latency_ms <= 30`.

Constraints are part of a study's identity, for a sampler that knows them proposes other trials, and a trial is found
`INFEASIBLE` once, when it ends.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..spaces.errors import BadInput
from .objective import MINIMIZE, Objective, key_of, typed
from .records import Study, Trial

#: Where an identity has them.
CONSTRAINTS = "constraints"
#: What Optuna keeps a trial's constraints under, and then its name for each; see `optuna.trial.Trial.set_constraint`.
OPTUNA_PREFIX = "constraints:"


@dataclass(frozen=True)
class Constraint:
    """The bounds of a number of a trial, of which there is one at least."""

    name: str  #: key of the evaluation's metrics, or `seconds`
    least: float | None = None
    most: float | None = None

    @property
    def words(self) -> str:
        """What people read, such as `eval_latency_ms <= 30`."""
        bounds = ((">=", self.least), ("<=", self.most))
        return " and ".join(f"{typed(self.name)} {sign} {value:g}" for sign, value in bounds if value is not None)

    @property
    def texts(self) -> list[str]:
        """What is typed for it."""
        bounds = ((">=", self.least), ("<=", self.most))
        return [f"{typed(self.name)}{sign}{value!r}" for sign, value in bounds if value is not None]

    def value(self, trial: Trial) -> float | None:
        """Return the trial's number; None where it has none."""
        return Objective(self.name, MINIMIZE).value(trial)

    def violation(self, value: float) -> float:
        """Return by how much a number is outside, in units of the bound that it breaks; 0 or less where it is inside.

        So that the violations of several constraints can be added, as samplers do.
        """
        outside = []
        if self.least is not None:
            outside.append((self.least - value) / (abs(self.least) or 1.0))
        if self.most is not None:
            outside.append((value - self.most) / (abs(self.most) or 1.0))
        return max(outside)

    def broken(self, value: float) -> str | None:
        """Return how a number breaks it, in words; None where it does not."""
        return f"{typed(self.name)} is {value:g}, not {self.words}" if self.violation(value) > 0 else None

    def bounds(self) -> dict[str, float]:
        """Return `min` and `max`, those there are."""
        return {name: value for name, value in (("min", self.least), ("max", self.most)) if value is not None}


def constraints_from(asked: Mapping[str, Mapping[str, Any]]) -> tuple[Constraint, ...]:
    """Return the constraints of `{"eval_latency_ms": {"max": 30}}`, in the order of their names.

    Raises `BadInput` for bounds that are none, are no numbers, or leave nothing between them.
    """
    found: dict[str, Constraint] = {}
    for name, bounds in asked.items():
        if not isinstance(name, str) or not name.strip():
            raise BadInput(f"a constraint is on the name of a metric, got {name!r:.80}")
        if not isinstance(bounds, Mapping) or not bounds or set(bounds) - {"min", "max"}:
            raise BadInput(
                f"the constraint on {name!r:.80} is {bounds!r:.80}", hint="min: NUMBER, max: NUMBER, or both"
            )
        for value in bounds.values():
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise BadInput(f"a bound of the constraint on {name!r:.80} is no number: {value!r:.80}")
        least, most = (None if bounds.get(one) is None else float(bounds[one]) for one in ("min", "max"))
        if least is not None and most is not None and least > most:
            raise BadInput(f"no {name!r:.80} is at least {least:g} and at most {most:g}")
        key = key_of(name)
        if key in found:
            raise BadInput(f"{name!r:.80} has two constraints", hint="give both bounds in one")
        found[key] = Constraint(key, least, most)
    return tuple(found[name] for name in sorted(found))


def constraints_to_json(constraints: Iterable[Constraint]) -> dict[str, dict[str, float]]:
    """Return what `constraints_from` reads."""
    return {one.name: one.bounds() for one in constraints}


def constraints_of(study: Study) -> tuple[Constraint, ...]:
    """Return what the winner of a study must keep to; nothing where another program has written something else."""
    return constraints_in(study.spec.get("identity"))


def constraints_in(identity: Any) -> tuple[Constraint, ...]:
    """Return the constraints of an identity, as `constraints_of` those of a study."""
    written = identity.get(CONSTRAINTS) if isinstance(identity, Mapping) else None
    try:
        return constraints_from(written) if isinstance(written, Mapping) else ()
    except BadInput:
        return ()


def violations(constraints: Iterable[Constraint], trial: Trial) -> dict[str, float]:
    """Return how a trial that came to its end keeps to its constraints, by their names: 0 or less is inside."""
    if not trial.state.ran_through:
        return {}
    values = {one: one.value(trial) for one in constraints}
    return {one.name: one.violation(value) for one, value in values.items() if value is not None}
