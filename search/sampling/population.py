"""Population based training: trials that do badly at a rung go on from the weights of one that does well.

Jaderberg et al. 2017 (arXiv:1711.09846), in generations: a look at the selection split is a rung, and nobody goes on
from a rung before all have reached it (`studies.statements.next_at_rung`). What a trial does next is a function of the
scores at that rung and of the study's seed, so that neither the number of workers nor a restart changes a schedule.

The share of the population that gives up, and how values are changed, are Ray Tune's defaults for its
`PopulationBasedTraining`.
"""

from __future__ import annotations

import dataclasses
import json
import math
import random
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...spaces.errors import BadInput
from ...spaces.parameters import Constant
from ...spaces.ray_space import domain
from ...spaces.space import Space
from ...studies.objective import Objective
from ...studies.records import Trial, TrialState
from ..paths import StudyPaths, put_in_place
from ..trial.budget import LOOKS
from ..trial.configuration import Configuration
from ..trial.schedule import LIVE, Change
from .samplers import seed_of

PBT = "pbt"
#: The share of the population that gives up at a rung, and the share that it may go on from.
QUANTILE = 0.25
#: How often a value is drawn anew; else it is multiplied by one of the factors.
RESAMPLE = 0.25
FACTORS = (0.8, 1.2)
#: The file beside the weights of a rung that says how they came to be.
CONFIGURATION = "configuration.json"


def check_changeable(space: Space) -> None:
    """Raise `BadInput` for a space in which nothing can change during a training."""
    if not changeable(space):
        raise BadInput(
            f"population based training changes {' and '.join(LIVE)} on the way, and the space searches neither",
            hint=f"it searches {', '.join(space.searched) or 'nothing'}; or take another pruner",
        )


def score_from(pruner: str, asked: str) -> str:
    """Return which evaluation gives a trial its score: a population's weights are those at the end of the training."""
    return "last" if pruner == PBT else asked


def changeable(space: Space) -> list[str]:
    """Return the names that a training of this space can change on its way."""
    return [name for name in LIVE if name in space.names and not isinstance(space.parameters[name], Constant)]


@dataclass(frozen=True, kw_only=True)
class Segment:
    """The part of a trial's training from one rung to the next."""

    rung: int  #: looks that are done already
    configuration: Configuration | None = None  #: None at rung 0: what was proposed
    checkpoint: Path | None = None  #: where it goes on from


BEGINNING = Segment(rung=0)


@dataclass(frozen=True, kw_only=True)
class Population:
    """Decides what the trials of a study do at their rungs."""

    space: Space
    seed: int
    objective: Objective
    paths: StudyPaths

    def segment(self, trial: Trial, trials: Iterable[Trial]) -> Segment:
        """Return what a claimed trial that waited at a rung trains next; `trials` are all of the study."""
        self.drop_rungs_below(trial.rung)
        chance = random.Random(seed_of(self.seed, trial.number, draw=trial.rung))
        parent = self.parent(trial, scores_at(trial.rung, trials), chance)
        folder = self.paths.rung(trial.rung, trial.number if parent is None else parent)
        configuration = stored_configuration(folder)
        if parent is not None:
            configuration = self.explored(configuration, trial.rung / LOOKS, parent, chance)
        return Segment(rung=trial.rung, configuration=configuration, checkpoint=folder)

    def parent(self, trial: Trial, scores: Mapping[int, float], chance: random.Random) -> int | None:
        """Return the trial to go on from; None where this one does well enough, or is the baseline, which stays.

        A training of very few steps has several looks at one of them, and keeps weights at the last of these only.
        """
        ranked = sorted(scores, key=lambda number: (-self.objective.sign * scores[number], number))
        count = min(math.ceil(len(ranked) * QUANTILE), len(ranked) // 2)
        if trial.baseline or count == 0 or trial.number not in ranked[-count:]:
            return None
        there = [number for number in ranked[:count] if self.paths.rung(trial.rung, number).is_dir()]
        return chance.choice(there) if there else None

    def explored(self, configuration: Configuration, share: float, parent: int, chance: random.Random) -> Configuration:
        """Return the parent's configuration with values changed from `share` of the budget on."""
        before = configuration.values_at(share)
        names = [name for name in changeable(self.space) if name in before]
        values = {name: self.changed(name, before[name], chance) for name in names}
        change = Change(share=share, values=values, after=parent)
        return dataclasses.replace(configuration, schedule=[*configuration.schedule, dataclasses.asdict(change)])

    def changed(self, name: str, value: Any, chance: random.Random) -> Any:
        """Return another value of a parameter: a new one now and then, else one that is near."""
        parameter = self.space.parameters[name]
        seed, anew, factor = chance.randrange(2**32), chance.random() < RESAMPLE, chance.choice(FACTORS)
        if parameter.values is not None:  # near means nothing in a list
            return random.Random(seed).choice([other for other in parameter.values if other != value] or [value])
        return parameter.clip(domain(parameter).sample(random_state=seed) if anew else value * factor)

    def keep(self, checkpoint: Path, trial: Trial, rung: int, configuration: Configuration) -> None:
        """Keep the weights that a trial has at a rung, with all that it takes to go on from them."""
        (checkpoint / CONFIGURATION).write_text(json.dumps(configuration.to_dict()), encoding="utf-8")
        put_in_place(checkpoint, self.paths.rung(rung, trial.number))

    def drop_rungs(self) -> None:
        """Remove all weights at rungs: no trial goes on from one any more."""
        shutil.rmtree(self.paths.rungs, ignore_errors=True)

    def drop_rungs_below(self, rung: int) -> None:
        """Remove the weights of rungs that all trials have left behind."""
        for below in range(1, rung):
            shutil.rmtree(self.paths.rungs / str(below), ignore_errors=True)


def scores_at(rung: int, trials: Iterable[Trial]) -> dict[int, float]:
    """Return the scores at a rung of the trials that reached it, by number; a failed one has none."""
    percent = round(100 * rung / LOOKS)
    return {
        trial.number: point["score"]
        for trial in trials
        if trial.state is not TrialState.FAILED
        for point in trial.curve
        if round(100 * point["budget"]) == percent
    }


def stored_configuration(folder: Path) -> Configuration:
    """Return how the weights of a rung came to be. Raises `BadInput` where they are not here."""
    try:
        written: dict[str, Any] = json.loads((folder / CONFIGURATION).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadInput(
            f"the weights to go on from are not here: {str(folder)!r}",
            hint="population based training needs a study's folder that every worker reaches: --output-dir",
        ) from None
    except OSError as error:
        why = error.strerror or error
        raise BadInput(f"the weights to go on from cannot be read: {str(folder)!r}: {why}") from None
    return Configuration.from_dict(written)
