"""Objects that a function written for Optuna's trials can be called with: its `hp_space`, its `model_init`.

What answers is the values of a trial of ours (`ReplayedTrial`), or a recording of what is asked, in `recording.py`.
Optuna is imported late.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from .errors import BadInput
from .optuna_space import parameter_of
from .values import shown

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


class NotOnTrial(BadInput, AttributeError):
    """An Optuna trial has this, and a trial here has not."""


class StockTrial(abc.ABC):
    """What has the `suggest_*` methods of an Optuna trial."""

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Return a number of a range. Raises ValueError as Optuna does, for ends that make no range."""
        from optuna.distributions import FloatDistribution

        return float(self._answer(name, FloatDistribution(low, high, log=log, step=step)))

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """Return a whole number of a range. Raises ValueError as Optuna does, for ends that make no range."""
        from optuna.distributions import IntDistribution

        return int(self._answer(name, IntDistribution(low, high, log=log, step=step)))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Return one of the choices. Raises ValueError as Optuna does, for none."""
        from optuna.distributions import CategoricalDistribution

        return self._answer(name, CategoricalDistribution(choices))

    def suggest_uniform(self, name: str, low: float, high: float) -> float:
        """Return what `suggest_float` does; deprecated by Optuna, and still there."""
        return self.suggest_float(name, low, high)

    def suggest_loguniform(self, name: str, low: float, high: float) -> float:
        """Return what `suggest_float(log=True)` does; deprecated by Optuna, and still there."""
        return self.suggest_float(name, low, high, log=True)

    def suggest_discrete_uniform(self, name: str, low: float, high: float, q: float) -> float:
        """Return what `suggest_float(step=q)` does; deprecated by Optuna, and still there."""
        return self.suggest_float(name, low, high, step=q)

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):  # what copying and pickling look for
            raise AttributeError(name)
        self._refuse(name)

    @abc.abstractmethod
    def _answer(self, name: str, distribution: BaseDistribution) -> Any:
        """Return the value that is suggested under a name."""

    @abc.abstractmethod
    def _refuse(self, name: str) -> NoReturn:
        """Raise NotOnTrial for an attribute that is not here."""


class ReplayedTrial(StockTrial):
    """Answers with the values that a trial has, by the names under which they are suggested.

    It counts as one of Optuna's for `isinstance`, by which transformers tells whose a trial is.
    `params` are these values, `number` the trial's. Raises BadInput for a name without a value, and for one that is not
    in the range that is asked for: the function is then not the one that was searched.
    """

    def __init__(self, params: Mapping[str, Any], number: int = 0) -> None:
        from optuna.trial import BaseTrial

        BaseTrial.register(ReplayedTrial)
        self._params = dict(params)
        self.number = number

    @property
    def params(self) -> dict[str, Any]:
        """All values of the trial, asked for or not."""
        return dict(self._params)

    def _answer(self, name: str, distribution: BaseDistribution) -> Any:
        if name not in self._params:
            raise BadInput(
                f"trial {self.number} has no value for {shown(name)}",
                hint="a function that is called with a trial must ask for the same names as when it was searched",
            )
        value, parameter = self._params[name], parameter_of(distribution)
        if not parameter.contains(value):
            raise BadInput(f"trial {self.number} has {name}={shown(value)}, which is not in {parameter}")
        choices = getattr(distribution, "choices", None)
        # as it is written there: a choice may be a member of an enumeration, and the trial has its text
        return value if choices is None else choices[list(parameter.values or ()).index(parameter.exact(value))]

    def _refuse(self, name: str) -> NoReturn:
        raise NotOnTrial(
            f"a trial of hpsearch has `suggest_*`, `params` and `number`, and no `{name}`",
            hint="what a study knows is in the store: hpsearch.search(...) returns it, with `.optuna`",
        )
