"""Give a space to Ray Tune, and read a configuration of it back from what Ray drew.

Ray knows no conditions; it has `tune.sample_from`, a function of the other values of the same trial. A
parameter with conditions therefore stands twice in Ray's configuration: `drawn.NAME` is always drawn, by
Ray's own (seeded) random numbers, and `NAME` is a function that passes it on when the conditions are met and
is None when not. `from_ray` takes what counts. The same for Optuna is in `optuna_space.py`. Ray is imported
late.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from .errors import BadInput
from .parameter import Parameter
from .parameters import Choice, Constant, Float, Int
from .space import Space
from .values import Value

_DRAWN = "drawn."


def to_ray(space: Space) -> dict[str, Any]:
    """Return what `tune.Tuner(param_space=...)` takes: a domain for every name, constants as they are.

    Ray's own generator draws from it. Searchers that cannot follow `tune.sample_from`, such as
    `OptunaSearch`, refuse a space with conditions.
    """
    from ray import tune

    config: dict[str, Any] = {}
    for name, parameter in space.parameters.items():
        if parameter.conditions:
            config[_DRAWN + name] = domain(parameter)
            config[name] = tune.sample_from(_passed_on(space, name))
        else:
            config[name] = domain(parameter)
    return config


def from_ray(space: Space, config: Mapping[str, Any]) -> dict[str, Value]:
    """Return the resolved configuration in what Ray hands to a trial.

    Raises BadInput as `Space.resolve` does: for a value outside, or a name that is not in the space.
    """
    return space.resolve({name: value for name, value in config.items() if not name.startswith(_DRAWN)})


def domain(parameter: Parameter) -> Any:
    """Return the values of one parameter as Ray knows them: a `tune.search.sample.Domain`, or the constant itself."""
    from ray import tune

    match parameter:
        case Constant():
            return parameter.value
        case Float(step=None):
            return (tune.loguniform if parameter.log else tune.uniform)(parameter.low, parameter.high)
        case Int(step=1):  # Ray leaves the upper end out
            return (tune.lograndint if parameter.log else tune.randint)(parameter.low, parameter.high + 1)
        case _:  # also a range with a step: tune.qrandint and tune.quniform know only multiples of the step
            return tune.choice(list(parameter.values or ()))


def read_domain(value: Any) -> Any:
    """Return a domain of Ray's as a parameter, and anything else as it is.

    Raises BadInput for a domain that a space has no counterpart of: normal ones, functions, steps on a log range.
    """
    sample = sys.modules.get("ray.tune.search.sample")  # without it there can be no domain
    if sample is None or not isinstance(value, sample.Domain):
        return value
    if isinstance(value, sample.Categorical):
        return Choice(list(value.categories))
    sampler = value.get_sampler()
    step = sampler.q if isinstance(sampler, sample.Quantized) else None
    shape = sampler.get_sampler() if step is not None else sampler
    log = isinstance(shape, sample.LogUniform)
    known = isinstance(value, sample.Float | sample.Integer) and isinstance(shape, sample.Uniform | sample.LogUniform)
    if not known or (log and step is not None):
        stepped = "" if step is None else f" with a step of {step}"
        raise BadInput(
            f"Ray's {type(shape).__name__.strip('_')} {type(value).__name__}{stepped} has no counterpart here"
        )
    return _range_of(value.lower, value.upper, step, log, whole=isinstance(value, sample.Integer))


def _range_of(low: Any, high: Any, step: Any, log: bool, *, whole: bool) -> Parameter:
    """Return the range with Ray's ends: it leaves out the upper one of whole numbers, unless there is a step."""
    if step is not None and step != 1:
        unit = Decimal(str(step))  # whole for whole numbers
        low, high = unit * math.ceil(round(low / step, 9)), unit * math.floor(round(high / step, 9))
        low, high = (int(low), int(high)) if whole else (float(low), float(high))
    elif whole:
        high -= 1
    if low == high:
        return Constant(low)
    return Int(low, high, step=step or 1, log=log) if whole else Float(low, high, step=step, log=log)


def _passed_on(space: Space, name: str) -> Callable[[Any], Value]:
    """Return the function that `tune.sample_from` asks for the value of a parameter with conditions."""

    def passed_on(spec: Any) -> Value:
        # Attributes, not items: only they make Ray come back later when a parent is not drawn yet. Ray hands
        # over the configuration alone, or within the specification of an experiment.
        config = getattr(spec, "config", spec)
        values = {parent: getattr(config, parent) for parent in _ancestors(space, name)}
        return getattr(config, _DRAWN + name) if name in space.active(values) else None

    return passed_on


def _ancestors(space: Space, name: str) -> set[str]:
    """Return the names that decide, directly or not, whether `name` counts."""
    parents = set(space.parameters[name].conditions)
    return parents.union(*(_ancestors(space, parent) for parent in parents))
