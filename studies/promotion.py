"""A configuration that is to be run again: on more data, or with another seed. Who is promoted is `search.ladder`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .identity import fingerprint
from .records import Phase


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """A trial to be, at a fraction and with a seed of its own."""

    origin: int | None  #: number of the trial that had the configuration first; None: nobody had it
    baseline: bool
    params: Mapping[str, Any]  #: real names to values
    phase: Phase
    rung: int  #: above 0
    fraction: float
    seed: int

    def to_row(self) -> dict[str, Any]:
        """Return the columns; no two trials of a study have the same `params_key`.

        It has the origin: in an old or an imported study two trials of the search may have one configuration.
        """
        replicate = f"{self.phase.value} of trial {self.origin} at {float(self.fraction)!r}, seed {self.seed}"
        return {
            "origin": self.origin,
            "baseline": self.baseline,
            "params": dict(self.params),
            "params_key": fingerprint({"params": dict(self.params), "replicate": replicate}),
            "phase": self.phase.value,
            "rung": self.rung,
            "fraction": self.fraction,
            "seed": self.seed,
        }
