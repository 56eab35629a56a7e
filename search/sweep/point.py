"""A cell in one run of its sweep, as its row tells it."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

import scipy  # imports a submodule when it is first used: `stats` takes a second

from ...studies.plain import finite
from ...studies.sweeps import RunState, SweepCell, SweepRun

LEVEL = 0.95
#: How a cell stands in a run: what was found, or why there is nothing to find.
WORSE, BETTER, NOISY, STEADY, NEW = "worse", "better", "noisy", "steady", "new"
FAILED, RUNNING, UNFINISHED, NOT_RUN = "failed", "running", "unfinished", "not run"


@dataclass(frozen=True, kw_only=True)
class Side:
    """The winner or the baseline of a measurement: a score for each seed, of each metric."""

    scores: Mapping[str, Sequence[float]]

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Side:
        """Read what was kept; a score that is no number is left out."""
        found = {
            metric: [number for one in values if (number := finite(one)) is not None]
            for metric, values in (kept.get("scores") or {}).items()
        }
        return cls(scores=found)

    @property
    def means(self) -> dict[str, float]:
        """The mean over the seeds, of each metric that has one."""
        return {metric: fmean(values) for metric, values in self.scores.items() if values}

    def interval(self, metric: str) -> tuple[float, float] | None:
        """Return Student's interval of the mean over the seeds; None for fewer than two."""
        values = self.scores.get(metric) or []
        if len(values) < 2:
            return None
        half = quantile(len(values) - 1) * stdev(values) / len(values) ** 0.5
        return fmean(values) - half, fmean(values) + half


@functools.cache
def quantile(freedom: int) -> float:
    """Return how many standard errors an interval reaches to each side."""
    return float(scipy.stats.t.ppf((1 + LEVEL) / 2, freedom))


NOTHING = Side(scores={})


@dataclass(frozen=True, kw_only=True)
class Point:
    """A cell in one run. What it measured is there where it is complete."""

    run: str  #: label of the run
    due_at: str
    study: str
    state: str
    message: str | None = None  #: why it failed
    history: str | None = None  #: fingerprint of what its scores can be compared over
    task: str = ""
    model: str = ""
    metric: str = ""
    direction: str = ""
    split: str = ""
    winner: Side = NOTHING
    baseline: Side = NOTHING
    finding: Mapping[str, Any]
    seconds: float | None = None
    trainings: float | None = None  #: what it cost, in trainings on all the data
    failed_trials: int = 0

    @classmethod
    def of(cls, run: SweepRun, cell: SweepCell) -> Point:
        """Read a row. The errors of single rows, which are most of what was measured, are left out."""
        known: dict[str, Any] = {"run": run.label, "due_at": run.due_at, "study": cell.study}
        if cell.state is RunState.FAILED:
            return cls(**known, state=FAILED, message=cell.failure_message or "nobody knows why", finding={})
        if cell.state is not RunState.COMPLETE or cell.measured is None:
            return cls(**known, state=RUNNING if run.state is RunState.RUNNING else UNFINISHED, finding={})
        kept, finding = cell.measured, cell.finding or {}
        texts: dict[str, Any] = {
            name: str(kept.get(name) or "") for name in ("task", "model", "metric", "direction", "split")
        }
        return cls(
            **known,
            **texts,
            state=str(finding.get("state") or NEW),
            history=cell.history,
            winner=Side.of(kept.get("winner") or {}),
            baseline=Side.of(kept.get("baseline") or {}),
            finding=finding,
            seconds=finite(kept.get("seconds")),
            trainings=finite(kept.get("trainings")),
            failed_trials=int(kept.get("failed") or 0),
        )

    @property
    def score(self) -> float | None:
        """The winner's mean over the seeds."""
        return self.winner.means.get(self.metric)

    @property
    def interval(self) -> tuple[float, float] | None:
        """The interval of that mean over the seeds."""
        return self.winner.interval(self.metric)

    @property
    def seeds(self) -> int:
        """Over how many seeds that is."""
        return len(self.winner.scores.get(self.metric) or [])

    @property
    def baseline_score(self) -> float | None:
        """The baseline's mean over the seeds."""
        return self.baseline.means.get(self.metric)

    @property
    def words(self) -> str:
        """How it stands, in a sentence."""
        return str(self.finding.get("words") or self.message or self.state)

    @property
    def changes(self) -> list[str]:
        """What else is different since the scores changed, or may have; nothing where there is nothing to explain."""
        told = self.state in (WORSE, BETTER, NOISY)
        return [str(one) for one in self.finding.get("changes") or []] if told else []

    @property
    def rows(self) -> Mapping[str, Any]:
        """How many rows of the report split were lost and gained; empty where nobody knows."""
        return self.finding.get("rows") or {}
