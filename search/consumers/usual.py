"""What a training has under a name inside of a field: what the user gave, or what its consumer takes by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ...spaces.binding import split
from ...spaces.inside import MISSING, mapping_in, parted, read, typed
from ..accelerate_state import accelerate_state_kept
from ..making.inner import held, with_inner

if TYPE_CHECKING:
    from ..making.making import Making


def usual_inside(making: Making, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known of those names of a configuration that are inside of fields of the arguments.

    Raises what `TrainingArguments` raise for values that do not go together.
    """
    names = [name for name in split(values).args if "." in name and not making.decides(name)]
    if not names:
        return {}
    args = arguments_of(making, {name: value for name, value in values.items() if "." not in name})
    found = {name: usual(making, args, name) for name in names}
    return {name: value for name, value in found.items() if value is not MISSING}


def usual(making: Making, args: Any, name: str) -> Any:
    """Return what a training with these arguments has under a name inside of a field; `MISSING` if nobody knows."""
    field, key = parted(name)
    has = typed(field, read(mapping_in(field, held(making, field, args)), key))
    return default_of(making, args, field, key) if has is MISSING else has


def default_of(making: Making, args: Any, field: str, key: str) -> Any:
    """Return what the consumer of a field takes by itself."""
    from . import checkpointing, optimizer, schedule  # with torch, which most spaces are read without

    known: dict[str, Callable[[Any, Any, str], Any]] = {
        schedule.FIELD: schedule.usual,
        optimizer.FIELD: optimizer.usual,
        checkpointing.FIELD: checkpointing.usual,
        checkpointing.ALIAS: checkpointing.usual,
        "model_init_kwargs": of_model,
        "learning_rate_mapping": rate_of_all,
    }
    return known[field](making.template, args, key) if field in known else MISSING


def of_model(trainer: Any, args: Any, key: str) -> Any:
    """Return what the configuration of the model has that is loaded with these keyword arguments."""
    return getattr(getattr(trainer.model, "config", None), key, MISSING)


def rate_of_all(trainer: Any, args: Any, key: str) -> Any:
    """Return the learning rate of those parameters that sentence-transformers has no other one for."""
    return args.learning_rate


def arguments_of(making: Making, values: Mapping[str, Any]) -> Any:
    """Return the arguments of a training with a configuration; raises what their constructor raises."""
    own = {name: value for name, value in values.items() if not making.decides(name)}
    with accelerate_state_kept():
        return making.resolved(**with_inner(making, split(own).args))
