"""The objectives of a study: the one that steers its search, and others that are weighed against it afterwards.

The first is *the* objective: sampler, pruner, rungs and finals know no other, and it is part of the study's identity.
The others are kept with the study and are no part of that: the trials are the same, whatever else is looked at. Which
configurations no other beats is `pareto`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ..spaces.errors import BadInput
from ..studies.records import Study, Trial
from .options import listed
from .tasks import MAXIMIZE, METRICS, MINIMIZE

#: What people type for the seconds of a trial's training; a metric of that name is `eval_seconds`.
SECONDS = "seconds"
TRAIN = "train"  # `trial.ledger.TRAIN`, which comes with transformers
#: Where a study keeps what is weighed, among its limits.
WEIGHED = "weighed"
#: How keys of metrics end that are better when lower, whatever function of the user's own returns them.
LOWER_IS_BETTER = ("loss", *(f"_{name}" for name, direction in METRICS.items() if direction == MINIMIZE))


class Objective(NamedTuple):
    """A number of a trial, and in which direction it is better."""

    name: str  #: key of the evaluation's metrics, or `seconds`
    direction: str  #: `maximize` or `minimize`

    @property
    def typed(self) -> str:
        """What people type for it."""
        short = self.name.removeprefix("eval_")
        return self.name if short == SECONDS else short

    @property
    def argument(self) -> str:
        """What has to be typed for it beside another objective: its direction, too, where its name does not say it."""
        return self.typed if self.direction == usual_direction(self.name) else f"{self.typed}:{self.direction}"

    @property
    def words(self) -> str:
        """What people read, such as `accuracy (maximize)`."""
        return f"{self.typed} ({self.direction})"

    def value(self, trial: Trial) -> float | None:
        """Return the trial's number, as of the evaluation that gave it its score; None where it has none.

        `seconds` are those of its training: neither evaluations nor checkpoints, and no signal check.
        """
        if self.name == SECONDS:
            found = trial.seconds.get(TRAIN)
        else:
            found = trial.score if self.name == trial.objective else trial.metrics.get(self.name)
        if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
            return None
        return float(found)

    def text(self, trial: Trial) -> str:
        """Return the trial's number as people read it."""
        found = self.value(trial)
        return "-" if found is None else f"{found:.2f}" if self.name == SECONDS else f"{found:.4f}"


def first_and_weighed(asked: str | Iterable[str] | None) -> tuple[str | None, tuple[str, ...]]:
    """Return the objective and the names of what is weighed against it; None for the objective where none is named.

    Raises `BadInput` for what is no name, a name that stands there twice, and for an objective that is `seconds` or
    says its direction.
    """
    try:
        names = tuple(listed(asked))
    except TypeError:
        raise BadInput(f"an objective is the name of a metric, got {asked!r:.80}") from None
    keys: list[str] = []
    for name in names:
        if not isinstance(name, str) or not name.strip():
            raise BadInput(f"an objective is the name of a metric, got {name!r:.80}")
        keys.append(key_of(name_and_direction(name)[0]))
        if keys[-1] in keys[:-1]:
            raise BadInput(f"the objective {name!r:.80} is named twice", hint="leave one of them out")
    if names and names[0] == SECONDS:
        raise BadInput(
            f"{SECONDS!r} cannot be the first objective: the search would find the shortest training",
            hint=f"name a metric before it, which steers the search: --objective METRIC --objective {SECONDS}",
        )
    if names and (direction := name_and_direction(names[0])[1]):
        raise BadInput(
            f"{names[0]!r:.80} says the direction of the first objective, which has an option of its own",
            hint=f"--objective {name_and_direction(names[0])[0]} --direction {direction}",
        )
    return (names[0] if names else None), names[1:]


def name_and_direction(asked: str) -> tuple[str, str | None]:
    """Split what is asked for as something to weigh: `wer:minimize` is minimized, `wer` has its usual direction."""
    name, _, direction = asked.rpartition(":")
    return (name, direction) if name and direction in (MAXIMIZE, MINIMIZE) else (asked, None)


def key_of(name: str) -> str:
    """Return what a number is kept under: a metric has the prefix `eval_`."""
    return name if name == SECONDS or name.startswith("eval_") else f"eval_{name}"


def weighed_by_name(names: Iterable[str]) -> tuple[Objective, ...]:
    """Return what is weighed where its name says all that is known, and perhaps a direction after a colon.

    Raises `BadInput` for a loss, or the seconds, to maximize.
    """
    found = []
    for name, direction in map(name_and_direction, names):
        key = key_of(name)
        check_not_lost(key, direction)
        found.append(Objective(key, direction or usual_direction(key)))
    return tuple(found)


def check_not_lost(key: str, direction: str | None) -> None:
    """Raise `BadInput` for a loss, or the seconds of training, to maximize."""
    if direction == MAXIMIZE and (key == SECONDS or key.endswith("loss")):
        raise BadInput(f"{key} is to be minimized, not maximized", hint="leave the direction out")


def usual_direction(key: str) -> str:
    """Return the direction that a name says: times, losses and errors are minimized."""
    return MINIMIZE if key == SECONDS or key.endswith(LOWER_IS_BETTER) else MAXIMIZE


def weighed_of(study: Study) -> tuple[Objective, ...]:
    """Return what a study weighs against its objective; nothing for one that was made before anything was."""
    written = study.limits.get(WEIGHED)
    rows = [one for one in written if isinstance(one, Mapping)] if isinstance(written, list | tuple) else []
    found = (Objective(str(one.get("name")), str(one.get("direction"))) for one in rows)
    return tuple(one for one in found if one.direction in (MAXIMIZE, MINIMIZE) and one.name != study.objective)


def objectives_of(study: Study) -> tuple[Objective, ...]:
    """Return the objective of a study, then what is weighed against it."""
    return (Objective(study.objective, study.direction), *weighed_of(study))


def kept(weighed: Sequence[Objective]) -> dict[str, Any]:
    """Return what a study keeps of it among its limits."""
    return {WEIGHED: [one._asdict() for one in weighed]} if weighed else {}


def value_of(metrics: Mapping[str, Any], objective: str) -> Any:
    """Return the objective from what `compute_metrics` gives, with or without its prefix."""
    return metrics[objective] if objective in metrics else metrics[objective.removeprefix("eval_")]
