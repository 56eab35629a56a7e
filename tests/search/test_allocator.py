"""Memory that a training step frees stays with the process; see `search.allocator`."""

from __future__ import annotations

import functools
import os
import platform
import subprocess
import sys

import pytest

#: Allocates, fills and frees 32 MiB again and again; prints how often the kernel had to hand out a page meanwhile.
STEPS = """
import resource, sys
import torch
from hpsearch.search.allocator import keep_freed_memory
from hpsearch.search.workers import worker
from hpsearch.search.workers.devices import Share
from hpsearch.search.workers.orders import Orders

how = sys.argv[1]
if how == "worker":
    worker.take(Orders(store_url="sqlite://", study_name="", folder="", share=Share(1)))
elif how == "kept":
    print(keep_freed_memory())
for step in range(13):
    if step == 3:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.empty(2**23).fill_(1.0)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
PAGES = 10 * 2**25 // os.sysconf("SC_PAGE_SIZE")

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library than glibc")


@functools.cache  # each is a process that imports torch
def printed(how: str, **environment: str) -> list[str]:
    """Return what `STEPS` prints, in a process with these variables."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    done = subprocess.run(
        [sys.executable, "-c", STEPS, how], env={**kept, **environment}, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


@pytest.mark.parametrize("how", ["kept", "worker"])
def test_memory_that_is_freed_is_used_again(how):
    """A training step takes the memory of the step before, in every worker; untouched, glibc has each page cleared."""
    assert int(printed(how)[-1]) < PAGES / 20
    assert int(printed("untouched")[-1]) > PAGES / 2


@pytest.mark.parametrize(
    "own", [{"MALLOC_MMAP_THRESHOLD_": "65536"}, {"GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=65536"}]
)
def test_a_setting_of_the_users_own_stays(own):
    """Who has told glibc what to do is obeyed."""
    said, faults = printed("kept", **own)

    assert said == "False"
    assert int(faults) > PAGES / 2
