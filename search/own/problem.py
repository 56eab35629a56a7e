"""The problem of a Trainer that a function of the user's own makes: what `--trainer FILE.py:FUNCTION` searches."""

from __future__ import annotations

import dataclasses

from ...spaces.space import Space
from ..objectives import first_and_weighed
from ..options import RunOptions
from ..plan import Plan
from ..problem import Problem
from ..sampling.population import score_from
from ..trainer_problem import checked_problem, trainer_seed
from .code import absolute, short_name
from .factory import trainer_from

#: What is minimized unless somebody names a metric: every Trainer has it.
LOSS = "eval_loss"


def own_problem(options: RunOptions, space: Space) -> Problem:
    """Return the problem of the Trainer that `--trainer` names, made in this process.

    Raises `BadInput` for a function that cannot be had or makes no such Trainer, and for a Trainer that cannot be
    searched.
    """
    named = options.trainer or ""
    trainer = trainer_from(absolute(named))
    plan = Plan(
        space=space,
        fraction=options.subset,
        seed=trainer_seed(trainer) if options.seed is None else options.seed,
        score_from=score_from(options.pruner, options.score),
        sampler=options.sampler,
        pruner=options.pruner,
    )
    objective, weighed = first_and_weighed(options.objective)
    problem = checked_problem(trainer, plan, objective or LOSS, options.direction, weighed)
    return dataclasses.replace(problem, task_name=short_name(named))
