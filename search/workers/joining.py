"""Joining a study that somebody started: its problem is made again from its row, and it must be the same.

What makes a problem from options is `stored_problem`'s `problem_of`.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path

from ...studies.records import Study
from ...studies.store import StudyStore
from ..own.code import NO_CODE, OwnCode
from ..paths import DEFAULT_OUTPUT, writable_folder
from ..ranks.ranks import ALONE, Ranks
from ..stored_problem import stored_problem
from ..study_run import StudyRun
from ..view import View


def join(
    store: StudyStore,
    study: Study,
    *,
    folder: str | None = None,
    view: View | None = None,
    timeout: float | None = None,
    verbose: bool = False,
    places: Mapping[str, str] | None = None,
    code: OwnCode = NO_CODE,
    ranks: Ranks = ALONE,
) -> StudyRun:
    """Return a run of a stored study for this process; `places` and `code` are as in `stored_problem`.

    Raises `StudyChanged` if data or model are no longer what they were, `BadInput` for a study made in Python or data
    that is not here.
    """
    here = dataclasses.replace(study, folder=folder or str(folder_here(study)))
    return StudyRun(
        problem=stored_problem(study, kept_data=True, places=places, code=code),
        study=here,
        store=store,
        view=view or View(),
        timeout=timeout,
        verbose=verbose,
        code=code,
        ranks=ranks,
    )


def folder_here(study: Study) -> Path:
    """Return the study's folder on this machine: its own where that can be written, else one of the same name here.

    A worker on a machine that does not share the folder keeps its checkpoints to itself; the rows are in the store.
    """
    own = Path(study.folder)
    parent = own if own.exists() else own.parent
    if parent.is_dir() and os.access(parent, os.W_OK):
        return own
    return writable_folder(DEFAULT_OUTPUT) / own.name
