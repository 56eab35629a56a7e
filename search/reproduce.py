"""How to search a study once more: the command, the space where it is nobody's preset, and what it ran with."""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from ..spaces.errors import BadInput
from ..spaces.parameters import Constant
from ..spaces.presets import PRESETS
from ..spaces.space import Space
from ..studies.front import objectives_of
from ..studies.plain import mapping_of
from ..studies.records import Study
from .limits import Limits
from .options import RunOptions, flag_of, listed
from .strategy import QUICK, SINGLE, Strategy
from .winner.places import last_part

SPACE_FILE = "space.yaml"
#: Options that hold a place: a path of this machine, or a name on the hub.
PLACES = ("data_dir", "train_file", "validation_file", "model", "script")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What to type, and what to put into a file before."""

    command: str | None  #: None for a study that was not searched by the command line
    space: str | None  #: YAML for `space.yaml`; None where the command names a preset


def recipe(study: Study, *, to_publish: bool = False) -> Recipe:
    """Return how to search a study once more; what is `to_publish` has no path of this machine."""
    notes, identity = (mapping_of(study.spec.get(part)) for part in ("notes", "identity"))
    kept = notes.get("options")
    if not isinstance(kept, Mapping):
        return Recipe(None, None)
    if to_publish:
        kept = {name: last_part(str(value)) if name in PLACES and value else value for name, value in kept.items()}
    preset, constants, text = space_of(mapping_of(identity.get("space")))
    words = ["hpsearch", "run", "--study", study.name, "--trials", str(study.trials)]
    words += flags({**kept, "objective": objective_names(study, kept)})
    words += ["--space", preset or SPACE_FILE] if preset != "default" else []
    for name, value in constants.items():
        words += ["--set", f"{name}={typed(value)}"]
    words += strategy_flags(Strategy.of(study)) + limit_flags(Limits.of(study))
    own = [str(word) for word in kept.get("words") or ()]
    words += ["--", *(map(last_part, own) if to_publish else own)] if own else []
    return Recipe(shlex.join(words), text)


def objective_names(study: Study, kept: Mapping[str, Any]) -> list[str]:
    """Return what to type as objectives: the first where it was said, and before whatever is weighed against it."""
    first, *others = objectives_of(study)
    said, weighed = next(iter(listed(kept.get("objective")) or ()), None), [one.argument for one in others]
    return [str(said), *weighed] if said else [first.typed, *weighed] if weighed else []


def flags(kept: Mapping[str, Any]) -> list[str]:
    """Return the flags of the options that are not at their defaults."""
    words: list[str] = []
    for item in dataclasses.fields(RunOptions):
        value = kept.get(item.name, item.default)
        if value in (None, [], ()) or value == item.default or item.name == "words":  # which come last
            continue
        flag = flag_of(item)
        if value is True:
            words.append(flag)
            continue
        for one in value if isinstance(value, list | tuple) else [value]:
            words += [flag, str(one)]
    return words


def strategy_flags(strategy: Strategy) -> list[str]:
    """Return the flags of a strategy that is not the default one."""
    given = [] if strategy.name == SINGLE else ["--strategy", strategy.name]
    given += [] if strategy.confirm == QUICK else ["--confirm", strategy.confirm]
    given += ["--choose", strategy.choose] if strategy.choose else []
    for flag in ("finalists", "seeds"):
        value = getattr(strategy, flag)
        given += [] if value == getattr(Strategy(), flag) else [f"--{flag}", str(value)]
    return given


def limit_flags(limits: Limits) -> list[str]:
    """Return the flags of what bounds the search."""
    return flags(limits.to_dict())


def space_of(written: Mapping[str, Any]) -> tuple[str | None, dict[str, Any], str | None]:
    """Return the preset that a space is, with the constants to set in it; or else None and its YAML."""
    try:
        space = Space(written)
    except BadInput:  # of another release, or written by another program
        return None, {}, _yaml(written)
    for name, preset in PRESETS.items():
        constants = dict(_constants_on(preset, space))
        if Space({**preset.parameters, **{key: Constant(value) for key, value in constants.items()}}) == space:
            return name, constants, None
    return None, {}, _yaml(written)


def _constants_on(preset: Space, space: Space) -> Iterator[tuple[str, Any]]:
    """Yield the constants of a space that a preset has not."""
    for name in space.names:
        parameter = space.parameters[name]
        if name not in space.searched and preset.parameters.get(name) != parameter:
            yield name, parameter.middle()


def typed(value: Any) -> str:
    """Return a constant as `--set` takes it."""
    if isinstance(value, Mapping):
        return json.dumps({"value": value})
    return str(value) if isinstance(value, str | float) else json.dumps(value)


def _yaml(written: Mapping[str, Any]) -> str:
    import yaml

    return yaml.safe_dump(dict(written), sort_keys=False, allow_unicode=True, default_flow_style=None, width=1000)
