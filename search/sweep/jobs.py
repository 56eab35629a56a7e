"""The scheduler's jobs, one a sweep: their due times, and what of them outlives the process.

A server fires by what it holds in memory and its own files; the database keeps only since when each sweep is served
by which schedule. APScheduler's own SQL store is not used, for in a database that a team shares it would
unpickle (and so run) what anybody wrote there, delete the rows it cannot read, run the sweeps of every other server,
and let two servers take due times from each other: one that then waits behind a long sweep, or dies, has lost them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apscheduler.job import Job
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.triggers.base import BaseTrigger
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from ...spaces.errors import BadInput
from ...studies.clock import utc_text
from ...studies.engine import make_engine, transaction
from ...studies.errors import StoreFailed
from ...studies.tables import sweep_schedules as schedules
from ..talk import tell
from .timetable import Timetable


@dataclass(frozen=True)
class DueTimes(BaseTrigger):
    """When a sweep is due, as APScheduler asks it."""

    timetable: Timetable
    since: datetime  #: from when on it has been served by this schedule

    def first(self, now: datetime) -> datetime:
        """Return the due time to begin with: the latest missed one if there is one, or else the next."""
        latest = self.timetable.last_due(now)
        return latest if latest is not None and latest > self.since else self.timetable.next_due(now)

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """Return the due time after the previous one."""
        return self.timetable.next_due(previous_fire_time or now)

    def to_row(self) -> dict[str, str]:
        """Return what the database keeps."""
        return {"cron": self.timetable.cron, "timezone": self.timetable.timezone, "since": utc_text(self.since)}

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> DueTimes | None:
        """Return what the database kept, or None where somebody has written something else."""
        try:
            due = cls(Timetable(row["cron"], row["timezone"]), datetime.fromisoformat(row["since"]))
        except (ValueError, BadInput):
            return None
        return due if due.since.tzinfo is not None else None


class KeptJobs(MemoryJobStore):
    """The jobs of one server whose sweeps have one store; what is worth knowing after a restart is written there."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._engine = make_engine(url)

    def due_times(self, name: str, timetable: Timetable, now: datetime) -> DueTimes:
        """Return the due times of a sweep: since it is served by this schedule, be that by another process.

        Raises `StoreFailed`.
        """
        with transaction(self._engine, read_only=True) as connection:
            row = connection.execute(select(schedules).where(schedules.c.sweep == name)).mappings().first()
        kept = None if row is None else DueTimes.from_row(dict(row))
        return kept if kept is not None and kept.timetable == timetable else DueTimes(timetable, now)

    def add_job(self, job: Job) -> None:
        """Add a job, and keep it."""
        super().add_job(job)
        self._keep(job)

    def update_job(self, job: Job) -> None:
        """Change a job's next due time or its schedule, and keep it."""
        super().update_job(job)
        self._keep(job)

    def shutdown(self) -> None:
        """Forget the jobs; the database does not."""
        super().shutdown()
        self._engine.dispose()

    def _keep(self, job: Job) -> None:
        """Write a job's row; a store that is away for a while costs a server nothing but that."""
        values = {**job.trigger.to_row(), "next_due": utc_text(job.next_run_time)}
        try:
            if not self._update(job.id, values):
                self._insert(job.id, values)
        except StoreFailed as error:
            tell(f"sweep {job.id!r}: {error}")

    def _insert(self, name: str, values: dict[str, Any]) -> None:
        try:
            with transaction(self._engine) as connection:
                connection.execute(insert(schedules).values(sweep=name, **values))
        except IntegrityError:  # another server was quicker
            self._update(name, values)

    def _update(self, name: str, values: dict[str, Any]) -> bool:
        with transaction(self._engine) as connection:
            return connection.execute(update(schedules).where(schedules.c.sweep == name).values(**values)).rowcount == 1
