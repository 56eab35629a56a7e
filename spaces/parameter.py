"""What every hyperparameter promises, whatever its kind.

The four kinds are in `parameters.py`, single values in `values.py`.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from .errors import BadInput
from .values import Value, scalar, shown, text_of


@dataclass(frozen=True, kw_only=True)
class Parameter(abc.ABC):
    """What the four kinds share.

    `when` maps names of other parameters to the value, or the list of values, under which this one counts: it
    is active only if each of them is active and has such a value.
    """

    kind: ClassVar[str]

    when: Mapping[str, Any] | None = field(default=None, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "when", _conditions(self.when))
        self._check()

    @property
    def conditions(self) -> Mapping[str, tuple[Value, ...]]:
        """The same as `when`; empty for a parameter that always counts."""
        return self.when or {}

    @property
    @abc.abstractmethod
    def values(self) -> Sequence[Value] | None:
        """Every value there is, or None when they cannot be counted."""

    @property
    @abc.abstractmethod
    def ends(self) -> Sequence[Value]:
        """Values that stand for all of them: both ends of a range, every choice, the constant."""

    @abc.abstractmethod
    def contains(self, value: object) -> bool:
        """Tell whether `value` may be had. A float is never an Int's, and true is never 1."""

    @abc.abstractmethod
    def exact(self, value: Any) -> Value:
        """Return a contained `value` in its one form: a float for Float, an int for Int, else the member."""

    @abc.abstractmethod
    def clip(self, value: object) -> Value:
        """Return the value inside that is nearest to `value`; the middle when nothing is near."""

    @abc.abstractmethod
    def middle(self) -> Value:
        """Return a sensible value when nothing else is known."""

    @abc.abstractmethod
    def grid(self, points: int) -> list[Value]:
        """Return at most `points` values of a range, evenly spaced (by ratio if log); or every choice."""

    def to_dict(self) -> dict[str, Any]:
        """Return the written form, which `parameter_from` reads back to an equal parameter."""
        when = {name: list(values) for name, values in self.conditions.items()}
        return {"type": self.kind, **self._own_dict(), **({"when": when} if when else {})}

    def __str__(self) -> str:
        conditions = [f"{name} is {' or '.join(map(text_of, values))}" for name, values in self.conditions.items()]
        return self._own_text() + (f", when {' and '.join(conditions)}" if conditions else "")

    @abc.abstractmethod
    def _check(self) -> None:
        """Bring the fields into their one form; raises BadInput with the values that clash."""

    @abc.abstractmethod
    def _own_dict(self) -> dict[str, Any]:
        """Return the fields of this kind as JSON holds them, without those at their default."""

    @abc.abstractmethod
    def _own_text(self) -> str:
        """Return this kind's part of the human line."""


def settle(parameter: Parameter, **values: object) -> None:
    """Set fields of a frozen parameter while it is being made."""
    for name, value in values.items():
        object.__setattr__(parameter, name, value)


def distinct(what: str, values: object) -> tuple[Value, ...]:
    """Return a list of values as a tuple of builtins; raises BadInput for none, or for two that are equal."""
    if isinstance(values, str) or not isinstance(values, Sequence) or not values:
        raise BadInput(f"{what} must be a list of at least one value, got {shown(values)}")
    for value in values:
        if isinstance(value, Mapping) and value:
            key, one = next(iter(value.items()))
            raise BadInput(
                f"each of {what} must be a single value, got {shown(value)}",
                hint=f"search what is inside, by a name of its own: NAME.{key}: {{choices: [{shown(one)}, ...]}}",
            )
    known: list[Value] = []
    for value in (scalar(f"each of {what}", value) for value in values):
        if value in known:
            twin = known[known.index(value)]
            raise BadInput(f"{what} must differ, got {shown(twin)} and {shown(value)}, which count as equal")
        known.append(value)
    return tuple(known)


def _conditions(when: object) -> dict[str, tuple[Value, ...]] | None:
    """Return `when` with a tuple of values for every name, or None when there is no condition."""
    if when is None or when == {}:
        return None
    if not isinstance(when, Mapping):
        raise BadInput(f"`when` maps names to values, got {shown(when)}", hint="write `when: {optim: adafactor}`")
    return {name: distinct(f"when {shown(name)}", _listed(values)) for name, values in when.items()}


def _listed(values: object) -> object:
    """Return a single value as a list of one."""
    return values if isinstance(values, Sequence) and not isinstance(values, str) else [values]
