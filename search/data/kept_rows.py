"""Rows that were made in memory, kept on disk for as long as their study, for classes that prepare their data.

`datasets` finds what a `map` made of rows again by all that went into it, the rows and the arguments, but only of rows
that are on disk. So what a Trainer's class makes of them in its constructor (trl tokenises, truncates, packs) is made
once, for all trials, workers and machines that share the folder; another `max_length` finds, or makes, another result.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from .splits import Splits, SplitSource


class KeptRows:
    """The splits of a `source`, whose rows lie in `folder` from the first time on that somebody asks for them.

    But for the report split, which no constructor is given in a search.
    """

    def __init__(self, source: SplitSource, folder: Path) -> None:
        self.source, self.folder = source, folder
        self._kept: dict[int, tuple[Any, Any]] = {}  # by the identity of the data set, which is held so that it stays

    def splits(self, data: dict[str, Any]) -> Splits:
        """Return the splits with the same rows, formats and features."""
        given = self.source.splits(data)
        return Splits(self._of(given.train), self._of(given.selection), given.report, self._of(given.full_train))

    def _of(self, given: Any) -> Any:
        if id(given) not in self._kept:
            self._kept[id(given)] = (given, on_disk(given, self.folder))
        return self._kept[id(given)][1]


def on_disk(given: Any, folder: Path) -> Any:
    """Return a data set, or each of a dict of them, with its rows on disk; one that is no such thing is left alone.

    So is one for which there is no room, or that is on disk already.
    """
    from datasets import load_from_disk

    if isinstance(given, dict):
        return type(given)({name: on_disk(part, folder) for name, part in given.items()})
    if not can_be_kept(given):
        return given
    rows = given.with_format(None)
    place = folder / rows_key(rows)
    try:
        if not place.is_dir():
            save(rows, place)
        kept = load_from_disk(str(place), keep_in_memory=False)
    except (OSError, ValueError, NotImplementedError):  # the last two are Arrow's, for values of mixed kinds
        return given
    return kept.with_format(**given.format)


def can_be_kept(given: Any) -> bool:
    """Return whether a data set is one of `datasets` whose rows are in memory, and nothing but rows.

    A file that a row only points to would be written into it; with its caching off, `datasets` finds nothing again.
    """
    from datasets import Dataset, is_caching_enabled
    from datasets.features.features import require_storage_embed

    return (
        isinstance(given, Dataset)
        and len(given) > 0
        and is_caching_enabled()
        and not given.cache_files
        and not given.list_indexes()
        and not require_storage_embed(dict(given.features))
    )


def rows_key(rows: Any) -> str:
    """Return a hash of all rows of a data set of `datasets`, and of what its columns are."""
    digest = hashlib.sha256(repr((rows.features, rows.split, len(rows))).encode())
    for table in rows.with_format("arrow").iter(batch_size=1000):
        for batch in table.combine_chunks().to_batches():
            digest.update(memoryview(batch.serialize()))
    return digest.hexdigest()[:32]


def save(rows: Any, place: Path) -> None:
    """Write rows to a folder, whole or not at all; another worker may be quicker."""
    place.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
    try:
        rows.save_to_disk(str(part))
        os.replace(part, place)
    except OSError:
        if not place.is_dir():
            raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
