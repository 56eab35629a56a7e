"""Where something stands in a YAML file, so that a complaint can name the line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Place = Sequence[str | int]


@dataclass(frozen=True)
class Lines:
    """The lines of a YAML file that could be read."""

    path: Path
    root: Any  #: the node of the whole document

    @classmethod
    def of(cls, path: Path) -> Lines:
        """Read a file that `yaml_file.read_yaml_file` has accepted."""
        return cls(path, yaml.compose(path.read_text(encoding="utf-8-sig"), Loader=yaml.SafeLoader))

    def line(self, place: Place) -> int:
        """Return the line, from 1, of what stands at a place (`("tasks", 1, "task")`), or of the nearest part above."""
        node = self.root
        found = node.start_mark.line
        for part in place:
            child = _child(node, part)
            if child is None:
                break
            key, node = child
            found = key.start_mark.line
        return int(found) + 1

    def where(self, place: Place) -> str:
        """Return file and line as people and editors write them."""
        return f"{self.path}, line {self.line(place)}"


def _child(node: Any, part: str | int) -> tuple[Any, Any] | None:
    """Return the node that names a part and that of the part itself."""
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == str(part)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    return None
