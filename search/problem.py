"""A search problem: everything that makes a study the study it is, and how the Trainers of its trials are made.

`task_problem` makes one from a task and a model (the command line's road), `trainer_problem` from a Trainer that a
programmer made; `study_run` searches it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from ..spaces.errors import BadInput
from ..spaces.inside import MISSING, parted
from ..spaces.parameters import Constant
from ..spaces.presets import set_by_user
from ..spaces.space import Space
from ..studies.constraint import CONSTRAINTS, Constraint, constraints_to_json
from ..studies.objective import MEMORY, Objective
from .consumers.usual import usual_inside
from .data.prepared import check_subset
from .data.splits import Splits, SplitSource, labels_of, row_count
from .making.making import Making
from .model.adapter_check import uses_adapters
from .model.settings import setting
from .plan import Plan
from .sampling.population import PBT, check_changeable
from .sampling.steering import steers_by_all
from .trial.configuration import plain

#: Libraries whose minor version may change a result.
VERSIONED = ("transformers", "torch", "optuna", "datasets")


#: Of predictions and true values, their score.
ScorePredictions = Callable[[Any, Any], float]


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What is searched: a template Trainer, the data behind it, a space, one objective that steers."""

    making: Making  #: how the template came to be, and how others like it are made
    source: SplitSource
    plan: Plan
    objective: Objective
    task_name: str
    model_name: str
    identity: dict[str, Any]
    weighed: tuple[Objective, ...] = ()  #: the objectives beside it, weighed afterwards unless the sampler knows them
    score_predictions: ScorePredictions | None = None  #: where predictions of a report split can be scored
    max_length: int | None = None  #: tokens of an example unless the space has `data.max_length`; None: not ours
    notes: dict[str, Any] = field(default_factory=dict)  #: worth knowing, but not part of the identity
    remarks: tuple[str, ...] = ()  #: worth telling the user before the search
    as_it_is: bool = False  #: whether the template's own values are the baseline, and not what a preset recommends

    @property
    def trainer(self) -> Any:
        """The template: never trained, never changed."""
        return self.making.template

    def baseline(self) -> dict[str, Any]:
        """Return the default configuration: what the template would train with, inside the space or not.

        Where a preset recommends values, it is these, and what it does not say is brought inside the space.
        """
        defaults = self.usual_values()
        return self.recommended({**defaults, **usual_inside(self.making, self.recommended(defaults))})

    def usual_values(self) -> dict[str, Any]:
        """Return what the template would train with, by the names of a space, but for what is inside of its fields."""
        names = [name for name in self.plan.space.names if "." not in name or self.making.decides(name)]
        defaults = {name: self.making.value_of(name) for name in names}
        defaults |= {f"model.{name}": value for name, value in _model_settings(self.trainer).items()}
        defaults |= _part_settings(self.trainer, self.plan.space)
        defaults |= {"data.max_length": self.max_length}
        if uses_adapters(self.plan.space):
            defaults |= {f"peft.{name}": value for name, value in self.making.peft_values().items()}
        return {name: getattr(value, "value", value) for name, value in defaults.items()}

    def recommended(self, defaults: Mapping[str, Any]) -> dict[str, Any]:
        """Return the configuration that is the baseline where these are what the template would train with."""
        if self.as_it_is:
            return self.plan.space.as_it_is(defaults, fixed=set_by_user(self.plan.space))
        return self.plan.space.baseline(defaults)

    def assumed(self) -> dict[str, Any]:
        """Return those values of the baseline, inside of fields, of which nobody says what they are today."""
        baseline = self.baseline()
        known = {**self.usual_values(), **usual_inside(self.making, baseline)}
        own = self.plan.space.parameters
        return {
            name: value
            for name, value in baseline.items()
            if is_inside(name)
            and not self.making.decides(name)
            and not isinstance(own[name], Constant)
            and (known.get(name) is None is not value)
        }


def common_identity(
    trainer: Any, plan: Plan, objective: Objective, weighed: Sequence[Objective] = ()
) -> dict[str, Any]:
    """Return the part of an identity that does not depend on where data and model come from.

    What is `weighed` against the objective is part of it where it steers, too.
    """
    beside = {"beside": [one.to_json() for one in weighed]} if steers_by_all(plan.sampler) else {}
    return {
        "objective": objective.name,
        "direction": objective.direction,
        **beside,
        **({CONSTRAINTS: constraints_to_json(plan.constraints)} if plan.constraints else {}),
        "score": plan.score_from,
        "space": plan.space.to_dict()["parameters"],
        "fraction": plan.fraction,
        "seed": plan.seed,
        "sampler": plan.sampler,
        "pruner": plan.pruner,
        "args": {name: value for name, value in plain(trainer.args).items() if name not in plan.space.names},
        "versions": {name: ".".join(version(name).split(".")[:2]) for name in versioned(plan.space)},
    }


def versioned(space: Space) -> tuple[str, ...]:
    """Return the libraries whose minor version may change a result of this space."""
    return (*VERSIONED, "peft") if uses_adapters(space) else VERSIONED


def check_plan(plan: Plan) -> None:
    """Raise `BadInput` for a plan whose parts do not go together."""
    if plan.pruner == PBT:
        check_changeable(plan.space)


def check_measured(asked: Iterable[Objective | Constraint], trainer: Any) -> None:
    """Raise `BadInput` for a number that cannot be measured where this Trainer trains."""
    device = getattr(getattr(trainer.args, "device", None), "type", "what is not known")
    if MEMORY in [one.name for one in asked] and device != "cuda":
        raise BadInput(
            f"{MEMORY!r} is measured on a GPU of NVIDIA's or AMD's, and trials would train on {device}",
            hint="on a CPU, what a process grows by says nothing of one training; 'parameters' are known everywhere",
        )


def check_subset_of(dataset: Any, plan: Plan, *, batch: int) -> None:
    """Raise `BadInput` for a subset with fewer rows than the largest batch, or than two a class."""
    searched = plan.space.parameters.get("per_device_train_batch_size")
    sizes = [size for size in searched.ends if isinstance(size, int)] if searched else [batch]
    check_subset(labels_of(dataset), len(dataset), plan.fraction, max(sizes))


def rows_of(splits: Splits) -> dict[str, int]:
    """Return the number of rows of each split that there is; not of streams, which have none."""
    counts = {name: row_count(part) for name, part in splits._asdict().items() if part is not None}
    return {name: count for name, count in counts.items() if count is not None}


def is_inside(name: str) -> bool:
    """Return whether a name is inside of a field of the arguments, or of a part of the model's configuration."""
    first, rest = parted(name)
    return "." in rest if first == "model" else bool(rest) and first not in ("data", "peft")


def _part_settings(trainer: Any, space: Space) -> dict[str, Any]:
    """Return what the model's configuration has for those names of a space that are inside of one of its parts."""
    config = getattr(trainer.model, "config", None)
    names = [name for name in space.names if name.startswith("model.") and is_inside(name)]
    found = {name: setting(config, parted(name)[1]) for name in names}
    return {name: value for name, value in found.items() if value is not MISSING}


def _model_settings(trainer: Any) -> Mapping[str, Any]:
    config = getattr(trainer.model, "config", None)
    settings: dict[str, Any] = config.to_dict() if config is not None else {}
    return settings | {"freeze_encoder": False}
