"""A training that is as long as `max_steps` says: its epochs decide nothing, so nobody searches them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from ..spaces.errors import BadInput
from ..spaces.presets import PRESETS
from ..spaces.space import Space

if TYPE_CHECKING:
    from .plan import Plan

EPOCHS = "num_train_epochs"


def without_epochs(plan: Plan, args: Any) -> Plan:
    """Return a plan without the epochs of a preset where a training has `max_steps`; any other plan as it is.

    Raises `BadInput` for a space of the user's that has epochs then: they would be searched in vain.
    """
    space = plan.space
    if args.max_steps <= 0 or EPOCHS not in space.names:
        return plan
    if PRESETS.get(space.name) != space:
        raise BadInput(
            f"{EPOCHS} in the space decides nothing: max_steps={args.max_steps} says how long a training is",
            hint=f"leave {EPOCHS} out of the space, or max_steps out of the TrainingArguments",
        )
    parts = {name: parameter for name, parameter in space.parameters.items() if name != EPOCHS}
    return dataclasses.replace(plan, space=Space(parts, name=space.name))
