"""Every file name of a study's folder; no other file joins paths."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..spaces.errors import BadInput, HpsearchError
from .failures import ends_search


@dataclass(frozen=True)
class StudyPaths:
    """The folder of one study: `log.txt`, `data/`, `trials/N/`, `rungs/R/N/`, `models/`, `outbox/`."""

    folder: Path

    @property
    def log(self) -> Path:
        """Where the chatter of transformers, datasets and optuna goes."""
        return self.folder / "log.txt"

    @property
    def data(self) -> Path:
        """Rows that were made in memory, and what a Trainer's class made of them, see `data.kept_rows`."""
        return self.folder / "data"

    @property
    def outbox(self) -> Path:
        """Where results wait that the store has not confirmed yet."""
        return self.folder / "outbox"

    @property
    def rungs(self) -> Path:
        """Where trials of a population keep the weights that others may go on from."""
        return self.folder / "rungs"

    def rung(self, rung: int, number: int) -> Path:
        """The weights of trial `number` at a rung."""
        return self.rungs / str(rung) / str(number)

    def trial(self, number: int, attempt: int = 1) -> Path:
        """The folder of an attempt of trial `number`: its own, for a worker taken for dead may still write to its."""
        return self.folder / "trials" / (str(number) if attempt == 1 else f"{number}-{attempt}")

    def trials(self) -> list[int]:
        """The numbers of the trials that have a folder."""
        names = (path.name.partition("-")[0] for path in (self.folder / "trials").glob("*"))
        return sorted({int(name) for name in names if name.isdecimal()})

    def outputs(self, number: int) -> Path:
        """What the model of trial `number` says of the rows of the report split, see `trial.outputs`."""
        return self.folder / "report" / f"{number}.npz"

    def model(self, number: int) -> Path:
        """Where the retrained model of trial `number` goes unless the user names a folder."""
        return self.folder / "models" / f"trial-{number}"

    def checkpoint(self, number: int) -> Path | None:
        """The checkpoint trial `number` kept, if any."""
        found = [path for path in map(kept_checkpoint, self._attempts(number)) if path]
        return max(found, key=lambda path: path.parent.parent.name, default=None)

    def checkpoint_bytes(self) -> int:
        """The size of all checkpoints together; they may be written and removed meanwhile."""
        total = 0
        for folder, _, names in os.walk(self.folder / "trials"):
            for name in names:
                with suppress(OSError):
                    total += (Path(folder) / name).stat().st_size
        return total

    def drop_trial(self, number: int) -> None:
        """Remove what trial `number` wrote."""
        for folder in self._attempts(number):
            shutil.rmtree(folder, ignore_errors=True)

    def drop_attempt(self, number: int, attempt: int) -> None:
        """Remove what one attempt of trial `number` wrote."""
        shutil.rmtree(self.trial(number, attempt), ignore_errors=True)

    def _attempts(self, number: int) -> list[Path]:
        trials = self.folder / "trials"
        return [path for path in (trials / str(number), *trials.glob(f"{number}-*")) if path.is_dir()]


#: Where studies keep their folders unless told otherwise, in the current folder.
DEFAULT_OUTPUT = Path("hpsearch-output")
ANOTHER_FOLDER = "give another folder with --output-dir"
#: Name of the folder inside a trial's folder that its checkpoints go to, see `StudyPaths.checkpoint`.
KEPT = "kept"


def kept_checkpoint(attempt: Path) -> Path | None:
    """Return the checkpoint in the folder of one attempt of a trial: that of the last step, if any."""
    steps = {int(path.name.rpartition("-")[2]): path for path in attempt.glob(f"{KEPT}/checkpoint-*")}
    return steps[max(steps)] if steps else None


def check_folder(path: Path) -> Path:
    """Return `path` absolute; nothing is made. Raises `BadInput` if it is a file or cannot be written to."""
    path = path.expanduser().absolute()
    try:
        there = next(part for part in (path, *path.parents) if part.exists())
        if not there.is_dir():
            raise BadInput(f"{str(there)!r} is a file, not a folder", hint=ANOTHER_FOLDER)
        with tempfile.TemporaryFile(dir=there):
            pass
    except (OSError, ValueError) as error:  # a name with a NUL in it is a ValueError
        raise unwritable(path, error) from None
    return path


def writable_folder(path: Path) -> Path:
    """Make `path` and return it absolute. Raises `BadInput` as `check_folder` does."""
    path = check_folder(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise unwritable(path, error) from None
    return path


def unwritable(path: Path, error: Exception) -> HpsearchError:
    """Return the error for a folder that refused, which is not the user's mistake where the disk is full."""
    return ends_search(error) or BadInput(
        f"cannot write to the folder {str(path)!r}: {getattr(error, 'strerror', None) or error}", hint=ANOTHER_FOLDER
    )


def put_in_place(part: Path, target: Path) -> None:
    """Let the finished folder `part` take the place of `target`, so that a reader never sees half a folder."""
    target.parent.mkdir(parents=True, exist_ok=True)
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        os.replace(target, old)
    os.replace(part, target)
    shutil.rmtree(old, ignore_errors=True)
