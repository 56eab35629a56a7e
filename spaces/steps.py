"""The numbers from one to another in equal steps, as a sequence that is never built.

They are decimal, as people write them and as Optuna checks them: the third step of 0.1 is 0.3, and not the
0.30000000000000004 of doubles, which Optuna's samplers propose and which counts as the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from .errors import BadInput

#: How far, in steps, a number may be from one of these and still count as it; Optuna's own.
_NEAR = 1e-8


class Steps(Sequence[float]):
    """`low`, `low + step` and so on to `high`, both included.

    Raises BadInput for a step that is not above 0, too small for doubles, or that does not lead from low to high.
    """

    def __init__(self, low: float, high: float, step: float) -> None:
        if step <= 0:
            raise BadInput(f"a step must be above 0, got step={step}")
        if low + step == low or high - step == high:
            raise BadInput(f"a step must lead to another number, got low={low}, high={high}, step={step}")
        self._low, self._high, self._step = Decimal(str(low)), Decimal(str(high)), Decimal(str(step))
        self._last, left = divmod(self._high - self._low, self._step)
        if left:
            hint = f"high={self._at(int(self._last))} can be reached"
            raise BadInput(
                f"a step must lead from low to high, got low={low}, high={high}, step={step}",
                hint=hint if self._last else None,
            )

    def __len__(self) -> int:
        return int(self._last) + 1

    def __getitem__(self, index: Any) -> Any:
        chosen = range(len(self))[index]
        return self._at(chosen) if isinstance(chosen, int) else list(map(self._at, chosen))

    def __iter__(self) -> Iterator[float]:
        return map(self._at, range(len(self)))

    def __contains__(self, number: object) -> bool:
        if not isinstance(number, float) or not float(self._low) <= number <= float(self._high):
            return False
        apart = abs(number - self.nearest(number)) / float(self._step)
        return apart < _NEAR

    def nearest(self, number: float) -> float:
        """Return the one that is nearest to a number."""
        inside = min(max(number, float(self._low)), float(self._high))
        return self._at(round((inside - float(self._low)) / float(self._step)))

    def _at(self, count: int) -> float:
        return float(self._low + count * self._step)
