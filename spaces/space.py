"""A space: names of hyperparameters, what each may be, and under which conditions it counts.

Kinds of parameters are in `parameters.py`, conditions in `conditions.py`, who consumes a name in
`binding.py`, and how a space is found by its name or file in `loading.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from . import enumeration
from .conditions import awaited, in_order, met
from .errors import BadInput, did_you_mean
from .parameter import Parameter
from .parameters import Constant, Float, Int, parameter_from
from .values import Value, is_scalar, shown

_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
_SEEDS = ("seed", "data_seed")


class Space:
    """Hyperparameters by name; it never changes once made.

    `parameters` maps names to parameters, to their written form (see `parameter_from`), or to single values,
    which are constants. Neither their order nor the space's name makes a difference to what is searched, so
    spaces with the same parameters are equal. Raises BadInput for what cannot be searched, naming the
    parameter.
    """

    __slots__ = ("_name", "_parameters")

    def __init__(self, parameters: Mapping[str, Any], *, name: str = "custom") -> None:
        if not isinstance(parameters, Mapping) or not parameters:
            raise BadInput(f"a space maps names to parameters, at least one, got {shown(parameters)}")
        if not isinstance(name, str) or not name.isprintable() or not name.strip():
            raise BadInput(f"a space's name is a line of text, got {shown(name)}")
        read = {_checked_name(key): _read(key, written) for key, written in parameters.items()}
        self._parameters = MappingProxyType(in_order(read))
        self._name = name

    @property
    def name(self) -> str:
        """What people call the space: a preset's name, a file's, or `custom`."""
        return self._name

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """Every parameter after those it depends on, else by name: the order depends on nothing else."""
        return self._parameters

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in the order of `parameters`."""
        return tuple(self._parameters)

    @property
    def searched(self) -> tuple[str, ...]:
        """The names that are not constants."""
        return tuple(name for name, kind in self._parameters.items() if not isinstance(kind, Constant))

    @property
    def priors(self) -> dict[str, Value]:
        """Where the best value of a name is believed to be, for the names that have a `prior`."""
        known = {name: getattr(parameter, "prior", None) for name, parameter in self._parameters.items()}
        return {name: prior for name, prior in known.items() if prior is not None}

    def walk(self, choose: Callable[[str, Parameter], Any]) -> dict[str, Value]:
        """Return a configuration by asking `choose(name, parameter)` for each active parameter, in order.

        Every configuration is made here, so none can hold a value that does not count. Constants are not
        asked for but added.
        """
        chosen: dict[str, Value] = {}
        for name, parameter in self._parameters.items():
            if met(parameter, chosen):
                fixed = isinstance(parameter, Constant)
                chosen[name] = parameter.middle() if fixed else choose(name, parameter)
        return chosen

    def active(self, values: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the names that count under `values`, constants too; a missing value meets no condition."""
        missing = object()
        return tuple(self.walk(lambda name, _: values.get(name, missing)))

    def resolve(self, values: Mapping[str, Any]) -> dict[str, Value]:
        """Return the configuration in `values`: the active parameters, constants added, each in its one form.

        Values of inactive parameters are left out. Raises BadInput for an unknown name, a missing value, or
        one that the parameter does not contain: nothing is cast or clipped.
        """
        for name in values:
            if name not in self._parameters:
                known = did_you_mean(str(name), self.names)
                raise BadInput(f"the space {self._name} has no parameter {shown(name)}", hint=known)
        resolved = self.walk(lambda name, _: self._value(name, values))
        for name in values.keys() & resolved.keys():
            self._value(name, values)  # a constant that is given must be the constant
        return resolved

    def contains(self, values: Mapping[str, Any]) -> bool:
        """Tell whether `values` resolve to a configuration of this space."""
        try:
            self.resolve(values)
        except BadInput:
            return False
        return True

    def baseline(self, defaults: Mapping[str, Any]) -> dict[str, Value]:
        """Return the recommended configuration, the first of every search.

        Each parameter takes its own default; without one, the value in `defaults` or the nearest to it
        inside; without that too, its middle.
        """
        return self.walk(lambda name, parameter: _recommended(parameter, name, defaults, False))

    def as_it_is(self, values: Mapping[str, Any], fixed: Collection[str] = ()) -> dict[str, Value]:
        """Return `values` as a configuration of this space's names, inside of it or not; `fixed` ones are constants.

        Which names count is as for the nearest configuration inside; what is not in `values` is that one's, and is left
        out where it does not count beside the values that are.
        """

        def own(name: str, nearest: Value) -> Value:
            given = values.get(name, nearest)
            inside = name in fixed or self._parameters[name].contains(given)
            return given if not inside and (is_scalar(given) or isinstance(given, Mapping)) else nearest

        found: dict[str, Value] = {}
        for name, nearest in self.nearest(values).items():
            if name in values or met(self._parameters[name], found):
                found[name] = own(name, nearest)
        return found

    def nearest(self, values: Mapping[str, Any]) -> dict[str, Value]:
        """Return the configuration of this space that is nearest to `values`; the middle of what they lack.

        A value that is none of a parameter's choices is near to none of them: the middle one stands for it.
        """
        return self.walk(lambda name, parameter: _recommended(parameter, name, values, True))

    def size(self) -> int | None:
        """Return the number of distinct configurations, None when there is no end of them."""
        return enumeration.count(self._parameters)

    def configurations(self, points: int | None = None) -> Iterator[dict[str, Value]]:
        """Return an iterator over every distinct configuration, each as `resolve` returns it.

        With `points`, ranges are thinned to the values of `grid(points)`. Raises BadInput when there is no
        end of configurations and `points` is not given.
        """
        values = {name: parameter.values for name, parameter in self._parameters.items()}
        thinned = values if points is None else values | self.grid(points)
        endless = [name for name, known in thinned.items() if known is None]
        if endless:
            raise BadInput(
                f"{endless[0]} has no end of values: {self._parameters[endless[0]]}",
                hint="say how many points of a range to take",
            )
        return enumeration.configurations(self._parameters, {k: v for k, v in thinned.items() if v is not None})

    def grid(self, points: int = 4) -> dict[str, list[Value]]:
        """Return the values of a grid search by searched name: at most `points` of a range, every choice.

        An Int also keeps the values that conditions of other parameters wait for, or these would be out of
        the grid's reach. Raises BadInput for fewer than one point.
        """
        if points < 1:
            raise BadInput(f"a grid needs at least one point in a range, got points={points}")
        return {name: self._grid_of(name, points) for name in self.searched}

    def to_dict(self) -> dict[str, Any]:
        """Return the canonical written form, plain JSON that `from_dict` reads back to an equal space.

        What is searched is under `parameters`; `name` is only what people call it.
        """
        written = {name: parameter.to_dict() for name, parameter in self._parameters.items()}
        return {"name": self._name, "parameters": written}

    @classmethod
    def from_dict(cls, written: Mapping[str, Any]) -> Space:
        """Return the space that `to_dict` wrote; raises BadInput for anything else."""
        if not isinstance(written, Mapping) or set(written) != {"name", "parameters"}:
            raise BadInput(f"a stored space has `name` and `parameters`, got {shown(written)}")
        return cls(written["parameters"], name=written["name"])

    def __eq__(self, other: object) -> bool:
        return self._identity() == other._identity() if isinstance(other, Space) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._identity())

    def __repr__(self) -> str:
        return f"Space({self.to_dict()['parameters']!r}, name={self._name!r})"

    def __str__(self) -> str:
        size = self.size()
        total = "no end of configurations" if size is None else f"{size} configurations"
        width = max(map(len, self.names))
        lines = [f"  {name:<{width}}  {parameter}" for name, parameter in self._parameters.items()]
        return "\n".join([f"{self._name}: {len(self.searched)} searched, {total}", *lines])

    def __reduce__(self) -> tuple[Any, ...]:
        # A mapping proxy cannot be pickled; the written form can, and workers get it.
        return (Space.from_dict, (self.to_dict(),))

    def _identity(self) -> str:
        return json.dumps(self.to_dict()["parameters"], sort_keys=True)  # as text, because True == 1

    def _value(self, name: str, values: Mapping[str, Any]) -> Value:
        """Return the value of one active parameter; raises BadInput when it is missing or outside."""
        parameter = self._parameters[name]
        if name not in values:
            raise BadInput(f"{name} counts here and has no value", hint=f"{name}: {parameter}")
        if not parameter.contains(values[name]):
            raise BadInput(f"{name}={shown(values[name])} is outside the space", hint=f"{name}: {parameter}")
        return parameter.exact(values[name])

    def _grid_of(self, name: str, points: int) -> list[Value]:
        values = self._parameters[name].grid(points)
        return values + [value for value in awaited(self._parameters, name) if value not in values]


def _checked_name(name: object) -> str:
    """Return a parameter's name; raises BadInput for one that no consumer could have, and for a seed."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise BadInput(
            f"{shown(name)} is no name of a parameter",
            hint="names look like learning_rate, lr_scheduler_kwargs.min_lr_rate, model.NAME, data.NAME or peft.NAME",
        )
    if name.rpartition(".")[2] in _SEEDS:
        raise BadInput(
            f"{name} cannot be in a space: it would find the luckiest seed, not the best configuration",
            hint="the seed belongs to the study (--seed); finalists are compared over several",
        )
    return name


def _read(name: str, written: object) -> Parameter:
    try:
        return parameter_from(written)
    except BadInput as error:
        hint = error.hint and error.hint.replace("NAME.", f"{name}.")
        raise BadInput(f"{name}: {error}", hint=hint) from None


def _recommended(parameter: Parameter, name: str, defaults: Mapping[str, Any], defaults_first: bool) -> Value:
    own = getattr(parameter, "default", None)
    if defaults_first and name in defaults:
        given = defaults[name]
        if parameter.contains(given) or isinstance(parameter, Float | Int):
            return parameter.clip(given)
    if own is not None:
        return own
    return parameter.clip(defaults[name]) if name in defaults else parameter.middle()
