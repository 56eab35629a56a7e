"""Who runs the trials of a search: this process, worker processes of this machine, or workers on a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from ...spaces.errors import BadInput
from ...studies.file_system import check_shared
from ..checks import check_backend, check_cluster_share, check_jobs, check_processes
from .local import search, search_here, warm_up
from .ray_cluster import check_address

if TYPE_CHECKING:
    from ..study_run import StudyRun

ALONE, AUTO = "1", "auto"


class WorkerOptions(TypedDict, total=False):
    """The fields of `Workers`, as Python callers name them."""

    backend: str
    jobs: str | int
    processes_per_trial: int
    ray_address: str | None
    cpus_per_trial: float | None
    gpus_per_trial: float | None
    max_concurrent: int | None


@dataclass(frozen=True, kw_only=True)
class Workers:
    """What was asked for."""

    backend: str = "optuna"
    jobs: str | int = ALONE
    processes_per_trial: int = 1
    ray_address: str | None = None
    cpus_per_trial: float | None = None
    gpus_per_trial: float | None = None
    max_concurrent: int | None = None

    def __post_init__(self) -> None:
        """Raise `BadInput` for what is no number of workers, and for options of one backend given to the other."""
        check_backend(self.backend)
        check_jobs(self.jobs)
        check_processes(self.processes_per_trial)
        check_cluster_share(self.cpus_per_trial, self.gpus_per_trial, self.max_concurrent)
        if self.backend == "ray":
            if str(self.jobs) != ALONE:
                raise BadInput("--jobs is for the optuna backend", hint="on Ray, --max-concurrent bounds the workers")
            if self.processes_per_trial > 1:
                raise BadInput(
                    "--processes-per-trial is for the optuna backend: on Ray, a trial runs in one process",
                    hint="leave one of the two out",
                )
            check_address(self.ray_address)
            return
        of_ray = {
            "--cpus-per-trial": self.cpus_per_trial,
            "--gpus-per-trial": self.gpus_per_trial,
            "--max-concurrent": self.max_concurrent,
        }
        for flag, value in of_ray.items():
            if value is not None:
                hint = "with --backend ray; or --jobs for processes here"
                raise BadInput(f"{flag} is for the Ray backend", hint=hint)

    @property
    def several(self) -> bool:
        """Whether there may be more than one."""
        return self.backend == "ray" or check_jobs(self.jobs) != 1

    @property
    def travels(self) -> bool:
        """Whether a trial may run in another process than this, which has to make the Trainer for itself."""
        return self.several or self.processes_per_trial > 1

    def check_store(self, store_url: str) -> None:
        """Raise `BadInput` for several processes on a SQLite file that lies on a network."""
        if self.travels:
            check_shared(store_url)

    @contextmanager
    def searching(
        self, *, trials: int, killable: bool, places: Mapping[str, str] | None = None
    ) -> Iterator[Callable[[StudyRun], None]]:
        """Start what takes time, and yield the function that searches a study.

        A `killable` trial needs a process of its own; `places`, for processes of this machine, is as in
        `stored_problem`. Raises `BadInput` where there is no such cluster.
        """
        if self.backend == "ray":
            from .ray_search import searching_on_ray

            with searching_on_ray(
                self.ray_address,
                trials=trials,
                cpus=self.cpus_per_trial or 1.0,
                gpus=self.gpus_per_trial,
                most=self.max_concurrent,
            ) as search_study:
                yield search_study
        elif self.several or (killable and self.processes_per_trial == 1):
            warm_up()
            yield lambda run: search(run, str(self.jobs), places, self.processes_per_trial, killable)
        elif self.processes_per_trial > 1:
            warm_up()
            yield lambda run: search_here(run, places, self.processes_per_trial)
        else:
            yield lambda run: run.search()
