"""What was seen of the making of a Trainer, and where the Trainer keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: The attribute in which a Trainer keeps what was seen of its making.
SEEN = "_hpsearch_seen"
#: The attribute with what is still to be changed when the constructor of `transformers.Trainer` is reached.
PENDING = "_hpsearch_pending"


@dataclass(kw_only=True)
class Seen:
    """What was seen of the making of one Trainer."""

    call: Any  #: see `call.Call`
    arguments: Mapping[str, Any] | None  #: the fields of the `TrainingArguments` it was given, as they were then
    generators: Any  #: as the constructor found them
    base: Mapping[str, Any] = field(default_factory=dict)  #: what the constructor of `transformers.Trainer` was given
    then: Any = None  #: as the constructor left the Trainer, see `aftermath.Snapshot`
