"""Worker names, and whether the process behind one still lives."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from hpsearch.studies.worker import is_alive, worker_name

SAY = "from hpsearch.studies.worker import worker_name as w; print(w(), flush=True); input()"


def test_this_process_lives():
    """A name has host, process id and start, and belongs to a process that lives."""
    host, pid, start = worker_name().split(":")

    assert (str(os.getpid()), True) == (pid, host != "" and float(start) > 0)
    assert is_alive(worker_name()) is True


def test_a_killed_process_is_dead():
    """B3: dead from the moment it was killed, noticed by its parent or not."""
    process = subprocess.Popen([sys.executable, "-c", SAY], stdin=-1, stdout=-1, text=True)
    name = process.stdout.readline().strip()
    lived = is_alive(name)

    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    zombie = is_alive(name)
    process.communicate()

    assert (True, False, False) == (lived, zombie, is_alive(name))


def test_an_id_used_again_is_another_process():
    """B3: a process that started at another moment is not the worker, whatever its id."""
    host, pid, start = worker_name().split(":")

    assert is_alive(f"{host}:{pid}:{float(start) - 60}") is False


@pytest.mark.parametrize("name", ["elsewhere#12345678:1:1.0", "", "me", "a:b:c:d", ":::"])
def test_another_host_is_unknown(name):
    """B3: nothing is claimed about a process that cannot be looked at."""
    assert is_alive(name) is None


@pytest.mark.parametrize("rest", ["", "x:1.0", "1:x", "1", "-1:1.0"])
def test_a_garbled_name_is_unknown(rest):
    """B3: a name of this host that names no process kills nobody."""
    host = worker_name().split(":")[0]

    assert is_alive(f"{host}:{rest}") is None
