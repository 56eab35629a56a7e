"""What a search in this process may be given of Optuna's own: a sampler, a pruner, callbacks, names of trials.

They are objects: they stay in this process, and what they remember ends with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from ...spaces.errors import BadInput
from ...spaces.stock_trial import ReplayedTrial
from ...studies.records import Trial
from .samplers import check_pruner, check_sampler, make_pruner
from .steering import OWN

if TYPE_CHECKING:
    from optuna import Study
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

    Callback = Callable[[Study, FrozenTrial], None]

Part = TypeVar("Part")


@dataclass(frozen=True, kw_only=True)
class OptunaParts:
    """Optuna's objects, where there are any, and the names that stand for them in the study."""

    sampler: BaseSampler | None = None
    pruner: BasePruner | None = None
    sampler_name: str = "tpe"
    pruner_name: str = "none"
    callbacks: Sequence[Callback] = ()  #: called after each trial of the search with Optuna's study and trial
    hp_name: Callable[[Any], str] | None = None  #: what a trial's run is called in trackers

    @classmethod
    def of(
        cls,
        sampler: str | BaseSampler,
        pruner: str | BasePruner,
        callbacks: Sequence[Callback] = (),
        hp_name: Callable[[Any], str] | None = None,
        *,
        several: bool = False,
    ) -> OptunaParts:
        """Return them; of `several` objectives a sampler that is an object steers by all, as in a study of Optuna's.

        Raises `BadInput` for what is none, and for a sampler that reads pickles from the store."""
        from optuna.pruners import BasePruner
        from optuna.samplers import BaseSampler

        own_sampler = object_of(BaseSampler, sampler, "sampler")
        own_pruner = object_of(BasePruner, pruner, "pruner")
        if type(own_sampler).__name__ == "CmaEsSampler":
            raise BadInput("CmaEsSampler keeps its state in the database as a pickle, which hpsearch never reads")
        for one in callbacks:
            if not callable(one):
                raise BadInput(f"a callback is a function of Optuna's study and trial, got {one!r:.80}")
        return cls(
            sampler=own_sampler,
            pruner=own_pruner,
            sampler_name=check_sampler(str(sampler)) if own_sampler is None else own_name(own_sampler, several),
            pruner_name=check_pruner(str(pruner)) if own_pruner is None else type(own_pruner).__name__,
            callbacks=tuple(callbacks),
            hp_name=hp_name,
        )

    def check_stays(self) -> None:
        """Raise `BadInput` for objects, where trials are to run in other processes."""
        objects = {"sampler": self.sampler, "pruner": self.pruner, "hp_name": self.hp_name}
        found = [name for name, one in objects.items() if one is not None] + ["callbacks"] * bool(self.callbacks)
        if found:
            raise BadInput(
                f"{found[0]} is an object of this process, which cannot travel to other workers",
                hint="name a sampler or a pruner instead, or search with one worker here",
            )

    def pruner_of(self, name: str) -> BasePruner:
        """Return who gives up on trials of the search, or what has that other name for trials of none."""
        return make_pruner(name) if self.pruner is None or name != self.pruner_name else self.pruner

    def name_of(self, trial: Trial, params: Mapping[str, Any]) -> str | None:
        """Return what a trial's run is called; None where nobody says."""
        return None if self.hp_name is None else str(self.hp_name(ReplayedTrial(params, trial.number)))

    def tell(self, storage: BaseStorage, study_name: str, trial_id: int) -> bool:
        """Call the callbacks after a trial; return whether one of them asked Optuna's study to stop."""
        import optuna

        study = optuna.load_study(study_name=study_name, storage=storage, sampler=self.sampler, pruner=self.pruner)
        study._thread_local.in_optimize_loop = True  # a callback may call `study.stop()` in its loop only
        for callback in self.callbacks:
            callback(study, storage.get_trial(trial_id))
        return bool(study._stop_flag)


def own_name(sampler: BaseSampler, several: bool) -> str:
    """Return what stands for a sampler that is an object."""
    return (OWN if several else "") + type(sampler).__name__


NO_PARTS = OptunaParts()


def object_of(kind: type[Part], given: Any, what: str) -> Part | None:
    """Return an object of Optuna's; None for a name. Raises `BadInput` for anything else."""
    if isinstance(given, str):
        return None
    if not isinstance(given, kind):
        raise BadInput(f"a {what} is a name or an object of Optuna's, got {given!r:.80}")
    return given
