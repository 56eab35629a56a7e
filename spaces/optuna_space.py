"""Ask Optuna for a configuration of a space, and read one parameter of Optuna's.

Define-by-run: a parameter that does not count is never suggested, so samplers and the dashboard see what
really ran. The same for Ray is in `ray_space.py`. Optuna is imported late.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .parameter import Parameter
from .parameters import Choice, Constant, Float, Int
from .space import Space
from .values import Value

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import BaseTrial


def suggest(space: Space, trial: BaseTrial) -> dict[str, Value]:
    """Return the configuration that `trial` proposes, resolved: active parameters and constants.

    Works with any Optuna trial, a `FixedTrial` or an enqueued one too. Raises BadInput when such a trial
    holds a value outside the space.
    """
    return space.resolve(space.walk(lambda name, parameter: _suggested(name, parameter, trial)))


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """Return Optuna's distribution for every searched name, whether its conditions are met or not."""
    return {name: _distribution(space.parameters[name]) for name in space.searched}


def parameter_of(distribution: BaseDistribution) -> Parameter:
    """Return the parameter that has the values of one of Optuna's distributions: a Constant for a range of one value.

    Raises BadInput for choices that a space cannot hold.
    """
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    if isinstance(distribution, CategoricalDistribution):
        return Choice(distribution.choices)
    low, high, log, step = distribution.low, distribution.high, distribution.log, distribution.step
    if distribution.single():
        return Constant(low)
    return (Float if isinstance(distribution, FloatDistribution) else Int)(low, high, log=log, step=step)


def _suggested(name: str, parameter: Parameter, trial: BaseTrial) -> Value:
    match parameter:
        case Float():
            return trial.suggest_float(name, parameter.low, parameter.high, step=parameter.step, log=parameter.log)
        case Int():
            return trial.suggest_int(name, parameter.low, parameter.high, step=parameter.step, log=parameter.log)
        case _:
            return trial.suggest_categorical(name, list(parameter.values or ()))


def _distribution(parameter: Parameter) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    match parameter:
        case Float():
            return FloatDistribution(parameter.low, parameter.high, log=parameter.log, step=parameter.step)
        case Int():
            return IntDistribution(parameter.low, parameter.high, log=parameter.log, step=parameter.step)
        case _:
            return CategoricalDistribution(list(parameter.values or ()))
