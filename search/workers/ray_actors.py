"""The workers of a crew as actors of a Ray cluster: each searches the study in the store, as every other worker does.

What travels to an actor is the text of its orders. It stays warm: model, tokenizer and data are opened once, and each
trial gets a Trainer of its own (`making`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from multiprocessing import current_process
from typing import Any

from ...studies.worker import is_alive, worker_name
from .orders import Complaint, Orders
from .processes import NAME
from .ray_cluster import Needs

#: Seconds after which a killed actor is taken for gone where it cannot be seen from here.
GONE_S = 2.0
LOOK_S = 0.02


class RayWorker:
    """What runs on a machine of the cluster."""

    def hello(self) -> dict[str, str]:
        """Import what takes seconds, and say who this is."""
        import platform

        from . import worker  # noqa: F401 - so that `work` has it

        current_process().name = NAME
        return {"worker": worker_name(), "machine": platform.node(), "version": own_version()}

    def work(self, orders: str) -> Complaint | None:
        """Search the study until nothing is left; return what `complaint_of` returns."""
        from .worker import complaint_of

        return complaint_of(Orders.from_json(orders))


def own_version() -> str:
    """Return the release of hpsearch that is installed here."""
    return version("hpsearch")


@dataclass
class RayWorkers:
    """Starts workers on the cluster; those that are warmed up beforehand come first."""

    needs: Needs
    warm: list[RayMember] = field(default_factory=list)

    def warm_up(self, count: int) -> None:
        """Begin to import what workers need, while this process prepares the study."""
        self.warm += [self.new() for _ in range(count)]

    def start(self, orders: Orders) -> RayMember:
        """Start a worker."""
        member = self.warm.pop() if self.warm else self.new()
        member.begin(orders)
        return member

    def new(self) -> RayMember:
        """Return a worker without orders; Ray places it as soon as there is room."""
        import ray

        actor = ray.remote(num_cpus=self.needs.cpus, num_gpus=self.needs.gpus)(RayWorker).remote()
        return RayMember(actor=actor, hello=actor.hello.remote())


@dataclass(kw_only=True)
class RayMember:
    """A worker on the cluster."""

    actor: Any
    hello: Any
    done: Any = None
    orders: Any = None
    name: str | None = None
    machine: str = "a machine of the cluster"
    words: Complaint | None = None
    cause_of_death: str = ""
    is_over: bool = False
    dismissed: bool = False

    def begin(self, orders: Orders) -> None:
        """Hand over the orders."""
        self.orders, self.done = orders, self.actor.work.remote(orders.to_json())

    @property
    def died(self) -> bool:
        """Whether it was killed, or its machine is gone."""
        return self.is_over and bool(self.cause_of_death) and self.words is None and not self.dismissed

    def listen(self) -> None:
        """Hear what it has to say."""
        if self.is_over:
            return
        if self.name is None:
            self._hear(self.hello, self._greeted)
        if self.name is not None and not self.is_over:
            self._hear(self.done, self._finished)

    def end(self) -> None:
        """End it; it has no time to put its trial back, which the crew does for one whose name it knows."""
        import ray

        with suppress(ray.exceptions.RayError):
            self.listen()
        self.dismissed = True
        self.bury(0.0)

    def bury(self, seconds: float) -> None:
        """Kill it, for Ray cannot ask a busy actor, and wait so long until it is gone.

        Ray says that an actor is dead up to a second before it is: meanwhile it could take a trial that was put back.
        """
        import ray

        with suppress(ray.exceptions.RayError):
            ray.kill(self.actor)
        self.is_over, self.cause_of_death = True, self.cause_of_death or "killed by its crew"
        killed = time.monotonic()
        while self._may_live(time.monotonic() - killed) and time.monotonic() - killed < seconds:
            time.sleep(LOOK_S)

    def _may_live(self, since: float) -> bool:
        """Return whether it may still do something, so long after it was killed; one without a name did not begin."""
        alive = False if self.name is None else is_alive(self.name)
        return since < GONE_S if alive is None else alive

    def _hear(self, answer: Any, take: Callable[[Any], None]) -> None:
        import ray

        if not ray.wait([answer], timeout=0)[0]:
            return
        try:
            take(ray.get(answer))
        except (ray.exceptions.RayActorError, ray.exceptions.RayTaskError) as error:
            self._ended_by(error)

    def _greeted(self, about: dict[str, str]) -> None:
        self.machine = about["machine"]
        if about["version"] != own_version():
            self._refused(f"has hpsearch {about['version']}, and this machine {own_version()}")
        self.name = about["worker"]

    def _finished(self, complaint: Complaint | None) -> None:
        self.is_over = True
        if complaint is not None:
            sentence, hint, code = complaint
            self.words = f"on {self.machine}: {sentence}", hint, code

    def _ended_by(self, error: Exception) -> None:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        if isinstance(error.__cause__, ImportError) or any("ModuleNotFoundError" in line for line in lines):
            self._refused(f"cannot import hpsearch: {lines[-1]}")
        else:
            self.is_over, self.cause_of_death = True, lines[-1] if lines else type(error).__name__

    def _refused(self, why: str) -> None:
        self.is_over = True
        self.words = f"{self.machine} {why}", "install the same release of hpsearch on every machine of the cluster", 2
