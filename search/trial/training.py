"""One training of a configuration, whatever it is for: where it writes, when it is evaluated, what was found.

What a trial adds to it is `run`; what runs a stored one again is `again`. The Trainer side is `trainer`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from ...studies.objective import Objective
from ..data.splits import Splits
from ..errors import NonFiniteScore, NoObjective
from ..ranks.ranks import ALONE, Ranks
from .budget import BudgetCallback, percent
from .configuration import Configuration
from .environment import EnvironmentCallback
from .numbers import number_of, plain_numbers
from .signal_check import SignalCheck


@dataclass(frozen=True)
class Evaluation:
    """One evaluation inside a training."""

    share: float  #: of the training's budget, 0 to 1
    score: float
    metrics: dict[str, float]
    collapsed: bool = False  #: the model predicted the same for every row

    def to_dict(self) -> dict[str, Any]:
        """Return the point of the learning curve that the store keeps."""
        return {"budget": self.share, "score": self.score, "metrics": self.metrics}

    @classmethod
    def from_dict(cls, point: Mapping[str, Any]) -> Evaluation:
        """Rebuild what `to_dict` gave."""
        return cls(point["budget"], point["score"], dict(point["metrics"]))


@dataclass(kw_only=True)
class Training:
    """What one training needs to know and to remember."""

    folder: Path
    objective: Objective
    score_from: str  #: `best` or `last` evaluation
    splits: Callable[[Configuration], Splits]
    callbacks: list[TrainerCallback] = field(default_factory=list)
    is_aside: bool = False  #: it leaves no trace: no weights, nothing in a row
    unsmoothed: bool = False  #: whether its loss is to be judged without smoothed labels
    check: SignalCheck | None = None  #: what looks for a signal in the data, in the first trial
    predicts_report: bool = False  #: whether it may stand for its configuration in the end
    scores_predictions: bool = True  #: whether one class or number a row is all that its score is made of
    outputs: Path | None = None  #: where else what it says of the report split is kept
    environment: EnvironmentCallback = field(default_factory=EnvironmentCallback)
    budget: BudgetCallback = field(default_factory=BudgetCallback)
    ranks: Ranks = ALONE  #: which of the processes that train it together this one is
    evaluations: list[Evaluation] = field(default_factory=list)
    collapsed: bool = False  #: as of the latest predictions
    configuration: Configuration | None = None  #: once it has begun

    def booked(self, kind: str) -> AbstractContextManager[None]:
        """Return the block whose time is that kind of work; nobody keeps a ledger of a retraining or a replay."""
        return nullcontext()

    @property
    def reports(self) -> bool:
        """Whether trackers are told of it by us, and so by nobody else."""
        return False

    def trackers(self, configuration: Configuration) -> list[TrainerCallback]:
        """Return what tells trackers of the training that follows."""
        return []

    def predicted(self, collapsed: bool) -> None:
        """Take note of whether the model that the next metrics are of has collapsed."""
        self.collapsed = collapsed

    def evaluated(self, step: int, metrics: Mapping[str, float]) -> list[int]:
        """Take the metrics of an evaluation at `step`; return the percents of the budget it completes, for the pruner.

        Raises `NoObjective` if the objective is not among them and `NonFiniteScore` if it is not a finite number.
        """
        score = finite_score(metrics, self.objective.name)
        values = {name: float(value) for name, value in plain_numbers(metrics).items()}
        self.evaluations += [Evaluation(share, score, values, self.collapsed) for share in self.budget.shares_at(step)]
        return [percent(look) for look in self.budget.looks_at(step)]

    @property
    def scored(self) -> Evaluation | None:
        """The evaluation that gives the training its score: the first of the best ones, or the last."""
        if not self.evaluations:
            return None
        if self.score_from == "last":
            return self.evaluations[-1]
        return self.objective.best(self.evaluations, lambda one: one.score)


def finite_score(metrics: Mapping[str, Any], objective: str) -> float:
    """Return the objective among `metrics`. Raises `NoObjective` or `NonFiniteScore`, each with what was there."""
    if objective not in metrics:
        raise NoObjective(f"the evaluation returned no {objective!r}, only {', '.join(sorted(metrics))}")
    score = number_of(metrics[objective])
    if score is None or not math.isfinite(score):
        raise NonFiniteScore(f"{objective} is {metrics[objective]!r}")
    loss = number_of(metrics.get("eval_loss"))
    if loss is not None and not math.isfinite(loss):
        raise NonFiniteScore(f"eval_loss is {loss!r}")
    return score
