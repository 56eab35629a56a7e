"""The settings of a model's configuration by name: those inside of a configuration of a part, or of a mapping, too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...spaces.errors import BadInput, did_you_mean
from ...spaces.inside import MISSING
from ..failures import first_line


def setting_names(config: Any) -> set[str]:
    """Return the names a configuration can be changed by, the standard ones a model renames included.

    What is inside of a part's configuration has dotted names; `NAME.*` is any name inside of a mapping.
    """
    found = {*config.to_dict(), *getattr(config, "attribute_map", {})}
    for name in tuple(found):
        value = getattr(config, name, None)
        if is_configuration(value):
            found |= {f"{name}.{inner}" for inner in setting_names(value)}
        elif isinstance(value, Mapping):
            found |= {f"{name}.*", *(f"{name}.{inner}" for inner in value if isinstance(inner, str))}
    return found


def setting(config: Any, name: str) -> Any:
    """Return what a configuration has under a dotted name; `inside.MISSING` where it has not."""
    found = config
    for key in name.split("."):
        if isinstance(found, Mapping):
            found = found.get(key, MISSING)
        else:
            found = getattr(found, key, MISSING) if is_configuration(found) else MISSING
    return found


def is_configuration(value: Any) -> bool:
    """Return whether a value is the configuration of a model, or of a part of one."""
    return hasattr(value, "attribute_map") and hasattr(value, "to_dict")


def change(config: Any, values: Mapping[str, Any], model: str, place: str = "") -> None:
    """Set values of a configuration; mappings are put into the part's configuration, or the mapping, that is there.

    Raises `BadInput`, naming the `model`, for a name that it does not have, and for a value that it refuses.
    """
    known = {*config.to_dict(), *getattr(config, "attribute_map", {})}
    for key, value in values.items():
        name = f"{place}{key}"
        if key not in known:
            raise BadInput(f"the model {model!r} has no setting {name!r}", hint=did_you_mean(key, known))
        there = getattr(config, key, None)
        if is_configuration(there) and isinstance(value, Mapping):
            change(there, value, model, f"{name}.")
            continue
        _set(config, key, value, there, model, name)


def _set(config: Any, key: str, value: Any, there: Any, model: str, name: str) -> None:
    inner = isinstance(value, Mapping)
    if inner and not isinstance(there, Mapping | None):
        raise BadInput(f"{name} of the model {model!r} is {there!r}, which has no names inside, and got {value!r}")
    try:
        setattr(config, key, together(there or {}, value) if inner else value)
    except Exception as error:
        reason = first_line(error.__cause__ or error)
        raise BadInput(f"{name}={value!r} does not suit the model {model!r}: {reason}") from error


def together(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is in both of two mappings, in their mappings too; where they differ, as the other has it."""
    found = dict(one)
    for name, value in other.items():
        both = isinstance(value, Mapping) and isinstance(found.get(name), Mapping)
        found[name] = together(found[name], value) if both else value
    return found
