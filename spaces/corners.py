"""The corners of a space: every combination of the ends of some of its parameters that conditions allow."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from .conditions import awaited
from .enumeration import configurations
from .space import Space
from .values import Value


def corners(space: Space, names: Collection[str]) -> Iterator[dict[str, Value]]:
    """Yield every combination of both ends of a range, and of every choice, of the parameters with these names.

    What decides whether one of them counts is with them. Nothing else is, so that there may be few.
    """
    wanted = {name for name in names if name in space.parameters}
    while more := {parent for name in wanted for parent in space.parameters[name].conditions} - wanted:
        wanted |= more
    chosen = {name: parameter for name, parameter in space.parameters.items() if name in wanted}
    values = {
        name: [*parameter.ends, *(one for one in awaited(space.parameters, name) if one not in parameter.ends)]
        for name, parameter in chosen.items()
    }
    return configurations(chosen, values)
