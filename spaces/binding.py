"""Bind every name of a space to exactly one consumer, and refuse what none can take.

`model.NAME` goes to the model's configuration or loading, `data.NAME` to the preparation of the data, `peft.NAME`
is a field of peft's `LoraConfig`, any other name one of `TrainingArguments`. What is known of those fields is in
`adapter_fields.py` and `arguments.py`, how a value meets a type in `fit.py`. Transformers and peft are imported late.
"""

from __future__ import annotations

import difflib
import typing
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields
from functools import partial
from typing import Any, NamedTuple

from .adapter_fields import RESERVED as RESERVED_IN_PEFT
from .adapter_fields import USUAL, kinds_in_space, lora_config, why_unadaptable
from .arguments import SUCCESSORS, why_reserved, why_unusable
from .errors import BadInput, did_you_mean
from .fit import advice, described, fits, kinds_of
from .parameter import Parameter
from .space import Space
from .values import Value, shown

_SECTIONS = ("model", "data", "peft")
_NAMES = "names are fields of TrainingArguments, model.NAME, data.NAME or peft.NAME"


class Sections(NamedTuple):
    """A configuration by consumer, each with its own names."""

    args: dict[str, Value]
    """Fields of TrainingArguments."""

    model: dict[str, Value]
    """What was written `model.NAME`."""

    data: dict[str, Value]
    """What was written `data.NAME`."""

    peft: dict[str, Value]
    """What was written `peft.NAME`."""


def split(values: Mapping[str, Value]) -> Sections:
    """Return a resolved configuration by consumer, without prefixes; raises BadInput for an unknown one."""
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

    `model` and `data` are the names that `model.NAME` and `data.NAME` may have; a `model` of None allows any. A space
    with `peft.NAME` is refused, too, where peft is not installed.
    `arguments` is the class of training arguments, by default `transformers.TrainingArguments`.
    """
    types = _field_types(arguments)
    known = (("model", model), ("data", data), ("peft", USUAL))
    others = [f"{section}.{key}" for section, keys in known for key in keys or ()]
    for name, parameter in space.parameters.items():
        section, key = _section(name)
        if section == "args":
            _check_argument(name, parameter, types, others)
        elif section == "peft":
            _check_adapter(name, key, parameter, _field_types(lora_config()))
        elif section == "data" or model is not None:
            _check_key(name, key, (data if section == "data" else model) or ())


def _section(name: str) -> tuple[str, str]:
    """Return the consumer of `name` and the name it has there."""
    section, dot, key = name.partition(".")
    if not dot:
        return "args", name
    if section not in _SECTIONS:
        near = f"did you mean {key!r}?" if section == "args" else did_you_mean(section, _SECTIONS)
        raise BadInput(f"{name} has no consumer: there is no {section!r} to give it to", hint=near)
    return section, key


def _check_key(name: str, key: str, known: Collection[str]) -> None:
    if key not in known:
        section = name.partition(".")[0]
        hint = did_you_mean(key, known) if known else f"nothing of the {section} can be in a space here"
        raise BadInput(f"{name} is nothing the {section} knows", hint=hint)


def _check_argument(name: str, parameter: Parameter, types: Mapping[str, Any], others: Collection[str]) -> None:
    if name not in types:
        raise BadInput(f"{name} is no field of TrainingArguments", hint=_instead(name, types, others))
    reserved = why_reserved(name)
    if reserved:
        raise BadInput(f"{name} cannot be in a space: {reserved}", hint="leave it out")
    _check_values(name, parameter, kinds_of(types[name]), partial(why_unusable, name))


def _check_adapter(name: str, key: str, parameter: Parameter, types: Mapping[str, Any]) -> None:
    kinds = {field: kinds_in_space(field, hint) for field, hint in types.items() if field not in RESERVED_IN_PEFT}
    if key not in types:
        known = [field for field, known in kinds.items() if known]
        raise BadInput(f"{name} is no field of peft's LoraConfig", hint=did_you_mean(key, known))
    reserved = RESERVED_IN_PEFT.get(key) or (None if kinds[key] else "it takes what no space can hold")
    if reserved:
        raise BadInput(f"{name} cannot be in a space: {reserved}", hint="leave it out")
    _check_values(name, parameter, kinds[key], partial(why_unadaptable, key))


def _check_values(name: str, parameter: Parameter, kinds: list[Any], why: Callable[[Any], str | None]) -> None:
    """Raise BadInput unless each value is of one of `kinds`, and `why` has nothing against it."""
    for value in parameter.ends:
        if not fits(value, kinds):
            raise BadInput(f"{name} takes {described(kinds)}, not {shown(value)}", hint=advice(value, kinds))
        unusable = why(value)
        if unusable:
            raise BadInput(f"{name} {unusable}, got {shown(value)}", hint=f"{name}: {parameter}")


def _field_types(arguments: type | None) -> dict[str, Any]:
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
