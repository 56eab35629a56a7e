"""Give a space to Ray Tune, and read a configuration of it back from what Ray drew.

Ray knows no conditions; it has `tune.sample_from`, a function of the other values of the same trial. A
parameter with conditions therefore stands twice in Ray's configuration: `drawn.NAME` is always drawn, by
Ray's own (seeded) random numbers, and `NAME` is a function that passes it on when the conditions are met and
is None when not. `from_ray` takes what counts. The same for Optuna is in `optuna_space.py`. Ray is imported
late.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .parameter import Parameter
from .parameters import Constant, Float, Int
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
