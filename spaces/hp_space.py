"""Read a space off a function written for Optuna's trials, as `trainer.hyperparameter_search(hp_space=...)` takes it.

The function is called with trials that record what it asks for (`recording.py`). What it returns says which name a
value goes to; what it calculates of a suggestion can only be read where each value can be tried. `optuna_space.py` goes
the other way.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from .errors import BadInput
from .parameter import Parameter
from .parameters import Choice, Constant
from .ray_space import read_domain
from .recording import CALLS, Recording, Run, alike
from .space import Space
from .values import is_scalar, shown

Function = Callable[[Any], Any]


def space_of(hp_space: Function) -> Space:
    """Return the space that `hp_space(trial)` returns the values of; raises as `returned_by`, and for an empty one."""
    parameters = returned_by(hp_space)
    if not parameters:
        raise BadInput(f"{_called(hp_space)} returns no hyperparameter, {{}}")
    return Space(parameters, name=_called(hp_space))


def returned_by(hp_space: Function, calls: int = CALLS) -> dict[str, Parameter]:
    """Return the parameters behind the dictionary that `hp_space(trial)` returns, by its keys; perhaps none.

    A suggestion under a key of another name goes by the key. What is in the dictionary under some values of other
    keys only has these as conditions. What is made of a choice or of a few whole numbers, each value another, is a
    Choice of what is made; Ray's domains are read as they are. Raises BadInput, with the reason, for a function that
    fails, returns no dictionary, or says anything that a space cannot.
    """
    called = _called(hp_space)
    return _Reading.of(Recording(hp_space, called, _Returned(called), calls)).parameters()


def suggested_in(function: Function, calls: int = CALLS) -> dict[str, Parameter]:
    """Return what any function with a trial, such as stock's `model_init(trial)`, suggests, by the suggested names.

    What it returns counts for nothing. It is called at most about `calls` times: an eighth of them is how many branches
    it may have, and of very few some may not be found. Raises BadInput as `returned_by`.
    """
    return _Reading.of(Recording(function, _called(function), lambda asked, returned: dict(asked), calls)).parameters()


@dataclasses.dataclass
class _Returned:
    """Reads the dictionaries that a function returns, with Ray's domains as parameters."""

    called: str
    last: Any = None

    def __call__(self, asked: Mapping[str, Any], returned: Any) -> dict[Any, Any]:
        if not isinstance(returned, Mapping):
            what = "nothing" if returned is None else f"a {type(returned).__name__}"
            raise BadInput(f"{self.called} returns {what}, not a dictionary of hyperparameters")
        if asked and returned is self.last:
            raise BadInput(
                f"{self.called} returns the same dictionary each time, and what one trial sets is there in the next",
                hint="make the dictionary inside the function",
            )
        self.last = returned
        return {key: self._read(key, value) for key, value in returned.items()}

    def _read(self, key: Any, value: Any) -> Any:
        try:
            return read_domain(value)
        except BadInput as error:
            raise BadInput(f"{self.called} returns {key}: {error}", hint=error.hint) from None


@dataclasses.dataclass(frozen=True)
class _Source:
    """The suggested name that a key has its value from, and what is made of each of its options, if anything is."""

    name: str
    made: Mapping[Any, Any] | None = None


@dataclasses.dataclass(frozen=True)
class _Reading:
    """What the calls of a function amount to; `forks` are the suggested names that lead to branches."""

    recording: Recording
    forks: set[str]

    @classmethod
    def of(cls, recording: Recording) -> _Reading:
        return cls(recording, recording.explore())

    def parameters(self) -> dict[str, Parameter]:
        """Return the parameters by key. Raises BadInput for what cannot be read off."""
        keys = list(self._with)
        sources = self._sources()
        self._check_all_used([source.name for source in sources.values()])
        found = {key: self._parameter(key, sources.get(key)) for key in keys}
        order = {name: place for place, name in enumerate(self.recording.known) if name in self.forks}
        forks = sorted((key for key in sources if sources[key].name in order), key=lambda key: order[sources[key].name])
        parents = {key: list(found[key].values or ()) for key in forks}
        return {key: dataclasses.replace(one, when=self._when(key, parents) or one.when) for key, one in found.items()}

    @functools.cached_property
    def _with(self) -> dict[Any, list[Run]]:
        """The calls that say something of each key."""
        found: dict[Any, list[Run]] = {}
        for run in self.recording.runs:
            for key in run.says:
                found.setdefault(key, []).append(run)
        return found

    def _sources(self) -> dict[Any, _Source]:
        """Return what each key has its value from; nothing for a constant."""
        twins = {key: self._equal_to(key) for key in self._with}
        # first what is surest: a name that stands under itself, then what has few candidates
        ordered = sorted(twins, key=lambda key: (key not in twins[key], len(twins[key]) or len(twins)))
        sources: dict[Any, _Source] = {}
        for key in ordered:
            taken = {source.name: other for other, source in sources.items()}
            constant = self._is_constant(key)
            # what is constant where it is there may equal, by chance, the value that leads there
            free = [name for name in twins[key] if name not in taken and (not constant or self._is_own(name, key))]
            if free:
                sources[key] = _Source(key if key in free else free[0])
            elif not constant:
                sources[key] = self._made_of(key, twins[key], taken)
        return sources

    def _equal_to(self, key: Any) -> list[str]:
        """Return the suggested names whose values are always the key's."""
        first, *others = self._with[key]
        names = list(first.asked)
        for run in (first, *others):
            names = [name for name in names if name in run.asked and alike(run.asked[name], run.says[key])]
        return names

    def _made_of(self, key: Any, twins: Sequence[str], taken: Mapping[str, Any]) -> _Source:
        """Return the suggested name of which the key's value is made. Raises BadInput if it cannot be told."""
        if twins:
            raise BadInput(
                f"{self.called} returns what it suggests as {shown(twins[0])} under two names, "
                f"{shown(taken[twins[0]])} and {shown(key)}",
                hint="leave one of them out",
            )
        for name, one in self.recording.known.items():
            made = self._made(key, name) if one.options is not None and name not in taken else None
            if made is not None:
                return _Source(name, made)
        raise BadInput(
            f"{self.called} calculates {shown(key)}, and how cannot be read off: "
            f"{', '.join(list(dict.fromkeys(shown(run.says[key]) for run in self._with[key]))[:3])}, ...",
            hint=self._instead(key),
        )

    def _instead(self, key: Any) -> str:
        value = self._with[key][0].says[key]
        if isinstance(value, Mapping):
            return f"return what is in it by itself: {', '.join(shown(f'{key}.{inner}') for inner in value)}"
        return "suggest what is returned, in one range; for 10 ** x there is `suggest_float(..., log=True)`"

    def _made(self, key: Any, name: str) -> dict[Any, Any] | None:
        """Return what is made of each option of a name, if each is made into another value."""
        made: dict[Any, Any] = {}
        for run in self._with[key]:
            value = run.says[key]
            if name not in run.asked or not is_scalar(value):
                return None
            if not alike(made.setdefault(run.asked[name], value), value):
                return None
        options = self.recording.known[name].options or ()
        one_to_one = len(options) == len(made) == len(set(made.values()))
        return {option: made[option] for option in options} if one_to_one else None

    def _parameter(self, key: Any, source: _Source | None) -> Parameter:
        value = self._with[key][0].says[key]
        try:
            if source is None:
                return value if isinstance(value, Parameter) else Constant(value)
            return Choice(list(source.made.values())) if source.made else self.recording.known[source.name].parameter
        except BadInput as error:
            raise BadInput(f"{self.called} returns {key}: {error}", hint=error.hint) from None

    def _is_constant(self, key: Any) -> bool:
        first, *others = (run.says[key] for run in self._with[key])
        return all(alike(first, other) for other in others)

    def _is_own(self, name: str, key: Any) -> bool:
        """Tell whether a name stands under itself; what has one value is a constant."""
        return name == key and self._has_several(name)

    def _has_several(self, name: str) -> bool:
        options = self.recording.known[name].options
        return options is None or len(options) > 1

    def _check_all_used(self, sources: Collection[str]) -> None:
        for name in self.recording.known:
            if name not in sources and self._has_several(name):
                raise BadInput(
                    f"{self.called} suggests {shown(name)} and returns it under no name, so that it reaches nobody",
                    hint="return it, or take the suggestion out",
                )

    def _when(self, key: Any, forks: Mapping[Any, list[Any]]) -> dict[Any, list[Any]] | None:
        """Return the conditions under which a key is there, of names that lead to branches, with all their values.

        Raises BadInput where conditions cannot say it.
        """
        there = self._with[key]
        if len(there) == len(self.recording.runs):
            return None
        when = {
            one: sorted({run.says[one] for run in there}, key=values.index)
            for one, values in forks.items()
            if one != key and all(one in run.says for run in there)
        }
        if not self._says(key, when):
            raise BadInput(
                f"{self.called} returns {shown(key)} under conditions that a space cannot say",
                hint="a condition is `this name, which is returned, too, has one of these values`; all of several hold",
            )
        for one in reversed(when):  # what follows from names that are asked for before is left out
            fewer = {other: values for other, values in when.items() if other != one}
            when = fewer if self._says(key, fewer) else when
        return when

    def _says(self, key: Any, when: Mapping[Any, Collection[Any]]) -> bool:
        """Tell whether a key is there exactly where the conditions are met."""
        return all(
            (key in run.says) is all(one in run.says and run.says[one] in values for one, values in when.items())
            for run in self.recording.runs
        )

    @property
    def called(self) -> str:
        return self.recording.called


def _called(function: Function) -> str:
    name = getattr(function, "__name__", type(function).__name__)
    return name if name.isidentifier() else "the function"
