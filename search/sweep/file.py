"""A sweep's file: what is searched again and again, when, where it is kept, and who is told.

The file is YAML; nothing in it is loaded or run by reading it.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ...spaces.errors import BadInput, did_you_mean
from ...spaces.yaml_file import read_yaml_file
from ...studies.names import why_no_name
from ...studies.url import parse_url, sqlite_path
from ..options import DEFAULT_STORE, STORE_ENV
from .cells import AXES, DECIDED, OPTIONS, Cell, Problem, cells_of
from .lines import Lines

if TYPE_CHECKING:
    from .timetable import Timetable

LONGEST_NAME = 25  #: so that with a date and a cell it is the name of a study

Entry = str | dict[str, Any]
Entries = Annotated[list[Entry], Field(min_length=1)]


class Schedule(BaseModel):
    """When a sweep is due."""

    model_config = ConfigDict(extra="forbid")

    cron: str
    timezone: str = "UTC"


class Retention(BaseModel):
    """How long the studies of a sweep are kept; its scores are kept for good."""

    model_config = ConfigDict(extra="forbid")

    runs: int = Field(ge=1)  #: the studies of so many runs


class SweepFile(BaseModel):
    """The keys of a sweep's file besides the options of its cells."""

    model_config = ConfigDict(extra="allow")

    name: str
    store: str | None = None
    schedule: Schedule | None = None
    tasks: Entries | None = None
    models: Entries | None = None
    spaces: Entries | None = None
    backends: Entries | None = None
    strategies: Entries | None = None
    include: list[dict[str, Any]] = []
    exclude: list[dict[str, Any]] = []
    overrides: list[dict[str, Any]] = []
    minutes: float | None = Field(default=None, gt=0)
    cost: float | None = Field(default=None, gt=0)
    warm_start: bool = True
    overlap: Literal["wait", "skip", "fail"] = "wait"
    notify: str | list[str] | None = None
    retention: Retention | None = None

    @field_validator("name")
    @classmethod
    def _is_a_name(cls, name: str) -> str:
        why = why_no_name(name) or ("it holds a slash" if "/" in name else None)
        if why is None and len(name) > LONGEST_NAME:
            why = f"it has more than {LONGEST_NAME} characters"
        if why is not None:
            raise ValueError(f"is no name for a sweep: {why}")
        return name

    @field_validator("overrides")
    @classmethod
    def _say_where(cls, overrides: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for one in overrides:
            if not isinstance(one.get("where"), dict):
                raise ValueError("an override needs `where`, with what its cells have, such as {task: cola}")
        return overrides


KEYS = frozenset(SweepFile.model_fields)


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """A sweep, read and checked."""

    path: Path
    name: str
    store: str  #: URL, `HPSEARCH_STORE` if the file names none; that of a SQLite file has its whole path
    timetable: Timetable | None
    cells: list[Cell]
    warm_start: bool
    overlap: str  #: `wait`, `skip` or `fail`: what a run does that comes due while another runs
    notify: list[str] | None  #: the command that is told of each run
    keep_runs: int | None  #: the studies of so many runs are kept
    content: dict[str, Any]  #: the file as it was read
    lines: Lines

    def where(self, cell: Cell, option: str | None = None) -> str:
        """Return file and line of a cell, or of one of its options."""
        return self.lines.where(cell.place(option))


def read_sweep(path: Path | str) -> Sweep:
    """Return the sweep in a file. Raises `BadInput`, naming the line, for a file that cannot be one.

    What needs a store, data or a model is not looked at.
    """
    path = Path(path).expanduser().absolute()
    content = read_yaml_file(path)
    lines = Lines.of(path)
    file = _checked(content, lines)
    try:
        cells = cells_of({**content, **file.model_dump(include=set(AXES))}, path.parent)
    except Problem as error:
        raise BadInput(f"{lines.where(error.place)}: {error}", hint=error.hint) from None
    return Sweep(
        path=path,
        name=file.name,
        store=_store(file.store or os.environ.get(STORE_ENV) or DEFAULT_STORE, path.parent),
        timetable=_timetable(file.schedule, lines),
        cells=cells,
        warm_start=file.warm_start,
        overlap=file.overlap,
        notify=shlex.split(file.notify) if isinstance(file.notify, str) else file.notify,
        keep_runs=None if file.retention is None else file.retention.runs,
        content=dict(content),
        lines=lines,
    )


def _checked(content: Mapping[Any, Any], lines: Lines) -> SweepFile:
    lists = {option: axis for axis, option in AXES.items()}
    for key in content:
        if key in DECIDED and key not in KEYS:
            raise BadInput(f"{lines.where((key,))}: `{key}` is not for a sweep: {DECIDED[key]}")
        if key in lists or key not in KEYS | OPTIONS:
            hint = f"did you mean {lists[key]!r}, a list?" if key in lists else did_you_mean(str(key), KEYS | OPTIONS)
            raise BadInput(f"{lines.where((str(key),))}: unknown key {key!r:.80}", hint=hint)
    try:
        return SweepFile.model_validate(content)
    except ValidationError as error:
        raise BadInput(_told(error, content, lines)) from None


def _told(error: ValidationError, content: Mapping[Any, Any], lines: Lines) -> str:
    """Return the first complaint as a sentence with its line."""
    first, *_ = sorted(error.errors(include_url=False), key=lambda one: one["type"] == "missing")
    place = [part for part in first["loc"] if part in content or isinstance(part, int) or part in _inner(content)]
    name = ".".join(str(part) for part in place) or "it"
    if first["type"] == "missing":
        return f"{lines.where(place)}: `{'.'.join(str(part) for part in first['loc'])}` is missing"
    message = first["msg"].removeprefix("Value error, ")
    return f"{lines.where(place)}: `{name}` {first['input']!r:.80}: {message[:1].lower()}{message[1:]}"


def _inner(content: Mapping[Any, Any]) -> set[str]:
    return {str(key) for part in content.values() if isinstance(part, Mapping) for key in part}


def _store(url: str, folder: Path) -> str:
    """Return the URL with the whole path of a SQLite file, which is meant from where the sweep's file lies."""
    address = parse_url(url)
    file = sqlite_path(address)
    if file is None or Path(file).is_absolute():
        return url
    return address.set(database=str(folder / file)).render_as_string(hide_password=False)


def _timetable(schedule: Schedule | None, lines: Lines) -> Timetable | None:
    if schedule is None:
        return None
    from .timetable import Timetable

    try:
        return Timetable(schedule.cron, schedule.timezone)
    except BadInput as error:
        raise BadInput(f"{lines.where(('schedule', 'cron'))}: {error}", hint=error.hint) from None
