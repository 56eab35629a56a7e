"""A study goes on with the rules it began with: what becomes of a value on more data is no part of its problem.

Presets may get other rules in a later release, and a study that was begun before is the same problem all the same.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ..spaces.space import Space
from ..studies.records import Study
from .problem import Problem

RULE = "handover"


def as_begun(problem: Problem, study: Study) -> Problem:
    """Return the problem with the space in the study's row, where the two differ in no more than such rules."""
    problem = with_report_as_begun(problem, study)
    stored = study.spec["identity"].get("space")
    asked = problem.identity["space"]
    if not isinstance(stored, Mapping) or stored == asked or without_rules(stored) != without_rules(asked):
        return problem
    plan = dataclasses.replace(problem.plan, space=Space(stored, name=problem.plan.space.name))
    return dataclasses.replace(problem, plan=plan, identity={**problem.identity, "space": dict(stored)})


def with_report_as_begun(problem: Problem, study: Study) -> Problem:
    """Return the problem without a report split cut from its evaluation set, where the study was begun without one."""
    if "report" not in problem.identity or "report" in study.spec["identity"]:
        return problem
    identity = {name: value for name, value in problem.identity.items() if name != "report"}
    source: Any = problem.source
    return dataclasses.replace(problem, source=source.without_report(), identity=identity)


def rules_kept(problem: Problem, begun: Problem) -> list[str]:
    """Return what to say of the rules that were asked for and that the study was begun without, a line each."""
    pairs = (
        (name, problem.plan.space.parameters[name], begun.plan.space.parameters[name])
        for name in begun.plan.space.names
    )
    return [
        f"{name}: the study goes on with the rule for more data that it began with ({there})"
        for name, asked, there in pairs
        if asked != there
    ]


def without_rules(space: Mapping[str, Any]) -> dict[str, Any]:
    """Return the written form of a space without what its parameters say of more data."""
    return {
        name: {key: value for key, value in written.items() if key != RULE} if isinstance(written, Mapping) else written
        for name, written in space.items()
    }
