"""The study store: what was asked, what was tried and what came out, in one SQL database.

Records are in `records.py`, statements in `statements.py`, connections in `engine.py`; `schema.py` makes and
upgrades the tables. Optuna's half of the same database is `optuna_storage.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

from sqlalchemy import Connection, Executable, Insert
from sqlalchemy.exc import IntegrityError

from . import statements as sql
from . import transactions as step
from .clock import Clock, utc_now, utc_text
from .engine import make_engine, transaction
from .errors import StudyExists, StudyNotFound, TrialNotFound
from .identity import fingerprint
from .names import check_study_name, new_uid
from .optuna_storage import forget_optuna_study
from .records import Failure, Model, Study, StudySummary, Trial, TrialState
from .schema import SchemaState, read_status, require_current, upgrade
from .trial_fields import TrialFields, columns_of, ending_of

DIRECTIONS = ("maximize", "minimize")

Result = TypeVar("Result")
IsAlive = Callable[[str], bool | None]


class StudyStore:
    """Where studies, trials and models are kept.

    What it promises, on every database:

    - one object may be used from several threads, one database from several processes and machines;
    - what it returns is yours: changing it never changes the store, later writes never change it;
    - a study gets exactly as many trials as were asked for: those that wait, run, are complete or pruned are
      never more than `Study.trials` together, and failed ones are replaced;
    - a trial is held by one worker at a time, for as long as its lease is renewed;
    - a finished trial never changes again;
    - every method is one or a few short transactions: a process that dies leaves no half-written row.

    Every method raises `StoreFailed` where the database refuses, `StoreFull` where it has no room.
    """

    def __init__(self, url: str, *, clock: Clock = utc_now) -> None:
        self.url = url
        self._engine = make_engine(url)
        self._clock = clock

    @classmethod
    def open(cls, url: str, *, create: bool = False, clock: Clock = utc_now) -> Self:
        """Open the store at `url`; `create` makes it where there is none (what `hpsearch run` does).

        Without `create` nothing is written. Raises `StoreUnusable`, `StoreNotFound`, `StoreOutdated` or
        `StoreTooNew`, each with what to do.
        """
        store = cls(url, clock=clock)
        try:
            status = read_status(store._engine)
            if create and status.state in (SchemaState.MISSING, SchemaState.EMPTY):
                status = upgrade(url)
            require_current(status)
        except BaseException:
            store.close()
            raise
        return store

    def close(self) -> None:
        """Close the connections; the next use opens new ones."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Studies

    def create_study(
        self,
        *,
        name: str,
        spec: Mapping[str, Any],
        task: str,
        model: str,
        backend: str,
        objective: str,
        direction: str,
        trials: int,
        folder: str = "",
        uid: str | None = None,
        forked_from: str | None = None,
    ) -> Study:
        """Add a study; `spec["identity"]` is the problem it stands for, `uid` defaults to a new one.

        Raises `StudyExists`, and `BadInput` for a name that is none.
        """
        if direction not in DIRECTIONS:
            raise ValueError(f"a direction is one of {DIRECTIONS}, got {direction!r}")
        values = {
            "name": check_study_name(name),
            "uid": uid or new_uid(),
            "created_at": utc_text(self._clock()),
            "identity": fingerprint(spec["identity"]),
            "spec": spec,
            "task": task,
            "model": model,
            "backend": backend,
            "objective": objective,
            "direction": direction,
            "trials": trials,
            "folder": folder,
            "forked_from": forked_from,
        }
        return self._add_study(name, values)

    def _add_study(self, name: str, values: Mapping[str, Any]) -> Study:
        try:
            return Study.from_row(self._added(sql.add_study(values), sql.study_by_id))
        except IntegrityError:
            if self._read(sql.study_by_name(name)):
                raise StudyExists(name) from None
            raise

    def study(self, name: str) -> Study:
        """Return the study of that name. Raises `StudyNotFound`, with the nearest name."""
        found = self._read(sql.study_by_name(name))
        if not found:
            raise StudyNotFound(name, (row["name"] for row in self._read(sql.study_names())))
        return Study.from_row(found[0])

    def studies(self) -> list[StudySummary]:
        """Return every study with its counts, oldest first."""
        return [StudySummary.from_row(row) for row in self._read(sql.summaries())]

    def summary(self, study_id: int) -> StudySummary:
        """Return one study with its counts. Raises `StudyNotFound`."""
        query = sql.summaries().where(sql.studies.c.study_id == study_id)
        return StudySummary.from_row(step.only(self._read(query)))

    def update_study(self, study_id: int, *, trials: int | None = None, folder: str | None = None) -> Study:
        """Change the asked total, the folder or both. Raises `StudyNotFound`."""
        given = {"trials": trials, "folder": folder}
        values = {name: value for name, value in given.items() if value is not None}
        return Study.from_row(self._write(partial(step.change_study, study_id=study_id, values=values)))

    def delete_study(self, study_id: int) -> None:
        """Delete a study with its trials and models, and Optuna's study of the same name.

        Files are the caller's. May be repeated where it was interrupted. Raises `StudyNotFound`.
        """
        study = step.only(self._read(sql.study_by_id(study_id)))
        forget_optuna_study(self.url, study["name"])
        self._write(lambda connection: connection.execute(sql.remove_study(study_id)))

    # The life of a trial

    def claim(self, study_id: int, *, worker: str, lease_s: float) -> Trial | None:
        """Take the next trial of a study for `worker`, who must `renew` it within `lease_s` seconds.

        A trial that was put back comes first, with the configuration it had; else a new one while the asked
        total is not reached; None when nothing is left to start.
        """
        now = self._clock()
        held = {
            "worker": worker,
            "started_at": utc_text(now),
            "lease_until": utc_text(now + timedelta(seconds=lease_s)),
        }
        row = self._write(partial(step.claim, study_id=study_id, held=held))
        return Trial.from_row(row) if row else None

    def renew(self, trial_id: int, worker: str, lease_s: float) -> bool:
        """Hold a trial for `lease_s` seconds from now; False when it is not this worker's any more."""
        until = utc_text(self._clock() + timedelta(seconds=lease_s))
        return self._changed(sql.write_trial(trial_id, worker, {"lease_until": until}))

    def record(self, trial_id: int, *, worker: str | None = None, **values: Unpack[TrialFields]) -> None:
        """Write to a running trial as it goes; each value replaces the one before.

        With `worker`, only where that worker still holds it. Raises `TrialFinished`, `LeaseLost` or
        `TrialNotFound`, and `TypeError` for a field a trial does not have.
        """
        written = columns_of(values)
        if written:
            self._write(partial(step.write_held, trial_id=trial_id, worker=worker, values=written))

    def finish(
        self,
        trial_id: int,
        state: TrialState,
        *,
        score: float | None = None,
        failure: Failure | None = None,
        failure_message: str | None = None,
        worker: str | None = None,
        **values: Unpack[TrialFields],
    ) -> Trial:
        """Give a running trial its last state, and return it; a failed one gives its slot back.

        A score that is not finite is kept as none. Raises as `record` does, and `ValueError` for a state that
        is not a last one or a failure that does not go with it.
        """
        ending = ending_of(state, score, failure, failure_message)
        written = {
            **columns_of(values),
            **ending,
            "finished_at": utc_text(self._clock()),
            "lease_until": None,
        }
        row = self._write(partial(step.finish, trial_id=trial_id, worker=worker, values=written))
        return Trial.from_row(row)

    def release(self, trial_id: int, *, worker: str | None = None) -> bool:
        """Put a running trial back as if it had not been started (Ctrl-C, a full disk): same attempt, same
        configuration; False when it was not running, or not by `worker`.
        """
        return self._changed(sql.put_back(trial_id, worker))

    def recover(self, study_id: int, is_alive: IsAlive, now: datetime | None = None) -> list[Trial]:
        """Take trials back from workers that died, and return them as they are then.

        Lost is a trial whose worker is dead (`is_alive` says False), or unknown (None) with its lease over at
        `now`; never one of a living worker, nor one that is renewed meanwhile. It waits for its next attempt
        with the configuration it had; lost for the second time it is FAILED `lost`, and replaced.
        """
        moment = utc_text(now or self._clock())
        running = self._read(sql.running_trials(study_id))
        lost = [row for row in running if step.is_lost(row, is_alive, moment)]
        back = [self._write(partial(step.lose, lost=row, now=moment)) for row in lost]
        return [Trial.from_row(row) for row in back if row is not None]

    # Questions

    def trials(self, study_id: int) -> list[Trial]:
        """Return the trials of a study in the order of their numbers."""
        return [Trial.from_row(row) for row in self._read(sql.trials_of(study_id))]

    def trial(self, study_id: int, number: int) -> Trial:
        """Return one trial. Raises `TrialNotFound`."""
        found = self._read(sql.trial_by_number(study_id, number)) if 0 <= number < 2**31 else []
        if not found:
            raise TrialNotFound(f"the study has no trial {number}", hint="`hpsearch trials STUDY` lists them")
        return Trial.from_row(found[0])

    def best(self, study_id: int) -> Trial | None:
        """Return the complete trial with the best score, of equal ones the first; None before there is one.

        Raises `StudyNotFound`.
        """
        study = step.only(self._read(sql.study_by_id(study_id)))
        found = self._read(sql.best_trial(study_id, study["direction"]))
        return Trial.from_row(found[0]) if found else None

    def consecutive_failures(self, study_id: int) -> int:
        """Return how many trials failed since the last one that ended well."""
        return int(self._read(sql.failures_in_a_row(study_id))[0]["failures"])

    # Models

    def add_model(
        self,
        *,
        study_id: int,
        trial_number: int,
        folder: str,
        metrics: Mapping[str, Any],
        seconds: Mapping[str, float],
        fingerprint: str,
        spec: Mapping[str, Any],
    ) -> Model:
        """Add a retrained model. Raises `StudyNotFound`."""
        values = {
            "study_id": study_id,
            "trial_number": trial_number,
            "folder": folder,
            "metrics": metrics,
            "seconds": seconds,
            "fingerprint": fingerprint,
            "spec": spec,
            "created_at": utc_text(self._clock()),
        }
        try:
            return Model.from_row(self._added(sql.add_model(values), sql.model_by_id))
        except IntegrityError as error:
            raise StudyNotFound from error

    def models(self, study_id: int) -> list[Model]:
        """Return the models of a study, oldest first."""
        return [Model.from_row(row) for row in self._read(sql.models_of(study_id))]

    # Transactions: everything above goes through these three

    def _read(self, query: Executable) -> list[step.Row]:
        with transaction(self._engine, read_only=True) as connection:
            return step.rows(connection, query)

    def _write(self, work: Callable[[Connection], Result]) -> Result:
        """Run `work` in one transaction; it may be run again as a whole, so it keeps nothing elsewhere."""
        with transaction(self._engine) as connection:
            return work(connection)

    def _added(self, new: Insert, by_id: Callable[[int], Executable]) -> step.Row:
        return self._write(partial(step.add, new=new, by_id=by_id))

    def _changed(self, change: Executable) -> bool:
        return self._write(lambda connection: connection.execute(change).rowcount == 1)
