"""The model of a trial, from a `model_init` of the user's, with the trial's values for it and its adapters."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import transformers

from ...spaces.adapter_fields import adapter_settings
from ...spaces.inside import nested
from ..model.adapters import adapted
from ..model.generation import with_generation
from .wish import Wish


class FreshModel:
    """A `model_init` in the place of the user's; without an argument, for the Trainer has no say in what it makes."""

    def __init__(self, model_init: Callable[..., Any], wish: Wish, generation: Any) -> None:
        self.model_init, self.wish, self.generation = model_init, wish, generation

    def __call__(self) -> Any:
        """Return a new model; a `model_init` that takes an argument receives the `model.*` values, nested."""
        given = (nested(self.wish.model),) if takes_values(self.model_init) else ()
        model = with_generation(self.model_init(*given), self.generation)
        return adapted(model, self.wish.peft) if self.wish.peft else model


def takes_values(model_init: Callable[..., Any]) -> bool:
    """Return whether a `model_init` takes an argument: the `model.*` values of a configuration."""
    return int(transformers.trainer_utils.number_of_arguments(model_init)) > 0


def with_fields(config: Any, values: Mapping[str, Any]) -> Any:
    """Return a copy of a peft configuration of the user's with other values of some fields."""
    new = copy.deepcopy(config)
    for name, value in adapter_settings(values).items():
        setattr(new, name, value)
    return new
