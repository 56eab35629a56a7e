"""One combination of values that a space can have, and how it is spoken of."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ...spaces.errors import BadInput, did_you_mean
from ...spaces.inside import parted
from ...spaces.parameters import Constant
from ...spaces.space import Space
from ...spaces.values import text_of


@dataclass(frozen=True, kw_only=True)
class Combination:
    """Values of a space that go to one consumer."""

    space: Space
    values: Mapping[str, Any]
    fraction: float  #: of the data that a search begins on
    is_baseline: bool = False  #: whether it is what the user has, which may be outside the space

    def sets(self, field: str, key: str) -> bool:
        """Return whether it is the space that has a name inside of a field, or the field."""
        inner = (parted(name) for name in self.values)
        return field in self.values or any(one == field and (rest + ".").startswith(f"{key}.") for one, rest in inner)

    def said(self, chooser: str, field: str, args: Any) -> str:
        """Return the values in words; where the space has none of them, what the arguments have."""
        told = {name: value for name, value in self.values.items() if parted(name)[0] in (chooser, field)}
        value = getattr(args, chooser)
        return ", ".join(
            f"{name}={text_of(one)}" for name, one in {chooser: getattr(value, "value", value), **told}.items()
        )

    def not_taken(
        self, field: str, key: str, *, chooser: str, kind: str, takers: list[str], known: Collection[str] = ()
    ) -> BadInput:
        """Return the complaint of a name that the consumer of this combination does not take, and some others do."""
        name = f"{field}.{key}"
        chosen = self.space.parameters.get(chooser)
        searched = [] if chosen is None or isinstance(chosen, Constant) else list(chosen.values or ())
        among = [one for one in searched if one in takers]
        if among:
            hint = f"let it count only for what takes it: `when: {{{chooser}: [{', '.join(map(str, among))}]}}`"
        elif takers:
            hint = f"it is taken by {chooser} {', '.join(takers)}"
        elif known:
            hint = did_you_mean(key, known)
        else:
            hint = f"no {chooser} that can be had here takes it"
        return BadInput(f"{name} would reach nobody: {chooser}={kind} does not take it", hint=hint)
