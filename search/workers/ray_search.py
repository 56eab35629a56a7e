"""A search on a Ray cluster, from the address to the end of the last worker.

Nothing heavy is imported before the workers are on their way: they import the same meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ...studies.optuna_storage import optuna_storage
from .crew import crew_of, orders_of
from .devices import Share
from .ray_actors import RayWorkers
from .ray_cluster import cluster, needs_of, workers_for

if TYPE_CHECKING:
    from ..study_run import StudyRun


@contextmanager
def searching_on_ray(
    address: str | None, *, trials: int, cpus: float, gpus: float | None, most: int | None
) -> Iterator[Callable[[StudyRun], None]]:
    """Connect to the cluster at `address`, or start one, and yield the function that searches a study there.

    Raises `BadInput` where the cluster cannot be reached, or has no room for a trial with so many CPUs and GPUs.
    """
    with cluster(address) as there:
        needs = needs_of(there, cpus=cpus, gpus=gpus)
        count = workers_for(there, needs, trials=trials, most=most)
        workers = RayWorkers(needs)
        workers.warm_up(count)
        yield lambda run: search(run, workers, count)


def search(run: StudyRun, workers: RayWorkers, count: int) -> None:
    """Search a study with so many workers of the cluster that this process is connected to."""
    from ..backends import search_by_trainer

    threads = max(1, int(workers.needs.cpus))
    run.view.say(f"{count} workers on Ray, each with {workers.needs}")
    with run.quietly():
        run.enter_in_optuna(optuna_storage(run.store.url))
        orders = orders_of(run, [Share(threads)] * count, {}, alone_on_gpu=False)
        search_by_trainer(run.problem.trainer, "ray", run.study, run.store, crew_of(run, orders, workers.start).run)
