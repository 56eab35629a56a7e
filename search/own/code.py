"""Functions of the user's own that a problem is made with, each by a name that any worker can import it by.

They come from the command line of the person whose machine it is, never from the store: a team shares that, and whoever
can write to it would choose what runs on everybody's machine. What the store keeps of them is for people to read.
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...spaces.errors import BadInput
from ...studies.records import Study
from ..options import RunOptions

#: What is in the Trainer already, by the names of `RunOptions`.
IN_TRAINER = (
    "task",
    "data_dir",
    "train_file",
    "validation_file",
    "test_file",
    "text_columns",
    "label_column",
    "label_kind",
    "positive_label",
    "group_column",
    "model",
    "model_config",
    "freeze_encoder",
    "model_init",
    "compute_metrics",
    "precision",
    "select_on",
)


@dataclass(frozen=True, kw_only=True)
class OwnCode:
    """Each is `module:function` or `script.py:function`; None where the built-in part is used."""

    trainer: str | None = None  #: makes the whole Trainer
    script: str | None = None  #: the path of a script that makes one and trains it
    words: tuple[str, ...] = ()  #: of the script's own command line
    model_init: str | None = None  #: makes the model of a task
    compute_metrics: str | None = None  #: scores the predictions for a task

    @classmethod
    def of(cls, options: Any) -> OwnCode:
        """Return what is named in `options`, an object or a mapping."""
        values = options if isinstance(options, Mapping) else vars(options)
        names = (name for name in cls.__dataclass_fields__ if name != "words")
        return cls(**{name: values.get(name) for name in names}, words=tuple(values.get("words") or ()))

    @property
    def given(self) -> dict[str, str]:
        """The names that are there."""
        return {name: value for name, value in vars(self).items() if value is not None and name != "words"}

    @property
    def makes_trainer(self) -> bool:
        """Whether it makes the whole Trainer, with data and model."""
        return self.trainer is not None or self.script is not None

    @property
    def flags(self) -> list[str]:
        """The same as words of a command, a script's own at the end."""
        named = [word for name, value in self.given.items() for word in (flag(name), value)]
        return [*named, *(["--", *self.words] if self.words else [])]

    def found_from_anywhere(self) -> OwnCode:
        """Return the same names with the paths of scripts made absolute, for a process in another folder."""
        return OwnCode(**{name: absolute(value) for name, value in self.given.items()}, words=self.words)

    def check_for(self, study: Study, needed: OwnCode) -> None:
        """Raise `BadInput` unless there is a name here for each part that the study has of its user's own."""
        lacking = {name: value for name, value in needed.given.items() if name not in self.given}
        if lacking:
            words = shlex.join(OwnCode(**lacking, words=needed.words if "script" in lacking else ()).flags)
            raise BadInput(
                f"study {study.name!r} was made with code of its user's own, which the store only knows the name of",
                hint=f"if you trust it, say where it is: {words}",
            )
        strange = [name for name in self.given if name not in needed.given]
        if strange:
            raise BadInput(f"{flag(strange[0])} is not for study {study.name!r}, which was made without")


def flag(name: str) -> str:
    """Return the option of the command line."""
    return "--" + name.replace("_", "-")


def is_script(named: str) -> bool:
    """Return whether a name begins with the path of a script, and not with a module's name."""
    return named.endswith(".py") or named.rpartition(":")[0].endswith(".py")


def absolute(named: str) -> str:
    """Return a name whose script, if it is in one, is found from every folder."""
    place, _, function = named.rpartition(":")
    if named.endswith(".py"):
        return str(Path(named).expanduser().absolute())
    return f"{Path(place).expanduser().absolute()}:{function}" if is_script(named) else named


def short_name(named: str) -> str:
    """Return what people call it: the script's or the module's last name."""
    place = named if named.endswith(".py") else named.rpartition(":")[0] or named
    return Path(place).stem if is_script(named) else place.rpartition(".")[2]


def check_own_trainer(options: RunOptions) -> None:
    """Raise `BadInput` for options that say again what the user's Trainer has in it."""
    if options.words and options.script is None:
        raise BadInput(f"{options.words[0]!r} is no option", hint="words after `--` are for the script of --script")
    if options.trainer is not None and options.script is not None:
        raise BadInput("--trainer and --script each make the whole Trainer", hint="leave one of them out")
    own = options.trainer or options.script
    if own is None:
        if options.report_data is not None:
            raise BadInput("--report-data is for --trainer and --script", hint="a task has --validation-file for that")
        return
    defaults = {item.name: item.default for item in dataclasses.fields(RunOptions)}
    for name in IN_TRAINER:
        if getattr(options, name) not in (defaults[name], []):
            raise BadInput(
                f"{flag(name)} has no place beside {'--trainer' if options.trainer else '--script'}, which makes data, "
                "model and metrics itself",
                hint=f"leave one of them out, or do what {flag(name)} would do in {short_name(own)!r}",
            )


NO_CODE = OwnCode()
