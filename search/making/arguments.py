"""`TrainingArguments` as they were given, and making them again with other values.

As they were given, and not as `__post_init__` left them: some classes derive fields from others, and refuse to be given
both (trl's `GRPOConfig`); what was derived from a value must follow when the value changes.
"""

from __future__ import annotations

import copy
import dataclasses
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...spaces.binding import field_types
from ...spaces.inside import class_for, made_of
from ..accelerate_state import accelerate_state_kept
from .arguments_hook import GIVEN, Given


@dataclass(frozen=True, kw_only=True)
class GivenArguments:
    """What a user's `TrainingArguments` are made of."""

    kind: type
    given: Mapping[str, Any]  #: to the constructor, by name
    assigned: Mapping[str, Any] = dataclasses.field(default_factory=dict)  #: set afterwards, by the user

    @classmethod
    def of(cls, args: Any, values: Mapping[str, Any] | None = None) -> GivenArguments:
        """Return what `args` are made of; `values` are their fields at the moment that counts, now unless given."""
        kind, values = type(args), fields_of(args) if values is None else values
        seen = vars(args).get(GIVEN)
        if not isinstance(seen, Given):
            return cls(kind=kind, given={item.name: values[item.name] for item in _init_fields(kind)})
        bound = inspect.signature(kind).bind(*seen.args, **seen.kwargs)
        given = {**{name: value for name, value in bound.arguments.items() if name in values}, **seen.kwargs}
        with accelerate_state_kept():  # which arguments reset when they are made
            first = fields_of(cls(kind=kind, given=given).made())
        later = {name: value for name, value in values.items() if differ(value, first[name])}
        return cls(kind=kind, given=given, assigned=later)

    def made(self, **changes: Any) -> Any:
        """Return new arguments with `changes`, validated and derived anew; nothing is shared with others.

        Raises what the constructor raises for values that do not go together.
        """
        types = field_types(self.kind)
        changed = {name: in_form(value, types.get(name)) for name, value in changes.items()}
        args = self.kind(**{**copy.deepcopy(dict(self.given)), **changed})
        for name, value in self.assigned.items():
            if name not in changes:
                setattr(args, name, copy.deepcopy(value))
        return args

    def with_assigned(self, values: Mapping[str, Any]) -> GivenArguments:
        """Return the same, with more values that the user set afterwards."""
        return dataclasses.replace(self, assigned={**self.assigned, **values})


def in_form(value: Any, hint: Any) -> Any:
    """Return a mapping as the object that a field of that type holds, where it cannot hold a mapping."""
    kind = class_for(hint) if isinstance(value, Mapping) else None
    return value if kind is None else made_of(kind, value)


def fields_of(args: Any) -> dict[str, Any]:
    """Return the fields of arguments, by name, as they are now; they may be changed in place later."""
    return {item.name: copy.deepcopy(getattr(args, item.name)) for item in _init_fields(type(args))}


def differ(one: Any, other: Any) -> bool:
    """Return whether two values are not the same; what cannot be compared is."""
    try:
        return one is not other and bool(one != other)
    except Exception:  # noqa: BLE001 - a comparison of arrays, or anything else that is no truth value
        return True


def _init_fields(kind: type) -> list[dataclasses.Field[Any]]:
    return [item for item in dataclasses.fields(kind) if item.init]
