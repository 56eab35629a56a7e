"""The problem of a Trainer that a function of the user's own makes: what `--trainer FILE.py:FUNCTION` searches."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...spaces.space import Space
from ...studies.constraint import constraints_of
from ...studies.identity import ensure_same_problem
from ...studies.objective import Objective
from ...studies.records import Study
from ..constraints import constraints_asked
from ..making.making import Making
from ..objectives import first_and_weighed
from ..options import RunOptions
from ..plan import Plan
from ..problem import Problem
from ..sampling.population import score_from
from ..strategy import kept_for, strategy_for
from ..trainer_problem import HALF, checked_problem, trainer_problem, trainer_seed
from .code import OwnCode, short_name
from .factory import making_from
from .main_script import making_of_script
from .report_data import report_rows

#: What is minimized unless somebody names a metric: every Trainer has it.
LOSS = "eval_loss"


def making_of(code: OwnCode, space: Space, seed: int | None) -> Making:
    """Return how the user's code makes its Trainer, with one that it has made. Raises `BadInput` if it makes none."""
    code = code.found_from_anywhere()
    if code.script is not None:
        return making_of_script(Path(code.script), code.words, seed)
    return making_from(code.trainer or "", space, seed)


def study_problem(code: OwnCode, study: Study) -> Problem:
    """Return the problem of a study whose Trainer a user's code makes.

    Raises `StudyChanged` where the Trainer, its data or its model are not what they were.
    """
    identity = study.spec["identity"]
    space = Space(identity["space"])
    plan = Plan(
        space=space,
        fraction=identity["fraction"],
        seed=identity["seed"],
        score_from=identity["score"],
        sampler=identity["sampler"],
        pruner=identity["pruner"],
        constraints=constraints_of(study),
    )
    making = making_of(code, space, seed_before(study))
    problem = trainer_problem(
        making,
        plan,
        Objective(identity["objective"], identity["direction"]),
        weighed=tuple(Objective(**one) for one in identity.get("beside", ())),
        half=identity.get("report") == HALF,
        report=report_of(study),
    )
    ensure_same_problem(study, problem.identity)
    return problem


def report_of(study: Study) -> Any:
    """Return the data that a study's winner and baseline are compared on, where the user has given some."""
    named = study.spec["notes"].get("report_data")
    return None if named is None else report_rows(str(named))


def seed_before(study: Study) -> int | None:
    """Return the seed that was asked for, which everything is seeded with before the user's code runs."""
    options = study.spec["notes"].get("options")
    return options.get("seed") if isinstance(options, Mapping) else None


def own_problem(options: RunOptions, space: Space) -> Problem:
    """Return the problem of the Trainer that `--trainer` names, made in this process.

    Raises `BadInput` for a function that cannot be had or makes no such Trainer, and for a Trainer that cannot be
    searched.
    """
    code = OwnCode.of(options)
    making = making_of(code, space, options.seed)
    plan = Plan(
        space=space,
        fraction=options.subset,
        seed=trainer_seed(making.template) if options.seed is None else options.seed,
        score_from=score_from(options.pruner, options.score),
        sampler=options.sampler,
        pruner=options.pruner,
        constraints=constraints_asked(options.constraint),
    )
    objective, weighed = first_and_weighed(options.objective)
    confirm = kept_for(strategy_for(options), options.sampler, options.confirm)
    report = None if options.report_data is None else report_rows(options.report_data)
    problem = checked_problem(
        making, plan, objective or LOSS, options.direction, weighed, confirm=confirm, report=report
    )
    notes = {} if report is None else {"report_data": place_of(options.report_data or "")}
    name = short_name(code.trainer or code.script or "")
    return dataclasses.replace(problem, task_name=name, notes={**problem.notes, **notes})


def place_of(named: str) -> str:
    """Return a name that is found from every folder, where it is that of files here."""
    return str(Path(named).expanduser().absolute()) if Path(named).expanduser().exists() else named
