"""A stored trial run again by as many processes as it had: into how many parts a sum is cut shows in its last bits."""

from __future__ import annotations

import tempfile

from ...studies.records import Trial
from ..errors import SearchFailed
from ..study_run import StudyRun
from ..trial.training import Training
from ..workers.devices import Share, gpus
from ..workers.orders import Orders
from .launch import Launch
from .line import LinePulse
from .ranks import Ranks


def processes_of(trial: Trial) -> int:
    """Return how many processes trained a trial."""
    return int((trial.environment or {}).get("processes", 1))


def can_relaunch(run: StudyRun, trial: Trial) -> bool:
    """Return whether a trial had several processes, and these can be had here: they make the Trainer themselves."""
    count, there = processes_of(trial), len(gpus())
    known = run.code.makes_trainer or run.study.spec["notes"].get("options") is not None
    return count > 1 and known and (count <= there or not there)


def relaunched(run: StudyRun, trial: Trial) -> Training:
    """Train a trial again in several processes; return what was found. Raises `HpsearchError` if it fails."""
    count = processes_of(trial)
    launch = Launch(view=run.view, trial=trial, heart=LinePulse())
    with tempfile.TemporaryDirectory(prefix="hpsearch-replay-") as folder:
        launch.run(
            Orders(
                store_url=run.store.url,
                study_name=run.study.name,
                folder=folder,
                share=Share((trial.environment or {}).get("threads") or 1, ",".join(gpus()[:count]) or None),
                verbose=run.verbose,
                code=run.code.found_from_anywhere(),
                processes=count,
            ),
            again=True,
        )
    return found_by(launch, run, count)


def found_by(launch: Launch, run: StudyRun, processes: int) -> Training:
    """Return what the ranks found, as if one training here had."""
    if launch.ending is None or launch.ending.found is None:
        raise SearchFailed("the processes of the trial ended without a result")
    training = Training(
        folder=run.paths.folder,
        objective=run.problem.objective,
        score_from=run.problem.plan.score_from,
        splits=run.loop(None).splits,
        evaluations=launch.ending.found.evaluations,
        ranks=Ranks(count=processes),
    )
    training.environment.found = launch.ending.found.environment
    return training
