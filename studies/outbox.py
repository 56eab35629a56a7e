"""Results on their way to the store: kept in a file until the store has them, so that no death in between loses one.

A trial costs minutes and its result is a few lines; a database that is away, or a worker killed while it waits for it,
must not cost the trial. The files lie in the study's folder and hold plain JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import LeaseLost, TrialFinished, TrialNotFound
from .leases import IsLost
from .plain import dumps
from .records import Failure, Trial, TrialState
from .store import StudyStore
from .whole_file import write_whole
from .worker import is_alive

NAMES = {"trial_id", "attempt", "worker", "state", "failure", "values"}
#: What the store says of a result whose trial is not its worker's any more.
TOO_LATE = (LeaseLost, TrialFinished, TrialNotFound)


@dataclass(frozen=True)
class Outbox:
    """The folder of a study's results that the store may not have yet."""

    folder: Path

    def send(
        self, store: StudyStore, trial: Trial, state: TrialState, failure: Failure | None, values: Mapping[str, Any]
    ) -> Trial:
        """Finish a trial, however long its database is away; raises as `StudyStore.finish` does."""
        path = self.folder / f"{trial.trial_id}-{trial.attempt}.json"
        letter = {
            "trial_id": trial.trial_id,
            "attempt": trial.attempt,
            "worker": trial.worker,
            "state": state,
            "failure": failure,
            "values": dict(values),
        }
        with suppress(OSError):  # a full disk is no reason to lose the result, too
            self.folder.mkdir(parents=True, exist_ok=True)
            write_whole(path, dumps(letter).encode())
        try:
            finished = _finish(store, letter)
        except TOO_LATE:
            _drop(path)
            raise
        _drop(path)
        return finished

    def replay(self, store: StudyStore, alive: Callable[[str], bool | None] = is_alive) -> list[Trial]:
        """Send what workers left behind that are dead; return the trials that this finished.

        A result that came too late (its trial was given to somebody else, or deleted) is dropped.
        """
        sent = []
        for path, letter in self._letters():
            if alive(letter["worker"] or "") is not False:
                continue
            try:
                sent.append(_finish(store, letter))
            except TOO_LATE:
                pass
            except (TypeError, ValueError):
                continue  # another release wrote it
            _drop(path)
        return sent

    def _letters(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        for path in sorted(self.folder.glob("*-*.json")):
            with suppress(OSError, ValueError):
                letter = json.loads(path.read_bytes())
                if isinstance(letter, dict) and letter.keys() == NAMES and isinstance(letter["worker"], str | None):
                    yield path, letter


def take_back(
    store: StudyStore, study_id: int, outbox: Outbox, is_lost: IsLost, alive: Callable[[str], bool | None] = is_alive
) -> None:
    """Send what dead workers left unsent, then take back the trials that they did not finish."""
    outbox.replay(store, alive)
    store.recover(study_id, is_lost)


def _finish(store: StudyStore, letter: Mapping[str, Any]) -> Trial:
    failure = letter["failure"]
    return store.finish(
        letter["trial_id"],
        TrialState(letter["state"]),
        failure=Failure(failure) if failure else None,
        worker=letter["worker"],
        attempt=letter["attempt"],
        **letter["values"],
    )


def _drop(path: Path) -> None:
    with suppress(OSError):  # the store has the result, and will say so to whoever reads the letter later
        path.unlink()
