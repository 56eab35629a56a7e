"""Sees Trainers being made: what the outermost constructor is given, before it touches anything.

`transformers.Trainer.__new__` is called with the arguments of the outermost constructor, whatever the subclass. The
instance that it returns is, until its constructor is called, of a class of ours whose constructor takes note, changes
what a trial wants changed, and calls the user's. So is that of any other class in `protocol.table`. A Trainer that is
made inside of another's constructor is a part of that one, and is left alone.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from ..protocol.table import TABLE, load_entry_points
from .import_hook import when_imported
from .seen import PENDING, SEEN, Seen

#: What becomes of an argument of a constructor, by its name.
Changes = Mapping[str, Callable[[Any], Any]]


@dataclass(kw_only=True)
class Round:
    """One run of a user's code that makes Trainers."""

    changes: Changes | None = None  #: for one of them
    prepared: Changes = field(default_factory=dict)  #: of what its class hands on to that of `transformers.Trainer`
    number: int = 0  #: of that one, from 0
    made: list[Any] = field(default_factory=list)

    def number_of(self, trainer: Any) -> int | None:
        """Return the how manyeth Trainer it was, from 0; None where it was not made in this round."""
        return next((number for number, one in enumerate(self.made) if one is trainer), None)


_round: ContextVar[Round | None] = ContextVar("hpsearch_round", default=None)
#: Whether a Trainer's constructor is at work.
_inside: ContextVar[bool] = ContextVar("hpsearch_inside", default=False)
#: What is done instead of a training, by a Trainer in the table that is told to train.
instead_of_training: ContextVar[Callable[..., None] | None] = ContextVar("hpsearch_instead", default=None)


def watch_from_import_on() -> None:
    """See all Trainers that are made once transformers is imported, without importing it."""
    from .arguments_hook import see_arguments

    when_imported("transformers.training_args", see_arguments)
    when_imported("transformers.trainer", see_trainers)
    see_others_from_import_on()


def see_others_from_import_on() -> None:
    """See all Trainers of the classes in the table that are made once these are imported."""
    for name in set(TABLE) - _hooked:
        _hooked.add(name)
        module, _, kind = name.rpartition(".")
        when_imported(module, functools.partial(see_others, name=kind))


_hooked: set[str] = set()  #: names in the table


@contextmanager
def watching(changes: Changes | None = None, number: int = 0, *, prepared: Changes | None = None) -> Iterator[Round]:
    """See the Trainers that are made in the block; the one of that number is made with `changes`.

    What its class makes of arguments that were changed, and hands on to that of `transformers.Trainer`, is changed as
    `prepared` says.
    """
    import transformers.trainer

    load_entry_points()
    watch_from_import_on()
    see_trainers(transformers.trainer)
    now = Round(changes=changes, prepared=prepared or {}, number=number)
    token = _round.set(now)
    try:
        yield now
    finally:
        _round.reset(token)


def see_trainers(module: ModuleType) -> None:
    """Let all Trainers that are made from now on be seen."""
    see(module.Trainer)


def see_others(module: ModuleType, name: str) -> None:
    """Let all Trainers of a class of another library be seen, also where they are told to train."""
    kind = getattr(module, name)
    if see(kind):
        kind.train = _instead(kind.train)


def see(kind: Any) -> bool:
    """Let all that are made of a class from now on be seen; return whether they were not before."""
    if isinstance(vars(kind).get("__new__"), staticmethod):
        return False

    def new(cls: type, *args: Any, **kwargs: Any) -> Any:
        made = super(kind, cls).__new__(cls)
        made.__class__ = _watched(cls)
        return made

    kind.__new__ = staticmethod(new)
    kind.__init__ = _changing(kind.__init__)
    return True


@functools.cache
def _watched(kind: type) -> type:
    """Return a subclass whose constructor takes note; the instance is of its own class before that calls the user's."""

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        self.__class__ = kind
        if _inside.get():
            kind.__init__(self, *args, **kwargs)  # type: ignore[misc]
            return
        token = _inside.set(True)
        try:
            _seen(self, kind, args, kwargs)
        finally:
            _inside.reset(token)

    return type(kind)(kind.__name__, (kind,), {"__init__": init, "__module__": kind.__module__})


def _seen(trainer: Any, kind: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Call the user's constructor as this round wants it, and take note where it is the user's own Trainer."""
    now = _round.get()
    if now is not None:
        now.made.append(trainer)
    if now is None or now.changes is None:
        _noted(trainer, kind, args, kwargs)
    elif len(now.made) == now.number + 1:
        _changed(trainer, kind, args, kwargs, now.changes, now.prepared)
    else:
        kind.__init__(trainer, *args, **kwargs)  # type: ignore[misc]


def _noted(trainer: Any, kind: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Call the user's constructor, and keep in the Trainer how."""
    from .aftermath import Snapshot
    from .arguments import fields_of
    from .call import Call
    from .generators import GeneratorStates

    call = Call.of(kind, args, kwargs)
    given = call.value_of("args")
    seen = Seen(call=call, arguments=None if given is None else fields_of(given), generators=GeneratorStates.now())
    vars(trainer)[SEEN] = seen
    kind.__init__(trainer, *args, **kwargs)  # type: ignore[misc]
    seen.then = Snapshot.of(trainer)


def _changed(
    trainer: Any, kind: type, args: tuple[Any, ...], kwargs: dict[str, Any], changes: Changes, prepared: Changes
) -> None:
    """Call the user's constructor with changes; what it does not take is left to that of `transformers.Trainer`."""
    from .call import by_key, changed, names_of

    values, done = changed(by_key(args, kwargs), names_of(kind, args, kwargs), changes)
    left = {name: change for name, change in changes.items() if name not in done}
    vars(trainer)[PENDING] = {**{name: change for name, change in prepared.items() if name in done}, **left}
    try:
        kind.__init__(  # type: ignore[misc]
            trainer, *(values[number] for number in range(len(args))), **{name: values[name] for name in kwargs}
        )
    finally:
        vars(trainer).pop(PENDING, None)


def _changing(constructor: Callable[..., None]) -> Callable[..., None]:
    """Return the constructor of `transformers.Trainer`, which applies the changes that are left."""
    signature = inspect.signature(constructor)

    @functools.wraps(constructor)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        pending, seen = vars(self).get(PENDING), vars(self).get(SEEN)
        if pending is None and seen is None:
            return constructor(self, *args, **kwargs)
        bound = signature.bind(self, *args, **kwargs)
        given = dict(bound.arguments)
        for name, change in (pending or {}).items():
            if name in signature.parameters:
                bound.arguments[name] = change(given.get(name))
        if seen is not None:
            seen.base = {name: value for name, value in given.items() if name != "self"}
        return constructor(*bound.args, **bound.kwargs)

    return init


def _instead(train: Callable[..., Any]) -> Callable[..., Any]:
    """Return the method that trains, which does something else while `instead_of_training` says so."""

    @functools.wraps(train)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        other = instead_of_training.get()
        return train(self, *args, **kwargs) if other is None else other(self, *args, **kwargs)

    return wrapped
