"""Bind every name of a space to exactly one consumer, and refuse what none can take.

`model.NAME` goes to the model's configuration or loading, `data.NAME` to the preparation of the data, `peft.NAME`
is a field of peft's `LoraConfig`, any other name one of `TrainingArguments`, or inside of one (`inside.py`). What is
known of those fields is in `adapter_fields.py` and `arguments.py`, how a value meets a type in `fit.py`. Transformers
and peft are imported late.
"""

from __future__ import annotations

import difflib
import functools
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import fields
from functools import partial
from typing import Any, NamedTuple

from .adapter_fields import RESERVED as RESERVED_IN_PEFT
from .adapter_fields import USUAL, kinds_in_space, lora_config, why_unadaptable
from .arguments import SUCCESSORS, why_reserved, why_unusable
from .errors import BadInput, did_you_mean
from .fit import advice, described, fits, kinds_of
from .inside import TEXTS, holds_mapping, is_flat, kinds_inside, parted, why_not_inside, why_unwritable
from .names import check_apart
from .parameter import Parameter
from .space import Space
from .values import Value, shown

_SECTIONS = ("model", "data", "peft")
_NAMES = "names are fields of TrainingArguments, FIELD.NAME inside of one, model.NAME, data.NAME or peft.NAME"


class Sections(NamedTuple):
    """A configuration by consumer, each with its own names."""

    args: dict[str, Value]
    """Fields of TrainingArguments, and what is inside of one as `FIELD.NAME`."""

    model: dict[str, Value]
    """What was written `model.NAME`."""

    data: dict[str, Value]
    """What was written `data.NAME`."""

    peft: dict[str, Value]
    """What was written `peft.NAME`."""


def split(values: Mapping[str, Value]) -> Sections:
    """Return a resolved configuration by consumer, without prefixes."""
    sections = Sections({}, {}, {}, {})
    for name, value in values.items():
        section, key = _section(name)
        getattr(sections, section)[key] = value
    return sections


def check(
    space: Space,
    *,
    model: Collection[str] | None,
    data: Collection[str],
    arguments: type | None = None,
) -> None:
    """Raise BadInput unless each name has its consumer and each value can be had there without a cast.

    `model` and `data` are the names that `model.NAME` and `data.NAME` may have, with `NAME.*` for anything inside of
    one; a `model` of None allows any. A space with `peft.NAME` is refused, too, where peft is not installed.
    `arguments` is the class of training arguments, by default `transformers.TrainingArguments`.
    """
    check_apart(space)
    types = field_types(arguments)
    known = (("model", model), ("data", data), ("peft", USUAL))
    others = [f"{section}.{key}" for section, keys in known for key in keys or ()]
    for name, parameter in space.parameters.items():
        section, key = _section(name)
        if section == "args":
            _check_argument(name, parameter, types, others)
        elif section == "peft":
            _check_adapter(name, key, parameter, field_types(lora_config()))
        elif section == "data" or model is not None:
            known_there = (data if section == "data" else model) or ()
            _check_key(name, key, known_there)
            _check_mapping(name, key, parameter.ends[0], known_there)


def _section(name: str) -> tuple[str, str]:
    """Return the consumer of `name` and the name it has there."""
    section, key = parted(name)
    return (section, key) if section in _SECTIONS and key else ("args", name)


def _check_key(name: str, key: str, known: Collection[str]) -> None:
    if key not in known and not any(part in known for part in _patterns(key)):
        section = name.partition(".")[0]
        names = [one for one in known if not one.endswith(".*")]
        hint = did_you_mean(key, names) if names else f"nothing of the {section} can be in a space here"
        raise BadInput(f"{name} is nothing the {section} knows", hint=hint)


def _patterns(key: str) -> list[str]:
    """Return what stands for anything inside of what a name is inside of: `a.*` and `a.b.*` for `a.b.c`."""
    parts = key.split(".")
    return [".".join([*parts[:count], "*"]) for count in range(1, len(parts))]


def _check_mapping(name: str, key: str, value: Any, known: Collection[str]) -> None:
    """Raise BadInput for a mapping where a single value is held, and for a name in it that nothing has."""
    if not isinstance(value, Mapping):
        return
    if not any(part in known for part in _patterns(f"{key}.*")) and not any(one.startswith(f"{key}.") for one in known):
        raise BadInput(f"{name} holds a single value, not {shown(value)}", hint=advice(value, []))
    for inner, one in value.items():
        _check_key(f"{name}.{inner}", f"{key}.{inner}", known)
        _check_mapping(f"{name}.{inner}", f"{key}.{inner}", one, known)


def _check_argument(name: str, parameter: Parameter, types: Mapping[str, Any], others: Collection[str]) -> None:
    if "." in name:
        _check_inside(name, parameter, types)
        return
    if name not in types:
        raise BadInput(f"{name} is no field of TrainingArguments", hint=_instead(name, types, others))
    reserved = why_reserved(name)
    if reserved:
        raise BadInput(f"{name} cannot be in a space: {reserved}", hint="leave it out")
    kinds = kinds_of(types[name])
    if holds_mapping(name, types[name]):
        kinds += [dict]
    _check_parameter(name, parameter, kinds, partial(why_unusable, name))
    for value in parameter.ends:
        if isinstance(value, dict):
            for key, one in value.items():
                _check_held(f"{name}.{key}", [one], types)


def _check_inside(name: str, parameter: Parameter, types: Mapping[str, Any]) -> None:
    """Raise BadInput unless `name` can be inside of a field, and its values there."""
    field, key = parted(name)
    if field not in types:
        raise BadInput(
            f"{name} has no consumer: there is no {field!r} to give it to", hint=_instead_of(field, key, types)
        )
    reserved = why_reserved(field)
    if reserved:
        raise BadInput(f"{name} cannot be in a space: {reserved}", hint="leave it out")
    if not holds_mapping(field, types[field]):
        raise BadInput(
            f"{name} has no place: {field} takes {described(kinds_of(types[field]))}, and nothing is inside of that",
            hint=f"fields with names inside: {', '.join(_with_names(types))}",
        )
    _check_held(name, parameter.ends, types)


def _check_held(name: str, values: Sequence[Any], types: Mapping[str, Any]) -> None:
    """Raise BadInput unless each of `values` can be what a field has under a name."""
    field, key = parted(name)
    wrong = why_not_inside(field, key, types[field])
    if wrong:
        raise BadInput(f"{name} has no place: {wrong}")
    _check_values(name, values, kinds_inside(field, key, types[field]), partial(why_unwritable, field))


def _with_names(types: Mapping[str, Any]) -> list[str]:
    return [field for field, hint in types.items() if not why_reserved(field) and holds_mapping(field, hint)]


def _instead_of(field: str, key: str, types: Mapping[str, Any]) -> str:
    """Return the hint for a name whose first part is neither a field nor a consumer."""
    if field == "args":
        return f"did you mean {key!r}?"
    near = difflib.get_close_matches(field, [*_SECTIONS, *_with_names(types)], n=1)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join([*sorted(_SECTIONS), *_with_names(types)])}"


def _check_adapter(name: str, key: str, parameter: Parameter, types: Mapping[str, Any]) -> None:
    kinds = {field: kinds_in_space(field, hint) for field, hint in types.items() if field not in RESERVED_IN_PEFT}
    if key not in types:
        known = [field for field, known in kinds.items() if known]
        raise BadInput(f"{name} is no field of peft's LoraConfig", hint=did_you_mean(key, known))
    reserved = RESERVED_IN_PEFT.get(key) or (None if kinds[key] else "it takes what no space can hold")
    if reserved:
        raise BadInput(f"{name} cannot be in a space: {reserved}", hint="leave it out")
    _check_parameter(name, parameter, kinds[key], partial(why_unadaptable, key))


def _check_parameter(name: str, parameter: Parameter, kinds: list[Any], why: Callable[[Any], str | None]) -> None:
    """Raise BadInput unless each value is of one of `kinds`, and `why` has nothing against it."""
    _check_values(name, parameter.ends, kinds, why, hint=f"{name}: {parameter}")


def _check_values(
    name: str, values: Sequence[Any], kinds: list[Any], why: Callable[[Any], str | None], hint: str | None = None
) -> None:
    for value in values:
        if not fits(value, kinds):
            raise BadInput(f"{name} takes {described(kinds)}, not {shown(value)}", hint=advice(value, kinds))
        unusable = why(value)
        if unusable:
            raise BadInput(f"{name} {unusable}, got {shown(value)}", hint=hint)


def flat_fields(arguments: type | None) -> frozenset[str]:
    """Return the fields of training arguments whose mapping holds single values: what follows is one name."""
    return frozenset((*TEXTS, *(field for field, hint in field_types(arguments).items() if is_flat(hint))))


@functools.cache
def field_types(arguments: type | None) -> Mapping[str, Any]:
    """Return the fields of the class of training arguments that can be given, with their types."""
    if arguments is None:
        from transformers import TrainingArguments

        arguments = TrainingArguments
    try:
        hints = typing.get_type_hints(arguments)
    except NameError:  # a user's class, with types that only a type checker imports: those stay text
        hints = {part.name: Any if isinstance(part.type, str) else part.type for part in fields(arguments)}
    return {part.name: hints[part.name] for part in fields(arguments) if part.init}


def _instead(name: str, types: Mapping[str, Any], others: Collection[str]) -> str:
    """Return the hint for an unknown name: what it is now, or what it may have been meant to be."""
    if name in SUCCESSORS:
        return f"transformers 5 has {SUCCESSORS[name]}"
    elsewhere = [other for other in others if other.partition(".")[2] == name]
    valid = [field for field in types if not why_reserved(field)] + list(others)
    near = elsewhere or difflib.get_close_matches(name, valid, n=1)
    return f"did you mean {near[0]!r}?" if near else _NAMES
