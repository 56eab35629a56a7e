"""What a search does besides trying configurations on its subset: rungs on more data, and finals on all of it.

Kept with the study, and no part of its identity: `--confirm full` on a finished study adds the finals it lacks. Who is
promoted is `ladder`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

from ..spaces.errors import BadInput, did_you_mean
from ..studies.front import RULES
from ..studies.records import Study
from .options import RunOptions
from .sampling.steering import SEVERAL, steers_by_all

LADDER, SINGLE = "ladder", "single"
NONE, QUICK, FULL = "none", "quick", "full"
#: `single`: the asked subset alone; `ladder`: the best third again on three times the data, and so on. The first is
#: the default: for ten trials on a tenth a second rung costs a quarter more and finds nothing better (`strategies.py`,
#: section i), as Egele et al. 2023 found for classic benchmarks. Rungs pay where many trials begin on very little.
STRATEGIES = (SINGLE, LADDER)
#: `none`: the best configuration is retrained on all the data; `quick`: it and the baseline are compared there with one
#: seed; `full`: the finalists and the baseline, over shared seeds.
CONFIRM = (NONE, QUICK, FULL)
#: A third of the configurations is promoted, and the next rung has three times the data: of the 3 and 4 that
#: Hyperband recommends (Li et al., JMLR 2018) the first. `tests/benchmarks/strategies.py` compares it with others.
ETA = 3
#: No rung between this share of the data and all of it: it would cost nearly as much as the finals.
LARGEST_RUNG = 0.5


@dataclass(frozen=True, kw_only=True)
class Strategy:
    """How far the best configurations of a search are followed."""

    name: str = SINGLE
    confirm: str = QUICK
    finalists: int = 2  #: configurations compared with the baseline by `full`
    seeds: int = 3  #: that `full` compares them over
    choose: str | None = None  #: the rule that chooses the winner of a front, see `studies.front`
    shift: int = 0  #: how far the seeds of the finals are from the study's own: a sweep's runs take turns with theirs

    def __post_init__(self) -> None:
        """Raise `BadInput` for a strategy that is none."""
        for flag, value, known in (("strategy", self.name, STRATEGIES), ("confirm", self.confirm, CONFIRM)):
            if value not in known:
                raise BadInput(f"unknown --{flag} {value!r}", hint=did_you_mean(str(value), known))
        for flag, count, least in (("finalists", self.finalists, 1), ("seeds", self.seeds, 2)):
            if isinstance(count, bool) or not isinstance(count, int) or not least <= count <= MOST:
                raise BadInput(f"--{flag} takes a whole number from {least} to {MOST}, not {count!r}")

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON; a rule for fronts only where there is one, and `shift`, which is no choice of people."""
        return {
            name: value for name, value in dataclasses.asdict(self).items() if name not in ("choose", "shift") or value
        }

    @classmethod
    def of(cls, study: Study) -> Strategy:
        """Return the strategy of a study; one that was made before there were any has one rung and no finals."""
        written = study.limits.get("strategy")
        if not isinstance(written, Mapping):
            return ONE_RUNG
        return cls(**{name: value for name, value in written.items() if name in cls.__dataclass_fields__})

    def rungs(self, fraction: float) -> list[float]:
        """Return the fractions at which configurations are compared on the selection split, the finals not counted."""
        rungs = [fraction]
        while self.name == LADDER and rungs[-1] * ETA <= LARGEST_RUNG:
            rungs.append(round(rungs[-1] * ETA, 9))
        return rungs

    def places(self, rung: int, count: int) -> int:
        """Return how many of `count` configurations reach a rung; enough of them for the finals."""
        return max(count // ETA**rung, self.compared)

    @property
    def compared(self) -> int:
        """How many configurations besides the baseline are compared at full size."""
        return self.finalists if self.confirm == FULL else 1

    def trainings(self, fraction: float, trials: int, beside: int = 0) -> list[tuple[int, float]]:
        """Return how many trainings there will be at which fraction, the last ones on all the data.

        `beside` are the neighbours that the space asks to be tried there.
        """
        climbing = [(self.places(rung, trials), one) for rung, one in enumerate(self.rungs(fraction)) if rung]
        searched = [(trials, fraction), *((count, one) for count, one in climbing if count > self.compared)]
        seeds = len(self.final_seeds(0))
        if fraction == 1.0 and not self.shift:
            seeds -= 1  # a rung of all the data has done the first
        finals = 1 if self.confirm == NONE else seeds * (self.compared + 1) + (beside if fraction < 1 else 0)
        return [*searched, (finals, 1.0)]

    def final_seeds(self, seed: int) -> list[int]:
        """Return the seeds of the finals: the study's own first, for that training may have been done already.

        Those of a sweep's run are as far from it as `shift` says.
        """
        count = {NONE: 0, QUICK: 1, FULL: self.seeds}[self.confirm]
        return [(seed + self.shift + one) % 2**32 for one in range(count)]


MOST = 100  #: finalists and seeds, so that a slip of the keyboard does not cost a month
ONE_RUNG = Strategy(name=SINGLE, confirm=NONE)


class StrategyOptions(TypedDict, total=False):
    """What a strategy is made of, as people name it."""

    strategy: str | None
    confirm: str | None
    choose: str | None
    finalists: int
    seeds: int


def strategy_of(
    *,
    pruner: str,
    sampler: str = "tpe",
    retrain: bool = True,
    strategy: str | None = None,
    confirm: str | None = None,
    finalists: int = 2,
    seeds: int = 3,
    choose: str | None = None,
) -> Strategy:
    """Return the strategy that was asked for, or the one that suits.

    A population is trained once, in one generation after the other, and knows no larger fraction. A front has no winner
    to follow unless a rule is named that chooses one. Raises `BadInput`.
    """
    check_choice(sampler, choose, strategy=strategy, confirm=confirm, finalists=finalists)
    if steers_by_all(sampler) and choose is None:
        return ONE_RUNG
    if pruner == "pbt":
        for flag, value, fitting in (("strategy", strategy, SINGLE), ("confirm", confirm, NONE)):
            if value not in (None, fitting):
                raise BadInput(f"--{flag} {value} does not go with --pruner pbt", hint=f"--{flag} {fitting}")
        return ONE_RUNG
    return Strategy(
        name=strategy or SINGLE,
        confirm=confirm or (QUICK if retrain else NONE),
        finalists=finalists,
        seeds=seeds,
        choose=choose,
    )


def check_choice(
    sampler: str, choose: str | None, *, strategy: str | None, confirm: str | None, finalists: int
) -> None:
    """Raise `BadInput` for a rule that is none or has no front, and for what needs another winner than it chooses."""
    if choose not in (None, *RULES):
        raise BadInput(f"unknown rule --choose {choose!r:.80}", hint=did_you_mean(str(choose), RULES))
    if not steers_by_all(sampler):
        if choose is not None:
            raise BadInput(
                f"--choose {choose} is for a front that the search steers to, and --sampler {sampler} steers by the "
                "first objective, whose best is the winner",
                hint=f"--sampler {' or '.join(SEVERAL)}",
            )
        return
    if strategy not in (None, SINGLE):
        raise BadInput(
            f"--strategy {strategy} compares by one objective, and --sampler {sampler} steers by several",
            hint=f"--strategy {SINGLE}",
        )
    if choose is None and confirm not in (None, NONE):
        raise BadInput(
            f"--confirm {confirm} compares a winner with the baseline, and of a front there is none",
            hint=f"name a rule that chooses it: --choose {' or '.join(RULES)}",
        )
    if confirm == FULL and finalists != 1:
        raise BadInput(
            f"--confirm {FULL} with {finalists} finalists would choose among them by the first objective alone",
            hint=f"--finalists 1 compares what --choose {choose} chooses with the baseline, over --seeds",
        )


def kept_for(strategy: Strategy, sampler: str, confirm: str | None) -> str:
    """Return which comparison rows are kept for, given what was asked for as `--confirm`.

    A study that all of its objectives steer keeps them though it has no winner: a rule may be named later.
    """
    return QUICK if steers_by_all(sampler) and confirm is None else strategy.confirm


def strategy_for(options: RunOptions) -> Strategy:
    """Return how far the best configurations are followed. Raises `BadInput`."""
    return strategy_of(
        pruner=options.pruner,
        sampler=options.sampler,
        choose=options.choose,
        retrain=not options.no_retrain,
        strategy=options.strategy,
        confirm=options.confirm,
        finalists=options.finalists,
        seeds=options.seeds,
    )
