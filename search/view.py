"""What a person sees while a search runs, on stderr: a live view in a terminal, plain lines elsewhere, or nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from rich.cells import cell_len
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ..studies.records import Study, Trial, TrialState
from .talk import printable, tell
from .words import duration, from_where, run_again, short_values, shown_params

LONGEST_BAR, SHORTEST_BAR = 24, 10  # in characters


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

    def progress(self, share: float, number: int | None = None) -> None:
        """Trial `number`, or the retraining, has done this share of its budget."""

    def trial_finished(self, trial: Trial, best: Trial | None) -> None:
        """A trial ended; `best` is the best so far."""

    def trial_gone(self, number: int) -> None:
        """A trial runs no longer: it ended, or went back to its study."""

    def more_to_run(self, total: int, done: int = 0) -> None:
        """There are `total` trials by now, for the best go on on more data; `done` of these are there already."""

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
    """Lines that move: a bar for each running trial, best so far, time left; finished trials scroll by above them.

    They are never more than the terminal has, and none is longer than it is wide: others could not be drawn over.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self.console = console
        self.clock = clock
        self.total = self.finished = self.at_start = 0
        self.started = clock()
        self.current, self.share = "preparing", 0.0
        self.running: dict[int, float] = {}  #: shares of the trials' budgets, by number
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
        self.current = ""
        self.running[trial.number] = 0.0

    def progress(self, share: float, number: int | None = None) -> None:
        """Move a bar."""
        if number is None:
            self.share = share
        else:
            self.running[number] = share

    def more_to_run(self, total: int, done: int = 0) -> None:
        """Let the count go on."""
        self.total = total
        self.finished += done
        self.at_start += done

    def trial_gone(self, number: int) -> None:
        """Take its bar away."""
        self.running.pop(number, None)

    def trial_finished(self, trial: Trial, best: Trial | None) -> None:
        """Let the trial scroll by."""
        self.finished += trial.state is not TrialState.FAILED
        self.best = best
        self.running.pop(trial.number, None)
        self.console.print(Text(headline(trial)), highlight=False, no_wrap=True, overflow="ellipsis")

    def phase(self, text: str) -> None:
        """Show the phase instead of a trial."""
        self.current, self.share = text, 0.0
        self.running.clear()

    def seconds_left(self) -> float | None:
        """Return the time the remaining trials will take if they are like those of this run; None before the first."""
        done = self.finished - self.at_start
        if done <= 0 or self.finished >= self.total:
            return None
        begun = sum(self.running.values())
        return (self.clock() - self.started) / (done + begun) * max(0.0, self.total - self.finished - begun)

    def render(self) -> Group:
        """Return the moving lines: the running trials, as many as there is room for, and how far the search is."""
        width, room = self.console.width, max(1, self.console.height - 3)
        bars, about = self.bars(), self.standing()
        left = width - max((cell_len(name) for name, _ in bars), default=width) - cell_len(about) - 3
        beside = left >= SHORTEST_BAR
        bar = min(LONGEST_BAR, left if beside else width // 2)
        grid = Table.grid(padding=(0, 1))
        for line, (name, share) in enumerate(bars[:room]):
            told = Text(about if beside and line == 0 else "")
            grid.add_row(_fitting(name, width - bar - 3), ProgressBar(total=1.0, completed=share, width=bar), told)
        below = [f"and {len(bars) - room} more" if len(bars) > room else "", "" if beside else about]
        return Group(*([grid] if bars else []), *(_fitting(text, width) for text in below if text))

    def bars(self) -> list[tuple[str, float]]:
        """Return names and shares of what is going on: the running trials, or else the phase."""
        if self.running:
            return [(_named(number), share) for number, share in sorted(self.running.items())]
        return [(_one_line(self.current), self.share)] if self.current else []

    def standing(self) -> str:
        """Return how far the search is, in one line."""
        left = self.seconds_left()
        whole = f"{self.finished}/{self.total}" if self.total else ""
        parts = (whole, best_line(self.best), f"{duration(left)} left" if left is not None else "")
        return " ".join(part for part in parts if part)


def _named(number: int) -> str:
    return f"trial {number}" + (" (baseline)" if number == 0 else "")


def _fitting(text: str, width: int) -> Text:
    fitting = Text(text)
    fitting.truncate(max(1, width), overflow="ellipsis")
    return fitting


def _one_line(text: str) -> str:
    return printable(text).replace("\n", "\N{REPLACEMENT CHARACTER}")


def headline(trial: Trial) -> str:
    """Return one line for a finished trial; a failed one has the class of its failure in place of a score."""
    what = run_again(trial) or ("baseline" if trial.number == 0 else short_values(shown_params(trial)))
    if trial.prior is not None:
        what += f" ({from_where(trial)})"
    if trial.stopped_at is not None:
        what += f" (ended itself at {trial.stopped_at:.0%})"
    state = trial.state.value.lower() if trial.failure is None else trial.failure.value
    how = f"{state:<9} {'-' if trial.score is None else f'{trial.score:.4f}':>8}"
    if trial.state is TrialState.FAILED:
        how = f"failed: {trial.failure}"
    return _one_line(f"trial {trial.number:>3}  {how:<18}  {duration(trial.total_seconds):>6}  {what}")


def best_line(best: Trial | None) -> str:
    """Return the best score so far, as text."""
    return "" if best is None or best.score is None else f"best {best.score:.4f} (trial {best.number})"


def view_for(*, quiet: bool) -> View:
    """Return the view that suits where stderr goes."""
    if quiet:
        return View()
    console = Console(stderr=True)
    return LiveView(console) if console.is_terminal else PlainView()
