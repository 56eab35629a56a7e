"""What a worker gets of its machine: cores, a GPU that is its own, and how many workers suit it."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from hpsearch.search.command.run import usual_jobs
from hpsearch.search.options import RunOptions
from hpsearch.search.workers import devices
from hpsearch.search.workers.devices import (
    GIB,
    GpuLease,
    Room,
    Share,
    device_name,
    gpus,
    shares,
    suitable_jobs,
    take_gpu,
)
from hpsearch.search.workers.local import search
from hpsearch.studies import file_system

GPUS = ["0", "1", "2", "3"]
#: Takes any of the GPUs, writes its id and when, holds it, writes when again, gives it back.
HOLDER = """
import sys, time
from pathlib import Path
from hpsearch.search.workers.devices import take_gpu

locks, wanted, seconds = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
while (lease := take_gpu(wanted, ["0", "1", "2", "3"], locks)) is None:
    time.sleep(0.01)
began = time.time()
print(lease.gpu, began, flush=True)
time.sleep(seconds)
print(time.time(), flush=True)
"""


def holder(locks: Path, wanted: str, seconds: float) -> subprocess.Popen[str]:
    """Start a process that holds a GPU, the wanted one if it is free."""
    argv = [sys.executable, "-c", HOLDER, str(locks), wanted, str(seconds)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)


def test_each_gpu_is_held_by_one_process_at_a_time(tmp_path):
    """B12: eight workers on four GPUs, each wanting one that another wants, too: no GPU is ever two workers'."""
    holders = [holder(tmp_path, GPUS[number % 2], 0.3) for number in range(8)]
    said = [process.communicate(timeout=60)[0].split() for process in holders]

    assert [0] * 8 == [process.returncode for process in holders]
    assert set(GPUS) == {gpu for gpu, _, _ in said}
    for gpu in GPUS:
        held = sorted((float(began), float(ended)) for name, began, ended in said if name == gpu)
        assert all(ended <= began for (_, ended), (began, _) in pairwise(held)), held


def test_the_gpu_of_a_killed_process_is_free_again(tmp_path):
    """B12: kill -9 leaves no GPU that nobody can have."""
    process = holder(tmp_path, "2", 600)
    assert process.stdout is not None
    assert ["2"] == process.stdout.readline().split()[:1]
    taken = GpuLease("2", tmp_path).take()
    process.kill()
    process.communicate()

    assert not taken
    assert GpuLease("2", tmp_path).take()


def test_the_wanted_gpu_comes_first_and_then_any_other(tmp_path):
    """A worker gets the GPU it was dealt, another where that is taken, and none where all are; it never waits."""
    leases = [take_gpu("2", GPUS, tmp_path) for _ in range(4)]
    assert ["2", "0", "1", "3"] == [lease.gpu for lease in leases if lease]

    began = time.monotonic()
    assert take_gpu("2", GPUS, tmp_path) is None
    assert time.monotonic() - began < 1

    del leases[2]
    again = take_gpu("2", GPUS, tmp_path)
    assert again is not None
    assert "1" == again.gpu


@pytest.mark.parametrize("gpu", ["GPU-8a1f/../../etc", "MIG-1:2", "..", "0\n"])
def test_no_name_of_a_gpu_leaves_the_folder_of_locks(gpu, tmp_path):
    """What CUDA_VISIBLE_DEVICES holds is anybody's text: its lock is one plain file, and two names have two."""
    locks = tmp_path / "locks"
    locks.mkdir()
    lease, other = GpuLease(gpu, locks), GpuLease("0", locks)

    assert lease.take()
    assert other.take()
    assert [locks] == list(tmp_path.iterdir())
    assert 2 == len(list(locks.iterdir()))


@pytest.mark.parametrize(
    ("jobs", "cores", "names", "expected"),
    [
        (1, 8, [], [Share(8)]),
        (4, 8, [], [Share(2)] * 4),
        (3, 8, [], [Share(2)] * 3),
        (4, 2, [], [Share(1)] * 4),
        (2, 16, ["5", "7"], [Share(8, "5"), Share(8, "7")]),
        (3, 16, ["5", "7"], [Share(5, "5"), Share(5, "7"), Share(5, "5")]),
        (1, 16, ["5", "7"], [Share(16, "5")]),
    ],
)
def test_a_machine_is_shared_out(jobs, cores, names, expected):
    """Cores are divided, never below one thread; GPUs are dealt out in turn."""
    assert expected == shares(jobs, cores, names)


@pytest.mark.parametrize(
    ("machine", "jobs", "why"),
    [
        ({"gpus": ["0", "1", "2"]}, 3, "each GPU: 3"),
        ({"gpus": ["0"], "parameters": 10**9}, 1, "each GPU: 1"),
        ({"parameters": 110_000_000}, 1, "110 million parameters"),
        ({"parameters": 5_000_000}, 8, "8 workers of one thread"),
        ({"parameters": 5_000_000, "memory": 5 * GIB}, 3, "5 GiB of free memory"),
        ({"parameters": 5_000_000, "memory": GIB // 4}, 1, "free memory"),
        ({"parameters": 5_000_000, "trials": 3}, 3, "one for each trial"),
        ({"gpus": ["0", "1", "2"], "trials": 2}, 2, "each GPU: 2"),
    ],
)
def test_the_number_of_workers_suits_the_machine(machine, jobs, why):
    """One for each GPU; one for a model that fills the cores; for a small one as many as cores and memory allow."""
    found, reason = suitable_jobs(**{"parameters": 1000, "cores": 8, "gpus": [], "memory": 64 * GIB, **machine})

    assert jobs == found
    assert why in reason


@pytest.mark.parametrize(
    ("trainings", "threads"), [(10, 2), (4, 2), (3, 2), (2, 4), (1, 8)], ids=lambda value: str(value)
)
def test_workers_that_idle_leave_their_cores_to_the_others(trainings, threads):
    """Two finals of four workers have half of the machine each; what does not divide is left over."""
    assert threads == Room(cores=8, workers=4).threads(trainings)


def test_more_workers_than_cores_have_a_thread_each():
    """Never none."""
    assert 1 == Room(cores=2, workers=4).threads(10)


def test_a_device_is_named_with_its_memory():
    """Two processors of different memory are different devices: what is too large for one may fit the other."""
    assert device_name(torch.device("cpu")).startswith("cpu, ")
    assert device_name(torch.device("cpu")).endswith(" GiB")


@pytest.mark.parametrize(
    ("visible", "count", "expected"),
    [
        (None, 2, ["0", "1"]),
        ("3,5", 2, ["3", "5"]),
        ("GPU-8a1f,GPU-77c0", 2, ["GPU-8a1f", "GPU-77c0"]),
        ("3,-1,5", 1, ["3"]),
        ("", 0, []),
    ],
)
def test_the_gpus_to_deal_out_are_those_this_process_may_use(visible, count, expected, monkeypatch):
    """Under a batch system the ids are those it gave, as many as CUDA finds among them; else all of the machine's."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)

    assert expected == gpus()


def test_nobody_has_to_ask_for_workers(monkeypatch):
    """As many as suit the model, if they can share the store; one for a SQLite file on a network, and on Ray."""
    assert "auto" == usual_jobs(RunOptions())
    assert "auto" == usual_jobs(RunOptions(store="postgresql+psycopg://team@db/hpsearch"))
    assert "1" == usual_jobs(RunOptions(backend="ray"))
    monkeypatch.setattr(file_system, "mounts", lambda: [file_system.Mount("/", "nfs4")])
    assert "1" == usual_jobs(RunOptions())


def test_one_worker_that_suits_is_this_process(toy, monkeypatch):
    """Where `auto` comes to one, no other process is started for it."""
    monkeypatch.setattr(devices, "suitable_jobs", lambda **machine: (1, "one worker"))
    study = toy.search(toy.trainer(), trials=1)
    run = study._run
    search(dataclasses.replace(run, study=run.store.update_study(run.study.study_id, trials=2)), "auto", killable=False)

    assert {str(os.getpid())} == {one.worker.split(":")[1] for one in study.trials}
    assert 2 == len(study.trials)
