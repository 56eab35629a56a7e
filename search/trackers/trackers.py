"""Which experiment trackers are told of the trials of a study; `tracking` tells them.

Kept with the study, so that each of its workers does the same, and no part of its identity.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec

from ...spaces.errors import BadInput, did_you_mean
from ...studies.records import Study

#: Each tracker's name, which is also that of its package.
TRACKERS = ("tensorboard", "mlflow", "wandb", "trackio")
#: Where a study keeps them, in its limits.
REPORT_TO = "report_to"


def check_trackers(asked: str | Iterable[str]) -> tuple[str, ...]:
    """Return the trackers that are named, one by one or as `A,B`, each once.

    Raises `BadInput` for one that is unknown or not installed.
    """
    words = [asked] if isinstance(asked, str) else list(asked)
    names = tuple(dict.fromkeys(name.strip() for word in words for name in str(word).split(",") if name.strip()))
    for name in names:
        if name not in TRACKERS:
            raise BadInput(f"unknown tracker {name!r:.120}", hint=did_you_mean(name, TRACKERS))
        if find_spec(name) is None:
            raise BadInput(f"the tracker {name!r} is not installed", hint=f"pip install {name}")
    return names


def trackers_of(study: Study) -> tuple[str, ...]:
    """Return the trackers of a study; none for one that was made before there were any."""
    written = study.limits.get(REPORT_TO)
    return tuple(name for name in written if name in TRACKERS) if isinstance(written, list | tuple) else ()
