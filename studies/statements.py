"""Every SQL statement of the store, one function each, for SQLite, PostgreSQL and MariaDB alike.

`store.py` runs them in short transactions. Those that must not race are conditional: the number of rows they
changed tells who won.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Delete, Insert, Select, Update, and_, case, delete, func, insert, literal, or_, select, update

from . import optuna_rows
from .records import Failure, Phase, TrialState
from .tables import models, studies, trials

FRESH: Mapping[str, Any] = {
    "metrics": {},
    "curve": [],
    "seconds": {},
    "checkpoint": None,
    "started_at": None,
    "progress": None,
    "device": None,
    "predictions": None,
    "environment": None,
}
ENDED_WELL = tuple(state.value for state in TrialState if state.is_done)
ENDED = tuple(state.value for state in TrialState if state.is_finished)
UNFINISHED = tuple(state.value for state in TrialState if not state.is_finished)
#: The share of the data a trial saw; one that was written without any counts least.
FRACTION = func.coalesce(trials.c.fraction, 0.0)
#: What scores are multiplied by before they are added: PostgreSQL refuses a sum, or a mean, that overflows on the way.
HEADROOM = 2.0**-20  # a power of two: no bit is lost

# Studies


def add_study(values: Mapping[str, Any]) -> Insert:
    """Add a study that has no trial yet."""
    return insert(studies).values(**values, slots=0, next_number=0)


def study_by_name(name: str) -> Select[Any]:
    """Find the study people call `name`."""
    return select(studies).where(studies.c.name == name)


def study_by_id(study_id: int) -> Select[Any]:
    """Find a study by its key."""
    return select(studies).where(studies.c.study_id == study_id)


def study_names() -> Select[Any]:
    """List the names of all studies."""
    return select(studies.c.name)


def optuna_keys() -> Select[Any]:
    """List the names of Optuna's studies with their keys."""
    return select(optuna_rows.STUDIES)


def summaries() -> Select[Any]:
    """List every study with its counts and best scores, oldest first; one index of the trials answers it."""
    counts, tops = _counts().subquery(), _tops().subquery()
    return (
        select(studies, counts, tops.c.highest, tops.c.lowest)
        .outerjoin(counts, counts.c.of_study == studies.c.study_id)
        .outerjoin(tops, tops.c.study_id == studies.c.study_id)
        .order_by(studies.c.study_id)
    )


def _counts() -> Select[Any]:
    searched = trials.c.phase == Phase.SEARCH.value
    counted = [
        func.count(case((and_(searched, trials.c.state == state.value), 1))).label(state.value.lower())
        for state in TrialState
    ]
    later = func.count(case((~searched, 1))).label("later")
    later_done = func.count(case((and_(~searched, trials.c.state.in_(ENDED)), 1))).label("later_done")
    return select(trials.c.study_id.label("of_study"), *counted, later, later_done).group_by(trials.c.study_id)


def _tops() -> Select[Any]:
    """Find the highest and lowest score of each study among the scored trials that saw the most data."""
    scored = and_(trials.c.state == TrialState.COMPLETE.value, trials.c.score.is_not(None))
    most = select(trials.c.study_id, func.max(FRACTION).label("most")).where(scored).group_by(trials.c.study_id)
    at_most = most.subquery()
    return (
        select(trials.c.study_id, func.max(trials.c.score).label("highest"), func.min(trials.c.score).label("lowest"))
        .join(at_most, and_(at_most.c.study_id == trials.c.study_id, at_most.c.most == FRACTION))
        .where(scored)
        .group_by(trials.c.study_id)
    )


def change_study(study_id: int, values: Mapping[str, Any]) -> Update:
    """Change what may change in a study: the asked total and its folder."""
    return update(studies).where(studies.c.study_id == study_id).values(**values)


def remove_study(study_id: int) -> Delete:
    """Delete a study; its trials and models go with it (ON DELETE CASCADE)."""
    return delete(studies).where(studies.c.study_id == study_id)


# Slots: exactly as many trials as were asked for


def next_waiting(study_id: int) -> Select[Any]:
    """Find the first trial that was put back and begins anew."""
    return _waiting(study_id).where(trials.c.rung == 0)


def next_at_rung(study_id: int) -> Select[Any]:
    """Find the first trial that waits at a rung which every other trial has reached, or will never reach."""
    others = trials.alias()
    unfinished = others.c.study_id == study_id, others.c.state.in_(UNFINISHED)
    lowest = select(func.min(others.c.rung)).where(*unfinished).scalar_subquery()
    return _waiting(study_id).where(trials.c.rung == lowest)


def _waiting(study_id: int) -> Select[Any]:
    waiting = trials.c.study_id == study_id, trials.c.state == TrialState.WAITING.value
    return select(trials.c.trial_id).where(*waiting).order_by(trials.c.number).limit(1)


def take_waiting(trial_id: int, held: Mapping[str, Any]) -> Update:
    """Run a trial that was put back; no row is changed when another worker was quicker."""
    mine = trials.c.trial_id == trial_id, trials.c.state == TrialState.WAITING.value
    return update(trials).where(*mine).values(state=TrialState.RUNNING.value, **held)


def take_slot(study_id: int) -> Update:
    """Take one of the study's free slots; no row is changed when none is left.

    One statement, and it locks the row: two workers never take the same slot or number, on any database. While the
    study is checking for a signal, there is a slot for its first trial alone.
    """
    open_to_all = or_(studies.c.next_number == 0, studies.c.checking.is_(False))
    free = studies.c.study_id == study_id, studies.c.slots < studies.c.trials, open_to_all
    return update(studies).where(*free).values(slots=studies.c.slots + 1, next_number=studies.c.next_number + 1)


def take_number(study_id: int) -> Update:
    """Take the next number of a study without a slot: for a trial that is not counted. It locks the row."""
    return update(studies).where(studies.c.study_id == study_id).values(next_number=studies.c.next_number + 1)


def end_checking(study_id: int, signal: Mapping[str, Any]) -> Update:
    """Write down which share of the data has a signal; no row is changed when that is known already."""
    mine = studies.c.study_id == study_id, studies.c.checking.is_(True)
    return update(studies).where(*mine).values(checking=False, signal=dict(signal))


def give_slot_back(trial_id: int) -> Update:
    """Free the slot of a trial that failed, if it had one: it will be replaced."""
    counted = trials.c.trial_id == trial_id, trials.c.phase == Phase.SEARCH.value
    of_trial = select(trials.c.study_id).where(*counted).scalar_subquery()
    return update(studies).where(studies.c.study_id == of_trial).values(slots=studies.c.slots - 1)


def add_trial(study: Mapping[str, Any], held: Mapping[str, Any]) -> Insert:
    """Add the trial of a slot just taken; `study` is the row after `take_slot`."""
    first = {"baseline": False, "phase": Phase.SEARCH.value, "rung": 0}
    return _add(study, TrialState.RUNNING, {**first, **held})


def add_promotion(study: Mapping[str, Any], values: Mapping[str, Any]) -> Insert:
    """Add a trial that waits to run a configuration again; `study` is the row after `take_number`."""
    return _add(study, TrialState.WAITING, values)


def _add(study: Mapping[str, Any], state: TrialState, values: Mapping[str, Any]) -> Insert:
    """Add a trial under the number that was taken for it."""
    return insert(trials).values(
        study_id=study["study_id"],
        number=study["next_number"] - 1,
        objective=study["objective"],
        attempt=1,
        state=state.value,
        config={},
        **{**FRESH, **values},
    )


def claimed_by(study_id: int, worker: str, started_at: str) -> Select[Any]:
    """Find the trial that a worker claimed at a moment."""
    running = trials.c.study_id == study_id, trials.c.state == TrialState.RUNNING.value
    return select(trials).where(*running, trials.c.worker == worker, trials.c.started_at == started_at)


def optuna_id_of(trial_id: int) -> Select[Any]:
    """Find the key of the same trial in Optuna's tables."""
    return select(trials.c.optuna_trial_id).where(trials.c.trial_id == trial_id)


def remove_trial(trial_id: int) -> Delete:
    """Delete a trial that never ran."""
    return delete(trials).where(trials.c.trial_id == trial_id)


# One trial, held by a worker


def _held(trial_id: int, worker: str | None) -> list[Any]:
    running = [trials.c.trial_id == trial_id, trials.c.state == TrialState.RUNNING.value]
    return running if worker is None else [*running, trials.c.worker == worker]


def write_trial(trial_id: int, worker: str | None, values: Mapping[str, Any]) -> Update:
    """Write to a trial that is running, by `worker` where one is named; else no row is changed."""
    return update(trials).where(*_held(trial_id, worker)).values(**values)


def end_trial(trial_id: int, worker: str | None, attempt: int | None, values: Mapping[str, Any]) -> Update:
    """End a trial that is running, in that attempt where one is named; else no row is changed."""
    ended = write_trial(trial_id, worker, values)
    return ended if attempt is None else ended.where(trials.c.attempt == attempt)


def put_back(trial_id: int, worker: str | None) -> Update:
    """Give a running trial's slot to whoever comes next, as if it had not been started."""
    return write_trial(trial_id, worker, waiting_again())


def waiting_again() -> dict[str, Any]:
    """Return what a trial becomes that is put back: as if it had not been started, or not gone on from its rung."""
    goes_on = and_(trials.c.rung > 0, trials.c.phase == Phase.SEARCH.value)
    kept = {
        name: case((goes_on, trials.c[name]), else_=literal(FRESH[name], trials.c[name].type))
        for name in ("curve", "seconds")
    }
    return {**FRESH, **kept, "state": TrialState.WAITING.value, "worker": None, "lease_until": None}


def lose(lost: Mapping[str, Any], ending: Mapping[str, Any]) -> Update:
    """End the attempt of a lost worker, unless that worker renewed its lease after `lost` was read."""
    unchanged = trials.c.attempt == lost["attempt"], _same(trials.c.lease_until, lost["lease_until"])
    return write_trial(lost["trial_id"], lost["worker"], ending).where(*unchanged)


def _same(column: Any, value: object) -> Any:
    return column.is_(None) if value is None else column == value


def run_again(lost: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a lost trial becomes: waiting, with its configuration, under the next attempt."""
    return {**waiting_again(), "attempt": lost["attempt"] + 1}


def lost_again(lost: Mapping[str, Any], now: str) -> dict[str, Any]:
    """Return what a trial becomes that was lost once too often."""
    return {
        "state": TrialState.FAILED.value,
        "failure": Failure.LOST.value,
        "failure_message": f"its worker {lost['worker']} stopped answering in attempt {lost['attempt']}",
        "finished_at": now,
        "lease_until": None,
    }


# Questions about trials


def trial_by_id(trial_id: int) -> Select[Any]:
    """Find a trial by its key."""
    return select(trials).where(trials.c.trial_id == trial_id)


def trial_by_number(study_id: int, number: int) -> Select[Any]:
    """Find a trial by its position in its study."""
    return select(trials).where(trials.c.study_id == study_id, trials.c.number == number)


def trials_of(study_id: int) -> Select[Any]:
    """List the trials of a study in the order of their numbers."""
    return select(trials).where(trials.c.study_id == study_id).order_by(trials.c.number)


def trials_from(study_id: int, number: int, count: int) -> Select[Any]:
    """List the first `count` trials of a study with this number or a later one, in the order of their numbers."""
    return trials_of(study_id).where(trials.c.number >= number).limit(count)


def running_trials(study_id: int) -> Select[Any]:
    """List who holds which trial, without the long columns."""
    columns = trials.c.trial_id, trials.c.number, trials.c.attempt, trials.c.worker, trials.c.lease_until
    running = trials.c.study_id == study_id, trials.c.state == TrialState.RUNNING.value
    return select(*columns).where(*running).order_by(trials.c.number)


def live_trials(study_id: int) -> Select[Any]:
    """List the trials that are running, whole."""
    running = trials.c.study_id == study_id, trials.c.state == TrialState.RUNNING.value
    return select(trials).where(*running).order_by(trials.c.number)


def ended_since(study_id: int, moment: str) -> Select[Any]:
    """List the trials that ended at `moment` or later, in the order of their ends."""
    ended = trials.c.study_id == study_id, trials.c.finished_at >= moment
    return select(trials).where(*ended).order_by(trials.c.finished_at, trials.c.number)


def failed_with(study_id: int, failure: Failure) -> Select[Any]:
    """List the trials that failed in one way."""
    failed = trials.c.state == TrialState.FAILED.value, trials.c.failure == failure.value
    return select(trials).where(trials.c.study_id == study_id, *failed).order_by(trials.c.number)


def configurations(study_id: int) -> Select[Any]:
    """List what was tried and how it ended, without the long columns."""
    columns = trials.c.number, trials.c.phase, trials.c.state, trials.c.failure, trials.c.params, trials.c.score
    return select(*columns).where(trials.c.study_id == study_id, trials.c.params.is_not(None)).order_by(trials.c.number)


def standing(study_id: int, direction: str) -> Select[Any]:
    """List configurations that completed a trial, the best first, by the number of their first trial at a fraction.

    More data counts more, then more seeds (finals), then the mean score, then who came first. A configuration that
    broke a constraint in one of its trials is not there.
    """
    configuration = func.coalesce(trials.c.origin, trials.c.number)
    broken = trials.c.study_id == study_id, trials.c.state == TrialState.INFEASIBLE.value
    scored = (
        trials.c.state == TrialState.COMPLETE.value,
        trials.c.score.is_not(None),
        configuration.not_in(select(configuration).where(*broken)),
    )
    total, first = func.sum(trials.c.score * HEADROOM), func.min(trials.c.number)  # of equally many: ranked as means
    best = total.desc() if direction == "maximize" else total.asc()
    return (
        select(first.label("number"))
        .where(trials.c.study_id == study_id, *scored)
        .group_by(configuration, FRACTION)
        .order_by(FRACTION.desc(), func.count().desc(), best, first)
    )


def finished_numbers(study_id: int, numbers: Collection[int]) -> Select[Any]:
    """List those of `numbers` whose trials have ended."""
    ended = trials.c.state.in_(ENDED)
    return select(trials.c.number).where(trials.c.study_id == study_id, ended, trials.c.number.in_(numbers))


def untold(study_id: int) -> Select[Any]:
    """List the trials that have ended with us and not with Optuna."""
    ended = trials.c.state.in_(ENDED)
    unfinished = optuna_rows.TRIALS.c.state.in_([optuna_rows.RUNNING, optuna_rows.WAITING])
    both = trials.join(optuna_rows.TRIALS, optuna_rows.TRIALS.c.trial_id == trials.c.optuna_trial_id)
    return select(trials).select_from(both).where(trials.c.study_id == study_id, ended, unfinished)


def failures_in_a_row(study_id: int, since: str) -> Select[Any]:
    """Count the trials that failed after the last one that did not, and after a moment."""
    ended = select(trials.c.finished_at).where(trials.c.study_id == study_id, trials.c.state.in_(ENDED_WELL))
    last = ended.order_by(trials.c.finished_at.desc()).limit(1).scalar_subquery()
    failed = trials.c.study_id == study_id, trials.c.state == TrialState.FAILED.value
    later = trials.c.finished_at > func.coalesce(last, ""), trials.c.finished_at > since
    return select(func.count().label("failures")).where(*failed, *later)


# Models


def add_model(values: Mapping[str, Any]) -> Insert:
    """Add a retrained model."""
    return insert(models).values(**values)


def model_by_id(model_id: int) -> Select[Any]:
    """Find a model by its key."""
    return select(models).where(models.c.model_id == model_id)


def same_model(values: Mapping[str, Any]) -> Select[Any]:
    """Find the model that was added with these values: no two are made at one moment in one folder."""
    same = [models.c[name] == values[name] for name in ("study_id", "trial_number", "folder", "created_at")]
    return select(models).where(*same)


def models_of(study_id: int) -> Select[Any]:
    """List the models of a study, oldest first."""
    return select(models).where(models.c.study_id == study_id).order_by(models.c.model_id)
