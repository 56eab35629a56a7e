"""Which classes of Trainers that are none of transformers' can be searched, and by what.

Nothing heavy is imported here: a class is known by its name before its library is.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .protocol import TrainerProtocol

GROUP = "hpsearch.trainers"
#: Class -> what returns its implementation. The package's own are here, too: a checkout has no entry points.
TABLE: dict[str, Callable[[], Any]] = {
    "setfit.trainer.Trainer": lambda: import_module(".setfit", __package__).SetFit(),
}


@functools.cache
def load_entry_points() -> None:
    """Take up what other packages that are installed have declared; what is in the table already counts."""
    for one in entry_points(group=GROUP):
        TABLE.setdefault(one.name, functools.partial(_made, one))


def _made(entry_point: Any) -> Any:
    found = entry_point.load()
    return found() if isinstance(found, type) else found


def name_of(kind: type) -> str:
    """Return the name by which a class is in the table."""
    return f"{kind.__module__}.{kind.__qualname__}"


def implementation_of(trainer: Any) -> TrainerProtocol | None:
    """Return what a Trainer is searched by; None for one of transformers', and for what is no Trainer."""
    load_entry_points()
    known = (TABLE[name_of(kind)] for kind in type(trainer).__mro__ if name_of(kind) in TABLE)
    implementation = next(known, None)
    return None if implementation is None else implementation()


def is_trainer(value: Any) -> bool:
    """Return whether an object is a Trainer that can be searched."""
    from transformers import Trainer

    return isinstance(value, Trainer) or implementation_of(value) is not None
