"""Processes of this machine that a search starts, from a server that has imported what is slow; how they are killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import current_process, parent_process, spawn
from multiprocessing.connection import wait
from typing import Any

import psutil

WORKERS = "hpsearch.search.workers.worker"
#: What a process is called that does a part of a search which another process began.
NAME = "hpsearch-worker"
#: How what a new process is told of its parent's main module begins, which it would run for the sake of what is in it.
MAIN = "init_main"


def worker_context() -> Any:
    """Return how workers are started: from a server that imports what is slow once, where there is such a thing."""
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    if "forkserver" in methods:
        context.set_forkserver_preload([WORKERS])
    return context


def started(target: Callable[..., None], *args: Any) -> Any:
    """Return a process that runs a function of ours, started.

    It does not import the main module of this program, whose search would begin there again if it is not below
    `if __name__ == "__main__"`: what our functions need they find by its name.
    """
    process = worker_context().Process(target=target, args=args, name=NAME, daemon=False)
    with _main_left_out():
        process.start()
    return process


def is_worker() -> bool:
    """Return whether this process does a part of a search which another one began."""
    return current_process().name == NAME


_starting = threading.Lock()


@contextmanager
def _main_left_out() -> Iterator[None]:
    """Let the processes that this thread starts in the block know nothing of the main module; others' are as ever."""
    mine = threading.get_ident()
    with _starting:
        prepared = spawn.get_preparation_data

        def without_main(name: str) -> dict[str, Any]:
            told = prepared(name)
            if threading.get_ident() != mine:
                return told
            return {key: value for key, value in told.items() if not key.startswith(MAIN)}

        spawn.get_preparation_data = without_main
        try:
            yield
        finally:
            spawn.get_preparation_data = prepared


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
