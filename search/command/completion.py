"""What the shell offers for a half-typed word: names of the studies in the store that the command would use."""

from __future__ import annotations

import os

import typer

from ...spaces.errors import HpsearchError
from ..options import DEFAULT_STORE, STORE_ENV


def study_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the names that begin with what was typed; none where the store cannot be read: a shell shows no errors."""
    from ...studies.store import StudyStore

    url = ctx.params.get("store") or os.environ.get(STORE_ENV) or DEFAULT_STORE
    try:
        with StudyStore.open(url) as store:
            names = [one.study.name for one in store.studies()]
    except (HpsearchError, OSError):
        return []
    return [name for name in names if name.startswith(incomplete)]
