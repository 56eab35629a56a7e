"""A function that makes a Trainer, known by its name: what the workers of a study made in Python are told.

A Trainer cannot be sent to another process without its data, its model and whatever its callbacks hold (pains C2, C3).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from ..spaces.errors import BadInput
from ..spaces.space import Space
from ..studies.identity import ensure_same_problem
from ..studies.records import Study
from .loop import Plan
from .problem import Problem
from .trainer_problem import trainer_problem

HINT = "define it with `def` at the top of a module that every worker can import: my_training.make_trainer"


def factory_name(make: Any) -> str:
    """Return `module:function`, by which a worker finds a function that makes a Trainer.

    Raises `BadInput` for what cannot be found so, by its name: a Trainer itself, a lambda, a function inside another
    one (which may hold anything), a function of a script.
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
    return f"{module}:{name}"


def _found(module: str | None, name: str) -> Any:
    try:
        return getattr(importlib.import_module(module or ""), name, None)
    except (ImportError, ValueError):
        return None


def trainer_from(factory: str) -> Any:
    """Make the Trainer. Raises `BadInput` where the function is not here."""
    return function_from(factory)()


def function_from(named: str) -> Callable[..., Any]:
    """Return a function by its name, `module:function` or `script.py:function`."""
    module, _, name = named.rpartition(":")
    try:
        if module.endswith(".py"):
            import importlib.util
            import sys
            from pathlib import Path

            path = Path(module).absolute()
            if path.stem not in sys.modules:
                spec = importlib.util.spec_from_file_location(path.stem, path)
                loaded = importlib.util.module_from_spec(spec)
                sys.modules[path.stem] = loaded
                spec.loader.exec_module(loaded)
            return getattr(sys.modules[path.stem], name)
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise BadInput(f"the function {named!r}, which makes the Trainer, is not here: {error}", hint=HINT) from None


def factory_problem(factory: str, study: Study) -> Problem:
    """Return the problem of a study that was made in Python, with the Trainer that a function makes.

    Raises `StudyChanged` where the Trainer, its data or its model are not what they were.
    """
    identity = study.spec["identity"]
    plan = Plan(
        space=Space(identity["space"]),
        fraction=identity["fraction"],
        seed=identity["seed"],
        score_from=identity["score"],
        sampler=identity["sampler"],
        pruner=identity["pruner"],
    )
    problem = trainer_problem(
        trainer_from(factory), plan, objective=identity["objective"], direction=identity["direction"]
    )
    ensure_same_problem(study, problem.identity)
    return problem
