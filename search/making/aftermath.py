"""What was done to a Trainer after its constructor: a metric set, a callback added, layers frozen.

What is set can be set again on another one. What was done to the model in place cannot be told, only noticed.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, is_dataclass
from typing import Any

from torch import nn
from transformers import Trainer

from .arguments import differ, fields_of
from .seen import SEEN

#: What a Trainer keeps for itself, and changes in an evaluation or a training.
INTERNAL = frozenset(
    [
        "accelerator",
        "args",
        "callback_handler",
        "compute_objective",
        "control",
        "current_flos",
        "hp_name",
        "hp_search_backend",
        "hp_space",
        "is_in_train",
        "lr_scheduler",
        "model",
        "model_wrapped",
        "objective",
        "optimizer",
        "state",
    ]
)
#: Of these a Trainer has one for its model, and another model needs another.
OF_THE_MODEL = ("optimizer", "lr_scheduler")


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A Trainer as its constructor left it."""

    attributes: Mapping[str, Any]
    arguments: Mapping[str, Any]
    callbacks: list[Any]
    model: Any
    state: Any

    @classmethod
    def of(cls, trainer: Any) -> Snapshot:
        """Return how the Trainer is now."""
        return cls(
            attributes=dict(vars(trainer)),
            arguments=fields_of(trainer.args) if is_dataclass(getattr(trainer, "args", None)) else {},
            callbacks=list(callbacks_of(trainer)),
            model=marks_of(getattr(trainer, "model", None)),
            state=getattr(trainer, "state", None),
        )


@dataclass(frozen=True, kw_only=True)
class Aftermath:
    """What was done to a Trainer between its constructor and now."""

    attributes: Mapping[str, Any] = field(default_factory=dict)  #: set to something else, or new
    arguments: Mapping[str, Any] = field(default_factory=dict)  #: fields of its arguments
    added: list[Any] = field(default_factory=list)  #: callbacks
    removed: list[type] = field(default_factory=list)  #: classes of callbacks
    refusal: str | None = None  #: what was done that cannot be done again to another one

    @classmethod
    def of(cls, trainer: Any, then: Snapshot) -> Aftermath:
        """Return what was done since `then`."""
        now, used = Snapshot.of(trainer), getattr(trainer, "state", None) is not then.state
        before, after = ({id(one): one for one in side.callbacks} for side in (then, now))
        return cls(
            attributes={name: value for name, value in now.attributes.items() if set_by_user(name, value, then, used)},
            arguments={name: value for name, value in now.arguments.items() if differ(value, then.arguments[name])},
            added=[one for key, one in after.items() if key not in before],
            removed=[type(one) for key, one in before.items() if key not in after],
            refusal=refusal_of(now, then, used),
        )

    def repeat(self, trainer: Any, original: Any) -> None:
        """Do the same to another Trainer. Raises what copying raises of something that cannot be copied."""
        memo = {id(original): trainer, id(getattr(original, "model", None)): getattr(trainer, "model", None)}
        kept = (getattr(original, name, None) for name in ("train_dataset", "eval_dataset", "processing_class"))
        memo |= {id(one): one for one in kept}
        for name, value in self.attributes.items():
            setattr(trainer, name, copy.deepcopy(value, memo))
        for kind in self.removed:
            trainer.remove_callback(kind)
        for callback in self.added:
            trainer.add_callback(copy.deepcopy(callback, memo))


def set_by_user(name: str, value: Any, then: Snapshot, used: bool) -> bool:
    """Return whether an attribute was set by the user; a Trainer that was `used` has set private ones by itself."""
    is_new = name not in then.attributes
    if name in (*INTERNAL, SEEN) or (name.startswith("_") and (used or not is_new)):
        return False
    return is_new or value is not then.attributes[name]


def refusal_of(now: Snapshot, then: Snapshot, used: bool) -> str | None:
    """Return what was done to the model that cannot be told, so that it cannot be done to another one."""
    if used:
        return None  # by a training
    for name in OF_THE_MODEL:
        if now.attributes.get(name) is not then.attributes.get(name):
            return f"its {name} was set after it was made"
    if now.attributes.get("model_init") is None and now.model != then.model:
        return "its model was changed after it was made"
    return None


def callbacks_of(trainer: Any) -> Iterator[Any]:
    """Yield the callbacks of a Trainer; one of another library has them in a Trainer of transformers inside of it."""
    inside = [trainer] if isinstance(trainer, Trainer) else vars(trainer).values()
    for one in inside:
        if isinstance(one, Trainer):
            yield from one.callback_handler.callbacks


def marks_of(model: Any) -> Any:
    """Return what shows that a model was changed in place: modules, modes, which parameters learn, their versions."""
    if not isinstance(model, nn.Module):
        return None
    config = getattr(model, "config", None)
    return (
        [(name, type(module), module.training, getattr(module, "p", None)) for name, module in model.named_modules()],
        [(name, one.requires_grad, one._version) for name, one in model.named_parameters()],
        config.to_dict() if config is not None and hasattr(config, "to_dict") else None,
    )
