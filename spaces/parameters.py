"""The four kinds of hyperparameter: what one name may be.

What all of them promise, conditions among it, is in `parameter.py`. A parameter knows neither its own name
nor its neighbours: `space.py` holds them together.
"""

from __future__ import annotations

import abc
import copy
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, fields
from typing import Any, ClassVar

from .constants import check_constant
from .errors import BadInput, did_you_mean
from .handover import KEPT, Handover
from .parameter import Parameter, distinct, settle
from .recommended import RECOMMENDED, check_recommended, recommended, recommended_text
from .steps import Steps
from .values import Value, finite, flag, is_scalar, plain, real, same, scalar, shown, text_of, whole


@dataclass(frozen=True)
class _Range(Parameter):
    """From `low` to `high`, both included; `log` spreads proposals evenly over orders of magnitude.

    `default` is the baseline's value, `prior` where the best one is believed to be; `handover` says what becomes of a
    value on more data, as `Handover.read` takes it.
    """

    low: float
    high: float
    _: KW_ONLY
    log: bool = False
    default: float | None = None
    prior: float | None = None
    handover: Any = KEPT

    @property
    def ends(self) -> tuple[Value, Value]:
        """The two ends."""
        return (self.low, self.high)

    def _check(self) -> None:
        settle(self, log=flag("log", self.log), handover=Handover.read(self.handover))
        if self.low >= self.high:
            raise BadInput(
                f"a range needs low < high, got low={self.low}, high={self.high}",
                hint="a value that never changes is written alone, without a range",
            )
        if self.log and self.low <= 0:
            raise BadInput(f"a log range needs low > 0, got low={self.low}")
        self._check_step()
        check_recommended(self)

    @abc.abstractmethod
    def _check_step(self) -> None:
        """Raise BadInput for a step that clashes with the range."""

    def _spread(self, points: int) -> list[float]:
        """Return `points` >= 2 positions from end to end."""
        low, high = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        shares = [index / (points - 1) for index in range(1, points - 1)]
        inner = [low * (1 - share) + high * share for share in shares]
        return [self.low, *map(math.exp, inner), self.high] if self.log else [self.low, *inner, self.high]

    def _own_dict(self) -> dict[str, Any]:
        return {
            "low": self.low,
            "high": self.high,
            **({"log": True} if self.log else {}),
            **recommended(self),
            **({} if self.handover == KEPT else {"handover": self.handover.written()}),
        }

    def _own_text(self) -> str:
        log = " (log)" if self.log else ""
        handover = "" if self.handover == KEPT else f", {self.handover}"
        return f"{text_of(self.low)} .. {text_of(self.high)}{log}{recommended_text(self)}{handover}"


@dataclass(frozen=True)
class Float(_Range):
    """Any number from `low` to `high`, both included; with a `step`, only those that it leads to from `low`.

    Raises BadInput unless low < high, both finite, above 0 if `log`, and default and prior inside; and as `Steps` for
    a step, or for one on a log range.
    """

    kind: ClassVar[str] = "float"

    _: KW_ONLY
    step: float | None = None

    @property
    def values(self) -> Steps | None:
        """The numbers that the step leads to; None without one, when they cannot be counted."""
        return self._steps

    def contains(self, value: object) -> bool:
        """Tell whether `value` is a number in the range; a whole number is a number too.

        One that is off a step by no more than the arithmetic of doubles counts as there.
        """
        number = finite(value)
        return number is not None and self.low <= number <= self.high and (not self._steps or number in self._steps)

    def exact(self, value: Any) -> float:
        """Return `value` as a float: where there is a step, the one that it leads to."""
        return self._steps.nearest(float(value)) if self._steps else float(value)

    def clip(self, value: object) -> float:
        """Return the nearest number in the range, or its middle when `value` is no number."""
        number = finite(value)
        return self.middle() if number is None else self.exact(min(max(number, self.low), self.high))

    def middle(self) -> float:
        """Return the mean of the ends, the geometric one on a log range."""
        return self.clip(math.sqrt(self.low) * math.sqrt(self.high) if self.log else self.low / 2 + self.high / 2)

    def grid(self, points: int) -> list[Value]:
        """Return `points` values from end to end, or all if a step leaves no more; the middle for one point."""
        if self._steps and len(self._steps) <= points:
            return list(self._steps)
        spread = [self.middle()] if points == 1 else map(self.clip, self._spread(points))
        return list(dict.fromkeys(spread))

    @functools.cached_property
    def _steps(self) -> Steps | None:
        return None if self.step is None else Steps(self.low, self.high, self.step)

    def _check(self) -> None:
        step = None if self.step is None else real("step", self.step)
        settle(self, low=real("low", self.low), high=real("high", self.high), step=step)
        super()._check()

    def _check_step(self) -> None:
        if self._steps and self.log:
            raise BadInput(f"a log range has no step, got log=True, step={self.step}")

    def _own_dict(self) -> dict[str, Any]:
        return super()._own_dict() | ({} if self.step is None else {"step": self.step})

    def _own_text(self) -> str:
        return super()._own_text() + ("" if self.step is None else f", step {text_of(self.step)}")


@dataclass(frozen=True)
class Int(_Range):
    """A whole number from `low` to `high`, both included, in steps of `step`.

    Raises BadInput as Float does, and for a step that does not lead from low to high, or one on a log range.
    """

    kind: ClassVar[str] = "int"

    low: int
    high: int
    _: KW_ONLY
    step: int = 1
    default: int | None = None
    prior: int | None = None

    @property
    def values(self) -> range:
        """The whole numbers of the range."""
        return range(self.low, self.high + 1, self.step)

    def contains(self, value: object) -> bool:
        """Tell whether `value` is one of the whole numbers; 3.0 is a float and is not."""
        try:
            return whole("value", value) in self.values
        except BadInput:
            return False

    def exact(self, value: Any) -> int:
        """Return `value` as an int."""
        return int(value)

    def clip(self, value: object) -> int:
        """Return the nearest whole number of the range, or its middle when `value` is no number."""
        number = finite(value)
        if number is None:
            return self.middle()
        inside = min(max(number, self.low), self.high)
        return self.low + self.step * round((inside - self.low) / self.step)

    def middle(self) -> int:
        """Return the whole number nearest to the mean of the ends, the geometric one on a log range."""
        return self.clip(math.sqrt(self.low * self.high) if self.log else (self.low + self.high) / 2)

    def grid(self, points: int) -> list[Value]:
        """Return every value if there are at most `points`, else as many from end to end."""
        if len(self.values) <= points:
            return list(self.values)
        spread = [self.middle()] if points == 1 else map(self.clip, self._spread(points))
        return list(dict.fromkeys(spread))

    def _check(self) -> None:
        settle(self, low=whole("low", self.low), high=whole("high", self.high), step=whole("step", self.step))
        super()._check()

    def _check_step(self) -> None:
        if self.step < 1:
            raise BadInput(f"a step must be at least 1, got step={self.step}")
        if self.log and self.step != 1:
            raise BadInput(f"a log range has no step, got log=True, step={self.step}")
        left = (self.high - self.low) % self.step
        if left:
            raise BadInput(
                f"a step must lead from low to high, got low={self.low}, high={self.high}, step={self.step}",
                hint=f"high={self.high - left} can be reached",
            )

    def _own_dict(self) -> dict[str, Any]:
        return super()._own_dict() | ({"step": self.step} if self.step != 1 else {})

    def _own_text(self) -> str:
        return super()._own_text() + (f", step {self.step}" if self.step != 1 else ", whole")


class _Listed(Parameter):
    """One of `values`, which can be counted and have no order."""

    @property
    @abc.abstractmethod
    def values(self) -> Sequence[Value]:
        """Every value there is."""

    @property
    def ends(self) -> Sequence[Value]:
        """Every value."""
        return self.values

    def contains(self, value: object) -> bool:
        """Tell whether `value` is one of them."""
        return any(same(value, known) for known in self.values)

    def exact(self, value: Any) -> Value:
        """Return the one that equals `value`."""
        return next(known for known in self.values if same(value, known))

    def clip(self, value: object) -> Value:
        """Return `value` if it is one of them, else the middle."""
        return self.exact(value) if self.contains(value) else self.middle()

    def middle(self) -> Value:
        """Return the first: there is no order."""
        return self.values[0]

    def grid(self, points: int) -> list[Value]:
        """Return every value."""
        return list(self.values)


@dataclass(frozen=True)
class Choice(_Listed):
    """One of a list of values.

    A `default` of None means no default: where null is a choice and should be it, put it first. A `prior` of None is
    none, either. Raises BadInput for an empty list, values that Python and Optuna take for equal (1, 1.0, True), and
    a default or prior that is no choice.
    """

    kind: ClassVar[str] = "choice"

    choices: Sequence[Value]
    _: KW_ONLY
    default: Value = None
    prior: Value = None

    @property
    def values(self) -> Sequence[Value]:
        """The choices."""
        return self.choices

    def middle(self) -> Value:
        """Return the default, else the first choice."""
        return super().middle() if self.default is None else self.default

    def _check(self) -> None:
        settle(self, choices=distinct("choices", self.choices))
        check_recommended(self)

    def _own_dict(self) -> dict[str, Any]:
        return {"choices": list(self.choices), **recommended(self)}

    def _own_text(self) -> str:
        return " | ".join(map(text_of, self.choices)) + recommended_text(self)


@dataclass(frozen=True)
class Constant(_Listed):
    """A value that is set and never searched: a single one, or a mapping for a field that holds one."""

    kind: ClassVar[str] = "constant"

    value: Any = field(hash=False)  # a mapping has no hash

    @property
    def values(self) -> Sequence[Value]:
        """The one value."""
        return (copy.deepcopy(self.value),)

    def _check(self) -> None:
        settle(self, value=plain("a constant", self.value))

    def _own_dict(self) -> dict[str, Any]:
        return {"value": self.value}

    def _own_text(self) -> str:
        return f"always {text_of(self.value)}"


KINDS: dict[str, type[Parameter]] = {kind.kind: kind for kind in (Float, Int, Choice, Constant)}
"""Every kind by the name it has in the written form."""


def parameter_from(written: object) -> Parameter:
    """Return the parameter that `written` describes, as read from YAML or JSON.

    A mapping with `low` and `high` is a Float, or an Int with `type: int`; one with `choices` a Choice; one
    with `value` a Constant; so is a single value, and a mapping with none of a parameter's keys. Text that is a
    number is accepted where only a number can stand, because YAML 1.1 takes 1e-5 for text. Raises BadInput for
    anything else, naming the key and the nearest valid one.
    """
    if isinstance(written, Parameter):
        return written
    if is_scalar(written):
        return Constant(scalar("a constant", written))
    if not isinstance(written, Mapping):
        raise BadInput(f"a parameter is a value or a mapping, got {shown(written)}", hint=_FORMS)
    if written and not _KEYS & written.keys():
        check_constant(written, _FORMS)
        return Constant(written)
    kind = _kind_of(written)
    _check_keys(written, kind)
    make: Callable[..., Parameter] = kind
    numbers = ("low", "high", "step", *RECOMMENDED) if issubclass(kind, _Range) else ()
    given = {key: _number(value) if key in numbers else value for key, value in written.items()}
    given.pop("type", None)
    return make(**given)


_FORMS = "write {low: 1.0e-5, high: 1.0e-3, log: true}, {type: int, low: 1, high: 4}, {choices: [8, 16]} or 0.01"


_KEYS = {"type", "when"} | {part.name for kind in KINDS.values() for part in fields(kind)}


def _kind_of(written: Mapping[Any, Any]) -> type[Parameter]:
    """Return the kind that `type` names, or that the keys give away."""
    if "type" in written:
        kind = written["type"]
        if not isinstance(kind, str) or kind not in KINDS:
            raise BadInput(f"no kind of parameter is called {shown(kind)}", hint=did_you_mean(str(kind), KINDS))
        return KINDS[kind]
    for key, kind_ in (("choices", Choice), ("value", Constant), ("low", Float), ("high", Float)):
        if key in written:
            return kind_
    raise BadInput(f"a parameter needs a range, choices or a value, got {shown(dict(written))}", hint=_FORMS)


def _check_keys(written: Mapping[Any, Any], kind: type[Parameter]) -> None:
    """Raise BadInput for a key that this kind does not have, or one that it needs and lacks."""
    known = {"type"} | {part.name for part in fields(kind)}
    for key in written:
        if key not in known:
            raise BadInput(
                f"a parameter of type {kind.kind} has no key {shown(key)}", hint=did_you_mean(str(key), known)
            )
    needed = {Choice: ("choices",), Constant: ("value",)}.get(kind, ("low", "high"))
    for key in needed:
        if key not in written:
            raise BadInput(f"a parameter of type {kind.kind} needs `{key}`, got {shown(dict(written))}")


def _number(value: object) -> object:
    """Return text that is a number as that number, anything else unchanged."""
    if not isinstance(value, str):
        return value
    for read in (int, float):
        try:
            return read(value)
        except ValueError:
            continue
    return value
