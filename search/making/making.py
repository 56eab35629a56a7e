"""A user's Trainer, how it came to be, and another one of the same class made for a trial.

A trial's Trainer is made by calling the constructor once more with copies of what it was given, or, where something
cannot be copied, by running the user's function or script once more: slower, and just as right.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from transformers import Seq2SeqTrainer, Trainer, set_seed

from ...spaces.adapter_fields import USUAL, adapter_defaults
from ...spaces.errors import BadInput
from ...spaces.values import is_scalar
from .aftermath import Aftermath
from .arguments import GivenArguments
from .call import Call
from .copies import modules_in
from .drawn_rows import drawn_rows_forgotten, without_files
from .fresh_model import FreshModel, with_fields
from .seen import SEEN, Seen
from .watch import Changes, watching
from .wish import Wish

if TYPE_CHECKING:
    from ..plan import Plan

#: Classes of which all is known by what they keep, so that one that nobody saw being made can be made again.
STOCK = (Trainer, Seq2SeqTrainer)
#: What `transformers.Trainer` keeps under the name of the constructor's argument.
KEPT = (
    "data_collator",
    "train_dataset",
    "eval_dataset",
    "processing_class",
    "model_init",
    "compute_loss_func",
    "compute_metrics",
    "optimizer_cls_and_kwargs",
    "preprocess_logits_for_metrics",
)


class Decided(Protocol):
    """What a user's function is handed that decides by itself."""

    now: dict[str, Any]  #: the values of the trial it is called for
    read: set[str]  #: names that it asked for
    usual: dict[str, Any]  #: what it was told of them when there was no trial


class Scores(Protocol):
    """A user's function that computes an objective from the metrics of an evaluation."""

    @property
    def fingerprint(self) -> str:
        """What tells it from another function."""

    def added(self, metrics: Mapping[str, Any]) -> dict[str, Any]:
        """Return the metrics with the objective among them."""


@dataclass(frozen=True, kw_only=True)
class Making:
    """How a user's Trainer came to be; it is never trained itself, and never changed."""

    template: Any
    call: Call
    arguments: GivenArguments
    aftermath: Aftermath = field(default_factory=Aftermath)
    generators: Any = None  #: as the template's constructor found them; None where they depend on nobody's seed
    again: Callable[[], Any] | None = None  #: runs the user's function or script once more; returns its Trainer
    number: int = 0  #: of the template among the Trainers that this makes
    seed: int = 42  #: that everything was seeded with before
    within: Callable[[], AbstractContextManager[Any]] = nullcontext  #: where what the user's code made is at home
    printed: list[str] = field(default_factory=list)  #: by the user's script, for a log
    decided: Decided | None = None  #: what the user's function is handed, where it wants to decide by itself
    own_objective: Scores | None = None  #: what is optimized, where no evaluation returns it

    @classmethod
    def of(cls, trainer: Any, **how: Any) -> Making:
        """Return how a Trainer came to be. Raises `BadInput` where that is not known, and cannot be found out."""
        seen = vars(trainer).get(SEEN)
        if not isinstance(seen, Seen) or seen.then is None:
            return cls(template=trainer, call=call_by_looks(trainer), arguments=GivenArguments.of(trainer.args), **how)
        aftermath = Aftermath.of(trainer, seen.then)
        given = seen.call.value_of("args")
        arguments = (
            GivenArguments.of(trainer.args) if given is None else GivenArguments.of(given, seen.arguments)
        ).with_assigned(aftermath.arguments)
        generators = seen.generators if how.get("again") else None
        return cls(
            template=trainer, call=seen.call, arguments=arguments, aftermath=aftermath, generators=generators, **how
        )

    @property
    def users(self) -> Any:
        """The user's own Trainer, as they know it."""
        return self.template

    def refuse(self, plan: Plan, processes: int = 1) -> None:
        """Raise `BadInput` for a search, or so many processes a trial, that this Trainer cannot do."""

    @property
    def train_dataset(self) -> Any:
        """The training data as the user gave them, before the class prepared them."""
        return self._data("train_dataset")

    @property
    def eval_dataset(self) -> Any:
        """The evaluation data as the user gave them, before the class prepared them."""
        return self._data("eval_dataset")

    def _data(self, name: str) -> Any:
        if name in self.aftermath.attributes:
            return self.aftermath.attributes[name]
        given = self.call.value_of(name)
        return getattr(self.template, name) if given is None else given

    @property
    def prepares(self) -> bool:
        """Whether the class makes other rows of its data than it was given, in its constructor: trl tokenises them."""
        names = ("train_dataset", "eval_dataset")
        return any(self._data(name) is not getattr(self.users, name, None) for name in names)

    def value_of(self, name: str) -> Any:
        """Return a value as the template trains with it: a field of `TrainingArguments`, or the function's own."""
        if self.decided is not None and name in self.decided.usual:
            return self.decided.usual[name]
        given: Any = self.call.value_of("optimizer_cls_and_kwargs") or (None, {})
        named = OPTIMIZER_NAMES.get(name)
        return given[1][named] if named in given[1] else getattr(self.template.args, name)

    def ignores(self, name: str) -> str | None:
        """Return why a field of `TrainingArguments` reaches nobody in this Trainer; None where it does, or may."""
        kind, kwargs = self.call.value_of("optimizer_cls_and_kwargs") or (None, {})
        optimizer, schedule = self.call.value_of("optimizers") or (None, None)
        if kind is not None and name.startswith(OF_OPTIMIZERS) and OPTIMIZER_NAMES.get(name) not in kwargs:
            return "the trainer was made with optimizer_cls_and_kwargs, which do not have it"
        if optimizer is not None and name.startswith((*OF_OPTIMIZERS, "weight_decay")):
            return "the trainer was made with an optimizer of its own"
        if schedule is not None and name.startswith(OF_SCHEDULES):
            return "the trainer was made with a learning rate schedule of its own"
        return None

    def peft_values(self) -> dict[str, Any]:
        """Return the usual fields of the adapters' configuration: the user's own, or peft's defaults."""
        config = self.call.value_of("peft_config")
        if config is None:
            return dict(adapter_defaults())
        own = {name: getattr(config, name, None) for name in USUAL}
        return {name: value for name, value in own.items() if is_scalar(value) and value is not None}

    def resolved(self, **values: Any) -> Any:
        """Return the `TrainingArguments` of a training with these values."""
        return self.arguments.made(**values)

    def refusals(self) -> dict[str, str]:
        """Return what of the Trainer cannot be copied, by name, and why."""
        after = {} if self.aftermath.refusal is None else {"the trainer": self.aftermath.refusal}
        return {**self.call.refusals(), **after}

    def check(self) -> None:
        """Raise `BadInput` where a Trainer can be made neither from copies nor by running the user's code again."""
        for name, why in self.refusals().items():
            if self.again is None:
                raise BadInput(
                    f"each trial needs a Trainer of its own, and this one cannot be made again: {name}: {why}",
                    hint="pass the function that makes it, which is then called for each trial",
                )

    def decides(self, name: str) -> bool:
        """Return whether the user's function decides by itself what becomes of a name of the space."""
        return self.decided is not None and name in self.decided.read

    def made(self, wish: Wish) -> Any:
        """Return a new Trainer of the user's class, for one training; raises what the user's code raises.

        The generators of random numbers are seeded before anything is made.
        """
        with drawn_rows_forgotten():
            if self.again is None or not (self.refusals() or wish.own or self.needs_another_model(wish)):
                trainer = self.from_copies(wish)
                self.aftermath.repeat(trainer, self.users)
            else:
                trainer = self.from_code(self.again, wish)
        for name, dataset in (("train_dataset", wish.train), ("eval_dataset", wish.evaluation)):
            if name in self.aftermath.attributes:
                setattr(trainer, name, dataset)
        return trainer

    def needs_another_model(self, wish: Wish) -> bool:
        """Return whether the model was drawn under another seed than the training has."""
        return self.seed_of(wish) != self.template.args.seed and bool(modules_in(self.call.value_of("model")))

    def from_copies(self, wish: Wish) -> Any:
        """Call the constructor again with copies of what it was given."""
        args = self.arguments.made(**wish.values)
        if self.generators is not None and self.seed_of(wish) == self.template.args.seed:
            self.generators.restore()
        else:
            set_seed(self.seed_of(wish))
        values = self.call.fresh()
        with watching(self.changes(wish, lambda given: args), prepared=prepared_alone(wish)):
            return self.call.kind(
                *(values[number] for number in range(self.call.count)),
                **{name: value for name, value in values.items() if isinstance(name, str)},
            )

    def from_code(self, again: Callable[[], Any], wish: Wish) -> Any:
        """Run the user's code again, and change the Trainer that it makes while it makes it."""

        def args(given: Any) -> Any:
            return self.arguments.made(**wish.values) if given is None else GivenArguments.of(given).made(**wish.values)

        same = self.seed_of(wish) == self.template.args.seed
        set_seed(self.seed if same else self.seed_of(wish))
        if self.decided is not None:
            self.decided.now = dict(wish.own)
        with watching(self.changes(wish, args), self.number, prepared=prepared_alone(wish)):
            return again()

    def seed_of(self, wish: Wish) -> int:
        """Return the seed of a training."""
        return int(wish.values.get("seed", self.template.args.seed))

    def changes(self, wish: Wish, args: Callable[[Any], Any]) -> Changes:
        """Return what is to become of the constructor's arguments; `args` is that of the arguments."""
        given = wish.values.get("generation_config")
        generation = getattr(self.template.args, "generation_config", None) if given is None else given
        found: dict[str, Callable[[Any], Any]] = {
            "args": args,
            "train_dataset": lambda given: wish.train,
            "optimizer_cls_and_kwargs": lambda given: with_rates(given, wish.values),
        }
        if wish.evaluation is not None:
            found["eval_dataset"] = lambda given: wish.evaluation
        if self.template.model_init is not None:
            found["model_init"] = lambda given: given and FreshModel(given, wish, generation)
        elif wish.peft:
            found["peft_config"] = lambda given: with_fields(given, wish.peft)
        return found


def makers(kind: type) -> str:
    """Return a hash of what the code of a class is: the releases of libraries in it, and the text of the user's files.

    `datasets` knows a function that can be imported by its name alone, whatever it does by now.
    """
    digest = hashlib.sha256()
    for one in kind.__mro__:
        try:
            digest.update(version(one.__module__.partition(".")[0]).encode())
        except PackageNotFoundError:
            file = getattr(sys.modules.get(one.__module__), "__file__", None)
            digest.update(Path(file).read_bytes() if file and Path(file).is_file() else one.__module__.encode())
    return digest.hexdigest()[:16]


def prepared_alone(wish: Wish) -> Changes:
    """Return what becomes of rows that a class has prepared: what it keeps beside them is found by no other trial."""

    def alone(given: Any, prepared: Any) -> Any:
        return prepared if prepared is given else without_files(prepared)

    return {"train_dataset": partial(alone, wish.train), "eval_dataset": partial(alone, wish.evaluation)}


def call_by_looks(trainer: Any) -> Call:
    """Return how a Trainer that nobody saw being made could have been made. Raises `BadInput` if that is not known."""
    if type(trainer) not in STOCK or trainer.model_init is None:
        raise BadInput(
            f"nobody saw this {type(trainer).__name__} being made, so no other can be made for each trial",
            hint="import hpsearch before it is made, or pass the function that makes it",
        )
    given = {name: getattr(trainer, name) for name in KEPT}
    own = [one for one in trainer.callback_handler.callbacks if not type(one).__module__.startswith("transformers.")]
    stock = [one for one in trainer.callback_handler.callbacks if type(one).__name__ == "EarlyStoppingCallback"]
    return Call.of(type(trainer), (), {"args": trainer.args, "callbacks": [*stock, *own], **given})


#: How the names of fields begin that an optimizer is made from, and a schedule.
OF_OPTIMIZERS = ("learning_rate", "adam_", "optim")
OF_SCHEDULES = ("lr_scheduler", "warmup_")
#: Fields of `TrainingArguments` that an optimizer given with its own keyword arguments has other names for.
OPTIMIZER_NAMES = {"learning_rate": "lr"}


def with_rates(given: Any, values: Mapping[str, Any]) -> Any:
    """Return `optimizer_cls_and_kwargs` with a trial's values for what it names itself."""
    if given is None:
        return None
    kind, kwargs = given
    searched = {theirs: values[ours] for ours, theirs in OPTIMIZER_NAMES.items() if ours in values and theirs in kwargs}
    return kind, {**kwargs, **searched}
