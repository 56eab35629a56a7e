"""Counting and listing the configurations of a space, with conditions respected.

Two configurations differ only in values that count: what is not active is not there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from .conditions import awaited, met
from .parameter import Parameter
from .values import Value

_ANOTHER = object()
"""Stands for all values of a parameter that no condition waits for; they have the same futures."""


def count(parameters: Mapping[str, Parameter]) -> int | None:
    """Return the number of distinct configurations, None when there is no end of them.

    `parameters` are in dependency order, and each can become active.
    """
    if any(parameter.values is None for parameter in parameters.values()):
        return None
    return _count(parameters, list(parameters), {})


def configurations(
    parameters: Mapping[str, Parameter], values: Mapping[str, Sequence[Value]]
) -> Iterator[dict[str, Value]]:
    """Yield every distinct configuration of `values`, given for each of `parameters`, in dependency order."""
    return _extend(parameters, values, list(parameters), {})


def _count(parameters: Mapping[str, Parameter], names: list[str], chosen: dict[str, object]) -> int:
    """Return how many ways there are to choose the rest."""
    if not names:
        return 1
    name, *rest = names
    if not met(parameters[name], chosen):
        return _count(parameters, rest, chosen)
    special = awaited(parameters, name)
    others = len(parameters[name].values or ()) - len(special)
    ways = sum(_count(parameters, rest, {**chosen, name: value}) for value in special)
    return ways + (others * _count(parameters, rest, {**chosen, name: _ANOTHER}) if others else 0)


def _extend(
    parameters: Mapping[str, Parameter],
    values: Mapping[str, Sequence[Value]],
    names: list[str],
    chosen: dict[str, Value],
) -> Iterator[dict[str, Value]]:
    if not names:
        yield chosen
        return
    name, *rest = names
    if not met(parameters[name], chosen):
        yield from _extend(parameters, values, rest, chosen)
        return
    for value in values[name]:
        yield from _extend(parameters, values, rest, {**chosen, name: value})
