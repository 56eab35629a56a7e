"""The model of a final, taken as the retrained one: it has seen all the data there was to train on already.

Where its checkpoint is on another machine, or the study has no finals, `retrain` trains.
"""

from __future__ import annotations

import shutil
from typing import Any

import numpy as np

from ..studies.records import Model, Trial, TrialState
from .configuration import Configuration
from .metrics import scores
from .model_card import write_card
from .paths import put_in_place
from .record import model_record, write_record
from .retrain import add_model, check_target, existing_model
from .study_run import StudyRun
from .tasks import Task

#: What a checkpoint has for a training that goes on; `training_args.bin` is a pickle besides.
NOT_OF_A_MODEL = ("training_args.bin", "trainer_state.json", "optimizer.pt", "scheduler.pt", "rng_state.pth")


def adopt(run: StudyRun, trial: Trial) -> Model | None:
    """Make the checkpoint of a trial on all the data the study's model; None where there is no such checkpoint here."""
    if trial.fraction != 1.0 or trial.predictions is None or trial.state is not TrialState.COMPLETE:
        return None
    checkpoint = run.paths.checkpoint(trial.number)
    if checkpoint is None:
        return None
    target = run.paths.model(trial.number)
    done = existing_model(run, trial, target)
    if done is not None:
        return done
    check_target(target)
    part = target.with_name(f".{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        shutil.copytree(checkpoint, part, ignore=shutil.ignore_patterns(*NOT_OF_A_MODEL))
        record = final_record(run, trial)
        write_record(part, record)
        write_card(part, run, trial, record)
        put_in_place(part, target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return add_model(run, trial, target, record)


def final_record(run: StudyRun, trial: Trial) -> dict[str, Any]:
    """Return what `hpsearch.json` says: the scores are those of the predictions that the final made."""
    configuration = Configuration.from_dict(trial.config)
    splits = run.problem.source.splits(configuration.data)
    task = Task.from_dict(run.problem.notes["task"])
    report: Any = splits.report  # there is one: the final predicted it
    labels = np.asarray(report["labels"])
    metrics = {f"eval_{name}": value for name, value in scores(task, trial.predictions or [], labels).items()}
    return model_record(run, configuration, trial, metrics, trial.seconds) | {
        "evaluated_on": "report",
        "rows": {"train": len(splits.train), "evaluated": len(labels)},
        "final": True,
    }
