"""Whether a value can be a field of some type as it is: nothing is ever cast on its way to a trial.

Stock `Trainer.hyperparameter_search` casts each value to the type of the field's old value, so that a warm-up
of 0.25 becomes 0. Types are read from dataclass fields by `binding.py`.
"""

from __future__ import annotations

import enum
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from .errors import did_you_mean
from .values import Value, same

_WORDS: dict[object, str] = {
    bool: "true or false",
    float: "a number",
    int: "a whole number",
    str: "text",
    types.NoneType: "null",
}
SCALARS = frozenset(_WORDS)
"""The classes that a single value of a space can have."""


def kinds_of(hint: Any) -> list[Any]:
    """Return what a type annotation is made of: classes, the single values of a Literal, and Any."""
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return [kind for part in typing.get_args(hint) for kind in kinds_of(part)]
    return list(typing.get_args(hint)) if origin is Literal else [origin or hint]


def fits(value: Value, kinds: Sequence[Any]) -> bool:
    """Tell whether `value` is of one of `kinds` without a cast; a whole number may stand for a number.

    Where an enumeration is allowed, text must be one of its members.
    """
    members = _members(kinds)
    if isinstance(value, str) and members:
        return value in members
    allowed = [float, int] if type(value) is int else [type(value)]
    return Any in kinds or any(kind in kinds for kind in allowed) or any(same(value, kind) for kind in kinds)


def described(kinds: Sequence[Any]) -> str:
    """Return the values of `kinds` in words, those that a space can hold."""
    words = [_WORDS[kind] for kind in kinds if kind in _WORDS and not (kind is str and _members(kinds))]
    names = [f"a name of {kind.__name__}" for kind in kinds if _is_enum(kind)]
    names += [repr(text) for text in _texts(kinds)]
    words += ["a mapping"] if dict in kinds else []
    return " or ".join(names + words) or "what no space can hold"


def advice(value: object, kinds: Sequence[Any]) -> str | None:
    """Return how to write a value that fits instead of `value`, or None when there is nothing to say."""
    if isinstance(value, str):
        known = _members(kinds) + _texts(kinds)
        return did_you_mean(value, known) if known else "write it without quotes"
    if isinstance(value, Mapping):
        return "a range is written {low: 1.0e-5, high: 1.0e-3, log: true}, and choices {choices: [8, 16]}"
    if isinstance(value, float) and int in kinds:
        return "use Int for whole numbers (in YAML `type: int`)"
    return None


def _is_enum(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, enum.Enum)


def _texts(kinds: Sequence[Any]) -> list[str]:
    return [kind for kind in kinds if isinstance(kind, str)]


def _members(kinds: Sequence[Any]) -> list[str]:
    return [str(member.value) for kind in kinds if _is_enum(kind) for member in kind]
