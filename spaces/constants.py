"""Whether a mapping without a parameter's keys was meant as a constant, in which nothing is searched."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from .errors import BadInput
from .parameter import Parameter
from .values import shown

_NEAR = ("choices", "high", "low", "value")


def check_constant(written: Mapping[Any, Any], forms: str) -> None:
    """Raise BadInput for a mapping that was nearly a range or choices, whose `forms` are the hint, or that has one."""
    for key in written:
        if difflib.get_close_matches(str(key), _NEAR, n=1, cutoff=0.8):
            raise BadInput(
                f"a parameter has no key {shown(key)}, got {shown(dict(written))}",
                hint=f"{forms}; or {{value: {{...}}}} for a mapping that is meant as it is",
            )
    _check_nothing_searched(written)


def _check_nothing_searched(written: Mapping[Any, Any]) -> None:
    for key, value in written.items():
        if isinstance(value, Parameter) or _is_searched(value):
            raise BadInput(
                f"a mapping is taken as it is, and nothing inside is searched, got {key}={shown(value)}",
                hint=f"give what is searched a name of its own: NAME.{key}",
            )
        if isinstance(value, Mapping):
            _check_nothing_searched(value)


def _is_searched(value: object) -> bool:
    return isinstance(value, Mapping) and ("choices" in value or {"low", "high"} <= value.keys())
