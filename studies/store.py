"""The study store: what was asked, what was tried and what came out, in one SQL database.

What it answers is in `questions.py`, its records in `records.py`, SQL in `statements.py`, connections in `engine.py`;
`schema.py` makes and upgrades the tables. Optuna's half of the same database is `optuna_storage.py`, sweeps are in
`sweep_store.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Unpack

from sqlalchemy.exc import IntegrityError

from . import statements as sql
from . import transactions as step
from .clock import utc_text
from .errors import ConfigurationTaken, StudyExists, StudyNotFound
from .identity import fingerprint
from .leases import IsLost
from .names import check_study_name, new_uid
from .objective import DIRECTIONS
from .optuna_storage import forget_optuna_study
from .promotion import Promotion
from .questions import Questions
from .records import Failure, Model, Study, Trial, TrialState
from .trial_fields import TrialFields, columns_of, ending_of


class StudyStore(Questions):
    """Where studies, trials and models are kept.

    What it promises, on every database:

    - one object may be used from several threads, one database from several processes and machines;
    - what it returns is yours: changing it never changes the store, later writes never change it;
    - a study gets exactly as many trials as were asked for: those that wait, run, are complete or pruned are
      never more than `Study.trials` together, and failed ones are replaced;
    - a trial is held by one worker at a time, for as long as its lease is renewed;
    - a finished trial never changes again;
    - no two trials of a study have one configuration, but for replicates that are named so;
    - every method is one or a few short transactions, in our tables and in Optuna's: a process that dies leaves no
      half-written row, and no trial that runs with one and waits with the other;
    - a transaction whose connection was lost is run again, and never counts twice.

    Every method raises `StoreFailed` where the database refuses, `StoreFull` where it has no room, and `StoreAway`
    where it does not answer for as long as `patience` lasts.
    """

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
        limits: Mapping[str, Any] | None = None,
        checking: bool = False,
    ) -> Study:
        """Add a study; `spec["identity"]` is the problem it stands for, `uid` defaults to a new one.

        While it is `checking`, as studies of earlier releases were, its first trial alone can be claimed.

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
            "limits": dict(limits or {}),
            "checking": checking,
        }
        return self._add_study(name, values)

    def _add_study(self, name: str, values: Mapping[str, Any]) -> Study:
        try:
            return Study.from_row(self._added(sql.add_study(values), sql.study_by_id))
        except IntegrityError:
            found = self._read(sql.study_by_name(name))
            if not found:
                raise
            if found[0]["uid"] == values["uid"]:
                return Study.from_row(found[0])  # added in a transaction whose success was not heard of
            raise StudyExists(name) from None

    def update_study(
        self,
        study_id: int,
        *,
        trials: int | None = None,
        folder: str | None = None,
        limits: Mapping[str, Any] | None = None,
        backend: str | None = None,
    ) -> Study:
        """Change what may change: the asked total, the folder, the limits, who runs it. Raises `StudyNotFound`."""
        given = {"trials": trials, "folder": folder, "limits": limits, "backend": backend}
        values = {name: value for name, value in given.items() if value is not None}
        return Study.from_row(self._write(partial(step.change_study, study_id=study_id, values=values)))

    def delete_study(self, study_id: int) -> None:
        """Delete a study with its trials and models, and Optuna's study of the same name.

        Files are the caller's. May be repeated where it was interrupted. Raises `StudyNotFound`.
        """
        study = step.only(self._read(sql.study_by_id(study_id)))
        self.patience.keep_trying(lambda: forget_optuna_study(self.url, study["name"]))
        self._write(lambda connection: connection.execute(sql.remove_study(study_id)))

    # The life of a trial

    def claim(self, study_id: int, *, worker: str, lease_s: float, new: bool = True) -> Trial | None:
        """Take the next trial of a study for `worker`, who must `renew` it within `lease_s` seconds.

        A trial that was put back comes first, with the configuration it had; else a `new` one while the asked total is
        not reached; then one that waits at a rung, once no trial is below it. None when nothing is left to start.
        """
        now = self._clock()
        held = {
            "worker": worker,
            "started_at": utc_text(now),
            "lease_until": utc_text(now + timedelta(seconds=lease_s)),
        }
        row = self._write(
            partial(step.claim, study_id=study_id, held=held, new=new),
            again=partial(step.claim_again, study_id=study_id, held=held, new=new),
        )
        return Trial.from_row(row) if row else None

    def reserve(
        self,
        trial_id: int,
        params: Mapping[str, Any],
        *,
        replicate: str = "",
        prior: str | None = None,
        worker: str | None = None,
    ) -> None:
        """Give a running trial its configuration, real names to values; `prior` is the study that had it before.

        A configuration is had by one trial alone, but for replicates, each of another name. Raises
        `ConfigurationTaken` where another trial has it, and as `record` does.
        """
        key = fingerprint({"params": params, "replicate": replicate})
        values = {"params": dict(params), "params_key": key, "prior": prior}
        try:
            self._write(partial(step.write_held, trial_id=trial_id, worker=worker, values=values))
        except IntegrityError:
            raise ConfigurationTaken(f"another trial has the configuration {dict(params)!r:.200}") from None

    def withdraw(self, trial_id: int, *, worker: str | None = None) -> bool:
        """Undo a claim for which there is no configuration left; False when it is not this worker's any more."""
        return self._write(partial(step.withdraw, trial_id=trial_id, worker=worker))

    def renew(self, trial_id: int, worker: str, lease_s: float, progress: float | None = None) -> bool:
        """Hold a trial for `lease_s` seconds from now, and say how far it is; False when it is not this worker's."""
        until = utc_text(self._clock() + timedelta(seconds=lease_s))
        shown = {} if progress is None else {"progress": progress}
        return self._changed(sql.write_trial(trial_id, worker, {"lease_until": until, **shown}))

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
        attempt: int | None = None,
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
        row = self._write(partial(step.finish, trial_id=trial_id, worker=worker, attempt=attempt, values=written))
        return Trial.from_row(row)

    def release(self, trial_id: int, *, worker: str | None = None) -> bool:
        """Put a running trial back as if it had not been started (Ctrl-C, a full disk): same attempt, same
        configuration; False when it was not running, or not by `worker`.
        """
        return self._write(partial(step.release, trial_id=trial_id, worker=worker))

    def pause(self, trial_id: int, *, rung: int, seconds: Mapping[str, float], worker: str | None = None) -> None:
        """Let a running trial wait at a rung, with its curve, until no trial of its study is below it.

        `seconds` is the time it took so far, by kind of work. Raises as `record` does.
        """
        written = columns_of({"seconds": dict(seconds)})
        self._write(partial(step.pause, trial_id=trial_id, worker=worker, rung=rung, values=written))

    def recover(self, study_id: int, is_lost: IsLost, now: datetime | None = None) -> list[Trial]:
        """Take trials back from workers that are gone, as `is_lost` knows (`leases.py`); return them as they are then.

        A trial that is renewed meanwhile stays. A lost one waits for its next attempt with the configuration it had;
        lost for the second time it is FAILED `lost`, and replaced.
        """
        moment = now or self._clock()
        lost = [row for row in self._read(sql.running_trials(study_id)) if is_lost(row, moment)]
        back = [self._write(partial(step.lose, lost=row, now=utc_text(moment))) for row in lost]
        return [Trial.from_row(row) for row in back if row is not None]

    # From one rung to the next

    def promote(self, study_id: int, promotions: Sequence[Promotion]) -> bool:
        """Let configurations wait to be run again, all or none; False where another worker has done so.

        They are no part of the asked total, and take no slot. They are claimed when no trial is at a lower rung.
        """
        rows = [promotion.to_row() for promotion in promotions]
        try:
            self._write(partial(step.promote, study_id=study_id, promotions=rows))
        except IntegrityError:
            return False
        return True

    def note_signal(self, study_id: int, signal: Mapping[str, Any]) -> None:
        """Keep what the first trial has found out about the metric, see `Study.signal`. Raises `StudyNotFound`."""
        self._write(partial(step.change_study, study_id=study_id, values={"signal": dict(signal)}))

    def end_checking(self, study_id: int, signal: Mapping[str, Any]) -> bool:
        """Open a study that was `checking` to all trials, at `signal["fraction"]`; False where it was open already."""
        return self._changed(sql.end_checking(study_id, signal))

    def conclude(self, study_id: int, verdict: Mapping[str, Any]) -> Study:
        """Keep what came out of a study. Raises `StudyNotFound`."""
        values = {"verdict": dict(verdict)}
        return Study.from_row(self._write(partial(step.change_study, study_id=study_id, values=values)))

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
            row = self._write(
                partial(step.add_model, values=values), again=partial(step.add_model_again, values=values)
            )
            return Model.from_row(row)
        except IntegrityError as error:
            raise StudyNotFound from error
