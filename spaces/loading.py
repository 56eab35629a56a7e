"""Find a space by the name of a preset or of a YAML file.

The presets are in `presets.py`, how YAML is read in `yaml_file.py`.
"""

from __future__ import annotations

import os
from pathlib import Path

from .errors import BadInput, did_you_mean
from .presets import PRESETS
from .space import Space
from .values import shown
from .yaml_file import read_yaml_file

_SUFFIXES = (".yaml", ".yml")


def load_space(name_or_path: str | os.PathLike[str]) -> Space:
    """Return the preset of that name, else the space in that file.

    A preset wins over a file of the same name: write `./default` for the file. Raises BadInput for an unknown
    preset, naming the nearest, and for a file that is missing, unreadable or not a space, naming the file and
    line.
    """
    if isinstance(name_or_path, str) and name_or_path in PRESETS:
        return PRESETS[name_or_path]
    if isinstance(name_or_path, str) and not _is_path(name_or_path):
        raise BadInput(
            f"no space is called {shown(name_or_path)}",
            hint=f"{did_you_mean(name_or_path, PRESETS)} (or give a .yaml file)",
        )
    return _space_in(Path(name_or_path).expanduser())


def _is_path(text: str) -> bool:
    return text.endswith(_SUFFIXES) or os.sep in text or os.path.isfile(text)


def _space_in(path: Path) -> Space:
    written = read_yaml_file(path)
    try:
        return Space(written, name=path.stem)
    except BadInput as error:
        raise BadInput(f"{path}: {error}", hint=error.hint) from None
