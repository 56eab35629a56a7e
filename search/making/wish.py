"""What is different in the Trainer of one training from that of the user."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What is different in the Trainer of one training."""

    values: Mapping[str, Any]  #: of `TrainingArguments`, on top of the user's
    train: Any
    evaluation: Any
    own: Mapping[str, Any] = field(default_factory=dict)  #: what the user's function is handed
    model: Mapping[str, Any] = field(default_factory=dict)  #: what `model_init` receives
    peft: Mapping[str, Any] = field(default_factory=dict)  #: fields of peft's configuration
