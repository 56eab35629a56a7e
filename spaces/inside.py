"""Names inside of fields: `lr_scheduler_kwargs.min_lr_rate` is what the mapping of a field has under `min_lr_rate`.

A field of training arguments holds a mapping by its type, as an object that has the form of one, or as text in a way of
transformers' own (`optim_args`). What is here knows types and values; whose values they are is in `search`.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .errors import BadInput
from .fit import SCALARS, kinds_of
from .values import shown, text_of
from .yaml_file import read_yaml_value

TEXTS = ("optim_args",)
"""Fields of text that transformers reads as names and values: `momentum=0.9,nesterov=true`."""

MISSING: Any = object()
"""What a mapping has under a name that it has not."""


def parted(name: str) -> tuple[str, str]:
    """Return the field of a name, and what is inside of it; nothing is for the field itself."""
    field, _, rest = name.partition(".")
    return field, rest


def holds_mapping(field: str, hint: Any) -> bool:
    """Tell whether a field of that type may have names inside; one whose type is not known may."""
    kinds = kinds_of(hint)
    return field in TEXTS or Any in kinds or any(_is_mapping(kind) or _has_form(kind) for kind in kinds)


def class_for(hint: Any) -> type | None:
    """Return the class that a mapping has to become for a field of that type; None where it can stay one."""
    kinds = kinds_of(hint)
    if Any in kinds or any(_is_mapping(kind) for kind in kinds):
        return None
    return next((kind for kind in kinds if _has_form(kind)), None)


def made_of(kind: type, mapping: Mapping[str, Any]) -> Any:
    """Return the object of a class that `class_for` gave; raises what its constructor raises."""
    from_dict = getattr(kind, "from_dict", None)
    return kind(**mapping) if from_dict is None else from_dict(dict(mapping))


def is_flat(hint: Any) -> bool:
    """Tell whether a field's mapping holds single values alone, so that what follows the field is one name."""
    held = list(_held(hint))
    return bool(held) and all(kind in SCALARS for kind in held)


def kinds_inside(field: str, rest: str, hint: Any) -> list[Any]:
    """Return what a value inside of a field of that type may be, as `fit.kinds_of` gives it."""
    if field in TEXTS:
        return [bool, float, int, str]
    kind = class_for(hint)
    if kind is not None and dataclasses.is_dataclass(kind):
        part = typing.get_type_hints(kind).get(rest.partition(".")[0], Any)
        return [Any] if "." in rest else kinds_of(part)
    return list(_held(hint)) if is_flat(hint) else [Any]


def why_not_inside(field: str, rest: str, hint: Any) -> str | None:
    """Return why no such name can be inside of a field, or None where it can."""
    kind = class_for(hint)
    known = None if kind is None else _names_of(kind)
    if known is None or rest.partition(".")[0] in known:
        return None
    return f"{field} is a {getattr(kind, '__name__', kind)}, which has none of that name"


def why_unwritable(field: str, value: object) -> str | None:
    """Return why a value cannot be written into a field of text, or None where it can."""
    if field in TEXTS and isinstance(value, str) and (not value or any(char in value for char in "=, ")):
        return "must be text without commas, spaces and equal signs, which part the names there"
    return None


def mapping_in(field: str, value: Any) -> dict[str, Any]:
    """Return what a field holds as a mapping of its own; raises BadInput for what has no names inside."""
    if value is None:
        return {}
    if isinstance(value, Mapping):
        return copy.deepcopy(dict(value))
    if isinstance(value, str):
        return _of_text(field, value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if hasattr(value, "to_dict"):
        return dict(value.to_dict())
    raise BadInput(f"{field} is {shown(value)}, which has no names inside")


def read(mapping: Mapping[str, Any], rest: str) -> Any:
    """Return what a mapping has under a name, `MISSING` where it has not; a whole name comes before its parts."""
    if rest in mapping:
        return mapping[rest]
    found: Any = mapping
    for key in rest.split("."):
        found = found.get(key, MISSING) if isinstance(found, Mapping) else MISSING
    return found


def put(name: str, mapping: dict[str, Any], rest: str, value: Any, *, flat: bool = False) -> None:
    """Set what `mapping` has under `rest`; raises BadInput, with the `name`, where there is no place for it."""
    *path, last = [rest] if flat or rest in mapping else rest.split(".")
    there = mapping
    for key in path:
        if there.get(key) is None:
            there[key] = {}
        there = there[key]
        if not isinstance(there, dict):
            raise BadInput(f"{name} has no place: {key} is {shown(there)}, which has no names inside")
    there[last] = copy.deepcopy(value)


def whole_fields(
    values: Mapping[str, Any], has: Callable[[str], Any], flat: Callable[[str], bool] = lambda field: False
) -> dict[str, Any]:
    """Return values for whole fields: what is inside of one is put into what `values` have for it, or else `has` gives.

    `flat` says of which fields what follows is one name.
    """
    inside = {name: value for name, value in values.items() if "." in name}
    whole = {name: as_held(name, value) for name, value in values.items() if name not in inside}
    for name, value in inside.items():
        field, rest = parted(name)
        mapping = mapping_in(field, whole[field] if field in whole else has(field))
        put(name, mapping, rest, value, flat=flat(field))
        whole[field] = as_held(field, mapping)
    return whole


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values by name as mappings in mappings: `{"inner.rate": 1}` is `{"inner": {"rate": 1}}`."""
    found: dict[str, Any] = {name: copy.deepcopy(value) for name, value in values.items() if "." not in name}
    for name, value in values.items():
        if "." in name:
            put(name, found, name, value)
    return found


def _of_text(field: str, text: str) -> dict[str, Any]:
    if field in TEXTS:
        parts = [part.split("=") for part in text.replace(" ", "").split(",")] if text else []
        if any(len(part) != 2 for part in parts):
            raise BadInput(f"{field} must be names and values such as momentum=0.9,nesterov=true, got {shown(text)}")
        return {part[0]: part[1] for part in parts}
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise BadInput(f"{field} is {shown(text)}, and names inside need a mapping", hint="give it as a mapping")
    return found


def as_held(field: str, value: Any) -> Any:
    """Return a mapping as its field holds it: some hold it as text."""
    if field not in TEXTS or not isinstance(value, Mapping):
        return value
    return ",".join(f"{name}={text_of(one)}" for name, one in value.items())


def typed(field: str, value: Any) -> Any:
    """Return what a field has under a name; what a field of text has, as the number or truth value that it means."""
    return read_yaml_value(value) if field in TEXTS and isinstance(value, str) else value


def _is_mapping(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Mapping)


def _has_form(kind: Any) -> bool:
    """Tell whether objects of a class are made from names and values, and give them back."""
    if not isinstance(kind, type) or kind in SCALARS:
        return False
    return dataclasses.is_dataclass(kind) or (hasattr(kind, "from_dict") and hasattr(kind, "to_dict"))


def _names_of(kind: type) -> set[str] | None:
    """Return the names that objects of a class have; None where that is not known."""
    if dataclasses.is_dataclass(kind):
        return {part.name for part in dataclasses.fields(kind) if part.init}
    try:
        return set(vars(kind()))
    except Exception:  # noqa: BLE001 - a class that is not made from nothing
        return None


def _held(hint: Any) -> Iterator[Any]:
    """Yield what the mappings of a type hold; nothing for those that do not say."""
    parts = typing.get_args(hint)
    origin = typing.get_origin(hint)
    if _is_mapping(origin):
        yield from kinds_of(parts[1]) if len(parts) == 2 else [Any]
    elif _is_mapping(hint):
        yield Any
    elif origin is not None:
        for part in parts:
            yield from _held(part)
