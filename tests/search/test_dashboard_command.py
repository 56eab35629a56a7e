"""`hpsearch dashboard` as a command: its address, its end, and where it refuses to begin."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hpsearch.search.dashboard.server import listening
from hpsearch.studies.store import StudyStore

from .command import MAIN, hpsearch, refused
from .shown_studies import Served


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with a store."""
    monkeypatch.chdir(tmp_path)
    StudyStore.open("sqlite:///hpsearch.db", create=True).close()
    return tmp_path


@pytest.fixture
def taken() -> Iterator[int]:
    """A port at which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


def test_the_command_serves_until_it_is_interrupted(here: Path) -> None:
    """The address on stdout, nothing but that; Ctrl-C ends it with exit code 0 and without a traceback."""
    argv = [sys.executable, "-W", "error", "-c", MAIN, "dashboard"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as command:
        address = command.stdout.readline().strip()
        assert {} == Served(address).studies()
        os.kill(command.pid, signal.SIGINT)
        out, err = command.communicate(timeout=30)

    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", address)
    assert (0, "", False) == (command.returncode, out, "Traceback" in err)
    assert "warning" not in err
    assert ["hpsearch.db"] == [path.name for path in here.iterdir()]


def test_listening_elsewhere_is_warned_of(here: Path) -> None:
    """Others can look then: it is said, and the address has the machine's name."""
    argv = [sys.executable, "-c", MAIN, "dashboard", "--host", "0.0.0.0", "--port", "0"]  # noqa: S104
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as command:
        address = command.stdout.readline().strip()
        assert {} == Served(f"http://127.0.0.1:{address.rstrip('/').rpartition(':')[2]}/").studies()
        os.kill(command.pid, signal.SIGTERM)
        _, err = command.communicate(timeout=30)

    assert 0 == command.returncode
    assert "warning: everybody who reaches this machine at '0.0.0.0' can read all studies" in err
    assert socket.gethostname() in address


def test_a_free_port_is_taken_where_the_usual_one_is_not(taken: int) -> None:
    """Nobody has to look for one."""
    with listening("127.0.0.1", None, usual=taken) as server:
        assert taken != server.server_port


def test_an_asked_port_that_is_taken_is_refused(here: Path, taken: int) -> None:
    """As is one that is none, and a host that is not here: one sentence, exit code 2."""
    refused(hpsearch("dashboard", "--port", taken), str(taken), "another program listens there", "a free one is taken")
    refused(hpsearch("dashboard", "--port", "70000"), "--port", "70000")
    refused(hpsearch("dashboard", "--port", "-1"), "--port")
    refused(hpsearch("dashboard", "--host", "no.such.invalid"), "'no.such.invalid'")
    refused(hpsearch("dashboard", "--host", "192.0.2.1", "--port", "0"), "'192.0.2.1'")


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is one of an older release changed."""
    monkeypatch.chdir(tmp_path)
    old = Path(__file__).parents[1] / "data" / "stores" / "0001.db"
    (tmp_path / "old.db").write_bytes(old.read_bytes())

    refused(hpsearch("dashboard"), "there is no study store", code=3)
    refused(hpsearch("dashboard", "--store", "sqlite:///old.db"), "hpsearch db upgrade")
    assert ["old.db"] == [path.name for path in tmp_path.iterdir()]
    assert old.read_bytes() == (tmp_path / "old.db").read_bytes()
