"""What a person sees while a search runs, on stderr: a live view in a terminal, plain lines elsewhere, or nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ..studies.records import Study, Trial, TrialState
from .talk import printable, tell


class View:
    """Shows nothing; the base of those that do."""

    def __enter__(self) -> View:
        """Begin to show."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the terminal as it was."""

    def say(self, text: str) -> None:
        """Tell something worth keeping on the screen."""

    def search_started(self, study: Study, finished: int) -> None:
        """A search of `study.trials` trials begins, of which `finished` are there already."""

    def trial_started(self, trial: Trial) -> None:
        """A trial begins."""

    def progress(self, share: float) -> None:
        """The running trial or retraining has done this share of its budget."""

    def trial_finished(self, trial: Trial, best: Trial | None) -> None:
        """A trial ended; `best` is the best so far."""

    def phase(self, text: str) -> None:
        """Something other than a trial begins, such as the retraining."""


class PlainView(View):
    """One line for each event: for log files and pipes."""

    def __init__(self, write: Callable[[str], Any] | None = None) -> None:
        self.write = write or tell

    def say(self, text: str) -> None:
        """Write the line."""
        self.write(text)

    def search_started(self, study: Study, finished: int) -> None:
        """Say where the study stands."""
        self.write(f"study {study.name!r}: {finished} of {study.trials} trials done")

    def trial_finished(self, trial: Trial, best: Trial | None) -> None:
        """One line a trial."""
        self.write(f"{headline(trial)}  {best_line(best)}")

    def phase(self, text: str) -> None:
        """One line a phase."""
        self.write(text)


class LiveView(View):
    """A line that moves: which trial, how far, best so far, time left; finished trials scroll by above it."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self.console = console
        self.clock = clock
        self.total = self.finished = self.at_start = 0
        self.started = clock()
        self.current, self.share = "preparing", 0.0
        self.best: Trial | None = None
        self.live = Live(console=console, get_renderable=self.render, refresh_per_second=4, transient=True)

    def __enter__(self) -> View:
        """Take over the bottom lines of the terminal."""
        self.live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give them back."""
        self.live.stop()

    def say(self, text: str) -> None:
        """Print above the moving line."""
        self.console.print(Text(printable(text)))

    def search_started(self, study: Study, finished: int) -> None:
        """Start the clock."""
        self.total, self.finished, self.at_start = study.trials, finished, finished
        self.started = self.clock()
        self.say(f"study {study.name!r}: {finished} of {study.trials} trials done")

    def trial_started(self, trial: Trial) -> None:
        """Show the trial's number."""
        self.current, self.share = f"trial {trial.number}" + (" (baseline)" if trial.number == 0 else ""), 0.0

    def progress(self, share: float) -> None:
        """Move the bar."""
        self.share = share

    def trial_finished(self, trial: Trial, best: Trial | None) -> None:
        """Let the trial scroll by."""
        self.finished += trial.state is not TrialState.FAILED
        self.best = best
        self.share = 0.0
        self.console.print(Text(headline(trial)), highlight=False, no_wrap=True, overflow="ellipsis")

    def phase(self, text: str) -> None:
        """Show the phase instead of a trial."""
        self.current, self.share = text, 0.0

    def seconds_left(self) -> float | None:
        """Return the time the remaining trials will take if they are like those of this run; None before the first."""
        done = self.finished - self.at_start
        if done <= 0 or self.finished >= self.total:
            return None
        return (self.clock() - self.started) / (done + self.share) * (self.total - self.finished - self.share)

    def render(self) -> Group:
        """Return the moving lines."""
        left = self.seconds_left()
        grid = Table.grid(padding=(0, 1))
        grid.add_row(
            Text(printable(self.current)),
            ProgressBar(total=1.0, completed=self.share, width=24),
            f"{self.finished}/{self.total}" if self.total else "",
            Text(best_line(self.best)),
            f"{duration(left)} left" if left is not None else "",
        )
        return Group(grid)


def headline(trial: Trial) -> str:
    """Return one line for a finished trial."""
    score = "-" if trial.score is None else f"{trial.score:.4f}"
    what = "baseline" if trial.number == 0 else short_values(trial.params or {})
    state = trial.state.value.lower() if trial.failure is None else f"failed: {trial.failure.value}"
    return f"trial {trial.number:>3}  {state:<9} {score:>8}  {duration(trial.total_seconds):>6}  {what}"


def best_line(best: Trial | None) -> str:
    """Return the best score so far, as text."""
    return "" if best is None or best.score is None else f"best {best.score:.4f} (trial {best.number})"


def short_values(params: dict[str, Any]) -> str:
    """Return names and values in one line, numbers to three digits."""
    return ", ".join(f"{name}={short(value)}" for name, value in params.items())


def short(value: Any) -> str:
    """Return a value as a person would write it."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def duration(seconds: float | None) -> str:
    """Return seconds as `41s`, `3m20s` or `2h05m`."""
    if seconds is None:
        return "-"
    if seconds < 60:
        return f"{seconds:.0f}s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m{rest:02d}s" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02d}m"


def view_for(*, quiet: bool) -> View:
    """Return the view that suits where stderr goes."""
    if quiet:
        return View()
    console = Console(stderr=True)
    return LiveView(console) if console.is_terminal else PlainView()
