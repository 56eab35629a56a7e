"""Put an exported study into a store, ours and Optuna's half of it, so that it can be looked at and continued there.

What the file may say is `exported.py`.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Connection, bindparam, insert, update
from sqlalchemy.exc import IntegrityError

from ..spaces.errors import BadInput
from ..spaces.optuna_space import distributions
from ..spaces.space import Space
from . import statements as sql
from . import transactions as step
from .constraint import Constraint, constraints_in, violations
from .errors import StudyExists
from .exported import ExportedStudy, TrialPart, read_export
from .identity import fingerprint
from .names import check_study_name, folder_name, new_uid
from .optuna_rows import TRIALS as OPTUNA_TRIALS
from .optuna_storage import optuna_storage
from .optuna_study import open_optuna_study
from .optuna_tables import refusals_of
from .optuna_twin import inside, optuna_moment, optuna_state, reports
from .records import Phase, Study, Trial, TrialState
from .store import StudyStore
from .tables import models, studies, trials

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.storages import RDBStorage
    from optuna.trial import FrozenTrial

HOLDS_A_SLOT = tuple(state for state in TrialState if state is not TrialState.FAILED)
UNSTARTED: Mapping[str, Any] = {**sql.FRESH, "state": TrialState.WAITING.value, "worker": None}

Rows = Sequence[Mapping[str, Any]]


def import_study(
    store: StudyStore, path: str | os.PathLike[str], *, name: str | None = None, folder: str = ""
) -> Study:
    """Add the study in the export at `path` to `store`, and return it.

    It keeps its name unless `name` is given, and gets a uid of its own. Its own folder will be in `folder`. What ran
    when it was exported waits here. Raises `BadInput` for a file that cannot be imported, and `StudyExists`; whatever
    is raised, nothing of the study is left in the store.
    """
    exported = read_export(path)
    called = check_study_name(exported.study.name if name is None else name)
    twins = optuna_trials(exported)
    with _added(store, exported, called, folder) as study, _optuna_study(store.url, study) as optuna_study:
        optuna_study.add_trials(twins)
        keys = [twin._trial_id for twin in optuna_study.get_trials(deepcopy=False)]
        numbers = [trial.number for trial in exported.trials]
        store._write(partial(_link, study_id=study.study_id, numbers=numbers, keys=keys))
    return study


# Our half


@contextmanager
def _added(store: StudyStore, exported: ExportedStudy, name: str, folder: str) -> Iterator[Study]:
    """Add our rows; they are gone again if the block raises."""
    uid = new_uid()
    home = str(Path(folder) / folder_name(name, uid)) if folder else ""
    rows = {**study_row(exported), "name": name, "uid": uid, "folder": home}
    study = Study.from_row(_insert(store, rows, exported))
    try:
        yield study
    except BaseException:
        store._write(lambda connection: connection.execute(sql.remove_study(study.study_id)))
        raise


def study_row(exported: ExportedStudy) -> dict[str, Any]:
    """Return the study's columns, with which it goes on where it was."""
    states = Counter(trial.state for trial in exported.trials if trial.phase is Phase.SEARCH)
    return {
        **exported.study.row(),
        "identity": fingerprint(exported.study.spec["identity"]),
        "slots": sum(states[state] for state in HOLDS_A_SLOT),
        "next_number": max((trial.number + 1 for trial in exported.trials), default=0),
    }


def trial_row(trial: TrialPart) -> dict[str, Any]:
    """Return the trial's columns; nobody here runs what ran there."""
    row = trial.row()
    return {**sql.FRESH, **row} if trial.state.is_finished else {**row, **UNSTARTED}


def _insert(store: StudyStore, study: Mapping[str, Any], exported: ExportedStudy) -> step.Row:
    trial_rows = [trial_row(trial) for trial in exported.trials]
    model_rows = [{**model.row(), "folder": ""} for model in exported.models]
    try:
        return store._write(partial(_add_rows, study=study, trial_rows=trial_rows, model_rows=model_rows))
    except IntegrityError:
        found = store._read(sql.study_by_name(study["name"]))
        if not found:
            raise
        if found[0]["uid"] == study["uid"]:
            return found[0]  # added in a transaction whose success was not heard of
        raise StudyExists(study["name"]) from None


def _add_rows(connection: Connection, study: Mapping[str, Any], trial_rows: Rows, model_rows: Rows) -> step.Row:
    added = step.add(connection, insert(studies).values(**study), sql.study_by_id)
    for table, rows in ((trials, trial_rows), (models, model_rows)):
        if rows:
            connection.execute(insert(table), [{**row, "study_id": added["study_id"]} for row in rows])
    return added


# Optuna's half


def optuna_trials(exported: ExportedStudy) -> list[FrozenTrial]:
    """Return Optuna's trials for the exported ones, in the same order."""
    space = Space(exported.study.spec["identity"]["space"])
    known, bounds = distributions(space), constraints_in(exported.study.spec["identity"])
    return [_twin(trial, space, known, bounds) for trial in exported.trials]


def _twin(
    trial: TrialPart, space: Space, known: Mapping[str, BaseDistribution], bounds: Sequence[Constraint]
) -> FrozenTrial:
    from optuna.trial import create_trial

    state, ours = _optuna_state(trial), cast("Trial", trial)  # which has the same fields
    params = {name: value for name, value in inside(space, trial.params or {}).items() if name in known}
    twin = create_trial(
        state=state,
        value=trial.score if state.name in ("COMPLETE", "PRUNED") else None,
        params=params,
        distributions={name: known[name] for name in params},
        intermediate_values=reports(trial.curve) if state.is_finished() else {},
        user_attrs=_marks(trial),
        constraints=violations(bounds, ours),
    )
    if trial.started_at and trial.finished_at:
        twin.datetime_start, twin.datetime_complete = map(optuna_moment, (trial.started_at, trial.finished_at))
    return twin


def _marks(trial: TrialPart) -> dict[str, Any]:
    from .claimed_storage import FAILURE, PHASE  # which imports Optuna

    failed = {FAILURE: trial.failure.value} if trial.failure else {}
    again = {} if trial.phase is Phase.SEARCH else {PHASE: trial.phase.value}
    return {**failed, **again}


def _optuna_state(trial: TrialPart) -> optuna.trial.TrialState:
    """Return the state; what ran where it was exported waits here."""
    from optuna.trial import TrialState as OptunaState

    return optuna_state(trial.state, trial.score) if trial.state.is_finished else OptunaState.WAITING


@contextmanager
def _optuna_study(url: str, study: Study) -> Iterator[optuna.Study]:
    """Give a new Optuna study for ours; it is gone again if the block raises."""
    storage = optuna_storage(url)
    try:
        with refusals_of(storage.engine.url), _silent_optuna(), _new_optuna_study(storage, study):
            yield open_optuna_study(storage, study.name, direction=study.direction, metric_name=study.objective)
    finally:
        storage.remove_session()
        storage.engine.dispose()


@contextmanager
def _new_optuna_study(storage: RDBStorage, study: Study) -> Iterator[None]:
    import optuna

    try:
        made = optuna.create_study(storage=storage, study_name=study.name, direction=study.direction)
    except optuna.exceptions.DuplicatedStudyError:
        problem = f"Optuna has a study named {study.name!r} in this store that is none of hpsearch"
        raise BadInput(problem, hint="choose another name with --study") from None
    try:
        yield
    except BaseException:
        storage.delete_study(made._study_id)
        raise


@contextmanager
def _silent_optuna() -> Iterator[None]:
    """Keep Optuna from announcing its study on the screen."""
    from optuna.logging import WARNING, get_verbosity, set_verbosity

    before = get_verbosity()
    set_verbosity(max(before, WARNING))
    try:
        yield
    finally:
        set_verbosity(before)


# Both halves


def _link(connection: Connection, study_id: int, numbers: Sequence[int], keys: Sequence[int]) -> None:
    """Tell our rows which are Optuna's, and Optuna's which numbers they have with us: ours may have gaps."""
    pairs = [{"of_number": number, "of_key": key} for number, key in zip(numbers, keys, strict=True)]
    if pairs:
        mine = trials.c.study_id == study_id, trials.c.number == bindparam("of_number")
        connection.execute(update(trials).where(*mine).values(optuna_trial_id=bindparam("of_key")), pairs)
        optunas = update(OPTUNA_TRIALS).where(OPTUNA_TRIALS.c.trial_id == bindparam("of_key"))
        connection.execute(optunas.values(number=bindparam("of_number")), pairs)
