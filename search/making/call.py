"""How a Trainer's constructor was called: the arguments of the outermost one, whatever the subclass.

Which of them is which is known by name, where the constructor has names, and through `*args` by position in the
constructor that these are handed on to.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .copies import SHARED, Copies, is_arguments

#: A position, or a name.
Key = int | str


@dataclass(frozen=True, eq=False, kw_only=True)
class Call:
    """One call of a constructor, as it can be made again."""

    kind: type
    count: int  #: of positional arguments
    given: Mapping[Key, Any]  #: the very objects
    names: Mapping[Key, str]  #: what each argument is called
    copies: Copies

    @classmethod
    def of(cls, kind: type, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Call:
        """Return the call, with copies of what a training or the constructor changes."""
        given: dict[Key, Any] = by_key(args, kwargs)
        names = names_of(kind, args, kwargs)
        shared = {key for key, value in given.items() if names.get(key) in SHARED or is_arguments(value)}
        copies = Copies.of(
            {key: value for key, value in given.items() if key not in shared}, {key: given[key] for key in shared}
        )
        return cls(kind=kind, count=len(args), given=given, names=names, copies=copies)

    def value_of(self, name: str) -> Any:
        """Return the argument of that name as it was given; None where it was not."""
        return next((self.given[key] for key, called in self.names.items() if called == name), None)

    def refusals(self) -> dict[str, str]:
        """Return the arguments that cannot be copied, by name, and why."""
        return {self.names.get(key, f"argument {key}"): why for key, why in self.copies.refused.items()}

    def fresh(self) -> dict[Key, Any]:
        """Return what to call the constructor with once more. What has no copy is left as it was given."""
        shared = {key: value for key, value in self.given.items() if key not in self.copies.values}
        return {**self.given, **self.copies.again(shared)}


def names_of(kind: type, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[Key, str]:
    """Return what each argument is called; `TrainingArguments` are `args`, whatever a constructor calls them."""
    names: dict[Key, str] = {}
    names.update(zip(range(len(args)), positional_names(kind), strict=False))
    names.update({name: name for name in kwargs})
    if "args" not in names.values():
        names.update({key: "args" for key, value in by_key(args, kwargs).items() if is_arguments(value)})
    return names


def by_key(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[Key, Any]:
    """Return arguments by position and by name, in one."""
    found: dict[Key, Any] = {}
    found.update(enumerate(args))
    found.update(kwargs)
    return found


def changed(
    values: Mapping[Key, Any], names: Mapping[Key, str], changes: Mapping[str, Callable[[Any], Any]]
) -> tuple[dict[Key, Any], set[str]]:
    """Return the arguments with some of them changed, and the names of `changes` that found one."""
    found = {key: name for key, name in names.items() if name in changes}
    return {**values, **{key: changes[name](values[key]) for key, name in found.items()}}, set(found.values())


def positional_names(kind: type) -> list[str]:
    """Return the names of a constructor's positional arguments, those that it hands on as `*args` after its own."""
    names: list[str] = []
    for constructor in constructors(kind):
        parameters = list(inspect.signature(constructor).parameters.values())[1:]
        usual = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        names += [one.name for one in parameters if one.kind in usual]
        if all(one.kind is not inspect.Parameter.VAR_POSITIONAL for one in parameters):
            break
    return names


def constructors(kind: type) -> Iterator[Callable[..., Any]]:
    """Yield the constructors of a class, the outermost first."""
    for one in kind.__mro__:
        if "__init__" in vars(one) and one is not object:
            yield vars(one)["__init__"]
