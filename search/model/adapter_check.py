"""Whether the adapters of a space can be made for a model, asked before anything is trained.

They are really made, on a copy of the model that has shapes and no weights.
"""

from __future__ import annotations

import copy
import json
import re
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from transformers.pytorch_utils import Conv1D

from ...spaces.adapter_fields import ALL_LINEAR, adapter_defaults, adapter_settings
from ...spaces.binding import split
from ...spaces.errors import BadInput, did_you_mean
from ...spaces.space import Space
from ...spaces.values import shown
from ..failures import first_line
from .adapters import adapted, new_modules
from .models import FREEZE


def uses_adapters(space: Space) -> bool:
    """Return whether some configuration of a space has adapters."""
    return any(name.startswith("peft.") for name in space.names)


def usual_values() -> dict[str, Any]:
    """Return what peft takes where nobody says otherwise, by the names of a space."""
    return {f"peft.{name}": value for name, value in adapter_defaults().items()}


#: How peft speaks of modules that are not there, or that it has no adapters for.
OF_TARGETS = re.compile(r"\btarget[ _]?modules?\b|target_parameters", re.IGNORECASE)


def check_adapters(model: Any, space: Space, *, freezes: bool | None = None) -> None:
    """Raise `BadInput` unless the adapters of each configuration can be made for `model`, which stays as it is.

    `freezes` says whether the built-in models freeze their encoder unless a configuration says otherwise; None: the
    model is not one of these.
    """
    if not uses_adapters(space):
        return
    seen = set()
    for params in representatives(space):
        sections = split(params)
        if sections.peft and freezes is not None and sections.model.get(FREEZE, freezes):
            raise BadInput(
                "the encoder is frozen and is to be trained by adapters, and only one of both can be",
                hint="leave out --freeze-encoder (model.freeze_encoder), or the names that begin with peft.",
            )
        key = json.dumps(sections.peft, sort_keys=True)
        if sections.peft and key not in seen:
            seen.add(key)
            check_values(model, sections.peft)


def representatives(space: Space) -> Iterator[dict[str, Any]]:
    """Yield the baseline, and configurations that differ from it in one name, for each end of what it may be."""
    usual = space.baseline(usual_values())
    yield usual
    for name in space.searched:
        for end in space.parameters[name].ends:
            yield with_value(space, usual, name, end)


def with_value(space: Space, usual: Mapping[str, Any], name: str, value: Any) -> dict[str, Any]:
    """Return the usual configuration with another value for one name, and with what counts under that alone."""
    given = {**usual, name: value}
    return space.walk(lambda other, parameter: given.get(other, parameter.middle()))


def check_values(model: Any, values: Mapping[str, Any]) -> None:
    """Raise `BadInput` unless adapters with these `peft.*` values can be made for `model`."""
    for field in ("target_modules", "modules_to_save"):
        names = adapter_settings(values).get(field)
        if isinstance(names, list):
            check_modules(model, field, names)
    if getattr(model, "is_quantized", False):
        return  # such weights cannot be copied without their values
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            adapted(skeleton(model), {**values, "init_lora_weights": True}, low_cpu_mem_usage=True)
    except BadInput:
        raise
    except Exception as error:
        given = ", ".join(f"peft.{name}={shown(value)}" for name, value in values.items())
        raise BadInput(
            f"no adapters can be made for {type(model).__name__} with {given}: {first_line(error)}",
            hint=target_hint(model) if OF_TARGETS.search(str(error)) else None,
        ) from error


def target_hint(model: Any) -> str:
    """Return what adapters of `model` can be made for."""
    return f"peft.target_modules can be {ALL_LINEAR}, or any of {', '.join(layers(model))}"


def check_modules(model: Any, field: str, names: list[str]) -> None:
    """Raise `BadInput` for a name that no module of `model` has, with those that can be adapted."""
    known = [name for name, _ in model.named_modules()]
    for name in names:
        if not any(one == name or one.endswith(f".{name}") for one in known):
            there = layers(model)
            near = did_you_mean(name, [*there, *([ALL_LINEAR] if field == "target_modules" else [])])
            every = f"; {type(model).__name__} has {', '.join(there)}" if near.startswith("did you mean") else ""
            raise BadInput(f"peft.{field}: {type(model).__name__} has no module {name!r}", hint=near + every)


def layers(model: Any) -> list[str]:
    """Return the last parts of the names of the linear layers that are not new."""
    new = new_modules(model, told=True)
    linear = [name for name, one in model.named_modules() if isinstance(one, torch.nn.Linear | Conv1D)]
    old = [name for name in linear if not any(name == part or name.startswith(f"{part}.") for part in new)]
    return sorted({name.rpartition(".")[2] for name in old})


def skeleton(model: Any) -> Any:
    """Return a copy of a model that takes no memory: its parameters and buffers have shapes and no values."""
    memo: dict[int, Any] = {
        id(one): torch.nn.Parameter(torch.empty_like(one, device="meta"), requires_grad=one.requires_grad)
        for one in model.parameters()
    }
    memo |= {id(one): torch.empty_like(one, device="meta") for one in model.buffers()}
    return copy.deepcopy(model, memo)
