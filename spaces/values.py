"""The values a hyperparameter can have: which are allowed, when two are one, and how they are shown.

What *may* be chosen is in `parameters.py`.
"""

from __future__ import annotations

import json
import math
import numbers
import reprlib
from collections.abc import Mapping
from typing import Any

from .errors import BadInput

Value = str | int | float | bool | None
"""What JSON and SQL keep unchanged."""

EXACT = 2**53
"""Whole numbers up to here survive a store that keeps doubles, as Optuna's does."""

_short = reprlib.Repr()
_short.maxstring = _short.maxother = 80


def shown(value: object) -> str:
    """Return what a message prints of `value`: its repr, cut to what fits a line."""
    return _short.repr(value)


def text_of(value: Value) -> str:
    """Return `value` as people read it, in one line; text that could disturb a terminal is escaped."""
    if isinstance(value, str) and value.isprintable() and value.strip():
        return value
    return json.dumps(value)


def is_scalar(value: object) -> bool:
    """Tell whether `value` is text, a number, a truth value or None (numpy's numbers count)."""
    return value is None or isinstance(value, str | numbers.Real)


def same(one: object, other: object) -> bool:
    """Tell whether two values are one: 1 and 1.0 are, 1 and True are not; of mappings, whether all in them are."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(same(*pair) for pair in zip(one, other, strict=True))
    return is_scalar(one) and isinstance(one, bool) is isinstance(other, bool) and bool(one == other)


def scalar(what: str, value: Any) -> Value:
    """Return `value` as a builtin: a member of an enumeration becomes its text, a numpy number a number.

    Raises BadInput for anything a space cannot hold, such as a list or NaN; `what` opens the message.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    number = finite(value)
    if number is None:
        raise BadInput(
            f"{what} must be text, a finite number, true, false or null, got {shown(value)}",
            hint="a space holds single values; for several write `choices: [...]`",
        )
    return int(value) if isinstance(value, numbers.Integral) else number


def plain(what: str, value: Any) -> Any:
    """Return a value that a field holds as a whole, as JSON has it: a mapping of what is plain, or a single value.

    Lists may be inside of a mapping. Raises BadInput for anything else; `what` opens the message.
    """
    if not isinstance(value, Mapping):
        return scalar(what, value)
    for name in value:
        if not isinstance(name, str) or not name:
            raise BadInput(f"{what} is a mapping, whose names must be text, got {shown(dict(value))}")
    return {str(name): _held(f"{name} of {what}", one) for name, one in value.items()}


def _held(what: str, value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_held(f"each of {what}", one) for one in value]
    return plain(what, value)


def finite(value: object) -> float | None:
    """Return `value` as a float, or None when it is not a finite number (a truth value is no number)."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def real(what: str, value: object) -> float:
    """Return `value` as a float; raises BadInput when it is not a finite number."""
    number = finite(value)
    if number is None:
        raise BadInput(f"{what} must be a finite number, got {what}={shown(value)}")
    return number


def whole(what: str, value: object) -> int:
    """Return `value` as an int; raises BadInput for a float, a truth value, or more than a double holds."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise BadInput(f"{what} must be a whole number, got {what}={shown(value)}")
    if abs(int(value)) > EXACT:
        raise BadInput(f"{what} must lie within 2**53, where doubles are exact, got {what}={shown(value)}")
    return int(value)


def flag(what: str, value: object) -> bool:
    """Return `value`; raises BadInput when it is neither true nor false."""
    if not isinstance(value, bool):
        raise BadInput(f"{what} must be true or false, got {what}={shown(value)}")
    return value
