"""The stock call on any Trainer: `hpsearch.searchable(trainer).hyperparameter_search(...)`, with the stock signature.

What is searched, where the trials are kept and what a trial is, is as for `hpsearch.search`, which this calls.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from transformers.trainer_utils import BestRun, HPSearchBackend

from ...spaces.errors import BadInput
from ...spaces.hp_space import returned_by
from ...spaces.loading import load_space
from ...spaces.parameter import Parameter
from ...spaces.space import Space
from ...studies.errors import StudyNotFound
from ...studies.records import Trial
from ...studies.store import StudyStore
from ..making.suggested import SECTION, suggestions_of, takes_values
from ..options import DEFAULT_STORE
from ..own.objective import ComputeObjective
from ..protocol.table import is_trainer
from ..searched import SearchedStudy, search_trainer
from ..talk import tell
from .keywords import translated

#: Names that stock's own default space has, and that no space should have.
SEEDS = ("seed", "data_seed")
#: Names of version 4 of transformers, which stock's search of version 5 silently leaves out, and what they are now.
RENAMED = {"warmup_ratio": "warmup_steps"}
BACKENDS = ("optuna", "ray")


class FoundRun(BestRun):
    """Stock's `BestRun`, of a study that can be looked at, retrained and continued: `study`, also as `run_summary`."""

    @property
    def study(self) -> SearchedStudy:
        """The study."""
        found: SearchedStudy = self.run_summary
        return found


class Searchable:
    """A Trainer, or a function that makes one, with the stock search; anything else it has is the Trainer's own."""

    def __init__(self, trainer: Any) -> None:
        self.trainer = trainer

    def __getattr__(self, name: str) -> Any:
        if name == "trainer" or name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.trainer, name)

    def hyperparameter_search(
        self,
        hp_space: Callable[[Any], Mapping[str, Any]] | None = None,
        compute_objective: ComputeObjective | None = None,
        n_trials: int = 20,
        direction: str | list[str] | None = None,
        backend: str | HPSearchBackend | None = None,
        hp_name: Callable[[Any], str] | None = None,
        **kwargs: Any,
    ) -> FoundRun | list[FoundRun]:
        """Search as `trainer.hyperparameter_search` does, and return its best run; of several objectives, the front.

        The arguments are stock's. `hp_space(trial)` is read off, and so is what `model_init(trial)` suggests. Without
        one, the preset `default` is searched. `compute_objective` is a function of the metrics; without one, the
        objective is the one metric of the evaluation, or else the loss, and of several metrics one has to be named,
        which stock adds up. The `direction` is the metric's own unless given. `n_trials` is a total. What stock hands
        on to Optuna or Ray is translated, and any keyword of `hpsearch.search` is taken, too.

        Raises `BadInput` for what has no counterpart or cannot be searched, before anything is trained.
        """
        name = backend_name(backend)
        options = translated(kwargs)
        if "directions" in options:
            direction = list(options.pop("directions"))
        if not options.pop("load_if_exists", True):
            check_is_new(options)
        if isinstance(direction, list) and len(direction) > 1:
            options.setdefault("sampler", "motpe")  # Optuna's default for several objectives, which steers by all
        space, called = self.space_of(hp_space)
        study = search_trainer(
            self.trainer,
            **{
                "space": space,
                "objective": compute_objective,
                "direction": direction,
                "trials": n_trials,
                "hp_name": hp_name,
                **({} if name == "optuna" else {"backend": name}),
                **options,
            },
        )
        if len(study.values(study.trials[0])) > 1:
            return [run_of(study, one, called) for one in study.front]
        return run_of(study, study.best, called)

    def space_of(self, hp_space: Callable[[Any], Mapping[str, Any]] | None) -> tuple[Space, dict[str, str]]:
        """Return what is searched, and what the user calls those of its names that are others here."""
        if hp_space is None:
            return load_space("default"), {}
        parameters = returned_by(hp_space)
        for seed in SEEDS:
            if parameters.pop(seed, None) is not None:
                tell(f"{seed} is not searched: it would find the luckiest seed, not the best configuration")
        for before, now in RENAMED.items():
            if before in parameters:
                parameters[now] = parameters.pop(before)
                tell(f"{before} is searched as {now}, which is what transformers 5 calls such a share")
        names = self.names_for(parameters)
        found = {names[key]: renamed(one, names) for key, one in parameters.items()}
        if not found and is_trainer(self.trainer):
            found |= suggestions_of(self.trainer.model_init)
        if not found:
            raise BadInput("hp_space returns no hyperparameter, and model_init suggests none: nothing is searched")
        called = {ours: key for key, ours in names.items()}
        return Space(found, name=getattr(hp_space, "__name__", "custom").strip("<>")), called

    def names_for(self, parameters: Mapping[str, Parameter]) -> dict[str, str]:
        """Return the names that the keys have here: what is no field of the arguments is handed to the `model_init`."""
        if not is_trainer(self.trainer):
            return {key: key for key in parameters}
        model_init = getattr(self.trainer, "model_init", None)
        args = self.trainer.args
        handed = model_init is not None and takes_values(model_init)
        return {
            key: SECTION + key if handed and "." not in key and not hasattr(args, key) else key for key in parameters
        }


def searchable(trainer: Any) -> Searchable:
    """Return a Trainer (or a function that makes one) whose `hyperparameter_search` takes stock's arguments."""
    return Searchable(trainer)


def backend_name(backend: Any) -> str:
    """Return the name of a backend. Raises `BadInput` for one that there is not."""
    name = str(getattr(backend, "value", backend or BACKENDS[0]))
    if name not in BACKENDS:
        raise BadInput(
            f"there is no backend {name!r} here", hint="optuna or ray; report_to='wandb' tells W&B of trials"
        )
    return name


def check_is_new(options: Mapping[str, Any]) -> None:
    """Raise `BadInput` where there is a study of that name, which is not to be loaded."""
    name = options.get("study", "study")
    try:
        StudyStore.open(options.get("store", DEFAULT_STORE), create=False).study(name)
    except StudyNotFound:
        return
    raise BadInput(
        f"there is a study {name!r} already, and load_if_exists=False", hint="another study_name; or leave it out"
    )


def renamed(parameter: Parameter, names: Mapping[str, str]) -> Parameter:
    """Return a parameter whose conditions have the names of this space."""
    when = {names.get(name, name): list(values) for name, values in parameter.conditions.items()}
    return dataclasses.replace(parameter, when=when or None)


def run_of(study: SearchedStudy, trial: Trial, called: Mapping[str, str]) -> FoundRun:
    """Return a trial as stock returns its best one, under the names that the user gave."""
    values: Sequence[float | None] = study.values(trial)
    params = trial.params or {}
    return FoundRun(
        run_id=str(trial.number),
        objective=values[0] if len(values) == 1 else list(values),
        hyperparameters={called.get(name, name.removeprefix(SECTION)): value for name, value in params.items()},
        run_summary=study,
    )
