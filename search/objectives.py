"""The objectives of a study: the one that steers its search, and others that are weighed against it afterwards.

The first is *the* objective: it is the score, pruner, rungs and finals know no other, and it is part of the study's
identity. The others are kept with the study and are no part of that: the trials are the same, whatever else is looked
at. With a sampler that steers by all of them they are: other trials would be proposed. Which configurations no other
beats is `studies.front`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..spaces.errors import BadInput
from ..studies.front import CHOICE, NOBODY, WEIGHED
from ..studies.objective import DIRECTIONS, UNITS, Objective, key_of
from .options import listed
from .sampling.steering import steers_by_all


def first_and_weighed(asked: str | Iterable[str] | None) -> tuple[str | None, tuple[str, ...]]:
    """Return the objective and the names of what is weighed against it; None for the objective where none is named.

    Raises `BadInput` for what is no name, a name that stands there twice, and for an objective that is no metric or
    says its direction.
    """
    try:
        names = tuple(listed(asked))
    except TypeError:
        raise BadInput(f"an objective is the name of a metric, got {asked!r:.80}") from None
    keys: list[str] = []
    for name in names:
        if not isinstance(name, str) or not name.strip():
            raise BadInput(f"an objective is the name of a metric, got {name!r:.80}")
        keys.append(key_of(name_and_direction(name)[0]))
        if keys[-1] in keys[:-1]:
            raise BadInput(f"the objective {name!r:.80} is named twice", hint="leave one of them out")
    if names and names[0] in UNITS:
        raise BadInput(
            f"{names[0]!r} cannot be the first objective, which is a trial's score: it is of no evaluation",
            hint=f"name a metric before it: --objective METRIC --objective {names[0]}",
        )
    if names and (direction := name_and_direction(names[0])[1]):
        raise BadInput(
            f"{names[0]!r:.80} says the direction of the first objective, which has an option of its own",
            hint=f"--objective {name_and_direction(names[0])[0]} --direction {direction}",
        )
    return (names[0] if names else None), names[1:]


def name_and_direction(asked: str) -> tuple[str, str | None]:
    """Split what is asked for as something to weigh: `wer:minimize` is minimized, `wer` has its usual direction."""
    name, _, direction = asked.rpartition(":")
    return (name, direction) if name and direction in DIRECTIONS else (asked, None)


def weighed_by_name(names: Iterable[str]) -> tuple[Objective, ...]:
    """Return what is weighed where its name says all that is known, and perhaps a direction after a colon.

    Raises `BadInput` as `Objective.named`.
    """
    return tuple(Objective.named(*name_and_direction(one)) for one in names)


def kept(weighed: Sequence[Objective], sampler: str, choose: str | None) -> dict[str, Any]:
    """Return what a study keeps of it among its limits."""
    if not weighed:
        return {}
    steered = {CHOICE: choose or NOBODY} if steers_by_all(sampler) else {}
    return {WEIGHED: [one.to_json() for one in weighed], **steered}


def value_of(metrics: Mapping[str, Any], objective: str) -> Any:
    """Return the objective from what `compute_metrics` gives, with or without its prefix."""
    return metrics[objective] if objective in metrics else metrics[objective.removeprefix("eval_")]
