"""The resolved configuration of a trial: every value it runs with, as SQL keeps it and as a retraining starts from it.

Which values a space may set is `spaces.binding`; who runs a configuration is `trainer`.
"""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...spaces.adapter_fields import adapter_defaults
from ...spaces.binding import split
from ..data.streams import steps_at

if TYPE_CHECKING:
    from transformers import TrainingArguments

#: The value that is made smaller where memory is too small for it.
BATCH = "per_device_train_batch_size"
#: Where a run writes, whom it tells and how it evaluates: never part of what is compared or retrained.
RUN_FIELDS = frozenset(
    (
        "disable_tqdm",
        "do_eval",
        "do_predict",
        "do_train",
        "eval_delay",
        "eval_on_start",
        "eval_steps",
        "eval_strategy",
        "greater_is_better",
        "hub_always_push",
        "hub_model_id",
        "hub_private_repo",
        "hub_revision",
        "hub_strategy",
        "hub_token",
        "load_best_model_at_end",
        "local_rank",
        "log_level",
        "log_level_replica",
        "log_on_each_node",
        "logging_dir",
        "logging_first_step",
        "logging_steps",
        "logging_strategy",
        "metric_for_best_model",
        "output_dir",
        "project",
        "push_to_hub",
        "report_to",
        "run_name",
        "save_only_model",
        "save_steps",
        "save_strategy",
        "save_total_limit",
        "trackio_space_id",
    )
)


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """Every value a trial runs with, after conditions, constants and conversions."""

    #: Fields of `TrainingArguments`, complete but for `RUN_FIELDS`; `max_steps`, where given, is for all the data.
    args: dict[str, Any]
    model: dict[str, Any] = field(default_factory=dict)  #: what `model_init` receives
    data: dict[str, Any] = field(default_factory=dict)  #: what the data set is prepared with
    peft: dict[str, Any] = field(default_factory=dict)  #: fields of peft's `LoraConfig`; none: no adapters
    fraction: float  #: the share of the training set
    seed: int
    schedule: list[dict[str, Any]] = field(default_factory=list)  #: changes on the way, see `schedule.Change`

    @classmethod
    def resolve(
        cls, base: TrainingArguments, params: Mapping[str, Any], *, fraction: float, seed: int
    ) -> Configuration:
        """Return `params` (from a space) on top of `base`; neither is changed.

        Raises what `TrainingArguments` raises for a combination of values it refuses.
        """
        sections = split(params)
        args = fresh_arguments(base, **sections.args, seed=seed)
        return cls(
            args=plain(args),
            model=dict(sections.model),
            data=dict(sections.data),
            peft={**adapter_defaults(), **sections.peft} if sections.peft else {},
            fraction=fraction,
            seed=seed,
        )

    def arguments(self, base: TrainingArguments, **run: Any) -> TrainingArguments:
        """Return new `TrainingArguments` with these values; `run` sets fields of `RUN_FIELDS`.

        On a share of a stream, the training has that share of its steps.
        """
        values = copy.deepcopy(self.args)
        if values.get("max_steps", 0) > 0:
            values["max_steps"] = steps_at(values["max_steps"], self.fraction)
        return fresh_arguments(base, **values, **run)

    def at(self, *, fraction: float | None = None, seed: int | None = None) -> Configuration:
        """Return the same configuration at another fraction or with another seed."""
        seed = self.seed if seed is None else seed
        return dataclasses.replace(
            self,
            fraction=self.fraction if fraction is None else fraction,
            seed=seed,
            args={**self.args, "seed": seed},
        )

    def with_values(self, params: Mapping[str, Any]) -> Configuration:
        """Return the same configuration with other values of some parameters of the space."""
        sections = split(params)
        return dataclasses.replace(
            self,
            args={**self.args, **sections.args},
            model={**self.model, **sections.model},
            data={**self.data, **sections.data},
            peft={**self.peft, **sections.peft},
        )

    def values_at(self, share: float) -> dict[str, Any]:
        """Return the fields of `TrainingArguments` as they are just before that share of the budget."""
        values = dict(self.args)
        for change in self.schedule:
            if change["share"] < share:
                values |= change["values"]
        return values

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> Configuration:
        """Rebuild what `to_dict` gave."""
        return cls(**row)


def fresh_arguments(base: TrainingArguments, **changes: Any) -> TrainingArguments:
    """Return new arguments of the class of `base` with `changes`, validated anew; nothing is shared with `base`.

    A new object, and not an assignment, because only the constructor validates and derives (pains A8, A9).
    """
    values = {item.name: copy.deepcopy(getattr(base, item.name)) for item in dataclasses.fields(base) if item.init}
    return type(base)(**{**values, **changes})


def plain(args: TrainingArguments) -> dict[str, Any]:
    """Return the fields of `args` that make a result, as JSON; fields without a JSON form are left out."""
    names = {item.name for item in dataclasses.fields(args) if item.init} - RUN_FIELDS
    values = {name: value for name, value in args.to_dict().items() if name in names}
    return {name: value for name, value in sorted(values.items()) if _is_json(value)}


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True
