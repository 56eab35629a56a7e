"""The Ray cluster that workers run on: one that is there already, or one of this machine's cores and GPUs.

A cluster started here ends with the search, on every way out; one that was joined is left as it was.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ...spaces.errors import BadInput
from . import devices

#: Bytes of shared memory for a cluster of our own: nothing travels through it but a specification and a few words.
OBJECT_STORE = 80 * 2**20
CONNECT_S = 5.0
NO_CLUSTER = "`ray start --head` starts one; without --ray-address, hpsearch starts its own on this machine"
LOCAL = "local"  #: Ray's word for a cluster of one's own


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What one worker, and so one trial, takes of a cluster."""

    cpus: float = 1.0
    gpus: float = 0.0

    def __str__(self) -> str:
        """Return it as people say it."""
        return resources_text({"CPU": self.cpus, "GPU": self.gpus})


@dataclass(frozen=True)
class Machine:
    """One machine of a cluster and what it has in all, whoever uses it now."""

    name: str
    resources: Mapping[str, float]

    def room_for(self, needs: Needs) -> int:
        """Return how many workers fit on it."""
        wanted = {"CPU": needs.cpus, "GPU": needs.gpus}
        return min(int(self.resources.get(kind, 0.0) / amount + 1e-9) for kind, amount in wanted.items() if amount > 0)

    def __str__(self) -> str:
        """Return it as people say it."""
        return f"{self.name} {resources_text(self.resources)}"


def resources_text(resources: Mapping[str, float]) -> str:
    """Return CPUs and GPUs in words."""
    amounts = {kind: resources.get(kind, 0.0) for kind in ("CPU", "GPU")}
    kinds = [f"{amount:g} {kind}{'s' * (amount > 1)}" for kind, amount in amounts.items() if amount > 0]
    return " and ".join(kinds) or "nothing"


@contextmanager
def cluster(address: str | None) -> Iterator[list[Machine]]:
    """Join the Ray cluster at `address` (`auto`: the one that runs on this machine), or start one where it is None.

    Yields its machines. Raises `BadInput` where it cannot be reached; `check_address` finds most of that out sooner.
    """
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    ray = connect(address)
    try:
        for number, handler in handlers.items():
            signal.signal(number, handler)  # Ray's own would end this process before its trials are put back
        yield machines(ray)
    finally:
        ray.shutdown()


def check_address(address: str | None) -> None:
    """Raise `BadInput` for an address where nobody listens: Ray itself would try for a minute."""
    if address in (None, LOCAL, "auto"):
        return
    host, colon, port = str(address).rpartition(":")
    if "://" in str(address) or not colon or not port.isdecimal():
        raise BadInput(
            f"the Ray address {address!r} is not HOST:PORT",
            hint="the address that `ray start --head` printed, with port 6379 unless told otherwise; or auto",
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_S).close()
    except (OSError, OverflowError) as error:
        raise unreachable(address, getattr(error, "strerror", None) or error) from None


def connect(address: str | None) -> Any:
    """Return the connected `ray` module."""
    import ray

    own = address in (None, LOCAL)
    if own:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a cluster that nobody asked for tells nobody
    extent = {"num_cpus": devices.cores(), "object_store_memory": OBJECT_STORE, "include_dashboard": False}
    logging.getLogger("ray").setLevel(logging.CRITICAL)  # until it has a log to write to, see `quiet`
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ray.init(
                address=LOCAL if own else address,
                log_to_driver=False,
                configure_logging=False,
                **(extent if own else {}),
            )
    except (ConnectionError, RuntimeError, OSError, ValueError) as error:
        raise unreachable(address or LOCAL, error) from error
    return ray


def unreachable(address: str | None, why: object) -> BadInput:
    """Return the error for a cluster that cannot be joined."""
    silent = isinstance(why, ConnectionError) or not isinstance(why, Exception)  # one that answers may refuse
    said = next(iter(str(why).strip().splitlines()), "no answer")
    return BadInput(
        f"no Ray cluster at {address!r}: {said[:200]}",
        hint=NO_CLUSTER if silent else None,
    )


def machines(ray: Any) -> list[Machine]:
    """Return the machines that are there."""
    return [Machine(node["NodeManagerHostname"], node["Resources"]) for node in ray.nodes() if node["Alive"]]


def needs_of(there: Sequence[Machine], *, cpus: float, gpus: float | None) -> Needs:
    """Return what a trial takes; a GPU unless told otherwise, where the cluster has any."""
    has_gpus = any(machine.resources.get("GPU", 0.0) > 0 for machine in there)
    return Needs(cpus=cpus, gpus=float(has_gpus) if gpus is None else gpus)


def workers_for(there: Sequence[Machine], needs: Needs, *, trials: int, most: int | None) -> int:
    """Return how many workers to start. Raises `BadInput` where the cluster has no room for one."""
    room = sum(machine.room_for(needs) for machine in there)
    if room == 0:
        raise BadInput(
            f"a trial asks for {needs}, and no machine of the cluster has as much: {', '.join(map(str, there))}",
            hint="ask for less with --cpus-per-trial and --gpus-per-trial",
        )
    return min(room, trials, most or room)
