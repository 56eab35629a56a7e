"""The model of a trial on all the data, taken as the retrained one: nothing is trained twice.

Where its checkpoint is on another machine, or no trial saw all there is to train on, `retrain` trains.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from transformers import set_seed

from ...studies.records import Model, Phase, Trial, TrialState
from ..accelerate_state import accelerate_state_kept
from ..metrics import scores
from ..model.adapters import SETTINGS, is_adapted, save_model
from ..paths import put_in_place
from ..problem import rows_of
from ..study_run import StudyRun
from ..tasks import Task
from ..trial.configuration import Configuration
from ..trial.environment import weights_hash
from ..trial.trainer import made
from .card import write_card
from .record import model_record, write_record
from .retrain import add_model, check_target, existing_model, makes_adapters

#: What a checkpoint has for a training that goes on; `training_args.bin` is a pickle besides.
NOT_OF_A_MODEL = ("training_args.bin", "trainer_state.json", "optimizer.pt", "scheduler.pt", "rng_state.pth")


def adopt(run: StudyRun, trial: Trial) -> Model | None:
    """Make the checkpoint of a trial on all the data the study's model; None where there is no such checkpoint here."""
    if not saw_everything(run, trial):
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
        adapters = take(run, trial, checkpoint, part)
        if adapters is None:
            return None
        record = final_record(run, trial) | adapters
        write_record(part, record)
        write_card(part, run, trial, record)
        put_in_place(part, target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return add_model(run, trial, target, record)


def saw_everything(run: StudyRun, trial: Trial) -> bool:
    """Return whether a trial's own training is what a retraining would be: it is a final, or nothing was left out."""
    if trial.fraction != 1.0 or trial.state is not TrialState.COMPLETE or not trial.config:
        return False
    if trial.phase is Phase.FINAL or trial.predictions is not None or run.paths.outputs(trial.number).is_file():
        return True
    splits = run.problem.source.splits(Configuration.from_dict(trial.config).data)
    return rows_of(splits).get("train") == rows_of(splits).get("full_train")


def take(run: StudyRun, trial: Trial, checkpoint: Path, part: Path) -> dict[str, Any] | None:
    """Write the model of a checkpoint to the folder `part`; return what `hpsearch.json` says of its adapters.

    Where a checkpoint has adapters alone, the weights that they were trained beside are made again, as the trial made
    them. None where they do not come out the same: other versions may draw other numbers.
    """
    configuration = Configuration.from_dict(trial.config)
    if not (checkpoint / SETTINGS).is_file():
        shutil.copytree(checkpoint, part, ignore=shutil.ignore_patterns(*NOT_OF_A_MODEL))
        return {}
    with run.quietly(), accelerate_state_kept(), run.problem.making.within(), tempfile.TemporaryDirectory() as folder:
        trainer = begun_again(run, configuration, folder)
        if not is_adapted(trainer.model) or weights_hash(trainer.model) != (trial.environment or {}).get("weights"):
            return None
        trainer.model.load_adapter(str(checkpoint), trainer.model.active_adapter)
        return save_model(trainer, part, ours=makes_adapters(run, configuration))


def begun_again(run: StudyRun, configuration: Configuration, folder: str) -> Any:
    """Return a Trainer whose model is as a training with this configuration begins with it."""
    splits = run.source.splits(configuration.data)
    fields: dict[str, Any] = {"output_dir": folder, "eval_strategy": "no", "save_strategy": "no", "report_to": []}
    trainer = made(
        run.problem.making, configuration, train=splits.train, evaluation=splits.selection, callbacks=[], **fields
    )
    if trainer.model_init is not None:  # as `train` would
        set_seed(configuration.seed)
        trainer.model = trainer.call_model_init()
    return trainer


def final_record(run: StudyRun, trial: Trial) -> dict[str, Any]:
    """Return what `hpsearch.json` says: the scores are those of what the trial predicted for the report split.

    Where there is no such split, or its predictions need a function of the user's to be scored, they are those of the
    selection split, by which the checkpoint was chosen.
    """
    configuration = Configuration.from_dict(trial.config)
    splits = run.problem.source.splits(configuration.data)
    rows = rows_of(splits)
    if run.problem.score_predictions is None or splits.report is None or trial.predictions is None:
        part, metrics = "selection", dict(trial.metrics)
    else:
        part, task = "report", Task.from_dict(run.problem.notes["task"])
        found = scores(task, trial.predictions, np.asarray(splits.report["labels"]))
        metrics = {f"eval_{name}": value for name, value in found.items()}
    return model_record(run, configuration, trial, metrics, trial.seconds) | {
        "evaluated_on": part,
        "rows": {"train": rows.get("train"), "evaluated": rows.get(part)},
        "final": True,
    }
