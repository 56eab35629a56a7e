"""What the JSON columns can hold: strict JSON that every database, SQL query and script can read.

Used by the engine for every JSON column and by `identity.py` and `export.py`.
"""

from __future__ import annotations

import enum
import json
import math
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def plain(value: object) -> Any:
    """Return `value` made of dicts, lists, text, numbers, booleans and None only.

    A number that is not finite becomes None: JSON has no word for it, and no query should rank it. NumPy and
    torch scalars become Python numbers, paths text, enums their value. Raises `TypeError` for anything else.
    """
    if isinstance(value, enum.Enum):
        return plain(value.value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return finite(value)
    if isinstance(value, str):
        return clean_text(value)
    return _plain_container(value)


def _plain_container(value: object) -> Any:
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, PurePath):
        return clean_text(str(value))
    if callable(item := getattr(value, "item", None)) and getattr(value, "ndim", None) == 0:
        return plain(item())
    raise TypeError(f"a {type(value).__name__} cannot be kept as JSON: {value!r:.80}")


def finite(value: float | None) -> float | None:
    """Return `value` as a Python float, or None where it is missing, infinite or not a number."""
    return float(value) if value is not None and math.isfinite(value) else None


def clean_text(text: str) -> str:
    """Return `text` without what some database refuses: NUL characters and broken surrogates."""
    return text.replace("\0", REPLACEMENT).encode("utf-8", "replace").decode("utf-8")


def dumps(value: object) -> str:
    """Return `value` as JSON text, in its own order and its own script (no `\\u` escapes)."""
    return json.dumps(plain(value), allow_nan=False, ensure_ascii=False)


def mapping_of(value: object) -> Mapping[str, Any]:
    """Return a part of a stored specification; an empty one where another program has written something else."""
    return value if isinstance(value, Mapping) else {}
