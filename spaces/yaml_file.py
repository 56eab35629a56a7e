"""Read a mapping from a YAML file, the one place in `spaces` that opens a file, or a value from a text.

PyYAML reads YAML 1.1, which takes `1e-5` for text and lets a name stand twice; here it is a number, and an
error.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import BadInput

if TYPE_CHECKING:
    import yaml

_FLOAT = re.compile(r"[-+]?(\d[\d_]*\.?\d*|\.\d+)[eE][-+]?\d+")
_ODD_SCALARS = (ValueError, TypeError, LookupError, AttributeError, RecursionError)
"""What PyYAML lets through, beside its own errors, for values such as `!!int ""` or a thousand brackets."""


def read_yaml_file(path: Path) -> dict[Any, Any]:
    """Return the mapping in a YAML file.

    Raises BadInput, naming the file, when it is missing, unreadable, binary, not UTF-8, empty, no mapping, or
    not YAML; the last with the line.
    """
    content = _parsed(path, _text(path))
    if content is None:
        raise BadInput(f"{path} is empty", hint="write one `name: value` per line")
    if not isinstance(content, dict):
        raise BadInput(f"{path} must hold `name: value` lines, but holds a {type(content).__name__}")
    return content


def read_yaml_value(text: str) -> Any:
    """Return the value that a text is in YAML: a number, a truth value, text, or a mapping of such.

    Raises `yaml.YAMLError` for what is no YAML.
    """
    import yaml

    return yaml.load(text, Loader=_loader())  # noqa: S506 - a SafeLoader


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:  # a name with a NUL in it
        raise BadInput(f"cannot read {str(path)!r}: {error}") from None
    if b"\0" in content:
        raise BadInput(f"{path} is not a text file", hint="save it as UTF-8 text")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not UTF-8 text (byte {error.start})", hint="save it as UTF-8") from None


def _parsed(path: Path, text: str) -> Any:
    import yaml

    try:
        return yaml.load(text, Loader=_loader())  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise BadInput(f"{path}{line}: {error.problem or 'not YAML'}") from None
    except yaml.YAMLError as error:
        raise BadInput(f"{path} is not YAML: {str(error).splitlines()[0]}") from None
    except _ODD_SCALARS as error:
        raise BadInput(f"{path} holds a value that cannot be read: {error}") from None


@functools.cache
def _loader() -> type[yaml.SafeLoader]:
    """Return the loader that this module promises; made in a function because PyYAML is imported late."""
    import yaml

    class SpaceLoader(yaml.SafeLoader):
        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
            keys: set[str] = set()
            for key, _ in node.value:
                if isinstance(key, yaml.ScalarNode) and key.value in keys:
                    raise yaml.MarkedYAMLError(problem=f"{key.value!r} stands twice", problem_mark=key.start_mark)
                keys.add(str(key.value))
            return super().construct_mapping(node, deep)

    SpaceLoader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+.0123456789"))
    return SpaceLoader
