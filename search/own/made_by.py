"""A Trainer made by a user's function, as often as it takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, redirect_stderr
from typing import Any

from transformers import set_seed

from ...spaces.space import Space
from ..making.making import Making
from ..making.watch import watching
from ..protocol.protocol_making import making_of
from ..talk import tell
from .call import built_by
from .printed import LOG, Printed
from .trial_values import TrialValues

#: What everything is seeded with before a user's code runs, where nobody says another seed; Trainer's own default.
SEED = 42


def making_by(
    function: Callable[..., Any],
    shown: str,
    space: Space,
    *,
    seed: int | None = None,
    within: Callable[[], AbstractContextManager[Any]] = nullcontext,
    say: Callable[[str], None] = tell,
) -> Making:
    """Return how a user's function makes its Trainer, with one that it has made; `shown` is what the user calls it.

    Everything is seeded before, so that each process makes the same. A function that takes an argument is handed the
    trial's values. Raises `BadInput` as `call.built_by`.
    """
    values = TrialValues(space) if takes_trial(function) else None
    seed = SEED if seed is None else seed

    def build(say: Callable[[str], None]) -> Any:
        with within():
            return built_by(lambda: function() if values is None else function(values), shown, say)

    def build_again() -> Any:
        with redirect_stderr(Printed(LOG.info)):  # what it printed the first time was seen
            return build(LOG.info)

    set_seed(seed)
    with watching() as round_:
        trainer = build(say)
    number = round_.number_of(trainer)
    again = None if number is None else build_again
    return making_of(trainer, again=again, number=number or 0, seed=seed, decided=values)


def takes_trial(function: Callable[..., Any]) -> bool:
    """Return whether a function wants to be handed a trial: it has one parameter without a default."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = [one for one in parameters if one.default is inspect.Parameter.empty and one.kind in kinds]
    return len(needed) == 1
