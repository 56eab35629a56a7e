"""How a Trainer of another library came to be, and another one made for a trial."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...spaces.errors import BadInput
from ..accelerate_state import accelerate_state_kept
from ..making.aftermath import Aftermath
from ..making.arguments import GivenArguments
from ..making.making import Making
from ..making.seen import SEEN, Seen
from ..making.watch import Changes
from ..making.wish import Wish
from ..trial.configuration import RUN_FIELDS
from .driven import Driven, DrivenArguments
from .protocol import TrainerProtocol, Wanted
from .table import implementation_of

if TYPE_CHECKING:
    from ..plan import Plan


@dataclass(frozen=True, kw_only=True)
class ProtocolArguments(GivenArguments):
    """The values of a Trainer of another library: `given`, by name."""

    def made(self, **changes: Any) -> DrivenArguments:
        """Return them with changes, some of which are of the run."""
        run, own = parted(changes)
        found = {**self.given, **{name: in_place(value, self.given.get(name)) for name, value in own.items()}}
        return DrivenArguments(found, run)


@dataclass(frozen=True, kw_only=True)
class ProtocolMaking(Making):
    """How a Trainer of another library came to be."""

    implementation: TrainerProtocol

    @classmethod
    def of_other(cls, trainer: Any, implementation: TrainerProtocol, **how: Any) -> ProtocolMaking:
        """Return it. Raises `BadInput` for a Trainer that nobody saw being made, or that cannot be searched."""
        seen = vars(trainer).get(SEEN)
        if not isinstance(seen, Seen) or seen.then is None:
            raise BadInput(
                f"nobody saw this {type(trainer).__name__} being made, so no other can be made for each trial",
                hint="make it inside of `with hpsearch.watching():`, or pass the function that makes it",
            )
        values = dict(implementation.values(trainer))
        arguments = ProtocolArguments(kind=implementation.arguments, given=values)
        with accelerate_state_kept():
            args = arguments.made().complete()
        return cls(
            template=Driven(implementation, trainer, args, getattr(trainer, "eval_dataset", None)),
            call=seen.call,
            arguments=arguments,
            aftermath=Aftermath.of(trainer, seen.then),
            generators=seen.generators if how.get("again") else None,
            implementation=implementation,
            **how,
        )

    @property
    def users(self) -> Any:
        """The user's own Trainer, as they know it."""
        return self.template.trainer

    def value_of(self, name: str) -> Any:
        """Return a value as the user's Trainer trains with it; of a pair, the first one."""
        value = super().value_of(name)
        return value[0] if isinstance(value, list) and value else value

    def refuse(self, plan: Plan, processes: int = 1) -> None:
        """Raise `BadInput` for what only a Trainer of transformers can do."""
        what, hint = None, "leave it out"
        if plan.pruner != "none":
            what, hint = f"be stopped on its way by the pruner {plan.pruner!r}", "take the pruner 'none'"
        elif processes > 1:
            what, hint = "share a trial among several processes", "take several workers (--jobs)"
        elif any(name.startswith("peft.") for name in plan.space.names):
            what, hint = "be given adapters", "leave the names that begin with peft. out of the space"
        if what is not None:
            kind = type(self.users)
            raise BadInput(f"the {kind.__name__} of {kind.__module__.partition('.')[0]} cannot {what}", hint=hint)

    def made(self, wish: Wish) -> Any:
        """Return a new Trainer for one training, driven as one of transformers is."""
        run, own = parted(wish.values)
        args = self.arguments.made(**run, **own).complete()
        return Driven(self.implementation, super().made(wish), args, wish.evaluation)

    def changes(self, wish: Wish, args: Callable[[Any], Any]) -> Changes:
        """Return what is to become of the constructor's arguments."""
        usual = super().changes(wish, args)
        run, own = parted(wish.values)
        usual_values = self.arguments.given
        if "seed" not in usual_values:
            own.pop("seed", None)
        searched = {name: in_place(value, usual_values.get(name)) for name, value in own.items()}
        wanted = Wanted(
            values={**parted(self.aftermath.arguments)[1], **searched},
            train=wish.train,
            evaluation=wish.evaluation,
            seed=self.seed_of(wish),
            folder=Path(run["output_dir"]),
        )
        of_data = {name: usual[name] for name in ("train_dataset", "eval_dataset", "model_init") if name in usual}
        return {**of_data, **self.implementation.changes(wanted)}


def parted(values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what is about one run, and what makes a result."""
    run = {name: value for name, value in values.items() if name in RUN_FIELDS}
    return run, {name: value for name, value in values.items() if name not in run}


def in_place(value: Any, usual: Any) -> Any:
    """Return the user's pair of values for a value that is the first one of it, else the value."""
    return usual if isinstance(usual, list) and usual[:1] == [value] else value


def making_of(trainer: Any, **how: Any) -> Making:
    """Return how any Trainer that can be searched came to be; raises as `Making.of` and `ProtocolMaking.of_other`."""
    other = implementation_of(trainer)
    return Making.of(trainer, **how) if other is None else ProtocolMaking.of_other(trainer, other, **how)
