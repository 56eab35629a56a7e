"""Data that a user keeps for the comparison of winner and baseline, beside the evaluation set of a Trainer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...spaces.errors import BadInput
from ..failures import describe

NAMES = "name a folder of files, a folder saved by `datasets` or a data set of the hub; NAME:SPLIT for a part"


def report_rows(named: str) -> Any:
    """Return the rows of a folder that `datasets` has saved, or of what `load_dataset` loads; `NAME:SPLIT` for a part.

    The Trainer's class prepares them as it does its evaluation set. Raises `BadInput` where there are none.
    """
    import datasets

    path = Path(named).expanduser()
    name, _, split = (named, "", "") if path.exists() else named.rpartition(":") if ":" in named else (named, "", "")
    try:
        if any((Path(name).expanduser() / one).is_file() for one in ("state.json", "dataset_dict.json")):
            found = datasets.load_from_disk(str(Path(name).expanduser()))
        else:
            found = datasets.load_dataset(name)
    except Exception as error:
        raise BadInput(
            f"no rows can be loaded from {named!r}: {describe(error)}",
            hint=NAMES if isinstance(error, FileNotFoundError) else None,  # as what `datasets` raises of names is
        ) from error
    return part_of(found, split, named)


def part_of(found: Any, split: str, named: str) -> Any:
    """Return one part of what was loaded. Raises `BadInput` where it is not said which."""
    if not isinstance(found, dict):
        return found
    if split in found:
        return found[split]
    if len(found) == 1 and not split:
        return next(iter(found.values()))
    raise BadInput(f"{named!r} has {', '.join(map(repr, found))}", hint=f"say which: {named.split(':')[0]}:test")
