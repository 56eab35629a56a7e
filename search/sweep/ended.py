"""How running a sweep ended: what `runner` returns, `notice` tells somebody and the command line prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...studies.sweeps import RunState, SweepCell, SweepRun
from .alarm import State
from .file import Sweep


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How running a sweep ended."""

    sweep: Sweep
    run: SweepRun | None  #: None where nothing was due
    cells: Sequence[SweepCell] = ()  #: those of the run that were begun
    left: Sequence[str] = ()  #: names of cells that are still to be run

    @property
    def alarms(self) -> list[SweepCell]:
        """The cells that are worse than their own history."""
        return [one for one in self.cells if (one.finding or {}).get("state") == State.WORSE]

    @property
    def failed(self) -> list[SweepCell]:
        """The cells that came to nothing."""
        return [one for one in self.cells if one.state is RunState.FAILED]
