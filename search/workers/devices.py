"""What a worker computes on: its name, its share of the cores, a GPU of its own; how many workers suit a machine."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock, Timeout

GIB = 2**30
#: Bytes a training needs for each parameter in fp32: weights, gradients and the two moments of Adam.
BYTES_A_PARAMETER = 16
#: What a worker needs besides: Python, the libraries and a batch.
BYTES_A_WORKER = 1.5 * GIB
#: A model this small trains faster as many one-threaded workers than as one with many threads.
SMALL_MODEL = 100_000_000
#: The devices a process may use, as CUDA is told.
VISIBLE = "CUDA_VISIBLE_DEVICES"


def device_name(device: Any) -> str:
    """Return a torch device as people name it, with its memory: what is too large for one is for all of that name."""
    if getattr(device, "type", "cpu") == "cuda":
        import torch

        about = torch.cuda.get_device_properties(device)
        return f"{about.name}, {about.total_memory / GIB:.0f} GiB"
    return f"{getattr(device, 'type', 'cpu')}, {psutil.virtual_memory().total / GIB:.0f} GiB"


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def gpus() -> list[str]:
    """Return the ids of the GPUs that may be used, without claiming one."""
    import torch

    count = torch.cuda.device_count()
    given = [name for name in os.environ.get(VISIBLE, "").split(",") if name]
    return given[:count] if given else [str(number) for number in range(count)]


@dataclass(frozen=True)
class Share:
    """What one of several workers on a machine gets."""

    threads: int
    gpu: str | None = None  #: or several, with commas between


@dataclass(frozen=True)
class Room:
    """The cores of a machine, and how many workers share them."""

    cores: int
    workers: int

    def threads(self, trainings: int) -> int:
        """Return the threads of one of so many trainings: workers that have none leave their cores to the others."""
        return max(1, self.cores // max(1, min(self.workers, trainings)))


def take_threads(count: int) -> None:
    """Let the trainings of this process have so many threads."""
    import torch

    torch.set_num_threads(count)


def shares(jobs: int, cores: int, gpus: list[str], processes: int = 1) -> list[Share]:
    """Return the share of each of `jobs` workers: cores are divided, GPUs are dealt out in turn.

    A worker whose trials have several `processes` gets a GPU for each of them.
    """
    threads = max(1, cores // jobs)
    dealt = [
        [gpus[(job * processes + one) % len(gpus)] for one in range(processes)] if gpus else [] for job in range(jobs)
    ]
    return [Share(threads, ",".join(own) or None) for own in dealt]


def suitable_jobs(*, parameters: int, cores: int, gpus: list[str], memory: int, trials: int = 2**31) -> tuple[int, str]:
    """Return how many workers suit a machine, and why; nothing is measured.

    Args:
        parameters: of the model.
        cores: that may be used.
        gpus: that may be used.
        memory: free bytes of main memory.
        trials: that there are to run; no worker is to be idle from the beginning.
    """
    if gpus:
        count = min(len(gpus), trials)
        return count, f"one worker for each GPU: {count}"
    if parameters > SMALL_MODEL:
        return 1, f"one worker with all {cores} cores: a model of {parameters / 1e6:.0f} million parameters fills them"
    fit = max(1, int(memory // (BYTES_A_WORKER + BYTES_A_PARAMETER * parameters)))
    if fit < min(cores, trials):
        return fit, f"{fit} workers, as many as the {memory / GIB:.0f} GiB of free memory have room for"
    if trials < cores:
        return trials, f"{trials} workers, one for each trial: the model is small"
    return cores, f"{cores} workers of one thread: the model is small"


class GpuLease:
    """One GPU for one worker process of this machine, whoever started it; given back when the process ends."""

    def __init__(self, gpu: str, folder: Path | None = None) -> None:
        locks = folder or Path(tempfile.gettempdir())
        self.gpu = gpu
        self.lock = FileLock(locks / f"hpsearch-gpu-{''.join(c if c.isalnum() else '-' for c in gpu)}.lock")

    def take(self) -> bool:
        """Return whether the GPU is this process's now; never waits."""
        try:
            self.lock.acquire(blocking=False)
        except Timeout:
            return False
        return True


def take_gpu(wanted: str, others: list[str], folder: Path | None = None) -> GpuLease | None:
    """Return a lease of the wanted GPU, or of another that is free; None where none is."""
    leases = (GpuLease(gpu, folder) for gpu in [wanted, *(other for other in others if other != wanted)])
    return next((lease for lease in leases if lease.take()), None)


def take_gpus(wanted: list[str], others: list[str], folder: Path | None = None) -> list[GpuLease] | None:
    """Return leases of as many GPUs as are wanted; None, and none of them held, where there are not so many free.

    All or none: two searches that each hold a half would wait for one another for ever.
    """
    taken: list[GpuLease] = []
    for gpu in wanted:
        lease = take_gpu(gpu, others, folder)
        if lease is None:
            return None
        taken.append(lease)
    return taken
