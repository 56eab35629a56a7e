"""The processes of a trial, as somebody outside sees them."""

from __future__ import annotations

import contextlib
import time

import psutil

#: What a fork server's command line has, and its children's too.
SERVED = "multiprocessing.forkserver"


def ranks_below(pid: int | None = None, seconds: float = 5.0) -> list[psutil.Process]:
    """Return the processes that fork servers below a process have started, after so long for the last ones to go."""
    deadline = time.monotonic() + seconds
    while (found := _served(psutil.Process(pid))) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def _served(top: psutil.Process) -> list[psutil.Process]:
    found = []
    for process in top.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            server = process.parent()
            living = process.status() != psutil.STATUS_ZOMBIE
            if living and server is not None and server.pid != top.pid and SERVED in " ".join(server.cmdline()):
                found.append(process)
    return found
