"""Who proposes the next configuration and who ends a hopeless trial, by name.

Each trial gets its own sampler and pruner: the store is their only memory, so a search that was killed proposes what
an undisturbed one would have (pains B6).
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ...spaces.errors import BadInput, did_you_mean
from ...spaces.space import Space
from ..trial.budget import percent
from .steering import SEVERAL

if TYPE_CHECKING:
    import optuna

#: Trials before a model-based sampler starts to model, the baseline among them. Optuna's default of 10 would make a
#: search of ten trials a random one.
STARTUP = 5
#: Trials of a generation of NSGA-II. Optuna's 50 would make a search of fifty trials a random one; with eight, two of
#: ten trials have parents, and fifty are six generations. On three made-up pairs of objectives fewer than eight were
#: worse than random trials where random ones do well, and more were slower where they do badly.
POPULATION = 8
#: Values a continuous parameter takes in a grid.
GRID_POINTS = 4

#: Not CMA-ES: Optuna keeps its state as a pickle in the database, and nothing is unpickled from a store.
SAMPLERS = ("tpe", "random", "grid", "gp", "qmc", *SEVERAL)
#: What `pbt` does is not a pruner's work: see `population`.
PRUNERS = ("none", "median", "asha", "hyperband", "pbt")


def check_sampler(name: str) -> str:
    """Return `name`. Raises `BadInput` for an unknown sampler."""
    return _known("sampler", name, SAMPLERS)


def check_pruner(name: str) -> str:
    """Return `name`. Raises `BadInput` for an unknown pruner."""
    return _known("pruner", name, PRUNERS)


def _known(kind: str, name: str, names: tuple[str, ...]) -> str:
    if name not in names:
        raise BadInput(f"unknown {kind} {name!r}", hint=did_you_mean(name, names))
    return name


def seed_of(study_seed: int, number: int, draw: int = 0) -> int:
    """Return the sampler's seed for a draw of trial `number`: a function of all three and of nothing else."""
    text = f"{study_seed}:{number}" + (f":{draw}" if draw else "")
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") & 0x7FFFFFFF


def make_sampler(name: str, *, study_seed: int, number: int, draw: int = 0) -> optuna.samplers.BaseSampler:
    """Return the sampler for a draw of trial `number`; a grid is no sampler, see `grid`."""
    from optuna import samplers

    seed = seed_of(study_seed, number, draw)
    makers: dict[str, Callable[[], Any]] = {
        "tpe": lambda: samplers.TPESampler(seed=seed, n_startup_trials=STARTUP),
        # With several directions the same is multi-objective TPE (Ozaki et al. 2020, 2022).
        "motpe": lambda: samplers.TPESampler(seed=seed, n_startup_trials=STARTUP),
        "nsga2": lambda: samplers.NSGAIISampler(seed=seed, population_size=POPULATION),
        "random": lambda: samplers.RandomSampler(seed=seed),
        "gp": lambda: samplers.GPSampler(seed=seed, n_startup_trials=STARTUP),
        # One sequence for the whole study; its place in it is kept in the store.
        "qmc": lambda: samplers.QMCSampler(
            seed=study_seed, scramble=True, warn_independent_sampling=False, warn_asynchronous_seeding=False
        ),
    }
    return makers[check_made("sampler", name, makers)]()


def make_pruner(name: str) -> optuna.pruners.BasePruner:
    """Return a pruner over percents of the budget; none acts before the first look, when warm-up is over."""
    from optuna import pruners

    first = percent(1)
    makers: dict[str, Callable[[], Any]] = {
        "none": pruners.NopPruner,
        "pbt": pruners.NopPruner,
        "median": lambda: pruners.MedianPruner(n_startup_trials=STARTUP - 1, n_warmup_steps=first),
        "asha": lambda: pruners.SuccessiveHalvingPruner(min_resource=first, reduction_factor=2),
        "hyperband": lambda: pruners.HyperbandPruner(min_resource=first, max_resource=100, reduction_factor=2),
    }
    return makers[check_made("pruner", name, makers)]()


def check_made(kind: str, name: str, known: Mapping[str, Any]) -> str:
    """Return `name`. Raises `BadInput` for that of an object of Python's, known to its own search alone."""
    if name not in known:
        raise BadInput(
            f"the {kind} of this study, {name}, is an object of the Python program that began it",
            hint="go on with that program",
        )
    return name


def grid(space: Space, study_seed: int) -> list[dict[str, Any]]:
    """Return every distinct configuration of the space's grid, in an order shuffled by the study's seed.

    Shuffled, so that the first ten of a large grid differ in more than their last parameter.
    """
    configurations = [
        {name: value for name, value in values.items() if name in space.searched}
        for values in space.configurations(points=GRID_POINTS)
    ]
    random.Random(study_seed).shuffle(configurations)
    return configurations
