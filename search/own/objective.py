"""An objective that is a function of the metrics: the name of one, or of several, or a number of its own.

Most of these functions, stock's `compute_objective`, return what stands under a name. Then that name is the objective,
as if it had been typed, and the function is not needed any more. What it computes otherwise is added to the metrics of
each evaluation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ...spaces.errors import BadInput
from ...studies.objective import key_of
from .parts import source_fingerprint

ComputeObjective = Callable[[dict[str, float]], Any]


class _Looked(float):
    """What stands under the name of a metric, whatever it is."""

    key: str


class _Looking(dict[str, float]):
    """Metrics that nobody has computed yet: each is there as soon as somebody asks for it."""

    def __missing__(self, key: str) -> float:
        found = _Looked(0.5)
        found.key = key
        return found

    def get(self, key: str, default: Any = None) -> Any:
        """Return what stands under the name."""
        return self[key]

    def pop(self, key: str, default: Any = None) -> Any:
        """Return what stands under the name."""
        return self[key]

    def copy(self) -> _Looking:
        """Return the same again."""
        return _Looking()

    __deepcopy__ = None
    __contains__ = __iter__ = __len__ = items = keys = values = None  # type: ignore[assignment]


def names_read(function: ComputeObjective) -> list[str] | None:
    """Return the names of the metrics that a function returns just as they are; None where it does anything else."""
    try:
        returned = function(_Looking())
    except Exception:  # noqa: BLE001 - whatever it does, it is not to name metrics
        return None
    found = returned if isinstance(returned, list | tuple) else [returned]
    return [one.key for one in found] if found and all(isinstance(one, _Looked) for one in found) else None


@dataclass(frozen=True)
class OwnObjective:
    """Numbers that a user's function computes from the metrics of an evaluation, each kept under a name."""

    function: ComputeObjective
    count: int

    @property
    def fingerprint(self) -> str:
        """What tells it from another function of that name."""
        return source_fingerprint(self.function)

    @property
    def names(self) -> tuple[str, ...]:
        """The keys of the numbers: the function's name, and where there are several, which of them it is."""
        called = re.sub(r"\W+", "", getattr(self.function, "__name__", type(self.function).__name__))
        name = "objective" if called in ("lambda", "") else called
        return (key_of(name),) if self.count == 1 else tuple(key_of(f"{name}_{place}") for place in range(self.count))

    def added(self, metrics: Mapping[str, Any]) -> dict[str, Any]:
        """Return the metrics with these numbers; raises what the function raises, and `BadInput` for other numbers."""
        returned = self.function(dict(metrics))
        values = list(returned) if isinstance(returned, list | tuple) else [returned]
        if len(values) != self.count:
            raise BadInput(
                f"compute_objective returned {len(values)} numbers, and there are {self.count} directions",
                hint="one direction for each number, in a list",
            )
        return {**metrics, **dict(zip(self.names, values, strict=True))}


class Asked(NamedTuple):
    """What a search is asked to optimize."""

    names: str | Sequence[str] | None  #: of metrics, as `objectives.first_and_weighed` takes them
    direction: str | None  #: of the first
    own: OwnObjective | None = None  #: what computes them, where no evaluation returns them


def asked_for(objective: Any, direction: str | Sequence[str] | None) -> Asked:
    """Return what is asked for by names or a function of the metrics, and by one direction or several.

    Raises `BadInput` for more directions than objectives, or fewer.
    """
    directions = [direction] if direction is None or isinstance(direction, str) else list(direction)
    if not callable(objective):
        names = [objective] if isinstance(objective, str) else objective
        return Asked(names if len(directions) == 1 else directed(list(names or ()), directions), directions[0])
    read = names_read(objective)
    own = None if read is not None else OwnObjective(objective, len(directions))
    names = list(own.names) if own is not None else read or []
    return Asked(directed(names, directions), directions[0], own)


def directed(names: Sequence[str], directions: Sequence[str | None]) -> list[str]:
    """Return names with their directions, but for that of the first, which is told apart."""
    if len(names) != len(directions) and (len(names) != 1 or directions != [None]):
        raise BadInput(
            f"{len(directions)} {'direction' if len(directions) == 1 else 'directions'} for {len(names)} "
            f"{'objective' if len(names) == 1 else 'objectives'}: {', '.join(names) or 'none'}",
            hint="give each objective its direction, in one list",
        )
    rest = [f"{name}:{one}" if one else name for name, one in zip(names[1:], directions[1:], strict=False)]
    return [*names[:1], *rest]
