"""The command that searches a study again, for its model's card: no path of this machine is in it.

Files are named by their last part, and a space that is no preset is written out beside.
"""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path
from typing import Any

from ..spaces.presets import PRESETS
from .card_facts import Facts
from .options import RunOptions
from .record import last_part
from .strategy import ETA, FULL, LADDER, LARGEST_RUNG, Strategy
from .talk import as_typed

SPACE_FILE = "space.yaml"
#: Options that hold a place: a path where it is one of this machine, else a name on the hub.
PLACES = ("data_dir", "train_file", "validation_file", "model")


def commands(facts: Facts) -> list[str]:
    """Return what to type, one command a line; nothing for a study made in Python."""
    if not facts.options:
        return []
    lines = [run_command(facts)]
    if not facts.record.get("final"):
        lines.append(f"hpsearch retrain --trial {facts.trial.number} {as_typed(facts.study.name)}")
    return lines


def run_command(facts: Facts) -> str:
    """Return the search, with each option that is not as usual."""
    options = asked(facts)
    words = ["hpsearch", "run", "--trials", str(facts.study.trials), f"--study={facts.study.name}"]
    for item in dataclasses.fields(RunOptions):
        value = options.get(item.name)
        if value is None or value == item.default or value == []:
            continue
        flag = item.metadata["flag"] or "--" + item.name.replace("_", "-")
        values = value if isinstance(value, list) else [value]
        words += [flag] if value is True else [f"{flag}={one}" for one in values]
    return shlex.join(words)


def asked(facts: Facts) -> dict[str, Any]:
    """Return the options of the search by name, without places."""
    kept = {name: value for name, value in facts.options.items() if name in RunOptions.__dataclass_fields__}
    for name in PLACES:
        if kept.get(name):
            kept[name] = last_part(str(kept[name])) if Path(str(kept[name])).is_absolute() else str(kept[name])
    identity, strategy = facts.study.spec["identity"], Strategy.of(facts.study)
    climbs: dict[str, Any] = {"strategy": strategy.name, "confirm": strategy.confirm}
    climbs |= {"finalists": strategy.finalists, "seeds": strategy.seeds} if strategy.confirm == FULL else {}
    usual = Strategy().to_dict() | {"strategy": LADDER}
    climbs = {name: value for name, value in climbs.items() if usual[name] != value}
    unchecked = not facts.study.signal and identity["fraction"] * ETA <= LARGEST_RUNG
    return {**kept, **climbs, "space": preset(facts) or SPACE_FILE, "no_signal_check": unchecked}


def preset(facts: Facts) -> str | None:
    """Return the name of the preset that was searched; None for another space."""
    searched = facts.study.spec["identity"]["space"]
    same = (name for name, space in PRESETS.items() if space.to_dict()["parameters"] == searched)
    return next(same, None)


def space_file(facts: Facts) -> str | None:
    """Return what the file of the space holds, as YAML; None for a preset."""
    import yaml

    if preset(facts):
        return None
    searched = facts.study.spec["identity"]["space"]
    return yaml.safe_dump(searched, sort_keys=False, allow_unicode=True, default_flow_style=None, width=10**6)
