"""Whether the names of a space leave each other room: what is inside of a field is not set twice."""

from __future__ import annotations

from collections.abc import Mapping

from .errors import BadInput
from .inside import MISSING, read
from .parameters import Constant
from .space import Space


def check_apart(space: Space) -> None:
    """Raise BadInput where a name is inside of another one that is no mapping, or that has a value for it already."""
    for name in space.names:
        parts = name.split(".")
        for count in range(1, len(parts)):
            outer = ".".join(parts[:count])
            if outer in space.parameters:
                _check_room(space, outer, name, ".".join(parts[count:]))


def _check_room(space: Space, outer: str, name: str, rest: str) -> None:
    there = space.parameters[outer]
    value = there.value if isinstance(there, Constant) else None
    if isinstance(there, Constant) and not isinstance(value, Mapping | None):
        raise BadInput(
            f"{name} is inside of {outer}, which is {there}", hint=f"write {outer} as a mapping, or leave it out"
        )
    if not isinstance(there, Constant):
        raise BadInput(f"{name} is inside of {outer}, which is searched as a whole", hint=f"leave {outer} out")
    if value is not None and read(value, rest) is not MISSING:
        raise BadInput(f"{name} is set twice: {outer} has it, too", hint=f"leave it out of {outer}")
