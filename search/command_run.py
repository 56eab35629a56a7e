"""The commands that train or predict: `run`, `check`, `retrain`, `predict`.

Each goes from options to a `Problem`, the road after that is `study_run` and `retrain`.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..spaces.errors import BadInput
from ..spaces.loading import load_space
from ..spaces.space import Space
from ..studies.records import Model, Study, Trial
from ..studies.store import StudyStore
from .checks import (
    check_fraction,
    check_max_failures,
    check_places,
    check_score,
    check_seed,
    check_timeout,
    check_trials,
)
from .command_output import emit, next_commands, outcome_json, outcome_table, print_check
from .interrupts import raise_if_interrupted
from .models import ModelSource, check_model
from .options import RunOptions, assignments
from .samplers import check_pruner, check_sampler
from .talk import as_typed, tell
from .tasks import Task, custom_task, task_named
from .view import View, view_for

#: Options that make the problem, kept with the study so that `hpsearch retrain` can make it again from its row.
PROBLEM_OPTIONS = (
    "task",
    "data_dir",
    "train_file",
    "validation_file",
    "text_columns",
    "label_column",
    "model",
    "model_config",
    "freeze_encoder",
    "objective",
    "direction",
    "score",
    "subset",
    "sampler",
    "pruner",
    "precision",
    "seed",
)


def run_search(options: RunOptions, *, as_json: bool) -> None:
    """Search, retrain with the winner, and print how it ended."""
    space = checked(options)
    with view_for(quiet=options.quiet) as view:
        view.phase("preparing the data and the model")
        from .retrain import retrain, winner  # with torch, which takes seconds: something is shown before that

        run = open_run(options, space, view)
        run.search()
        best = winner(run)
        model = None if options.no_retrain else retrain(run, best)
        predictions = predict_test_file(options, model)
    show_outcome(run.store, run.study, best, model, predictions=predictions, as_json=as_json, quiet=options.quiet)


def predict_test_file(options: RunOptions, model: Model | None) -> Path | None:
    """Predict `--test-file` with the retrained model; return the file written beside it, if one was asked for."""
    if options.test_file is None or model is None:
        return None
    from .predict import predict, predictions_file

    with chatter_away():
        output = predictions_file(Path(model.folder), options.test_file)
        return predict(Path(model.folder), options.test_file, output).path


def check_test_file(options: RunOptions) -> None:
    """Raise `BadInput` for a `--test-file` that could not be predicted in the end."""
    if options.test_file is None:
        return
    from .submission import read_unlabelled

    read_unlabelled(task_of(options), options.test_file)
    if options.no_retrain:
        raise BadInput(
            "--test-file is predicted by the retrained model, and --no-retrain makes none", hint="leave one of them out"
        )


def open_run(options: RunOptions, space: Space, view: View) -> Any:
    """Return the `StudyRun` of `options`: the problem built, the study opened by its identity."""
    from .study_run import StudyRun, open_study

    problem = problem_of(options, space)
    raise_if_interrupted()
    for remark in problem.remarks:
        view.say(remark)
    store = StudyStore.open(options.store, create=True)
    study = open_study(
        store,
        problem,
        name=study_name(options),
        trials=options.trials,
        output_dir=options.output_dir,
        fork=options.fork,
    )
    return StudyRun(
        problem=problem,
        study=study,
        store=store,
        view=view,
        timeout=options.timeout,
        max_failures=options.max_failures,
        verbose=options.verbose,
    )


def check_search(options: RunOptions, *, as_json: bool) -> None:
    """Build the problem and print what a search of it would do."""
    problem = problem_of(options, checked(options))
    for remark in problem.remarks:
        tell(remark)
    print_check(problem, options.trials, as_json=as_json)


def show_outcome(
    store: StudyStore,
    study: Study,
    best: Trial,
    model: Model | None,
    *,
    predictions: Path | None = None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Print baseline and best side by side, and what to type next."""
    trials = store.trials(study.study_id)
    if as_json:
        emit(outcome_json(study, trials, best, model, predictions))
        return
    outcome_table(study, trials, best, model, predictions)
    if not quiet:
        tell(next_commands(study, store.url, model))


def retrain_trial(
    store_url: str, name: str, *, number: int | None, folder: Path | None, quiet: bool, as_json: bool
) -> None:
    """Train with a stored trial's configuration; the problem is made again from the study's row."""
    from .retrain import retrain, winner
    from .study_run import StudyRun

    store = StudyStore.open(store_url)
    study = store.study(name)
    trial = None if number is None else store.trial(study.study_id, number)
    with view_for(quiet=quiet) as view:
        view.phase("preparing the data and the model")
        problem = stored_problem(study)
        run = StudyRun(problem=problem, study=study, store=store, view=view)
        chosen = trial or winner(run)
        model = retrain(run, chosen, folder)
    show_outcome(store, study, chosen, model, as_json=as_json, quiet=quiet)


def stored_problem(study: Study) -> Any:
    """Return the problem of a study made by `hpsearch run`, from its row.

    Raises `StudyChanged` if data or model are no longer what they were, `BadInput` for a study made in Python.
    """
    from ..studies.identity import ensure_same_problem

    kept = study.spec["notes"].get("options")
    if kept is None:
        raise BadInput(
            f"study {study.name!r} was made in Python, with a Trainer that only your program can make",
            hint="call study.retrain() there",
        )
    options = RunOptions(**{**kept, "data_dir": kept["data_dir"] and Path(kept["data_dir"])})
    problem = problem_of(options, Space(study.spec["identity"]["space"]))
    ensure_same_problem(study, problem.identity)
    return problem


def predict_file(store_url: str, model: str, file: Path, output: Path) -> None:
    """Predict with a model folder, or with the newest model of a study."""
    from .predict import predict

    with chatter_away():
        done = predict(model_folder(store_url, model), file, output)
    tell(f"{done.rows} predictions in {done.path}")


def model_folder(store_url: str, model: str) -> Path:
    """Return the folder that `model` names: itself, or that of a study's newest model."""
    folder = Path(model).expanduser()
    if folder.exists() or model.startswith((".", "/", "~")):
        return folder
    store = StudyStore.open(store_url)
    models = store.models(store.study(model).study_id)
    if not models:
        hint = f"`hpsearch retrain {as_typed(model)}` makes one"
        raise BadInput(f"study {model!r} has no retrained model", hint=hint)
    return Path(models[-1].folder)


def checked(options: RunOptions) -> Space:
    """Check what needs no data, before anything is loaded; return the space."""
    check_numbers(options)
    space = space_of(options)
    check_places(options.store, study_name(options), fork=options.fork, output_dir=options.output_dir)
    check_test_file(options)
    return space


def check_numbers(options: RunOptions) -> None:
    """Check what is a number or one of a few names."""
    check_trials(options.trials)
    check_fraction(options.subset)
    check_seed(options.seed)
    check_timeout(options.timeout)
    check_max_failures(options.max_failures)
    check_score(options.score)
    check_sampler(options.sampler)
    check_pruner(options.pruner)


def space_of(options: RunOptions) -> Space:
    """Return the space with `--set` applied."""
    space = load_space(options.space)
    fixed = assignments(options.set, "--set")
    return Space({**space.parameters, **fixed}, name=space.name) if fixed else space


def study_name(options: RunOptions) -> str:
    """Return the study's name: as given, or task and model."""
    if options.study is not None:
        return options.study
    return f"{task_of(options).name}-{model_of(options).short_name}"


def model_of(options: RunOptions) -> ModelSource:
    """Return where the model comes from."""
    overrides = assignments(options.model_config, "--model-config")
    return ModelSource(name=options.model, overrides=overrides, freeze_encoder=options.freeze_encoder)


def task_of(options: RunOptions) -> Task:
    """Return the task: a built-in one, or one of the user's files. Raises `BadInput` for a mixture."""
    own = {"--text-columns": options.text_columns, "--label-column": options.label_column}
    if options.train_file is None:
        given = [flag for flag, value in {**own, "--validation-file": options.validation_file}.items() if value]
        if given:
            raise BadInput(f"{given[0]} needs --train-file", hint="or name a built-in task with --task")
        return task_named(options.task or "demo")
    if options.task is not None or options.data_dir is not None:
        raise BadInput("--train-file names your own data, so --task and --data-dir have no place beside it")
    missing = [flag for flag, value in own.items() if not value]
    if missing:
        raise BadInput(
            f"--train-file needs {' and '.join(missing)}",
            hint="for example --text-columns text --label-column label",
        )
    columns = [column.strip() for column in (options.text_columns or "").split(",")]
    return custom_task(columns, options.label_column or "", name=Path(options.train_file).stem)


def problem_of(options: RunOptions, space: Space) -> Any:
    """Return the problem that `options` describe."""
    model = model_of(options)
    check_model(model)
    task = task_of(options)
    with chatter_away():
        from .loop import Plan
        from .raw import load_task
        from .task_problem import task_problem

        raw = load_task(
            task,
            data_dir=options.data_dir,
            train_file=options.train_file,
            validation_file=options.validation_file,
        )
        problem = task_problem(
            raw,
            model,
            Plan(
                space=space,
                fraction=options.subset,
                seed=options.seed,
                score_from=options.score,
                sampler=options.sampler,
                pruner=options.pruner,
            ),
            objective=options.objective,
            direction=options.direction,
            precision=options.precision,
            cache=cache_folder(),
        )
    return dataclasses.replace(problem, notes={**problem.notes, "options": kept_options(options)})


def kept_options(options: RunOptions) -> dict[str, Any]:
    """Return the options that make the problem, as JSON with absolute paths."""
    kept = {name: getattr(options, name) for name in PROBLEM_OPTIONS}
    for name in ("data_dir", "train_file", "validation_file"):
        if kept[name] is not None and Path(kept[name]).exists():
            kept[name] = str(Path(kept[name]).absolute())
    if Path(options.model).is_dir():
        kept["model"] = str(Path(options.model).absolute())
    return {**kept, "model_config": list(options.model_config)}


def cache_folder() -> Path:
    """Return where prepared data is kept for all studies of this user: `HPSEARCH_CACHE`, or the system's cache."""
    import os

    import platformdirs

    return Path(os.environ.get("HPSEARCH_CACHE") or platformdirs.user_cache_dir("hpsearch"))


@contextmanager
def chatter_away() -> Iterator[None]:
    """Silence the libraries where there is no study yet whose log could take their chatter."""
    from .quiet import chatter_to

    with tempfile.TemporaryDirectory() as folder, chatter_to(Path(folder) / "log.txt"):
        yield
