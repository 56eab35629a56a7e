"""The errors of this layer; the base classes are in `spaces/errors.py`.

A store URL given to these has been through `url.safe_url`: no password reaches a message.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from ..spaces.errors import BadInput, HpsearchError

NOT_FOUND = 3


class StoreUnusable(BadInput):
    """The store cannot be opened."""


class StoreNotFound(HpsearchError, LookupError):
    """There is no store at that URL yet."""

    exit_code = NOT_FOUND


class StoreOutdated(BadInput):
    """The store was made by an older release."""


class StoreTooNew(BadInput):
    """The store was made by a newer release."""


class StoreFailed(HpsearchError):
    """The database refused while the store was in use."""


class StoreAway(StoreFailed):
    """The database does not answer, or was too busy with others: the same again may succeed."""


class StoreFull(StoreFailed):
    """There is no room left for the database; what was stored before is intact."""


class StudyExists(BadInput):
    """A study of that name exists already."""

    def __init__(self, name: str) -> None:
        super().__init__(f"a study named {name!r} exists already", hint="choose another name with --study")
        self.name = name


class StudyNotFound(HpsearchError, LookupError):
    """No study has that name, or it was deleted meanwhile."""

    exit_code = NOT_FOUND

    def __init__(self, name: str | None = None, known: Iterable[str] = ()) -> None:
        near = difflib.get_close_matches(name or "", sorted(known), n=1)
        super().__init__(
            "the study was deleted meanwhile" if name is None else f"no study named {name!r}",
            hint=f"did you mean {near[0]!r}?" if near else "`hpsearch studies` lists them",
        )
        self.name = name


class StudyChanged(BadInput):
    """The study was started on another problem.

    Attributes:
        changes: one human line for each difference, as `identity.difference` gives them.
    """

    def __init__(self, name: str, changes: Sequence[str]) -> None:
        lines = "".join(f"\n  {line}" for line in changes)
        super().__init__(
            f"study {name!r} was started on another problem:{lines}",
            hint="start another study with --study NAME, or a new one from this with --fork NAME",
        )
        self.name = name
        self.changes = list(changes)


class TrialNotFound(HpsearchError, LookupError):
    """No trial has that number, or its study was deleted meanwhile."""

    exit_code = NOT_FOUND


class TrialFinished(HpsearchError, RuntimeError):
    """A finished trial never changes again."""


class ConfigurationTaken(HpsearchError, RuntimeError):
    """Another trial of the study has that configuration."""


class LeaseLost(HpsearchError, RuntimeError):
    """The trial is not held by this worker any more: its slot went back to the study."""
