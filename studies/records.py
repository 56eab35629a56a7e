"""Records kept in the store; `tables.py` has their columns, `store.py` hands them out.

Names: `*_id` is the database key (int), `*_name` and `name` are what people type (str), `number` counts
trials inside one study from 0, `*_at` and `*_until` are UTC ISO text (`clock.py`), `seconds` is a dict of
seconds by kind of work. A record is a copy: changing its dicts changes nothing in the store.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

from .objective import Objective


class TrialState(enum.StrEnum):
    """The life of a trial. Members are added, never renamed: their values are in people's databases.

    ```text
            claim               finish
    WAITING ------> RUNNING ----------> COMPLETE   it has a score
       ^               |   \\----------> INFEASIBLE it has one, and breaks a constraint: never the best
       ^               |   \\----------> PRUNED     stopped early; its last score counts
       |               |    \\---------> FAILED     its `Failure` says how; its slot is given back
       +---------------+
        release: same attempt
        recover: next attempt, once; lost again, it is FAILED
    ```
    """

    WAITING = "WAITING"
    RUNNING = "RUNNING"
    COMPLETE = "COMPLETE"
    INFEASIBLE = "INFEASIBLE"
    PRUNED = "PRUNED"
    FAILED = "FAILED"

    @property
    def is_finished(self) -> bool:
        """Whether a trial in this state never changes again."""
        return self not in (TrialState.WAITING, TrialState.RUNNING)

    @property
    def is_done(self) -> bool:
        """Whether a trial in this state has ended and counts: it did not fail."""
        return self.is_finished and self is not TrialState.FAILED

    @property
    def ran_through(self) -> bool:
        """Whether a trial in this state came to the end of its training, with a score."""
        return self in (TrialState.COMPLETE, TrialState.INFEASIBLE)


class Failure(enum.StrEnum):
    """How a trial failed, or what is wrong with one that is complete. Members are added, never renamed."""

    OOM = "oom"  #: out of memory, on the device or the host
    NAN = "nan"  #: the loss or the score stopped being a number
    COLLAPSED = "collapsed"  #: the model predicts the same for everything; the trial is complete, and its score true
    TIMEOUT = "timeout"  #: it took longer than one trial may
    LOST = "lost"  #: its worker died or went silent, twice
    DATA = "data"  #: a row could not be used
    CODE = "code"  #: anything else that was raised


class Phase(enum.StrEnum):
    """Why a trial is run. Members are added, never renamed."""

    SEARCH = "search"  #: a configuration that was proposed; these are the trials that are counted
    PROMOTION = "promotion"  #: one of the best of a rung, again at the next
    FINAL = "final"  #: a finalist, or the baseline, on all the data with one of the shared seeds


@dataclass(frozen=True, kw_only=True)
class Study:
    """One search problem and what was asked of it."""

    study_id: int
    uid: str  #: 8 hexadecimal digits, in the name of its folder
    name: str
    created_at: str
    identity: str  #: SHA-256 of the canonical `spec["identity"]`
    spec: dict[str, Any]  #: `identity` and whatever else the search layer keeps; not interpreted here
    task: str
    model: str
    backend: str
    objective: str
    direction: str  #: `maximize` or `minimize`
    trials: int  #: how many were asked for in total
    folder: str  #: absolute path, empty until one was made
    forked_from: str | None = None  #: name of the study it was forked from
    limits: dict[str, Any] = field(default_factory=dict)  #: what bounds the search, for each of its workers
    checking: bool = False  #: of earlier releases: whether the first trial has yet to find the share with a signal
    signal: dict[str, Any] | None = None  #: whether the first trial was better than chance, and on which share
    verdict: dict[str, Any] | None = None  #: what came out: winner against baseline, ranks, cost

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Make the record of one row of `hpsearch_studies`."""
        return cls(**{**_own_columns(cls, row), "limits": row["limits"] or {}})

    def to_dict(self) -> dict[str, Any]:
        """Return the record for JSON."""
        return _shallow(self)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One configuration run once at one fidelity with one seed."""

    trial_id: int
    study_id: int
    number: int  #: position in its study, from 0
    attempt: int = 1  #: from 1; a lost trial is run again under the next
    state: TrialState
    failure: Failure | None = None
    failure_message: str | None = None
    baseline: bool = False
    phase: Phase = Phase.SEARCH
    rung: int = 0
    origin: int | None = None  #: number of the trial that had this configuration first; None: this one
    fraction: float | None = None  #: share of the training set, above 0 to 1
    seed: int | None = None
    params: dict[str, Any] | None = None  #: real names to values; None until they are resolved
    config: dict[str, Any] = field(default_factory=dict)  #: the whole resolved configuration
    objective: str  #: name of the metric that is the score
    score: float | None = None
    metrics: dict[str, Any] = field(default_factory=dict)
    curve: list[dict[str, Any]] = field(default_factory=list)  #: one entry an evaluation, `budget` is 0 to 1
    worker: str | None = None  #: `worker.worker_name()` of who holds it, or held it last
    lease_until: str | None = None  #: None unless it is running
    seconds: dict[str, float] = field(default_factory=dict)
    checkpoint: str | None = None
    optuna_trial_id: int | None = None  #: key of the same trial in Optuna's tables
    progress: float | None = None  #: share of its budget it has done, 0 to 1, as of its last sign of life
    device: str | None = None  #: what it ran on, `devices.device_name()`
    predictions: list[Any] | None = None  #: of a final: what it predicts for each row of the report split
    environment: dict[str, Any] | None = None  #: what its result depends on besides its configuration
    prior: str | None = None  #: name of the study that this configuration was taken from; None: it was proposed here
    started_at: str | None = None
    finished_at: str | None = None

    @property
    def stopped_at(self) -> float | None:
        """The share of its budget at which it ended itself, as by early stopping; None for any other end."""
        if not self.state.ran_through or not self.curve or self.curve[-1]["budget"] >= 1:
            return None
        return float(self.curve[-1]["budget"])

    @property
    def first_number(self) -> int:
        """Number of the trial that had this configuration first."""
        return self.number if self.origin is None else self.origin

    @property
    def total_seconds(self) -> float:
        """Seconds of all kinds of work together."""
        return float(sum(self.seconds.values()))

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Make the record of one row of `hpsearch_trials`."""
        failure = row["failure"]
        words = {
            "state": TrialState(row["state"]),
            "failure": Failure(failure) if failure else None,
            "phase": Phase(row["phase"]),
        }
        return cls(**{**_own_columns(cls, row), **words})

    def to_dict(self) -> dict[str, Any]:
        """Return the record for JSON, with `total_seconds`."""
        words = {
            "state": self.state.value,
            "failure": self.failure and self.failure.value,
            "phase": self.phase.value,
        }
        return {**_shallow(self), **words, "total_seconds": self.total_seconds}


@dataclass(frozen=True, kw_only=True)
class Tried:
    """A configuration that a trial was given, and what became of it."""

    number: int
    state: TrialState
    failure: Failure | None
    params: dict[str, Any]
    phase: Phase = Phase.SEARCH
    score: float | None = None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Make the record of one row of `statements.configurations`."""
        failure = row["failure"]
        words = {
            "state": TrialState(row["state"]),
            "failure": Failure(failure) if failure else None,
            "phase": Phase(row["phase"]),
        }
        return cls(**{**_own_columns(cls, row), **words})


@dataclass(frozen=True, kw_only=True)
class Model:
    """One retrained model."""

    model_id: int
    study_id: int
    trial_number: int
    folder: str  #: absolute path
    metrics: dict[str, Any]
    seconds: dict[str, float]
    created_at: str
    fingerprint: str  #: of the data it was trained on
    spec: dict[str, Any]  #: not interpreted here

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Make the record of one row of `hpsearch_models`."""
        return cls(**_own_columns(cls, row))

    def to_dict(self) -> dict[str, Any]:
        """Return the record for JSON."""
        return _shallow(self)


@dataclass(frozen=True, kw_only=True)
class StudySummary:
    """A study, how many of its trials are in each state, and its best score at the most data that any saw."""

    study: Study
    complete: int  #: of the search, as the next four
    infeasible: int
    pruned: int
    failed: int
    running: int
    later: int  #: trials of later phases: promotions and finals
    later_done: int  #: those of them that have ended, well or not
    best_score: float | None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Make the record of one row of `statements.summaries`."""
        study = Study.from_row(row)
        counts = {
            state: row[state] or 0
            for state in ("complete", "infeasible", "pruned", "failed", "running", "later", "later_done")
        }
        best = row["highest"] if Objective.of(study).maximizes else row["lowest"]
        return cls(study=study, best_score=best, **counts)

    @property
    def done(self) -> int:
        """How many trials of the total have ended, other than by a failure."""
        return self.complete + self.infeasible + self.pruned

    def to_dict(self) -> dict[str, Any]:
        """Return one line of `hpsearch studies --json`; the name is under `study`."""
        about = {name: getattr(self.study, name) for name in LISTED}
        counts = {name: value for name, value in _shallow(self).items() if name != "study"}
        return {"study": self.study.name, **about, **counts}


LISTED = ("task", "model", "backend", "direction", "objective", "trials", "created_at", "folder")


def _own_columns(record: type[Any], row: Mapping[str, Any]) -> dict[str, Any]:
    return {column.name: row[column.name] for column in fields(record)}


def _shallow(record: Any) -> dict[str, Any]:
    """Return the fields of a record; `dataclasses.asdict` would copy every curve deeply."""
    return {column.name: getattr(record, column.name) for column in fields(record)}
