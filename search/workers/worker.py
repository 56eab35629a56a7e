"""A worker in a process of its own, one of a `crew`: it opens the study by name and runs `loop` on it.

The fork server of `local` imports this module, and with it all that is slow to import, once for all workers.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

import torch

from ...spaces.errors import HpsearchError
from ...studies.store import StudyStore
from .. import study_run, task_problem  # noqa: F401 - imported here so that every worker has them already
from ..allocator import keep_freed_memory
from ..command.complaint import in_our_words
from ..errors import Interrupted
from ..interrupts import remember_interrupts
from ..paths import StudyPaths
from ..quiet import write_to_log
from ..ranks.launch import Launcher
from .devices import VISIBLE, GpuLease, gpus, take_gpus
from .joining import join
from .orders import Complaint, Orders
from .processes import end_with_parent

#: Exit code of a worker that has said why it failed.
FAILED = 1
#: Seconds between two looks for a GPU while other searches of this machine have all of them.
BUSY_S = 2.0


def work(orders: Orders, news: Connection) -> None:
    """Search the study until nothing is left; `news` gets what `complaint_of` returns, if that fails."""
    remember_interrupts()
    end_with_parent(signal.SIGTERM)  # the trial is given back
    try:
        said = complaint_of(orders)
    except KeyboardInterrupt:
        sys.exit(Interrupted.exit_code)
    if said is not None:
        news.send(said)
        sys.exit(FAILED)


def complaint_of(orders: Orders) -> Complaint | None:
    """Search the study until nothing is left; return sentence, hint and exit code if that fails.

    Raises what is a bug, which needs its traceback, and `KeyboardInterrupt`.
    """
    if not orders.verbose:
        write_to_log(StudyPaths(Path(orders.folder)).log)
    try:
        take(orders)
        search(orders)
    except Exception as error:
        told = error if isinstance(error, HpsearchError) else in_our_words(error)
        if told is None:
            raise
        return str(told), told.hint, told.exit_code
    return None


def search(orders: Orders) -> None:
    """Join the study and run its trials."""
    with StudyStore.open(orders.store_url) as store:
        study = store.study(orders.study_name)
        run = join(
            store,
            study,
            folder=orders.folder,
            timeout=orders.timeout,
            verbose=orders.verbose,
            places=orders.places,
            code=orders.code,
        )
        launcher = Launcher.of(orders) if orders.processes > 1 else None
        dataclasses.replace(run, launcher=launcher, room=orders.room).search()


def take(orders: Orders) -> None:
    """Take this worker's share of the machine."""
    keep_freed_memory()
    torch.set_num_threads(orders.share.threads)
    os.environ["OMP_NUM_THREADS"] = str(orders.share.threads)
    gpu = orders.share.gpu
    if gpu is None:
        return
    if orders.alone_on_gpu:
        gpu = ",".join(lease_gpus(gpu.split(",")))
    os.environ[VISIBLE] = gpu


def lease_gpus(wanted: list[str]) -> list[str]:
    """Wait until so many GPUs are this process's alone, the wanted ones if they are free, and return them."""
    while (leases := take_gpus(wanted, gpus())) is None:
        time.sleep(BUSY_S)
    _held.extend(leases)
    return [lease.gpu for lease in leases]


_held: list[GpuLease] = []  # a lease is given back when its object is gone
