"""The trials of a study's first rung as an Optuna study in memory, for what Optuna computes and draws."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...spaces.errors import BadInput
from ...spaces.optuna_space import distributions
from ...spaces.space import Space
from ...studies.records import Failure, Trial, TrialState
from .facts import Facts

if TYPE_CHECKING:
    import optuna


def optuna_study(facts: Facts, *, most: int | None = None) -> optuna.Study | None:
    """Return the complete trials of the first rung; None for fewer than two, or a space of another release.

    Of more than `most` every second, or third, and so on.
    """
    import optuna

    space = space_of(facts)
    trials = [one for one in facts.searched if one.state is TrialState.COMPLETE and one.score is not None]
    if space is None or len(trials) < 2:
        return None
    if most is not None:
        trials = trials[:: -(-len(trials) // most)]
    log = logging.getLogger("optuna")  # it announces each study, also one that nobody will hear of again
    level = log.level
    log.setLevel(logging.WARNING)
    try:
        study = optuna.create_study(direction=facts.study.direction)
    finally:
        log.setLevel(level)
    known = distributions(space)
    study.add_trials([frozen(one, known) for one in trials if space.contains(searched_values(one, space))])
    return study if len(study.trials) > 1 else None


def searched_values(trial: Trial, space: Space) -> dict[str, Any]:
    """Return the values of the names that the space has."""
    return {name: value for name, value in (trial.params or {}).items() if name in space.names}


def frozen(trial: Trial, known: Mapping[str, Any]) -> Any:
    """Return a trial as Optuna knows it; `known` are the distributions of the space."""
    import optuna

    params = {name: value for name, value in (trial.params or {}).items() if name in known}
    return optuna.trial.create_trial(
        params=params, distributions={name: known[name] for name in params}, value=trial.score
    )


def space_of(facts: Facts) -> Space | None:
    """Return the study's space; None for one that this release cannot read."""
    try:
        return Space(facts.space)
    except BadInput:
        return None


def importances(facts: Facts) -> dict[str, float]:
    """Return how much each hyperparameter tells the better trials from the others; empty where nothing can be said.

    They are 1 together. PED-ANOVA (Watanabe et al. 2023). Trials that learned nothing are among the others.
    """
    study = optuna_study(facts)
    scores = {one.score for one in facts.searched if one.failure is not Failure.COLLAPSED}
    if study is None or not facts.parameters or len(scores) < 3:
        return {}
    import warnings

    import optuna

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        evaluator = optuna.importance.PedAnovaImportanceEvaluator()
        found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    varied = {name: float(value) for name, value in found.items() if name in facts.parameters}
    whole = sum(varied.values())
    return {name: value / whole for name, value in varied.items()} if whole else {}
