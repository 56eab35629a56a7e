"""Processes of this machine that a search starts, from a server that has imported what is slow; how they are killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from contextlib import suppress
from multiprocessing import parent_process
from multiprocessing.connection import wait
from typing import Any

import psutil

WORKERS = "hpsearch.search.workers.worker"


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


def end_with_parent(how: signal.Signals) -> None:
    """Let this process get a signal when the one that started it was killed: nobody would look after it."""
    parent = parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os.kill(os.getpid(), how)

    threading.Thread(target=watch, name="hpsearch-parent", daemon=True).start()
