"""The commands that train or predict: `run`, `worker`, `check`, `retrain`, `replay`, `predict`.

Each goes from options to a `Problem` (`stored_problem`); the road after that is `study_run`, `workers.crew`,
`winner.retrain` or `replay`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ...spaces.errors import BadInput, HpsearchError
from ...spaces.space import Space
from ...studies.file_system import can_be_shared, check_shared
from ...studies.front import RULES
from ...studies.records import Model, Study, Trial
from ...studies.schema import SchemaState, schema_status
from ...studies.store import StudyStore
from ..checks import (
    check_fraction,
    check_places,
    check_score,
    check_seed,
    check_select_on,
    check_timeout,
    check_trials,
)
from ..constraints import check_constraints, constraints_asked
from ..interrupts import raise_if_interrupted
from ..limits import Limits
from ..objectives import first_and_weighed
from ..options import RunOptions
from ..own.code import OwnCode, check_own_trainer
from ..quiet import chatter_away
from ..ranks.batch import check_shareable
from ..sampling.belief import check_belief
from ..sampling.other_study import check_from
from ..sampling.priors import Prior
from ..sampling.samplers import check_pruner, check_sampler
from ..sampling.steering import check_steering, steers_by_all
from ..stored_problem import problem_of, space_of, stored_problem, study_name, task_of
from ..strategy import NONE, Strategy, strategy_for
from ..talk import as_typed, tell
from ..trackers.trackers import check_trackers, trackers_of
from ..understood import sentences_in
from ..view import View, view_for
from ..winner.push import check_token, push
from ..workers.workers import ALONE, AUTO, Workers
from .front import show_unchosen
from .output import next_commands, outcome_json, outcome_table, print_check, print_replay
from .printing import emit, show_line


def run_search(options: RunOptions, *, as_json: bool) -> None:
    """Search, retrain with the winner, and print how it ended."""
    space, workers = checked(options)
    workers.check_store(options.store)
    with view_for(quiet=options.quiet) as view:
        run = searched(options, space, workers, view, strategy=strategy_for(options))
        from ..winner.adopt import adopt  # with torch, which takes seconds: something is shown before that
        from ..winner.retrain import has_unchosen_front, retrain, winner

        unchosen = has_unchosen_front(run)
        best = None if unchosen else winner(run)
        model = None if options.no_retrain or best is None else adopt(run, best) or retrain(run, best)
        predictions = predict_test_file(options, model)
    if best is None:
        show_unchosen(run.store, run.study, as_json=as_json)
        return
    show_outcome(run.store, run.study, best, model, predictions=predictions, as_json=as_json, quiet=options.quiet)


def searched(
    options: RunOptions,
    space: Space,
    workers: Workers,
    view: View,
    *,
    strategy: Strategy,
    priors: Sequence[Prior] = (),
) -> Any:
    """Search the study of `options` until it is complete, conclude it, and return its `StudyRun`."""
    view.phase("preparing the data and the model")
    with workers.searching(trials=options.trials, killable=options.trial_timeout is not None) as search_study:
        from ..verdict.verdict import conclude

        run = open_run(options, space, view, strategy=strategy, priors=priors)
        search_study(run)
        conclude(run)
    return run


def join_study(
    store_url: str,
    name: str,
    *,
    jobs: str,
    processes: int,
    timeout: float | None,
    quiet: bool,
    verbose: bool,
    places: Mapping[str, str],
    code: OwnCode,
) -> None:
    """Work on a study that somebody started, until it has its total; `places` and `code` are as in `stored_problem`."""
    workers = Workers(jobs=jobs, processes_per_trial=processes)
    check_timeout(timeout)
    check_shared(store_url)
    store = StudyStore.open(store_url)
    study = store.study(name)
    check_trackers(trackers_of(study))
    killable = Limits.of(study).trial_timeout is not None
    with view_for(quiet=quiet) as view:
        view.phase("preparing the data and the model")
        with workers.searching(trials=study.trials, killable=killable, places=places) as search_study:
            from ..workers.joining import join

            run = join(store, study, view=view, timeout=timeout, verbose=verbose, places=places, code=code)
            check_shareable(run.problem, processes)
            before = run.finished()
            search_study(run)
    tell(f"study {name!r}: {run.finished()} of {study.trials} trials done, {run.finished() - before} since this joined")


def predict_test_file(options: RunOptions, model: Model | None) -> Path | None:
    """Predict `--test-file` with the retrained model; return the file written beside it, if one was asked for."""
    if options.test_file is None or model is None:
        return None
    from ..winner.predict import predict, predictions_file

    with chatter_away():
        output = predictions_file(Path(model.folder), options.test_file)
        return predict(Path(model.folder), options.test_file, output).path


def check_test_file(options: RunOptions) -> None:
    """Raise `BadInput` for a `--test-file` that could not be predicted in the end."""
    if options.test_file is None:
        return
    from ..winner.submission import read_unlabelled

    read_unlabelled(task_of(options), options.test_file)
    if options.no_retrain:
        raise BadInput(
            "--test-file is predicted by the retrained model, and --no-retrain makes none", hint="leave one of them out"
        )
    if steers_by_all(options.sampler) and options.choose is None:
        raise BadInput(
            f"--test-file is predicted by the retrained winner, and the front of --sampler {options.sampler} has none",
            hint=f"name a rule that chooses it: --choose {' or '.join(RULES)}",
        )


def test_file_words(options: RunOptions, problem: Any) -> list[str]:
    """Return what to think of a score on the `--test-file`, where rows of it were trained on."""
    if options.test_file is None:
        return []
    from ..data.understanding import known_texts
    from ..winner.submission import read_unlabelled

    raw = problem.source.raw
    _, rows = read_unlabelled(raw.task, options.test_file)
    known = known_texts(raw, rows)
    return [f"{known} of {len(rows)} rows of {options.test_file} have a text of the training part"] if known else []


def open_run(options: RunOptions, space: Space, view: View, *, strategy: Strategy, priors: Sequence[Prior] = ()) -> Any:
    """Return the `StudyRun` of `options`: the problem built, the study opened by its identity."""
    from ..study_run import open_study, run_of
    from ..trackers.tracking import prepare_trackers

    problem = problem_of(options, space)
    check_shareable(problem, options.processes_per_trial)
    check_opening(options, problem)
    raise_if_interrupted()
    for remark in (*sentences_in(problem.notes), *problem.remarks, *test_file_words(options, problem)):
        view.say(remark)
    store = StudyStore.open(options.store, create=True)
    study = open_study(
        store,
        problem,
        name=study_name(options),
        trials=options.trials,
        output_dir=options.output_dir,
        fork=options.fork,
        limits=limits_of(options),
        strategy=strategy,
        backend=options.backend,
        report_to=check_trackers(options.report_to),
        priors=priors,
        from_study=options.from_study,
        view=view,
        retrains=not options.no_retrain,
    )
    prepare_trackers(study, view.say)
    return run_of(
        problem, study, store, view, timeout=options.timeout, verbose=options.verbose, code=OwnCode.of(options)
    )


def check_search(options: RunOptions, *, as_json: bool) -> None:
    """Build the problem and print what a search of it would do; nothing is made where that would be refused."""
    space, workers = checked(options)
    workers.check_store(options.store)
    problem = problem_of(options, space)
    check_shareable(problem, options.processes_per_trial)
    check_opening(options, problem)
    for remark in (*problem.remarks, *test_file_words(options, problem)):
        tell(remark)
    print_check(problem, options.trials, strategy_for(options), as_json=as_json)


def check_opening(options: RunOptions, problem: Any) -> None:
    """Raise what a search would where it opens its study; nothing is written."""
    from ..study_run import check_study

    with ExitStack() as stack:
        there = schema_status(options.store).state is SchemaState.CURRENT
        check_study(
            stack.enter_context(StudyStore.open(options.store)) if there else None,
            problem,
            name=study_name(options),
            output_dir=options.output_dir,
            fork=options.fork,
            limits=limits_of(options),
            retrains=not options.no_retrain,
        )


def show_outcome(
    store: StudyStore,
    study: Study,
    best: Trial,
    model: Model | None,
    *,
    predictions: Path | None = None,
    address: str | None = None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Print baseline and best side by side, and what to type next; `address` is that of the model on the hub."""
    study, trials = store.study(study.name), store.trials(study.study_id)
    if as_json:
        on_hub = {} if address is None else {"hub": address}
        emit({**outcome_json(study, trials, best, model, predictions), **on_hub})
        return
    outcome_table(study, trials, best, model, predictions)
    if address is not None:
        show_line(f"on the hub: {address}", wrap=False)
    if not quiet:
        tell(next_commands(study, store.url, model))


def retrain_trial(
    store_url: str,
    name: str,
    *,
    number: int | None,
    folder: Path | None,
    hub_name: str | None,
    private: bool,
    code: OwnCode,
    quiet: bool,
    as_json: bool,
) -> None:
    """Train with a stored trial's configuration; the problem is made again from the study's row.

    The model is pushed to `hub_name`, if there is one; where that fails, the outcome is shown all the same.
    """
    if private and hub_name is None:
        raise BadInput("--private is for a model that is pushed", hint="--push-to-hub NAME")
    if hub_name is not None:
        check_token(hub_name)
    from ..study_run import StudyRun
    from ..winner.retrain import retrain, winner

    store = StudyStore.open(store_url)
    study = store.study(name)
    trial = None if number is None else store.trial(study.study_id, number)
    with view_for(quiet=quiet) as view:
        view.phase("preparing the data and the model")
        problem = stored_problem(study, code=code)
        run = StudyRun(problem=problem, study=study, store=store, view=view, code=code)
        chosen = trial or winner(run)
        model = retrain(run, chosen, folder)
        address, failed = None, None
        try:
            address = None if hub_name is None else push(Path(model.folder), hub_name, private=private)
        except HpsearchError as error:
            failed = error
    show_outcome(store, study, chosen, model, address=address, as_json=as_json, quiet=quiet)
    if failed is not None:
        raise failed


def replay_trial(store_url: str, name: str, *, number: int, quiet: bool, as_json: bool, code: OwnCode) -> int:
    """Run a stored trial again and print how it compares with its row; return 0 if it is the same, else 1."""
    from ..replay import check_replayable, replay
    from ..study_run import StudyRun

    store = StudyStore.open(store_url)
    study = store.study(name)
    trial = store.trial(study.study_id, number)
    check_replayable(study, trial)
    with view_for(quiet=quiet) as view:
        view.phase("preparing the data and the model")
        problem = stored_problem(study, kept_data=True, code=code)
        done = replay(StudyRun(problem=problem, study=study, store=store, view=view, code=code), trial)
    print_replay(done, as_json=as_json)
    return 0 if done.identical else 1


def predict_file(store_url: str, model: str, file: Path, output: Path) -> None:
    """Predict with a model folder, or with the newest model of a study."""
    from ..winner.predict import predict

    with chatter_away():
        done = predict(model_folder(store_url, model), file, output)
    tell(f"{done.rows} predictions in {done.path}")


def model_folder(store_url: str, model: str) -> Path:
    """Return the folder that `model` names: itself, or that of a study's newest model."""
    folder = Path(model).expanduser()
    if folder.exists() or model.startswith((".", "/", "~")):
        return folder
    store = StudyStore.open(store_url)
    models = [one for one in store.models(store.study(model).study_id) if one.folder]  # an imported one is elsewhere
    if not models:
        hint = f"`hpsearch retrain {as_typed(model)}` makes one"
        raise BadInput(f"study {model!r} has no retrained model", hint=hint)
    return Path(models[-1].folder)


def checked(options: RunOptions) -> tuple[Space, Workers]:
    """Check what needs no data, before anything is loaded; return the space, and who runs the trials."""
    check_numbers(options)
    check_own_trainer(options)
    workers = workers_of(options)
    space, name = space_of(options), study_name(options)
    check_belief(space, options.sampler)
    check_places(options.store, name, fork=options.fork, output_dir=options.output_dir)
    check_from(options.store, options.from_study, name, space=space, trials=options.trials, fork=options.fork)
    check_test_file(options)
    check_trackers(options.report_to)
    return space, workers


def limits_of(options: RunOptions) -> Limits:
    """Return what bounds the search. Raises `BadInput`."""
    return Limits.checked(
        max_failures=options.max_failures,
        trial_timeout=options.trial_timeout,
        keep=options.keep,
        stop_when_flat=options.stop_when_flat,
    )


def usual_jobs(options: RunOptions) -> str:
    """Return how many workers there are where nobody says: as many as suit the model, if they can share the store."""
    return ALONE if options.backend != "optuna" or not can_be_shared(options.store) else AUTO


def workers_of(options: RunOptions) -> Workers:
    """Return who runs the trials. Raises `BadInput`."""
    return Workers(
        backend=options.backend,
        jobs=options.jobs or usual_jobs(options),
        processes_per_trial=options.processes_per_trial,
        ray_address=options.ray_address,
        cpus_per_trial=options.cpus_per_trial,
        gpus_per_trial=options.gpus_per_trial,
        max_concurrent=options.max_concurrent,
    )


def check_numbers(options: RunOptions) -> None:
    """Check what is a number or one of a few names."""
    check_trials(options.trials)
    check_fraction(options.subset)
    if options.seed is not None:
        check_seed(options.seed)
    check_timeout(options.timeout)
    limits_of(options)
    _, others = first_and_weighed(options.objective)
    check_score(options.score)
    check_select_on(options.select_on)
    check_sampler(options.sampler)
    check_pruner(options.pruner)
    check_steering(options.sampler, options.pruner, others, stop_when_flat=options.stop_when_flat)
    check_constraints(
        constraints_asked(options.constraint),
        pruner=options.pruner,
        fraction=options.subset,
        finals=strategy_for(options).confirm != NONE,
    )
