"""Processes of this machine that a search starts, from a server that has imported what is slow; how they are killed."""

from __future__ import annotations

import multiprocessing
from contextlib import suppress
from typing import Any

import psutil

WORKERS = "hpsearch.search.worker_process"


def worker_context() -> Any:
    """Return how workers are started: from a server that imports what is slow once, where there is such a thing."""
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    if "forkserver" in methods:
        context.set_forkserver_preload([WORKERS])
    return context


def kill_tree(pid: int) -> None:
    """Kill a process and all that it started."""
    with suppress(psutil.NoSuchProcess):
        top = psutil.Process(pid)
        for process in [*top.children(recursive=True), top]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
