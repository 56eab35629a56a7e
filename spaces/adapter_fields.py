"""What hpsearch knows of the fields of peft's `LoraConfig`, which a space has as `peft.NAME`, beyond their types.

Which of them no space may set, which hold several names, and which values no training can use. The types come from
peft itself, which is imported late and need not be installed; `binding.py` puts all of it to use.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Any

from .arguments import COUNT, POSITIVE, SHARE, Limit
from .errors import BadInput
from .fit import SCALARS, kinds_of
from .values import Value

ALL_LINEAR = "all-linear"
"""The `target_modules` that are every linear layer but those of the head."""

NAMES = ("exclude_modules", "layers_pattern", "modules_to_save", "target_modules", "target_parameters")
"""Fields that hold several names, which a space has as text with commas between."""

USUAL = (
    "bias",
    "init_lora_weights",
    "lora_alpha",
    "lora_dropout",
    "modules_to_save",
    "r",
    "target_modules",
    "use_dora",
    "use_rslora",
)
"""Fields that make an adapter what it is; they are known without an import of peft."""

_MODEL = "which model is adapted belongs to the whole study"
_QUANTIZED = "it is for quantized models"
RESERVED: Mapping[str, str] = {
    "auto_mapping": _MODEL,
    "base_model_name_or_path": _MODEL,
    "inference_mode": "adapters that are not trained cannot be compared",
    "megatron_config": _MODEL,
    "megatron_core": _MODEL,
    "peft_type": "the adapters are those of LoRA; `use_dora`, `use_rslora` and `init_lora_weights` are its variants",
    "peft_version": "it is the installed one",
    "qalora_group_size": _QUANTIZED,
    "revision": _MODEL,
    "task_type": "it follows from the model",
    "use_qalora": _QUANTIZED,
}
"""Fields that no space may set, and why."""

_STARTS = (True, False, "gaussian", "olora", "orthogonal", "pissa")
LIMITS: Mapping[str, Limit] = {"lora_alpha": POSITIVE, "lora_dropout": SHARE, "r": COUNT}


def lora_config() -> type:
    """Return `peft.LoraConfig`. Raises BadInput where peft is not installed."""
    if importlib.util.find_spec("peft") is None:
        raise BadInput("the space has names of peft, which is not installed", hint="pip install 'hpsearch[peft]'")
    import peft

    found: type = peft.LoraConfig
    return found


def adapter_defaults() -> dict[str, Value]:
    """Return what peft takes for the usual fields where nobody says otherwise, but for what depends on the model."""
    usual = lora_config()()
    found = {name: getattr(usual, name) for name in USUAL}
    return {name: value for name, value in found.items() if value is not None}


def kinds_in_space(name: str, hint: Any) -> list[Any]:
    """Return what a field may be in a space: several names are text there; nothing where it holds no single value."""
    kinds = [kind for kind in kinds_of(hint) if kind in SCALARS or isinstance(kind, str)]
    if name in NAMES:
        return [*dict.fromkeys([str, *(kind for kind in kinds if kind is type(None))])]
    return [] if kinds == [type(None)] else kinds


def why_unadaptable(name: str, value: Value) -> str | None:
    """Return why no adapter can be made with `value` for the field `name`, or None when nothing speaks against it."""
    limit = LIMITS.get(name)
    if limit is not None and isinstance(value, int | float) and not limit.holds(value):
        return limit.says
    if name in NAMES and isinstance(value, str) and not all(part.strip() for part in value.split(",")):
        return "must be a name, or names with commas between"
    if name == "init_lora_weights" and value not in _STARTS:
        return "must be a start that needs nothing but the model, without data or a configuration of its own"
    return None


def adapter_settings(values: Mapping[str, Value]) -> dict[str, Any]:
    """Return `peft.*` values, without the prefix, as `LoraConfig` takes them: with lists for several names."""
    return {name: _listed(value) if name in NAMES else value for name, value in values.items()}


def _listed(value: Value) -> Any:
    if not isinstance(value, str) or value == ALL_LINEAR:
        return value
    return [part.strip() for part in value.split(",")]
