"""A search at the top of a file that its workers import, where it would begin again in each of them.

Workers import the file of the user's function and no other: not the program that runs, see `workers.processes`.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import FrameType
from typing import Any

from ...spaces.errors import BadInput
from .call import called, shortest

GUARD = '`if __name__ == "__main__":`'
#: What multiprocessing calls the main module of another process.
IMPORTED_MAIN = "__mp_main__"


def check_guarded(make: Any = None) -> None:
    """Raise `BadInput` if the search that is about to begin is begun by an import that is no program's own.

    That is one by hpsearch, or by a process of somebody's pool; and where workers are to import the module of the
    function `make`, that of this module by the program itself, for theirs would be no different.
    """
    imports = list(under_way())
    ours = {IMPORTED_MAIN, getattr(make, "__module__", IMPORTED_MAIN)} - {"__main__"}
    if any(is_called or frame.f_globals.get("__name__") in ours for frame, is_called in imports):
        begun = imports[0][0]
        raise BadInput(
            f"the search in {shortest(begun.f_code.co_filename)}, line {begun.f_lineno}, begins wherever this file is"
            f" imported: it is not below {GUARD}",
            hint="put it there: it is passed in the file that is run, and not where a worker imports the file",
        )


def under_way() -> Iterator[tuple[FrameType, bool]]:
    """Yield the modules that are being run from their top, the innermost first, and whether hpsearch imports them."""
    frame, waiting = inspect.currentframe(), list[FrameType]()
    while frame is not None:
        if frame.f_code is called.__code__:
            yield from ((one, True) for one in waiting)
            waiting = []
        elif frame.f_code.co_name == "<module>":
            waiting.append(frame)
        frame = frame.f_back
    yield from ((one, False) for one in waiting)
