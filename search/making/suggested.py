"""What a `model_init(trial)` suggests, as the documentation of transformers has it, and the trial that it is handed.

Such a function is called without a trial, too, when the user's Trainer is made. What it takes for its suggestions then
is the baseline's: it is looked for in the model's configuration.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import transformers

from ...spaces.errors import BadInput
from ...spaces.hp_space import suggested_in
from ...spaces.inside import nested
from ...spaces.parameter import Parameter
from ...spaces.parameters import Constant
from ...spaces.recording import Recording
from ...spaces.space import Space
from ...spaces.stock_trial import ReplayedTrial

#: How often a function is called to find out what it suggests: each time it makes a model.
CALLS = 48
SECTION = "model."


class ModelValues(ReplayedTrial, dict[str, Any]):
    """The values that a trial has for its model: a dictionary of them, and a trial with `suggest_*` and `params`.

    What has a name with dots is a dictionary in the dictionary.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        dict.__init__(self, nested(values))
        ReplayedTrial.__init__(self, values)
        del self.number  # which trial it is makes no difference to a model


def with_suggestions(space: Space, model_init: Callable[..., Any] | None, model: Any) -> tuple[Space, tuple[str, ...]]:
    """Return a space with what it lacks of a `model_init`'s suggestions, and what is to be told of them.

    Defaults of theirs are what makes `model`, which was made without a trial. Raises `BadInput` for suggestions that
    cannot be read.
    """
    found = suggestions_of(model_init)
    if model_init is None or not found:
        return space, ()
    usual = usual_values(model_init, found, settings_of(model))
    parameters = {**found, **{name: one for name, one in space.parameters.items() if name in found}}
    for name, one in parameters.items():
        kept = isinstance(one, Constant) or getattr(one, "default", None) is not None
        if not kept and name in usual and one.contains(usual[name]):
            parameters[name] = dataclasses.replace(one, default=usual[name])  # type: ignore[call-arg]
    words = tuple(baseline_words(name, one, usual) for name, one in parameters.items())
    return Space({**space.parameters, **parameters}, name=space.name), words


def suggestions_of(model_init: Callable[..., Any] | None) -> dict[str, Parameter]:
    """Return what a `model_init` suggests, by the names `model.NAME` of a space.

    Nothing for one that takes no trial, or a dictionary. Raises `BadInput` for suggestions that cannot be read.
    """
    if model_init is None or not takes_values(model_init):
        return {}
    recording = Recording(model_init, "model_init", lambda asked, returned: asked, 1)
    try:
        recording.run()
    except BadInput:
        if not recording.known:
            return {}  # it takes a dictionary of values, and says nothing of which there are
    if not recording.known:
        return {}
    return {SECTION + name: in_section(one) for name, one in suggested_in(model_init, CALLS).items()}


def baseline_words(name: str, parameter: Parameter, usual: Mapping[str, Any]) -> str:
    """Return what is told of a suggestion: that it is searched, and what the baseline has."""
    told = f"model_init suggests {name.removeprefix(SECTION)}: {name} is searched, and the baseline has"
    default = getattr(parameter, "default", None)
    taken = parameter.middle() if default is None else default
    if name not in usual:
        return f"{told} {taken}; what it takes without a trial is not known"
    if taken != usual[name]:
        return f"{told} {taken}; without a trial it takes {usual[name]}"
    return f"{told} {taken}, as without a trial"


def in_section(parameter: Parameter) -> Parameter:
    """Return a parameter whose conditions have the names of a model's values, too."""
    when = {SECTION + name: list(values) for name, values in parameter.conditions.items()}
    return dataclasses.replace(parameter, when=when or None)


def usual_values(
    model_init: Callable[..., Any], found: Mapping[str, Parameter], settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what the model was made with for each name, where one setting of models always is the suggested value.

    `settings` are those of the model that was made without a trial.
    """
    made = []
    for end in (0, -1):
        values = {name: parameter.ends[end] for name, parameter in found.items()}
        trial = ModelValues({name.removeprefix(SECTION): value for name, value in values.items()})
        made.append((values, settings_of(model_init(trial))))
    usual = {}
    for name in found:
        (low, of_low), (high, of_high) = ((values[name], shown) for values, shown in made)
        keys = [key for key in settings if of_low.get(key) == low and of_high.get(key) == high and low != high]
        taken = {repr(settings[key]) for key in keys}
        if len(taken) == 1:
            usual[name] = settings[keys[0]]
    return usual


def settings_of(model: Any) -> dict[str, Any]:
    """Return the settings of a model's configuration, those of its parts by their names with dots."""
    config = getattr(model, "config", None)
    return {} if config is None else flat(config.to_dict())


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested values by their names with dots."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return found


def takes_values(model_init: Callable[..., Any]) -> bool:
    """Return whether a `model_init` takes an argument: the `model.*` values of a configuration."""
    return int(transformers.trainer_utils.number_of_arguments(model_init)) > 0
