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

from ...spaces.binding import split
from ...spaces.inside import whole_fields
from ..data.streams import steps_at
from ..making.inner import with_inner

if TYPE_CHECKING:
    from transformers import TrainingArguments

    from ..making.making import Making

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
    #: Those of them that are handed to the constructor, on top of what the user gave it; the others follow from both.
    values: dict[str, Any] = field(default_factory=dict)
    own: dict[str, Any] = field(default_factory=dict)  #: what the user's function decides about by itself
    model: dict[str, Any] = field(default_factory=dict)  #: what `model_init` receives, by dotted names
    data: dict[str, Any] = field(default_factory=dict)  #: what the data set is prepared with
    peft: dict[str, Any] = field(default_factory=dict)  #: fields of peft's `LoraConfig`; none: no adapters
    fraction: float  #: the share of the training set
    seed: int
    schedule: list[dict[str, Any]] = field(default_factory=list)  #: changes on the way, see `schedule.Change`

    @classmethod
    def resolve(cls, making: Making, params: Mapping[str, Any], *, fraction: float, seed: int) -> Configuration:
        """Return `params` (from a space) on top of what the user gave; neither is changed.

        Raises what `TrainingArguments` raises for a combination of values it refuses.
        """
        own = {name: value for name, value in params.items() if making.decides(name)}
        sections = split({name: value for name, value in params.items() if name not in own})
        values = {**with_inner(making, sections.args), "seed": seed}
        return cls(
            args=plain(making.resolved(**values)),
            values=values,
            own=own,
            model=dict(sections.model),
            data=dict(sections.data),
            peft={**making.peft_values(), **sections.peft} if sections.peft else {},
            fraction=fraction,
            seed=seed,
        )

    def handed(self, making: Making, **run: Any) -> dict[str, Any]:
        """Return what to hand to the constructor of `TrainingArguments`; `run` sets fields of `RUN_FIELDS`.

        What does not follow from the values that were handed over is handed over, too: the row is what counts, also
        where a default is another one by now. On a share of a stream, the training has that share of its steps.
        """
        from ..accelerate_state import accelerate_state_kept  # with torch, which looking at a row does without

        with accelerate_state_kept():
            follows = plain(making.resolved(**copy.deepcopy(self.values)))
        other = {name: value for name, value in self.args.items() if name not in follows or follows[name] != value}
        values = copy.deepcopy({**self.values, **other})
        if self.args.get("max_steps", 0) > 0 and self.fraction < 1:
            values["max_steps"] = steps_at(self.args["max_steps"], self.fraction)
        return {**values, **run}

    def at(self, *, fraction: float | None = None, seed: int | None = None) -> Configuration:
        """Return the same configuration at another fraction or with another seed."""
        seed = self.seed if seed is None else seed
        return dataclasses.replace(
            self,
            fraction=self.fraction if fraction is None else fraction,
            seed=seed,
            args={**self.args, "seed": seed},
            values={**self.values, "seed": seed},
        )

    def with_arguments(self, changes: Mapping[str, Any]) -> Configuration:
        """Return the same configuration with other values of fields of `TrainingArguments`."""
        return dataclasses.replace(self, args={**self.args, **changes}, values={**self.values, **changes})

    def with_values(self, params: Mapping[str, Any]) -> Configuration:
        """Return the same configuration with other values of some parameters of the space."""
        own = {name: value for name, value in params.items() if name in self.own}
        sections = split({name: value for name, value in params.items() if name not in own})
        return dataclasses.replace(
            self.with_arguments(whole_fields(sections.args, {**self.args, **self.values}.get)),
            own={**self.own, **own},
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
        """Rebuild what `to_dict` gave; a row that does not say what was handed over hands all of it over."""
        return cls(**{"values": row["args"], **row})


def plain(args: TrainingArguments) -> dict[str, Any]:
    """Return the fields of `args` that make a result, as JSON; fields without a JSON form are left out."""
    if hasattr(args, "plain_values"):  # those of a Trainer of another library
        return dict(sorted(args.plain_values().items()))
    names = {item.name for item in dataclasses.fields(args) if item.init} - RUN_FIELDS
    values = {name: value for name, value in args.to_dict().items() if name in names}
    return {name: value for name, value in sorted(values.items()) if _is_json(value)}


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True
