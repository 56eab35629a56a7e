"""Constraints as people ask for them: texts on the command line, a mapping in YAML and in Python."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..spaces.errors import BadInput
from ..studies.constraint import Constraint, constraints_from, constraints_of
from ..studies.objective import SECONDS
from ..studies.records import Study, Trial, TrialState

_TEXT = re.compile(r"\s*(?P<name>[^<>=]*[^<>=\s])\s*(?P<sign><=|>=)\s*(?P<bound>[^<>=\s]+)\s*")
_BOUNDS = {">=": "min", "<=": "max"}


def constraints_asked(asked: Any) -> tuple[Constraint, ...]:
    """Return the constraints of `{"eval_latency_ms": {"max": 30}}`, `eval_latency_ms<=30`, or a list of such texts.

    Raises `BadInput` for whatever is none.
    """
    if isinstance(asked, Mapping):
        return constraints_from(asked)
    texts = [asked] if isinstance(asked, str) else asked
    if not isinstance(texts, Sequence):
        raise BadInput(f"a constraint is NAME<=NUMBER or NAME>=NUMBER, got {asked!r:.80}")
    found: dict[str, dict[str, float]] = {}
    for text in texts:
        name, bound, value = _parts(text)
        if bound in found.setdefault(name, {}):
            raise BadInput(f"the constraint {text!r:.80} is the second of its kind", hint="leave one of them out")
        found[name][bound] = value
    return constraints_from(found)


def _parts(text: Any) -> tuple[str, str, float]:
    match = _TEXT.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise BadInput(
            f"a constraint is NAME<=NUMBER or NAME>=NUMBER, got {text!r:.80}",
            hint='for example --constraint "eval_latency_ms<=30"',
        )
    try:
        return match["name"], _BOUNDS[match["sign"]], float(match["bound"])
    except ValueError:
        raise BadInput(f"the constraint {text!r:.80} has a bound that is no number") from None


class ConstraintTexts:
    """Beside the type of the option: in a file it is a mapping, or texts as on the command line."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        """Return what pydantic reads such an option with."""
        from pydantic_core import core_schema

        return core_schema.no_info_before_validator_function(_as_texts, handler(source))


def _as_texts(value: Any) -> Any:
    if value is None:
        return []
    if isinstance(value, Mapping):
        try:
            return [text for one in constraints_from(value) for text in one.texts]
        except BadInput as error:
            raise ValueError(str(error)) from None
    return [value] if isinstance(value, str) else value


def check_constraints(constraints: Sequence[Constraint], *, pruner: str, fraction: float, finals: bool) -> None:
    """Raise `BadInput` for constraints that mean nothing in a search on such a fraction, with `finals` or without."""
    if not constraints:
        return
    if pruner == "pbt":
        raise BadInput(
            "--constraint does not go with --pruner pbt, whose trials go on from the weights of the best score",
            hint="take another pruner",
        )
    if fraction < 1 and finals and SECONDS in [one.name for one in constraints]:
        raise BadInput(
            f"a constraint on {SECONDS} is of each training, and on all the data one takes longer than on {fraction:g}",
            hint="--subset 1, or --confirm none, which compares nobody there",
        )


def none_feasible(study: Study, trials: Sequence[Trial]) -> str | None:
    """Return how it is said that no trial keeps to the constraints, with the nearest; None where one does."""
    outside = [one for one in trials if one.state is TrialState.INFEASIBLE]
    constraints = constraints_of(study)
    if not outside or not constraints or any(one.state is TrialState.COMPLETE for one in trials):
        return None
    nearest = min(outside, key=lambda one: (_outside(constraints, one), one.number))
    words = " and ".join(one.words for one in constraints)
    return f"no trial keeps to {words}: the nearest is trial {nearest.number} ({nearest.failure_message})"


def _outside(constraints: Sequence[Constraint], trial: Trial) -> float:
    values = [(one, one.value(trial)) for one in constraints]
    return sum(max(0.0, one.violation(value)) for one, value in values if value is not None)
