"""What the workers of a study do, read from the store and shown: whoever they are and wherever they run."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ..studies.clock import Clock, utc_now, utc_text
from ..studies.records import Study, Trial
from ..studies.store import StudyStore
from .view import View

#: Seconds by which the clocks of two workers may differ: ends are looked for so far back.
SKEW_S = 300.0


@dataclass(kw_only=True)
class StudyWatch:
    """Shows the trials of a study as they begin, go on and end."""

    store: StudyStore
    study: Study
    view: View
    clock: Clock = utc_now
    running: dict[tuple[int, int], Trial] = field(default_factory=dict)  #: by number and attempt
    ended: set[int] = field(default_factory=set)
    newest: datetime = field(init=False)

    def __post_init__(self) -> None:
        """Leave out what has ended before."""
        self.newest = self.clock()
        summary = self.store.summary(self.study.study_id)
        self.ended = {trial.number for trial in self._recent()}
        self.view.search_started(self.study, summary.complete + summary.pruned)

    def look(self) -> None:
        """Show what is new."""
        ended = [trial for trial in self._recent() if trial.number not in self.ended]
        running = {(trial.number, trial.attempt): trial for trial in self.store.running(self.study.study_id)}
        for key in self.running.keys() - running.keys():
            self.view.trial_gone(key[0])
        for key in sorted(running.keys() - self.running.keys()):
            self.view.trial_started(running[key])
        for (number, _), trial in running.items():
            self.view.progress(trial.progress or 0.0, number)
        best = self.store.best(self.study.study_id) if ended else None
        for trial in ended:
            self.view.trial_finished(trial, best)
        self.running = running
        self.ended |= {trial.number for trial in ended}

    def _recent(self) -> list[Trial]:
        since = self.newest - timedelta(seconds=SKEW_S)
        found = self.store.ended_since(self.study.study_id, utc_text(since))
        if found and found[-1].finished_at:
            self.newest = max(self.newest, datetime.fromisoformat(found[-1].finished_at))
        return found
