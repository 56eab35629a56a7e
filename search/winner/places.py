"""Where things lie on this machine, taken out of what may be published."""

from __future__ import annotations

from pathlib import PurePosixPath, PureWindowsPath
from typing import Any


def without_places(value: Any) -> Any:
    """Return JSON in which each absolute path, such as that of a DeepSpeed configuration, is its last part alone."""
    if isinstance(value, dict):
        return {name: without_places(one) for name, one in value.items()}
    if isinstance(value, list):
        return [without_places(one) for one in value]
    return last_part(value) if isinstance(value, str) else value


def last_part(text: str) -> str:
    """Return the name of the file or folder that an absolute path leads to; any other text as it is."""
    for kind in (PurePosixPath, PureWindowsPath):
        path = kind(text)
        if path.is_absolute() or text.startswith("~"):
            return path.name or text
    return text
