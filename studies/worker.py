"""Who holds a trial, as text, and whether that worker still lives.

The text is `host:pid:start`. The host part carries a mark of this boot and process namespace, for equal
process ids mean the same process only there: two containers may share a host name and both have a process 7.
"""

from __future__ import annotations

import hashlib
import os
import socket
import uuid
from functools import cache

import psutil

SAME_START_S = 2.0  # the start of a process is derived from the boot time, which clock corrections move a little
BOOT, NAMESPACE = "/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid"


def worker_name(pid: int | None = None) -> str:
    """Return the name of this process, or another one here: host, id and when it started (seconds since 1970)."""
    process = psutil.Process(pid)
    return f"{_host()}:{process.pid}:{process.create_time():.2f}"


def same_process(one: str | None, other: str | None) -> bool:
    """Return whether two names are one process's; clock corrections may have moved its start."""
    return one is not None and other is not None and one.split(":")[:2] == other.split(":")[:2]


def is_alive(worker: str) -> bool | None:
    """Return whether the process named `worker` lives; None when it cannot be known from here.

    Another process that got the same id later is not it. A zombie, which has ended and whose parent has
    not noticed, is dead.
    """
    host, _, identity = worker.partition(":")
    pid, _, start = identity.partition(":")
    if host != _host():
        return None
    try:
        process = psutil.Process(int(pid))
        same = abs(process.create_time() - float(start)) < SAME_START_S
        return same and process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.NoSuchProcess:
        return False
    except (psutil.AccessDenied, ValueError):
        return None


@cache
def _host() -> str:
    name = socket.gethostname().replace(":", "-")[:200]
    return f"{name}#{hashlib.sha256(_machine().encode()).hexdigest()[:8]}"


def _machine() -> str:
    """Return text that no other boot or process namespace has; elsewhere than on Linux, no other machine."""
    try:
        with open(BOOT, encoding="ascii") as boot:
            return f"{boot.read().strip()} {os.readlink(NAMESPACE)}"
    except OSError:
        return str(uuid.getnode())
