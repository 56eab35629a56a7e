"""A Ray cluster of three machines, simulated on one: a machine is lost, and then the driver."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.cluster_utils import Cluster

from .searching import Search, check_whole, ended

TRIALS = 8


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A head that has no room for a trial, and two machines with room for one each."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    cluster.machines = [cluster.add_node(num_cpus=1) for _ in range(2)]
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_a_lost_machine_and_a_killed_driver_cost_nothing_but_time(url: str, tmp_path: Path, cluster: Any) -> None:
    """C4: exactly the asked trials, none twice, after a machine was killed with its trial, and then the driver, and the
    same command was typed again. The cluster, which was there before, is there afterwards.
    """
    on_ray = ("--backend", "ray", "--ray-address", cluster.address, "--max-concurrent", "2")
    with Search(url, tmp_path, TRIALS) as search:
        driver = search.start(*on_ray)
        search.wait_for(1)
        cluster.remove_node(cluster.machines[0], allow_graceful=False)
        search.wait_for(3)
        cluster.add_node(num_cpus=1)
        driver.send_signal(signal.SIGKILL)
        driver.wait()
        deadline = time.monotonic() + 60
        while any(alive(pid) for pid in search.workers()) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert not any(alive(pid) for pid in search.workers())

        said = ended(search.start(*on_ray))
        trials = check_whole(search)

    assert "given to another worker" not in said
    assert sum(one.attempt - 1 for one in trials) <= 3
    assert 3 == sum(node["Alive"] for node in nodes(cluster))


def alive(pid: int) -> bool:
    """Return whether a process runs."""
    return Path(f"/proc/{pid}/stat").exists() and ") Z " not in Path(f"/proc/{pid}/stat").read_text()


def nodes(cluster: Any) -> list[dict[str, Any]]:
    """Return what the cluster says of its machines."""
    ray.init(address=cluster.address, log_to_driver=False)
    return list(ray.nodes())
