"""A user's script as a module: imported from its path, under a name that is the same in every process.

What stands below `if __name__ == "__main__"` is not run.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from ...spaces.errors import BadInput

#: A script may be called like a library, such as `datasets.py`, so its own name is not enough. Where it lies is no part
#: of its name: a study's identity has the names of classes, and its workers may have the script somewhere else.
PREFIX = "hpsearch_script_"


def module_of(path: Path) -> ModuleType:
    """Return a script as a module, imported now if it was not before. Raises `BadInput` if it is not there.

    What the script itself raises is its own.
    """
    path = path.expanduser().absolute()
    if not path.is_file():
        raise BadInput(f"there is no script {str(path)!r}", hint="paths are seen from the current folder")
    name = PREFIX + re.sub(r"\W", "_", path.stem)
    known = sys.modules.get(name)
    if known is not None and known.__file__ == str(path):
        return known
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise BadInput(f"{str(path)!r} is no Python file", hint="a script's name ends with .py")
    module = module_from_spec(spec)
    sys.modules[name] = module  # before it is run, as for every module: dataclasses and pickle look there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def script_of(module_name: str | None) -> str | None:
    """Return the path of the script that a module is; None for a module with a name of its own."""
    if not (module_name or "").startswith(PREFIX):
        return None
    return getattr(sys.modules.get(module_name or ""), "__file__", None)


@contextmanager
def as_if_run(path: Path, words: Sequence[str] = ()) -> Iterator[None]:
    """Let imports and the command line be as for `python PATH WORDS` in the block.

    Afterwards the script's folder stays on the path, as the last: what is imported late is still found, and nothing of
    ours is hidden by a file of the user's.
    """
    folder, argv = str(path.expanduser().absolute().parent), sys.argv
    sys.path.insert(0, folder)
    sys.argv = [str(path), *words]
    try:
        yield
    finally:
        sys.argv = argv
        sys.path.remove(folder)
        if folder not in sys.path:
            sys.path.append(folder)
