"""What a function with a parameter is handed: the values of a trial, to decide by itself what becomes of them."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...spaces.space import Space


@dataclass
class TrialValues(Mapping[str, Any]):
    """The values of the trial that a Trainer is made for, by their names in the space.

    When the function is called for the first time there is no trial: `trial["NAME"]` is then the value of
    `TrainingArguments` where it has such a field, or else the middle of what the space says, and `trial.get("NAME",
    default)` is the default. These are the values of the baseline.
    """

    space: Space
    now: dict[str, Any] = field(default_factory=dict)  #: of the trial; empty: there is none
    usual: dict[str, Any] = field(default_factory=dict)  #: what was read when there was none
    read: set[str] = field(default_factory=set)  #: names that the function decides about itself

    def __getitem__(self, name: str) -> Any:
        return self._decided(name, self._usual(name))

    def get(self, name: str, default: Any = None) -> Any:
        """Return the trial's value; the default where there is no trial, or the name does not count in it."""
        if name not in self.space.names:
            return default
        return self._decided(name, default)

    def _decided(self, name: str, usual: Any) -> Any:
        self.read.add(name)
        if not self.now:
            self.usual[name] = usual
            return usual
        return self.now.get(name, usual)

    def _usual(self, name: str) -> Any:
        parameter = self.space.parameters[name]
        default = getattr(parameter, "default", None)
        return parameter.middle() if default is None else default

    def __iter__(self) -> Iterator[str]:
        return iter(self.space.names)

    def __len__(self) -> int:
        return len(self.space.names)

    def arguments(self, args: Any) -> Any:
        """Return a copy of `TrainingArguments` with the trial's values for its fields."""
        from ..making.arguments import GivenArguments, fields_of

        names = {name for name in fields_of(args) if name in self.space.names}
        self.read |= names
        self.usual |= {name: getattr(args, name) for name in names if not self.now}
        values = {name: value for name, value in self.now.items() if name in names}
        return GivenArguments.of(args).made(**values) if values else copy.deepcopy(args)
