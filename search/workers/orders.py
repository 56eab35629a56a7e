"""What a worker is told, and what it answers: small plain objects, for a pipe to a process or a Ray cluster alike.

Never a Trainer, a model or data: the worker makes them from the study's row (`joining`).
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..own.code import NO_CODE, OwnCode
from .devices import Room, Share

#: Why a worker could not go on: a sentence, a hint, an exit code.
Complaint = tuple[str, str | None, int]


@dataclass(frozen=True, kw_only=True)
class Orders:
    """What a worker is told; a store's URL may hold a password, so it is handed over and never shown."""

    store_url: str
    study_name: str
    folder: str  #: of the study, where this worker can write to it
    share: Share
    alone_on_gpu: bool = False
    timeout: float | None = None
    verbose: bool = False
    code: OwnCode = NO_CODE  #: the user's own
    places: Mapping[str, str] = field(default_factory=dict)  #: see `stored_problem`
    processes: int = 1  #: that run one trial together
    room: Room | None = None  #: of the machine, where its cores are shared out anew for each rung

    def to_json(self) -> str:
        """Return text that `from_json` reads on another machine."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Orders:
        """Read what `to_json` wrote."""
        values = json.loads(text)
        room = values["room"] and Room(**values["room"])
        return cls(**{**values, "share": Share(**values["share"]), "code": OwnCode.of(values["code"]), "room": room})
