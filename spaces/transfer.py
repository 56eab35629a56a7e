"""What becomes of a configuration on more data; the rules are its parameters' own, see `handover`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .handover import KEPT, Handover
from .space import Space

#: How far a bracket's ends are from its middle, as a factor.
STEP = 2.0


def handed_over(space: Space, values: Mapping[str, Any], ratio: float) -> dict[str, Any]:
    """Return the configuration for `ratio` times as many rows.

    Nothing leaves its range. All is kept where another value would change which parameters count.
    """
    found = dict(values)
    for name, rule in rules(space).items():
        if name in found and rule.exponent and ratio != 1:
            found[name] = space.parameters[name].clip(found[name] * ratio**rule.exponent)
    return found if space.active(found) == space.active(values) else dict(values)


def bracket(space: Space, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the configurations to try beside one on all the data; none where no parameter asks for it."""
    beside: list[dict[str, Any]] = []
    for name, rule in rules(space).items():
        if name not in values or not rule.bracket:
            continue
        for factor in (1 / STEP, STEP):
            other = {**values, name: space.parameters[name].clip(values[name] * factor)}
            if other != dict(values) and other not in beside and space.active(other) == space.active(values):
                beside.append(other)
    return beside


def rules(space: Space) -> dict[str, Handover]:
    """Return the rules of the parameters that have one other than to keep the value."""
    found = {name: getattr(parameter, "handover", KEPT) for name, parameter in space.parameters.items()}
    return {name: rule for name, rule in found.items() if rule != KEPT}
