"""The command that publishes a model, `push`; no torch is imported for it."""

from __future__ import annotations

from pathlib import Path

from ..winner.push import push
from .printing import show_line


def push_folder(folder: Path, name: str, *, private: bool) -> None:
    """Publish a model folder on the hub, and print its address."""
    show_line(push(folder.expanduser(), name, private=private), wrap=False)
