"""A stored trial run again from its row alone: the same to the last bit, or what differs.

Nothing is written, to no row and not to the study's folder, and Optuna has no part in it. A trial that runs for the
first time is `trial.run`; both are a `trial.training`.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..spaces.errors import BadInput, HpsearchError
from ..studies.plain import plain
from ..studies.records import Study, Trial, TrialState
from .failures import describe, ends_search
from .ranks.relaunch import can_relaunch, relaunched
from .study_run import StudyRun
from .talk import as_typed
from .trial.again import trained_again
from .trial.training import Training
from .workers.devices import device_name

#: How the names of metrics end that tell how fast an evaluation was, and not how good.
OF_SPEED = ("runtime", "_per_second", "_time")


@dataclass(frozen=True, kw_only=True)
class Course:
    """What is compared of a training."""

    weights: str | None  #: hash of the first ones, see `trial.environment.weights_hash`; None: not known
    score: float | None
    curve: list[dict[str, Any]]  #: as in `records.Trial`, without how fast it was


@dataclass(frozen=True, kw_only=True)
class Replay:
    """How a trial that was run again compares with its row."""

    study: str
    trial: int
    before: Course  #: as its row has it
    after: Course
    differences: list[str]  #: a sentence each, and what else has changed since, or that nothing has

    @property
    def identical(self) -> bool:
        """Whether all that is known of the trial came out the same, to the last bit."""
        return not self.differences

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {"identical": self.identical, **asdict(self)}


def replay(run: StudyRun, trial: Trial) -> Replay:
    """Train a stored trial's configuration again, just as the trial did, and compare.

    Raises `BadInput` for a trial that cannot be replayed, `HpsearchError` if the training fails this time.
    """
    check_replayable(run.study, trial)
    run.view.phase(f"replaying trial {trial.number}")
    try:
        training = relaunched(run, trial) if can_relaunch(run, trial) else trained_again(run, trial)
    except Exception as error:
        failed = HpsearchError(f"trial {trial.number} fails when it is run again: {describe(error)}")
        raise ends_search(error) or failed from error
    name = training.ranks.device(device_name(run.problem.trainer.args.device))
    here = {"device": name, **surroundings(training.environment.found)}
    before, after = recorded(trial), replayed(training)
    differences = what_differs(before, after)
    if differences:
        differences += since(trial, here)
    return Replay(study=run.study.name, trial=trial.number, before=before, after=after, differences=differences)


def check_replayable(study: Study, trial: Trial) -> None:
    """Raise `BadInput` for a trial that cannot be run again alone."""
    why = why_not(trial)
    if why is not None:
        raise BadInput(
            f"trial {trial.number} of {study.name!r} cannot be replayed: {why}",
            hint=f"`hpsearch trials {as_typed(study.name)}` lists the trials",
        )


def why_not(trial: Trial) -> str | None:
    """Return why a trial cannot be replayed, or None if it can."""
    if not trial.state.is_finished:
        return f"it has not ended ({trial.state.value})"
    if trial.state is TrialState.FAILED:
        return f"it failed ({trial.failure}), and has no result"
    if not trial.config or not trial.curve:
        return "its row has no configuration, or no learning curve"
    parents = [change["after"] for change in trial.config.get("schedule", []) if change.get("after") is not None]
    if parents:
        return f"it went on from the weights of trial {parents[-1]}, and cannot be run alone"
    return None


def recorded(trial: Trial) -> Course:
    """Return what a trial's row says."""
    weights = (trial.environment or {}).get("weights")
    return Course(weights=weights, score=trial.score, curve=[without_speed(point) for point in trial.curve])


def replayed(training: Training) -> Course:
    """Return what came of the training."""
    scored = training.scored
    return Course(
        weights=training.environment.found["weights"],
        score=None if scored is None else scored.score,
        curve=[without_speed(plain(one.to_dict())) for one in training.evaluations],
    )


def without_speed(point: Mapping[str, Any]) -> dict[str, Any]:
    """Return a point of a learning curve without the metrics that no two runs have in common."""
    metrics = {name: value for name, value in point["metrics"].items() if not name.endswith(OF_SPEED)}
    return {**point, "metrics": metrics}


def what_differs(before: Course, after: Course) -> list[str]:
    """Return what is not the same, a sentence each: the first weights, the training, the score."""
    found = []
    if before.weights not in (None, after.weights):
        found.append(f"the first weights differ: {before.weights} -> {after.weights}")
    where = first_difference(before.curve, after.curve)
    if where is not None:
        same = "the first weights are the same, " if before.weights == after.weights else ""
        found.append(f"{same}the training differs: {where}")
    if before.score != after.score:
        found.append(f"the score differs: {before.score} -> {after.score}")
    return found


def first_difference(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> str | None:
    """Return where two learning curves part, or None if they are the same."""
    for old, new in itertools.zip_longest(before, after):
        if old is None or new is None:
            return f"it has {len(after)} evaluations, and had {len(before)}"
        values = [{"budget": one["budget"], **one["metrics"], "score": one["score"]} for one in (old, new)]
        names = [name for name in {**values[0], **values[1]} if values[0].get(name) != values[1].get(name)]
        if names:
            was, now = (one.get(names[0]) for one in values)
            return f"at {old['budget']:.0%} of the budget, {names[0]} {was} -> {now}"
    return None


def since(trial: Trial, here: Mapping[str, Any]) -> list[str]:
    """Return what a trial ran on that is not what runs here, or that nothing of it is known to have changed."""
    known = {"device": trial.device, **surroundings(trial.environment or {})}
    changed = [f"{name}: {was} -> {here.get(name)}" for name, was in known.items() if was not in (None, here.get(name))]
    if changed:
        return changed
    if not trial.environment:
        return ["with how many threads and which versions it ran is not in its row"]
    return ["device, threads and versions are the same"]


def surroundings(environment: Mapping[str, Any]) -> dict[str, Any]:
    """Return threads, processes and the version of each library of `trial.environment`."""
    names = ("threads", "processes")
    return {**{name: environment.get(name) for name in names}, **environment.get("versions", {})}
