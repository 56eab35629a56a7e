"""Checks of single values that the command line and Python share, before anything heavy is imported or written."""

from __future__ import annotations

from pathlib import Path

from ..spaces.errors import BadInput, did_you_mean
from ..studies.names import check_study_name
from ..studies.schema import SchemaState, check_usable
from ..studies.store import StudyStore
from .paths import DEFAULT_OUTPUT, check_folder

SCORES = ("best", "last")
SELECT_ON = ("train", "validation")
BACKENDS = ("optuna", "ray")
MOST_JOBS = 1024
MOST_TRIALS = 2**31 - 1  # what an INTEGER column holds on every database


def check_trials(trials: int) -> int:
    """Return a number of trials, at least one."""
    if isinstance(trials, bool) or not isinstance(trials, int) or trials < 1:
        raise BadInput(f"a search needs at least one trial, got {trials!r}", hint="for example --trials 10")
    if trials > MOST_TRIALS:
        raise BadInput(f"a search has at most {MOST_TRIALS} trials, got {trials}")
    return trials


def check_fraction(fraction: float) -> float:
    """Return a share of the training set, above 0 and at most 1."""
    if isinstance(fraction, bool) or not isinstance(fraction, int | float) or not 0 < fraction <= 1:
        raise BadInput(
            f"the subset is a share of the training set above 0 and at most 1, got {fraction!r}",
            hint="for example --subset 0.1",
        )
    return float(fraction)


def check_seed(seed: int) -> int:
    """Return a seed that torch, numpy and Python all take: 0 to 2**32 - 1."""
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise BadInput(f"a seed is a whole number from 0 to 4294967295, got {seed!r}")
    return seed


def check_timeout(timeout: float | None) -> float | None:
    """Return a number of seconds above 0, or None."""
    if timeout is not None and not timeout > 0:
        raise BadInput(f"a time-out is a number of seconds above 0, got {timeout!r}")
    return timeout


def check_keep(keep: int) -> int:
    """Return a number of checkpoints, at least one."""
    if isinstance(keep, bool) or not isinstance(keep, int) or keep < 1:
        raise BadInput(f"at least one checkpoint is kept, the best one's, got {keep!r}", hint="leave --keep out")
    return keep


def check_jobs(jobs: str | int) -> int | None:
    """Return a number of worker processes, at least one; None for `auto`."""
    text = str(jobs)
    if text == "auto":
        return None
    if not text.isdecimal() or not 1 <= int(text) <= MOST_JOBS:
        raise BadInput(f"jobs are a number of worker processes from 1 to {MOST_JOBS}, or auto, got {text!r}")
    return int(text)


def check_processes(processes: int) -> int:
    """Return a number of processes that train one trial, at least one."""
    if isinstance(processes, bool) or not isinstance(processes, int) or not 1 <= processes <= MOST_JOBS:
        raise BadInput(
            f"a trial is trained by 1 to {MOST_JOBS} processes, got {processes!r}",
            hint="for example --processes-per-trial 2",
        )
    return processes


def check_backend(backend: str) -> str:
    """Return who runs the trials."""
    if backend not in BACKENDS:
        raise BadInput(f"unknown backend {backend!r}", hint=did_you_mean(backend, BACKENDS))
    return backend


def check_cluster_share(cpus: float | None, gpus: float | None, most: int | None) -> None:
    """Raise `BadInput` for a trial that takes nothing of a cluster, or less, and for less than one at a time."""
    if cpus is not None and not 0 < cpus <= MOST_JOBS:
        raise BadInput(f"a trial takes more than 0 and at most {MOST_JOBS} CPUs, got {cpus!r}")
    if gpus is not None and not 0 <= gpus <= MOST_JOBS:
        raise BadInput(f"a trial takes 0 to {MOST_JOBS} GPUs, or a share of one such as 0.25, got {gpus!r}")
    if gpus is not None and gpus > 1 and gpus != int(gpus):
        raise BadInput(f"a trial takes a share of one GPU or whole GPUs, got {gpus!r}")
    if most is not None and most < 1:
        raise BadInput(f"at least one trial runs at a time, got {most!r}", hint="leave --max-concurrent out")


def check_score(score: str) -> str:
    """Return which evaluation gives a trial its score."""
    if score not in SCORES:
        raise BadInput(f"unknown score {score!r}", hint=did_you_mean(score, SCORES))
    return score


def check_select_on(part: str) -> str:
    """Return which part of the data has the rows that trials are scored on."""
    if part not in SELECT_ON:
        raise BadInput(f"unknown part to select on: {part!r}", hint=did_you_mean(part, SELECT_ON))
    return part


def check_max_failures(limit: int | None) -> int | None:
    """Return a number of failures in a row, at least one, or None."""
    if limit is not None and limit < 1:
        raise BadInput(f"at least one failure must be allowed, got {limit!r}", hint="leave --max-failures out")
    return limit


def check_places(store_url: str, name: str, *, fork: str | None, output_dir: Path | None) -> None:
    """Check where the search of a study will write; nothing is written yet.

    Raises `BadInput` for a name that is none, a store that cannot be opened or written, a study to fork that is not
    there, and an output folder that cannot be written.
    """
    for given in (name, fork):
        if given is not None:
            check_study_name(given)
    known = _studies(store_url)
    if fork is not None and name not in known:
        raise BadInput(f"no study {name!r} to fork", hint="leave --fork out to start it")
    if output_dir is not None or (fork or name) not in known:
        check_folder(output_dir or DEFAULT_OUTPUT)


def _studies(store_url: str) -> set[str]:
    """Return the names of the studies in a store that can be used, or be made. Raises `BadInput` otherwise."""
    if check_usable(store_url).state is not SchemaState.CURRENT:
        return set()
    with StudyStore.open(store_url) as store:
        return {one.study.name for one in store.studies()}
