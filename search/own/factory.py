"""A function that makes a Trainer, known by its name: what the workers of a study made in Python are told.

The name is `package.module:function`, or `path/to/script.py:function`. A Trainer cannot be sent to another process
without its data, its model and whatever its callbacks hold (pains C2, C3). The call itself is `call`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from ...spaces.errors import BadInput, did_you_mean
from ...spaces.hp_space import space_of
from ...spaces.space import Space
from ..making.making import Making
from .call import called
from .made_by import making_by
from .script import as_if_run, module_of, script_of

HINT = "define it with `def` at the top of a module that every worker can import: my_training.make_trainer"
NOTATION = "my_training:make_trainer for a module, path/to/script.py:make_trainer for a script"


def factory_name(make: Any) -> str:
    """Return `module:function`, by which a worker finds a function that makes a Trainer.

    Raises `BadInput` for what cannot be found so, by its name: a Trainer itself, a lambda, a function inside another
    one (which may hold anything), a function of the program that runs.
    """
    if not callable(make):
        raise BadInput(
            f"a {type(make).__name__} cannot travel to other workers, with its data and its model",
            hint=f"pass the function that makes it, and {HINT}",
        )
    module, name = getattr(make, "__module__", None), getattr(make, "__qualname__", type(make).__qualname__)
    if module == "__main__":
        raise BadInput(f"{name!r} is in a script, where no other worker finds it", hint=HINT)
    if _found(module, name) is not make:
        held = getattr(getattr(make, "__code__", None), "co_freevars", ())
        holds = f" and holds {', '.join(map(repr, held))}" if held else ""
        raise BadInput(f"no other worker finds {name!r} by its name: it is inside a function{holds}", hint=HINT)
    return f"{script_of(module) or module}:{name}"


def _found(module: str | None, name: str) -> Any:
    try:
        return getattr(importlib.import_module(module or ""), name, None)
    except (ImportError, ValueError):
        return None


def making_from(factory: str, space: Space, seed: int | None = None) -> Making:
    """Make the Trainer, and return how. Raises `BadInput` where the function is not here, or as `call.built_by`."""
    with where_it_runs(factory):
        function: Callable[..., Any] = called(lambda: found(factory), factory, "which makes the Trainer")
    return making_by(function, factory, space, seed=seed, within=lambda: where_it_runs(factory))


def function_from(named: str) -> Callable[..., Any]:
    """Return a user's function by its name. Raises `BadInput` where it is not here, or as `call.called`."""
    with where_it_runs(named):
        function: Callable[..., Any] = called(lambda: found(named), named, "whose module is imported")
    return function


def space_from(named: str) -> Space:
    """Return the space that a user's function `hp_space(trial)` says, by its name; raises as `function_from`."""
    function = function_from(named)
    with where_it_runs(named):
        space: Space = called(lambda: space_of(function), named, "which says the space")
    return space


def where_it_runs(named: str) -> AbstractContextManager[None]:
    """Return the block in which a function's module is imported as its author would see it."""
    place, _ = parted(named)
    return as_if_run(Path(place)) if place.endswith(".py") else nullcontext()


def found(named: str) -> Callable[..., Any]:
    """Return the function of that name, its module imported; what that raises is its own."""
    place, name = parted(named)
    return function_in(module_of(Path(place)) if place.endswith(".py") else module_named(place, named), name, named)


def parted(factory: str) -> tuple[str, str]:
    """Return module or script, and function. Raises `BadInput` for a text without both."""
    place, _, name = factory.rpartition(":")
    if not place or not name.isidentifier():
        raise BadInput(f"{factory!r} does not name a function", hint=NOTATION)
    return place, name


def module_named(module: str, factory: str) -> Any:
    """Import a module. Raises `BadInput` if it is not here; what it raises itself is its own."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise  # it is here, and something that it imports is not
        script = Path(*module.split(".")).with_suffix(".py")
        hint = f"did you mean {script}:{factory.rpartition(':')[2]}?" if script.is_file() else HINT
        raise BadInput(f"the function {factory!r} is not here: {error}", hint=hint) from None


def function_in(module: Any, name: str, factory: str) -> Callable[..., Any]:
    """Return a function of a module. Raises `BadInput` if it has none of that name."""
    function: Callable[..., Any] | None = getattr(module, name, None)
    if callable(function):
        return function
    own = [key for key, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__]
    functions = [key for key in own if callable(getattr(module, key))]
    where = getattr(module, "__file__", module.__name__)
    raise BadInput(
        f"the function {factory!r} is not here: {where} has no function {name!r}",
        hint=did_you_mean(name, functions) if functions else "it has no function at its top",
    )
