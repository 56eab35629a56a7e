"""What the workers of a study do, read from the store and shown: whoever they are and wherever they run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ...studies.clock import Clock, utc_now, utc_text
from ...studies.records import Phase, Study, Trial
from ...studies.store import StudyStore
from ..verdict.signal_words import signal_words
from ..view import View, view_for

#: Seconds by which the clocks of two workers may differ: ends are looked for so far back.
SKEW_S = 300.0
#: Seconds between two looks of somebody who only watches.
WATCH_S = 1.0
#: Seconds without a running trial after which a study that has all it was asked for is over: rungs follow at once.
QUIET_S = 15.0


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
    later: int = 0  #: trials on more data, so far

    def __post_init__(self) -> None:
        """Leave out what has ended before."""
        self.newest = self.clock()
        summary = self.store.summary(self.study.study_id)
        self.ended = {trial.number for trial in self._recent()}
        self.later = summary.later
        self.view.search_started(self.study, summary.done)
        if self.later:
            self.view.more_to_run(self.study.trials + self.later, summary.later_done)

    def look(self) -> None:
        """Show what is new."""
        ended = [trial for trial in self._recent() if trial.number not in self.ended]
        running = {(trial.number, trial.attempt): trial for trial in self.store.running(self.study.study_id)}
        self.look_at_study([*ended, *running.values()])
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

    def look_at_study(self, trials: Sequence[Trial]) -> None:
        """Tell what the study itself has come to: whether its metric tells anything, trials on more data."""
        if self.study.signal is None and any(one.number == 0 and one.state.is_finished for one in trials):
            self.study = self.store.study(self.study.name)
            words = signal_words(self.study.signal or {}, self.study.spec["identity"].get("fraction", 1.0))
            if words:
                self.view.say(words)
        if any(trial.phase is not Phase.SEARCH for trial in trials):
            later = self.store.summary(self.study.study_id).later
            if later != self.later:
                self.later = later
                self.view.more_to_run(self.study.trials + later)

    def _recent(self) -> list[Trial]:
        since = self.newest - timedelta(seconds=SKEW_S)
        found = self.store.ended_since(self.study.study_id, utc_text(since))
        if found and found[-1].finished_at:
            self.newest = max(self.newest, datetime.fromisoformat(found[-1].finished_at))
        return found


def follow(store: StudyStore, study: Study, *, sleep: Callable[[float], None] = time.sleep) -> None:
    """Show what the workers of a study do until it is over; a study that is short of trials is waited for."""
    quiet = 0.0
    with view_for(quiet=False) as view:
        watch = StudyWatch(store=store, study=study, view=view)
        while not is_over(store, study, quiet):
            watch.look()
            quiet = 0.0 if watch.running else quiet + WATCH_S
            sleep(WATCH_S)
        watch.look()


def is_over(store: StudyStore, study: Study, quiet: float) -> bool:
    """Return whether all that was asked for has ended, and nothing follows: there is a verdict, or it is `quiet`."""
    summary = store.summary(study.study_id)
    if summary.done < summary.study.trials or summary.later_done < summary.later:
        return False
    return not store.running(study.study_id) and (bool(summary.study.verdict) or quiet >= QUIET_S)
