"""How the C library handles the memory that a training step frees."""

from __future__ import annotations

import ctypes
import os

#: The parameters of glibc's `mallopt`: name in the environment, number, value of ours. See mallopt(3).
PARAMETERS = (
    ("MALLOC_TRIM_THRESHOLD_", -1, 2**30),  # bytes free at the end of the heap before any go back to the kernel
    ("MALLOC_TOP_PAD_", -2, 2**26),  # bytes that the heap grows by at once
    ("MALLOC_MMAP_THRESHOLD_", -3, 2**30),  # bytes of an allocation that gets pages of its own, and gives them back
)


def keep_freed_memory() -> bool:
    """Let this process keep what a training step frees for the next step; return whether that can be had.

    A model's gradients and activations are allocated anew in each step. By default glibc asks the kernel for each
    large one and gives it back, and the kernel clears every page again: with a small encoder a third of a step. What is
    computed is the same. A user's own setting, in the environment, stays.
    """
    if any(name in os.environ for name, _, _ in PARAMETERS) or "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", ""):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library than glibc
        return False
    taken = [mallopt(number, value) for _, number, value in PARAMETERS]
    return all(taken)
