"""What a user's Trainer has inside of its fields, and a trial's values put into it: see `spaces.inside`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...spaces.binding import flat_fields
from ...spaces.inside import whole_fields

if TYPE_CHECKING:
    from .making import Making

#: What transformers takes where a field has nothing, and no longer takes once the field has something.
WITHOUT = {
    "activation_checkpointing_kwargs": {"use_reentrant": False},
    "gradient_checkpointing_kwargs": {"use_reentrant": False},
}


def with_inner(making: Making, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values for whole fields of the arguments; what is inside of one is put into what the user has there.

    Raises `BadInput` where the user has what has no names inside.
    """
    return whole_fields(values, partial(held, making), flat_fields(making.arguments.kind).__contains__)


def held(making: Making, field: str, args: Any = None) -> Any:
    """Return what a training has in a field, wherever the Trainer takes it from; the user's unless `args` are given."""
    value = getattr(making.template.args if args is None else args, field, None)
    if field == "generation_config" and (value is None or isinstance(value, str | Path)):
        return getattr(making.template.model, field, None)  # where `Seq2SeqTrainer` puts what it has read
    return WITHOUT.get(field) if value is None else value
