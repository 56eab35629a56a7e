"""What becomes of a value that was found on a part of the data when its configuration is trained on more of it.

A parameter says so itself, `handover` in its written form: `keep`; `{rescale: EXPONENT}`; or `bracket`. All presets
keep everything. What is published speaks of pre-training: the best learning rate falls with the number of tokens to
the power -0.32 (Bjorck et al. 2024, "Scaling Optimal LR Across Token Horizons"), the best weight decay of AdamW with
the size of the data set, -1 (Wang & Aitchison 2024, "How to set AdamW's weight decay as you scale model and dataset
size"). `tests/benchmarks/strategies.py` compares the rules on recorded fine-tunings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .errors import BadInput
from .values import real, shown, text_of

if TYPE_CHECKING:
    from .space import Space

KEEP, RESCALE, BRACKET = "keep", "rescale", "bracket"
#: How far a bracket's ends are from its middle, as a factor.
STEP = 2.0
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


def handed_over(space: Space, values: Mapping[str, Any], ratio: float) -> dict[str, Any]:
    """Return the configuration for `ratio` times as many rows.

    Nothing leaves its range. All is kept where another value would change which parameters count.
    """
    found = dict(values)
    for name, rule in rules(space).items():
        if name in found and rule.exponent and ratio != 1:
            found[name] = space.parameters[name].clip(found[name] * ratio**rule.exponent)
    return found if space.active(found) == space.active(values) else dict(values)


def bracket(space: Space, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the configurations to try beside one on all the data; none where no parameter asks for it."""
    beside: list[dict[str, Any]] = []
    for name, rule in rules(space).items():
        if name not in values or not rule.bracket:
            continue
        for factor in (1 / STEP, STEP):
            other = {**values, name: space.parameters[name].clip(values[name] * factor)}
            if other != dict(values) and other not in beside and space.active(other) == space.active(values):
                beside.append(other)
    return beside


def rules(space: Space) -> dict[str, Handover]:
    """Return the rules of the parameters that have one other than to keep the value."""
    found = {name: getattr(parameter, "handover", KEPT) for name, parameter in space.parameters.items()}
    return {name: rule for name, rule in found.items() if rule != KEPT}
