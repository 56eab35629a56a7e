"""From options to a problem, and from a study's row back to the same problem: for a retraining, or another worker."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..spaces.errors import BadInput
from ..spaces.loading import load_space
from ..spaces.space import Space
from ..studies.identity import ensure_same_problem
from ..studies.records import Study
from .constraints import constraints_asked
from .data.contents import stem_of
from .model.models import ModelSource, check_model
from .objectives import first_and_weighed
from .options import RunOptions, assignments, listed
from .own.code import NO_CODE, OwnCode, is_script, short_name
from .quiet import chatter_away
from .redaction import redacted
from .sampling.steering import steers_by_all
from .tasks import Task, custom_task, task_named

#: The seed where nobody says another.
SEED = 42
#: Options that make the problem, kept with the study so that `hpsearch retrain` can make it again from its row.
PROBLEM_OPTIONS = (
    "task",
    "data_dir",
    "train_file",
    "validation_file",
    "text_columns",
    "label_column",
    "label_kind",
    "positive_label",
    "group_column",
    "trainer",
    "script",
    "words",
    "model_init",
    "compute_metrics",
    "model",
    "model_config",
    "freeze_encoder",
    "objective",
    "direction",
    "score",
    "subset",
    "select_on",
    "report_data",
    "sampler",
    "pruner",
    "constraint",
    "precision",
    "seed",
)


def stored_problem(
    study: Study, *, kept_data: bool = False, places: Mapping[str, Any] | None = None, code: OwnCode = NO_CODE
) -> Any:
    """Return the problem of a study, from its row.

    With `kept_data` the data that some search of this machine has loaded is good enough, and files need not be here.
    `places` says where data or model are on this machine, by the names of `RunOptions`, and `code` what of the user's
    own the study was made with: of that the row has names only, see `own.code`.

    Raises `StudyChanged` if data or model are no longer what they were, `BadInput` for code that is not said.
    """
    kept = study.spec["notes"].get("options")
    if code.makes_trainer and (kept is None or OwnCode.of(kept).makes_trainer):
        from .own.problem import study_problem

        return study_problem(code, study)
    if kept is None:
        raise BadInput(
            f"study {study.name!r} was made in Python, with a Trainer that only your program can make",
            hint="call study.retrain() or study.replay() there, or name the function: --trainer FILE.py:FUNCTION",
        )
    code.check_for(study, OwnCode.of(kept))
    options = options_of(study, {**kept, **(places or {}), **code.given})
    raw_fingerprint = study.spec["notes"].get("raw") if kept_data else None
    problem = problem_of(options, Space(study.spec["identity"]["space"]), study, raw_fingerprint)
    ensure_same_problem(study, problem.identity)
    return problem


def options_of(study: Study, kept: Mapping[str, Any]) -> RunOptions:
    """Return the options that a study keeps. Raises `BadInput` where another program has written them."""
    try:
        typed = {"data_dir": kept["data_dir"] and Path(kept["data_dir"]), "objective": listed(kept.get("objective"))}
        return RunOptions(**{**kept, **typed})
    except (TypeError, KeyError) as error:
        raise BadInput(
            f"the options kept with study {study.name!r} are not ones of this release: {error}",
            hint="`hpsearch run` with the study's options makes the problem anew",
        ) from None


def space_of(options: RunOptions) -> Space:
    """Return the space with `--set` applied. A script's function is only called here, never for what a store says."""
    if is_script(options.space):
        from .own.factory import space_from

        space = space_from(options.space)
    else:
        space = load_space(options.space)
    fixed = assignments(options.set, "--set")
    return Space({**space.parameters, **fixed}, name=space.name) if fixed else space


def study_name(options: RunOptions) -> str:
    """Return the study's name: as given, or task and model."""
    if options.study is not None:
        return options.study
    own = options.trainer or options.script
    if own is not None:
        return short_name(own)
    return f"{task_of(options).name}-{model_of(options).short_name}"


def model_of(options: RunOptions) -> ModelSource:
    """Return where the model comes from."""
    overrides = assignments(options.model_config, "--model-config")
    return ModelSource(name=options.model, overrides=overrides, freeze_encoder=options.freeze_encoder)


def task_of(options: RunOptions) -> Task:
    """Return the task: a built-in one, or one of the user's files. Raises `BadInput` for a mixture."""
    own = {"--text-columns": options.text_columns, "--label-column": options.label_column}
    if options.train_file is None:
        beside = ("validation_file", "label_kind", "positive_label", "group_column")
        of_file = {f"--{name.replace('_', '-')}": getattr(options, name) for name in beside}
        given = [flag for flag, value in {**own, **of_file}.items() if value]
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
    labels = listed(options.label_column)
    return custom_task(
        listed(options.text_columns),
        ",".join(labels),
        label_columns=labels if len(labels) > 1 else (),
        name=stem_of(options.train_file),
        label_kind=options.label_kind,
        positive_label=options.positive_label,
        group_column=options.group_column,
    )


def problem_of(
    options: RunOptions, space: Space, study: Study | None = None, raw_fingerprint: str | None = None
) -> Any:
    """Return the problem that `options` describe.

    In a study that is there already, task and model keep their names, wherever their files are by now. Data of that
    fingerprint need not be loaded again.
    """
    if OwnCode.of(options).makes_trainer:
        return with_notes(own_problem_of(options, space), options)
    model, task = model_of(options), task_of(options)
    if study is not None:
        model, task = dataclasses.replace(model, called=study.model), dataclasses.replace(task, name=study.task)
    check_model(model)
    objective, weighed = first_and_weighed(options.objective)
    with chatter_away():
        from .data import raw_cache
        from .plan import Plan
        from .sampling.population import score_from
        from .task_problem import task_problem

        kept = raw_cache.kept(raw_fingerprint, cache_folder(), task) if raw_fingerprint else None
        raw = kept or load(options, task)
        problem = task_problem(
            raw,
            model,
            Plan(
                space=space,
                fraction=options.subset,
                seed=SEED if options.seed is None else options.seed,
                score_from=score_from(options.pruner, options.score),
                sampler=options.sampler,
                pruner=options.pruner,
                constraints=constraints_asked(options.constraint),
            ),
            objective=objective,
            weighed=weighed,
            direction=options.direction,
            precision=options.precision,
            cache=cache_folder(),
            select_on=options.select_on,
            code=OwnCode.of(options),
        )
    return with_notes(problem, options, raw=raw.fingerprint)


def own_problem_of(options: RunOptions, space: Space) -> Any:
    """Return the problem of the Trainer that a function of the user's makes; see `own.problem`."""
    with chatter_away():
        from .own.problem import own_problem

        return own_problem(options, space)


def with_notes(problem: Any, options: RunOptions, **notes: Any) -> Any:
    """Return the problem with the options that it can be made from again among its notes."""
    return dataclasses.replace(problem, notes={**problem.notes, **notes, "options": kept_options(options)})


def load(options: RunOptions, task: Task) -> Any:
    """Return the task's data, and keep it for the other workers of this machine."""
    from .data import raw_cache
    from .data.raw import load_task

    raw = load_task(
        task, data_dir=options.data_dir, train_file=options.train_file, validation_file=options.validation_file
    )
    raw_cache.keep(raw, cache_folder())
    return raw


def kept_options(options: RunOptions) -> dict[str, Any]:
    """Return the options that make the problem, as JSON with absolute paths.

    What the objective is only weighed against makes no other problem, and a later search may change it: see
    `objectives`.
    """
    kept = {name: getattr(options, name) for name in PROBLEM_OPTIONS}
    first, others = first_and_weighed(options.objective)
    kept["objective"] = [first, *others] if steers_by_all(options.sampler) else first
    for name in ("data_dir", "train_file", "validation_file"):
        if kept[name] is not None and Path(kept[name]).exists():
            kept[name] = str(Path(kept[name]).absolute())
    kept["words"] = [redacted(str(word)) for word in options.words]
    if Path(options.model).is_dir():
        kept["model"] = str(Path(options.model).absolute())
    return {**kept, "model_config": list(options.model_config), "constraint": list(options.constraint)}


def cache_folder() -> Path:
    """Return where prepared data is kept for all studies of this user: `HPSEARCH_CACHE`, or the system's cache."""
    import platformdirs

    return Path(os.environ.get("HPSEARCH_CACHE") or platformdirs.user_cache_dir("hpsearch"))
