"""The rule for a value that was found on a part of the data, when its configuration is trained on more of it.

A parameter says so itself, `handover` in its written form: `keep`; `{rescale: EXPONENT}`; or `bracket`. What is
published speaks of pre-training: the best learning rate falls with the number of tokens to the power -0.32 (Bjorck et
al. 2024, "Scaling Optimal LR Across Token Horizons"), the best weight decay of AdamW with the size of the data set, -1
(Wang & Aitchison 2024, "How to set AdamW's weight decay as you scale model and dataset size"). On recorded fine-tunings
(`tests/benchmarks/strategies.py`, section h) the first is better than to keep the rate, so the presets `default` and
`small` have it; all else is kept. What the rules do to a configuration is `transfer`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .errors import BadInput
from .values import real, shown, text_of

KEEP, RESCALE, BRACKET = "keep", "rescale", "bracket"
_FORMS = "write keep, bracket, or {rescale: -0.5} for a value that falls with the square root of the data"


@dataclass(frozen=True)
class Handover:
    """The rule of one parameter; the default keeps the value."""

    exponent: float = 0.0  #: of the ratio of rows, which the value is multiplied by
    bracket: bool = False  #: on all the data half and twice the value are tried beside it

    @classmethod
    def read(cls, written: object) -> Handover:
        """Return the rule that `written` names, as in YAML. Raises `BadInput`."""
        if isinstance(written, Handover):
            return written
        if written in (None, KEEP):
            return cls()
        if written == BRACKET:
            return cls(bracket=True)
        if isinstance(written, Mapping) and set(written) == {RESCALE}:
            return cls(exponent=real("the exponent of rescale", written[RESCALE]))
        raise BadInput(f"a handover is {KEEP}, {BRACKET} or {RESCALE}, got {shown(written)}", hint=_FORMS)

    def written(self) -> str | dict[str, float]:
        """Return what `read` reads back."""
        return BRACKET if self.bracket else {RESCALE: self.exponent} if self.exponent else KEEP

    def __str__(self) -> str:
        if self.bracket:
            return "half and twice tried on all data"
        return f"grows with the data to the power {text_of(self.exponent)}" if self.exponent else "kept"


KEPT = Handover()
