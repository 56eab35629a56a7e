"""What a subclass of Trainer was made with besides what every Trainer takes: class weights, a margin, a temperature.

It makes a result as much as an argument does, so a study is known by it, too.
"""

from __future__ import annotations

import hashlib
import inspect
import math
from collections.abc import Mapping
from typing import Any

from transformers import Trainer

LONGEST = 100  #: values of a list that are kept as they are


def trainer_settings(trainer: Any) -> dict[str, Any]:
    """Return the further arguments of a Trainer's constructor that it keeps under their names, as JSON.

    Tensors and arrays are lists, long ones a hash; what is a model or a function has no such form, and is left out.
    """
    found = {name: plain_value(kept(trainer, name)) for name in further_arguments(type(trainer))}
    return {name: value for name, value in found.items() if value is not None}


def further_arguments(kind: type) -> list[str]:
    """Return the names that the constructors of a class take and that of `transformers.Trainer` does not."""
    usual = inspect.signature(Trainer.__init__).parameters
    names: dict[str, None] = {}
    for one in kind.__mro__[: kind.__mro__.index(Trainer if issubclass(kind, Trainer) else object)]:
        if "__init__" in vars(one):
            names |= dict.fromkeys(inspect.signature(one.__init__).parameters)  # type: ignore[misc]
    return [name for name in names if name not in usual]


def kept(trainer: Any, name: str) -> Any:
    """Return what a Trainer keeps of an argument: under its name, or that of a private attribute."""
    return vars(trainer).get(name, vars(trainer).get(f"_{name}"))


def plain_value(value: Any) -> Any:
    """Return a value as JSON, or None where it has no such form."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, list | tuple):
        items = [plain_value(one) for one in value]
        if None in items:
            return None
        return items if len(items) <= LONGEST else hashlib.sha256(repr(items).encode()).hexdigest()[:16]
    if isinstance(value, Mapping):
        pairs = {str(key): plain_value(one) for key, one in value.items()}
        return None if None in pairs.values() else pairs
    return None
