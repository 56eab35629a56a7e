"""Full training with a trial's configuration: the same resolved values, all the training data, a folder to use.

All of it: also the rows that trials were chosen by, which a final does without. Its model, see `adopt`, is replaced.

What a trial learns from is `loop`; what the folder is used for is `predict`, or `transformers.pipeline`.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

from ...spaces.errors import BadInput, HpsearchError
from ...spaces.transfer import handed_over
from ...studies.front import NOBODY, choice_of, front_of
from ...studies.records import Model, Trial, TrialState
from ..accelerate_state import accelerate_state_kept
from ..constraints import none_feasible
from ..data.splits import row_count
from ..failures import ends_search
from ..metrics import THRESHOLD, compute_metrics
from ..model.adapters import save_model
from ..paths import put_in_place, writable_folder
from ..study_run import StudyRun
from ..talk import as_typed
from ..tasks import SEVERAL, Task
from ..trial.configuration import Configuration
from ..trial.early_stopping import NEVER_EVALUATED, StopCallback
from ..trial.numbers import plain_numbers
from ..trial.progress import ShareCallback
from ..trial.trainer import made, scheduled
from ..trial.training import finite_score
from .card import write_card
from .places import without_places
from .record import RECORD, model_record, write_record


def retrain(run: StudyRun, trial: Trial, folder: Path | None = None) -> Model:
    """Train with the configuration of `trial` on all the training data; return the model's record.

    The folder takes its place only when it is complete; a model of this trial that is already there is returned as it
    is. Raises `BadInput` for a trial without a configuration, `NonFiniteScore` if the training diverged.
    """
    if not trial.config or trial.state is TrialState.FAILED:
        raise BadInput(
            f"trial {trial.number} of {run.study.name!r} has no result to retrain ({trial.state.value})",
            hint=f"`hpsearch trials {as_typed(run.study.name)}` shows which have",
        )
    target = (folder or run.paths.model(trial.number)).expanduser().absolute()
    done = existing_model(run, trial, target)
    if done is not None and not done.spec.get("final"):
        return done
    check_target(target)
    run.view.phase(f"retraining with trial {trial.number} on all the training data")
    processes = (trial.environment or {}).get("processes", 1)
    if processes > 1:
        run.view.say(f"trial {trial.number} had {processes} processes; this is one, with the same batch in each step")
    part = target.with_name(f".{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        with run.quietly(), accelerate_state_kept(), run.problem.making.within():
            record = train_into(run, trial, part)
        shutil.rmtree(part / "work", ignore_errors=True)
        put_in_place(part, target)
    except Exception as error:
        raise ends_search(error) or error from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return add_model(run, trial, target, record)


def add_model(run: StudyRun, trial: Trial, target: Path, record: dict[str, Any]) -> Model:
    """Enter a model folder, whose `hpsearch.json` is `record`, in the store."""
    return run.store.add_model(
        study_id=run.study.study_id,
        trial_number=trial.number,
        folder=str(target),
        metrics=record["metrics"],
        seconds=record["seconds"],
        fingerprint=record["data"],
        spec=record,
    )


def existing_model(run: StudyRun, trial: Trial, target: Path) -> Model | None:
    """Return the model of this trial that is in `target` now: the last one that was put there."""
    for model in reversed(run.store.models(run.study.study_id)):
        if model.trial_number == trial.number and Path(model.folder) == target and (target / RECORD).is_file():
            return model
    return None


def train_into(run: StudyRun, trial: Trial, part: Path) -> dict[str, Any]:
    """Train, evaluate once, and write model, tokenizer and record to the folder `part`; return the record."""
    changed = changed_on_all_data(run, trial)
    for name, value in changed.items():
        run.view.say(f"{name}: {(trial.params or {})[name]:.4g} on a part of the data, {value:.4g} on all of it")
    configuration = Configuration.from_dict(trial.config or {}).at(fraction=1.0).with_values(changed)
    splits = run.source.splits(configuration.data)
    held_out = splits.selection if splits.report is None else splits.report
    share = trial.stopped_at
    if share is not None:
        run.view.say(f"trial {trial.number} ended itself at {share:.0%} of its budget, and so does the retraining")
    trainer = full_trainer(run, configuration, splits.full_train, held_out, part / "work", share)
    if task_is_several(run) and f"eval_{THRESHOLD}" in trial.metrics:  # chosen on the selection split, and kept
        trainer.compute_metrics = compute_metrics(
            Task.from_dict(run.problem.notes["task"]), trial.metrics[f"eval_{THRESHOLD}"]
        )
    began = time.perf_counter()
    trainer.train()
    trained = time.perf_counter()
    halves = trainer.args.fp16_full_eval or trainer.args.bf16_full_eval  # an evaluation that leaves half of each weight
    ours = makes_adapters(run, configuration)
    adapters = save_model(trainer, part, ours=ours) if halves else None
    metrics = plain_numbers(trainer.evaluate())
    finite_score(metrics, run.problem.objective.name)
    adapters = save_model(trainer, part, ours=ours) if adapters is None else adapters
    seconds = {"train": trained - began, "evaluate": time.perf_counter() - trained}
    record = model_record(run, configuration, trial, metrics, seconds) | {
        "params": without_places({**(trial.params or {}), **changed}),
        "evaluated_on": "selection" if splits.report is None else "report",
        "rows": rows_of_model(splits.full_train, held_out),
        **({} if share is None else {"budget": share}),
        **adapters,
    }
    write_record(part, record)
    write_card(part, run, trial, record)
    return record


def task_is_several(run: StudyRun) -> bool:
    """Return whether rows have several labels, and hpsearch scores them."""
    task = run.problem.notes.get("task") or {}
    return task.get("label_kind") == SEVERAL and run.problem.score_predictions is not None


def makes_adapters(run: StudyRun, configuration: Configuration) -> bool:
    """Return whether the adapters of a configuration are made by hpsearch, and not by the user's own Trainer."""
    return bool(configuration.peft) and run.problem.making.call.value_of("peft_config") is None


def rows_of_model(train: Any, held_out: Any) -> dict[str, int]:
    """Return the rows that a model learned from and those that it was evaluated on; not of a stream."""
    counts = {"train": row_count(train), "evaluated": row_count(held_out)}
    return {name: count for name, count in counts.items() if count is not None}


def changed_on_all_data(run: StudyRun, trial: Trial) -> dict[str, Any]:
    """Return the values that the space does not keep on more data than the trial saw; see `spaces.transfer`.

    The baseline is kept as it is, and so is a population's schedule, which has values of its own.
    """
    params = trial.params or {}
    if trial.baseline or not trial.fraction or (trial.config or {}).get("schedule"):
        return {}
    found = handed_over(run.problem.plan.space, params, 1 / trial.fraction)
    return {name: value for name, value in found.items() if value != params[name]}


def full_trainer(
    run: StudyRun, configuration: Configuration, train: Any, held_out: Any, work: Path, share: float | None = None
) -> Any:
    """Return a Trainer for one training to the end, without evaluations on the way.

    Without them, a callback that stops early never does, so the training ends at the `share` of the trial's.
    """
    callbacks = [*scheduled(configuration), ShareCallback(run.view)]
    return made(
        run.problem.making,
        configuration,
        train=train,
        evaluation=held_out,
        callbacks=[*callbacks, *([] if share is None else [StopCallback(share)])],
        output_dir=str(work),
        **NEVER_EVALUATED,
        metric_for_best_model=run.problem.objective.name,
        greater_is_better=run.problem.objective.maximizes,
        save_strategy="no",
        logging_strategy="steps",
        logging_steps=0.05,
        load_best_model_at_end=False,
        disable_tqdm=True,
        push_to_hub=False,
    )


def check_target(target: Path) -> None:
    """Raise `BadInput` for a folder that holds something else than a model of ours."""
    if target.is_dir() and any(target.iterdir()) and not (target / RECORD).is_file():
        raise BadInput(
            f"the folder {str(target)!r} is not empty and holds no model of hpsearch",
            hint="name another folder, so that nothing of yours is replaced",
        )
    writable_folder(target.parent)
    if target.exists() and not target.is_dir():
        raise BadInput(f"{str(target)!r} is a file, not a folder")


def winner(run: StudyRun) -> Trial:
    """Return the study's best trial. Raises `HpsearchError` if none is complete, or nothing is chosen from a front."""
    best = run.store.best(run.study.study_id)
    if best is None and has_unchosen_front(run):
        raise HpsearchError(
            f"no winner is chosen from the front of {run.study.name!r}",
            hint=f"`hpsearch best {as_typed(run.study.name)}` shows it: name one of its trials (--trial N, trial=N)",
        )
    if best is None and (none := none_feasible(run.study, run.store.trials(run.study.study_id))):
        raise HpsearchError(
            f"{run.study.name!r} has no winner: {none}",
            hint=f"`hpsearch retrain {as_typed(run.study.name)} --trial N` trains one all the same",
        )
    if best is None:
        raise HpsearchError(
            f"no trial of {run.study.name!r} is complete, so there is nothing to retrain",
            hint=f"`hpsearch trials {as_typed(run.study.name)}` shows why",
        )
    return best


def has_unchosen_front(run: StudyRun) -> bool:
    """Return whether a study ended with a front from which nothing chooses a winner."""
    if choice_of(run.study) != NOBODY:
        return False
    front = front_of(run.study, run.store.trials(run.study.study_id))
    return front is not None and bool(front.trials)
