"""Conditions between parameters: who counts when, and in which order they must be asked.

A parameter's own conditions are `Parameter.conditions`; they are all of one form, "this other one is active
and has one of these values". That makes every question here answerable exactly.
"""

from __future__ import annotations

import graphlib
from collections.abc import Iterable, Mapping

from .errors import BadInput, did_you_mean
from .parameter import Parameter
from .parameters import Float
from .values import Value, same, shown


def met(parameter: Parameter, chosen: Mapping[str, object]) -> bool:
    """Tell whether `parameter` is active, given the values of the active ones before it."""
    return all(parent in chosen and _among(chosen[parent], allowed) for parent, allowed in parameter.conditions.items())


def awaited(parameters: Mapping[str, Parameter], name: str) -> list[Value]:
    """Return the distinct values of `name` that conditions of other parameters wait for."""
    values: list[Value] = []
    for other in parameters.values():
        for value in other.conditions.get(name, ()):
            if not _among(value, values):
                values.append(parameters[name].exact(value))
    return values


def in_order(parameters: Mapping[str, Parameter]) -> dict[str, Parameter]:
    """Return `parameters` with every one after those it depends on, else by name.

    Raises BadInput for a condition on an unknown name, on itself (through others), on a value its parent
    cannot have, or for conditions that can never be met together.
    """
    for name, parameter in parameters.items():
        for parent, allowed in parameter.conditions.items():
            _check_condition(name, parent, allowed, parameters)
    ordered = {name: parameters[name] for name in _sorted(parameters)}
    _check_reachable(ordered)
    return ordered


def _among(value: object, values: Iterable[Value]) -> bool:
    return any(same(value, one) for one in values)


def _check_condition(name: str, parent: str, allowed: Iterable[Value], parameters: Mapping[str, Parameter]) -> None:
    if parent not in parameters:
        raise BadInput(
            f"{name} depends on {shown(parent)}, which is not in the space",
            hint=did_you_mean(str(parent), set(parameters) - {name}),
        )
    if isinstance(parameters[parent], Float):
        raise BadInput(
            f"{name} depends on a single value of {parent}, which is a number in a range",
            hint="a condition needs a Choice, an Int or a constant",
        )
    for value in allowed:
        if not parameters[parent].contains(value):
            raise BadInput(
                f"{name} waits for {parent}={shown(value)}, a value it never has",
                hint=f"{parent}: {parameters[parent]}",
            )


def _sorted(parameters: Mapping[str, Parameter]) -> Iterable[str]:
    """Return the names in rounds, each by name: first what depends on nothing, then what depends on that."""
    sorter = graphlib.TopologicalSorter({name: kind.conditions for name, kind in parameters.items()})
    try:
        sorter.prepare()
    except graphlib.CycleError as error:
        raise BadInput(f"conditions go in a circle: {' -> '.join(reversed(error.args[1]))}") from None
    names: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        names += ready
        sorter.done(*ready)
    return names


def _check_reachable(ordered: Mapping[str, Parameter]) -> None:
    """Raise BadInput for a parameter that is never active: its own and its parents' conditions contradict."""
    needs: dict[str, dict[str, list[Value]]] = {}
    for name, parameter in ordered.items():
        needs[name] = {}
        for parent, allowed in parameter.conditions.items():
            for other, values in [(parent, allowed), *needs[parent].items()]:
                known = needs[name].get(other, values)
                needs[name][other] = [value for value in values if _among(value, known)]
                if not needs[name][other]:
                    raise BadInput(f"{name} can never be active: its conditions leave no value for {other}")
