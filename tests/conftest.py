"""What tests of all layers share."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from hpsearch.search.allocator import keep_freed_memory

from .browser import chromium, page, screenshot  # noqa: F401 - fixtures of all tests of pages

os.environ.setdefault("HPSEARCH_JOBS", "1")  # a search in the process of its test, unless the test is of workers
os.environ.setdefault("OMP_NUM_THREADS", "1")  # several processes share the cores, and torch's threads wait by spinning
keep_freed_memory()  # as the command line does, whose function many tests call here


@pytest.fixture
def run_python() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a program in a fresh process and return what it printed; it must succeed."""

    def run(program: str, *, env: dict[str, str] | None = None, cwd: Any = "/") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, **(env or {})},
            cwd=cwd,
            capture_output=True,
            text=True,
            check=True,
        )

    return run
