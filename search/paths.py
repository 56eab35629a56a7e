"""Every file name of a study's folder; no other file joins paths."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ..spaces.errors import BadInput


@dataclass(frozen=True)
class StudyPaths:
    """The folder of one study: `log.txt`, `trials/N/`, `models/`."""

    folder: Path

    @property
    def log(self) -> Path:
        """Where the chatter of transformers, datasets and optuna goes."""
        return self.folder / "log.txt"

    def trial(self, number: int) -> Path:
        """The folder of trial `number`."""
        return self.folder / "trials" / str(number)

    def trials(self) -> list[int]:
        """The numbers of the trials that have a folder."""
        return [int(path.name) for path in (self.folder / "trials").glob("*") if path.name.isdecimal()]

    def model(self, number: int) -> Path:
        """Where the retrained model of trial `number` goes unless the user names a folder."""
        return self.folder / "models" / f"trial-{number}"

    def checkpoint(self, number: int) -> Path | None:
        """The checkpoint trial `number` kept, if any."""
        found = sorted(self.trial(number).glob("kept/checkpoint-*"), key=lambda path: path.stat().st_mtime)
        return found[-1] if found else None

    def drop_trial(self, number: int) -> None:
        """Remove what trial `number` wrote."""
        shutil.rmtree(self.trial(number), ignore_errors=True)


#: Name of the folder inside a trial's folder that its checkpoints go to, see `StudyPaths.checkpoint`.
KEPT = "kept"


def writable_folder(path: Path) -> Path:
    """Make `path` and return it absolute. Raises `BadInput` if it is a file or cannot be written to."""
    path = path.expanduser().absolute()
    hint = "give another folder with --output-dir"
    for part in (path, *path.parents):
        if part.exists() and not part.is_dir():
            raise BadInput(f"{str(part)!r} is a file, not a folder", hint=hint)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise BadInput(f"cannot write to the folder {str(path)!r}: {error.strerror}", hint=hint) from None
    return path


def put_in_place(part: Path, target: Path) -> None:
    """Let the finished folder `part` take the place of `target`, so that a reader never sees half a folder."""
    target.parent.mkdir(parents=True, exist_ok=True)
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        os.replace(target, old)
    os.replace(part, target)
    shutil.rmtree(old, ignore_errors=True)
