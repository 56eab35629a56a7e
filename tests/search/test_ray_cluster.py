"""Which Ray cluster is used and how many workers find room there; the search itself is in `test_ray.py`."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from hpsearch.search.workers.devices import Share
from hpsearch.search.workers.orders import Orders
from hpsearch.search.workers.ray_actors import RayMember, own_version
from hpsearch.search.workers.ray_cluster import Machine, Needs, check_address, needs_of, workers_for
from hpsearch.spaces.errors import BadInput
from hpsearch.studies.worker import is_alive, worker_name

from .command import hpsearch, refused

CLUSTER = [
    Machine("head", {"CPU": 4.0, "memory": 1e9}),
    Machine("one", {"CPU": 8.0, "GPU": 2.0}),
    Machine("two", {"CPU": 1.0, "GPU": 1.0}),
]


@pytest.mark.parametrize(
    ("needs", "workers"),
    [
        (Needs(cpus=1), 13),
        (Needs(cpus=2), 6),
        (Needs(cpus=0.5), 26),
        (Needs(cpus=1, gpus=1), 3),
        (Needs(cpus=1, gpus=0.25), 9),
        (Needs(cpus=0.1, gpus=0.1), 30),
        (Needs(cpus=1, gpus=2), 1),
    ],
)
def test_workers_are_as_many_as_have_room_on_a_machine(needs: Needs, workers: int) -> None:
    """A trial runs on one machine: shares that are left over on several do not add up to one more."""
    assert workers == workers_for(CLUSTER, needs, trials=100, most=None)


def test_no_more_workers_than_trials_or_than_asked_for() -> None:
    """What `--trials` and `--max-concurrent` say bounds the workers."""
    assert 3 == workers_for(CLUSTER, Needs(), trials=3, most=None)
    assert 2 == workers_for(CLUSTER, Needs(), trials=100, most=2)
    assert 13 == workers_for(CLUSTER, Needs(), trials=100, most=50)


def test_a_trial_takes_a_gpu_where_there_are_any() -> None:
    """By default; a cluster without GPUs is asked for none."""
    assert Needs(cpus=1, gpus=1) == needs_of(CLUSTER, cpus=1, gpus=None)
    assert Needs(cpus=1, gpus=0) == needs_of(CLUSTER[:1], cpus=1, gpus=None)
    assert Needs(cpus=2, gpus=0) == needs_of(CLUSTER, cpus=2, gpus=0)


def test_too_much_is_refused_with_what_there_is() -> None:
    """C7: a trial that no machine has room for is refused at once, and would be PENDING for ever otherwise."""
    with pytest.raises(BadInput, match=r"asks for 1 CPU and 3 GPUs, .*: head 4 CPUs, one 8 CPUs and 2 GPUs") as caught:
        workers_for(CLUSTER, Needs(cpus=1, gpus=3), trials=1, most=None)

    assert "--gpus-per-trial" in (caught.value.hint or "")


@pytest.mark.parametrize("address", ["somewhere", "ray://host:10001", "host:", "host:port", ":"])
def test_an_address_is_a_host_and_a_port(address: str) -> None:
    """Anything else is refused with what an address looks like."""
    with pytest.raises(BadInput, match="is not HOST:PORT"):
        check_address(address)


def test_an_address_where_nobody_listens_is_refused_at_once() -> None:
    """Ray itself would try for a minute."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    with pytest.raises(BadInput, match=f"no Ray cluster at '127.0.0.1:{port}': .*refused"):
        check_address(f"127.0.0.1:{port}")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--backend", "rya"], "unknown backend 'rya'"),
        (["--backend", "ray", "--jobs", "2"], "--jobs is for the optuna backend"),
        (["--max-concurrent", "2"], "--max-concurrent is for the Ray backend"),
        (["--gpus-per-trial", "0.5"], "--gpus-per-trial is for the Ray backend"),
        (["--backend", "ray", "--cpus-per-trial", "0"], "got 0.0"),
        (["--backend", "ray", "--gpus-per-trial", "1.5"], "a share of one GPU or whole GPUs, got 1.5"),
        (["--backend", "ray", "--max-concurrent", "0"], "got 0"),
        (["--backend", "ray", "--ray-address", "nowhere"], "'nowhere' is not HOST:PORT"),
        (["--pruner", "pbt", "--set", "learning_rate=1e-3", "--set", "weight_decay=0"], "searches neither"),
    ],
)
def test_bad_options_are_one_sentence(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 2, the offending value, and no store and no folder made."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HPSEARCH_CACHE", str(tmp_path / "cache"))

    refused(hpsearch("run", *words), said)

    assert {"cache"} >= {path.name for path in tmp_path.iterdir()}


def test_orders_are_a_small_text() -> None:
    """C2, C3: what travels to a machine is JSON of far less than 64 KB, with neither Trainer nor data in it, and reads
    back as it was.
    """
    orders = Orders(
        store_url="postgresql+psycopg://team:secret@db/hpsearch",
        study_name="ü" * 100,
        folder="/shared/" + "x" * 200,
        share=Share(2, "1"),
        places={"data_dir": "/data"},
    )

    assert orders == Orders.from_json(orders.to_json())
    assert len(orders.to_json().encode()) < 2**11
    words = {"store_url", "study_name", "folder", "share", "alone_on_gpu", "timeout", "verbose", "code", "places"}
    assert words | {"processes", "room"} == json.loads(orders.to_json()).keys()


def test_another_release_of_hpsearch_is_refused() -> None:
    """A machine with another release would write rows that mean something else: it is named, with both releases."""
    member = RayMember(actor=None, hello=None)

    member._greeted({"worker": "w", "machine": "node7", "version": "0.0.1"})

    assert member.is_over
    assert not member.died
    assert member.words is not None
    assert ("node7 has hpsearch 0.0.1", own_version()) == (member.words[0].split(",")[0], member.words[0].split()[-1])


def test_a_machine_without_hpsearch_is_refused() -> None:
    """It is told apart from a worker that was killed, which would be replaced for ever."""
    member = RayMember(actor=None, hello=None)

    member._ended_by(RuntimeError("The actor died\n  ModuleNotFoundError: No module named 'hpsearch'"))

    assert not member.died
    assert member.words is not None
    assert "cannot import hpsearch: ModuleNotFoundError" in member.words[0]


def test_a_killed_worker_is_buried_when_it_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray says that an actor is dead before it is; until it is, it could take the trial that is put back."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        name = worker_name(process.pid)
        monkeypatch.setattr("ray.kill", lambda actor: threading.Timer(0.5, process.kill).start())
        member = RayMember(actor=None, hello=None, name=name)

        member.bury(60.0)

        assert (True, False) == (member.is_over, is_alive(name))


def test_a_worker_that_has_not_begun_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds no trial; nor is one waited for long whose machine cannot be seen from here."""
    began = time.monotonic()
    monkeypatch.setattr("ray.kill", lambda actor: None)
    monkeypatch.setattr("hpsearch.search.workers.ray_actors.GONE_S", 0.1)

    for name in (None, "elsewhere#00000000:1:1.00"):
        member = RayMember(actor=None, hello=None, name=name)
        member.bury(60.0)
        assert member.is_over
    assert time.monotonic() - began < 30.0
