"""The cells of a sweep: each combination of its lists, with what `include`, `exclude` and `overrides` make of them.

A cell is a mapping of options of `hpsearch run`, and of the few that only a sweep has; nothing is loaded here.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ...spaces.errors import BadInput, did_you_mean
from ...studies.names import why_no_name
from ..options import RunOptions
from ..strategy import FULL
from ..workers.workers import ALONE

#: The lists of a sweep's file, and the option that each entry of one sets.
AXES = {"tasks": "task", "models": "model", "spaces": "space", "backends": "backend", "strategies": "strategy"}
#: What a cell can be told besides options of `hpsearch run`.
OWN = ("name", "minutes", "cost")
#: Options of `hpsearch run` that a sweep decides, and why.
DECIDED = {
    "study": "a sweep names its studies",
    "store": "a sweep has one store, at the top of its file",
    "fork": "each run of a cell is a new study",
    "from": "a cell begins with what its earlier runs found, unless `warm_start` is false",
    "from_study": "a cell begins with what its earlier runs found, unless `warm_start` is false",
    "config": "the file has all options of its cells",
    "confirm": "the winner and the baseline of a cell are always compared over `seeds` on all the data",
    "finalists": "the winner of a cell is the one finalist",
    "no_retrain": "a cell's winner is trained on all the data over `seeds`, and no model is kept",
    "test_file": "no model is kept that could predict it",
    "quiet": "say it on the command line",
    "verbose": "say it on the command line",
    "timeout": "`minutes` bounds a cell",
}
OPTIONS = frozenset(one.name for one in dataclasses.fields(RunOptions)) - DECIDED.keys()
#: Options that name a place, which a file means from where it lies.
PLACES = ("data_dir", "train_file", "validation_file", "output_dir", "model", "space")
LONGEST_NAME = 57  #: so that with a sweep's name and a date it is the name of a study

Place = tuple[str | int, ...]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One study of a sweep, run after run."""

    name: str
    options: RunOptions
    minutes: float | None  #: no further trial starts after so many
    cost: float | None  #: full trainings that its plan may have at most
    places: Mapping[str, Place]  #: where in the file each of its options comes from
    model_name: str | None = None  #: what the file calls its model, if it says so

    def place(self, option: str | None = None) -> Place:
        """Return where an option stands, or the cell itself."""
        return self.places.get(option or "", next(iter(self.places.values())))


class Problem(BadInput):
    """A part of a sweep's file that cannot be used, and where it stands."""

    def __init__(self, place: Place, message: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.place = place


class Draft(NamedTuple):
    """What will be a cell: its values, and where each comes from."""

    values: dict[str, Any]
    places: dict[str, Place]
    model_name: str | None = None

    def with_values(self, values: Mapping[str, Any], place: Place) -> Draft:
        """Return the draft with more values, which stand at one place."""
        places = {name: (*place, name) for name in values}
        return self._replace(values={**self.values, **values}, places={**self.places, **places})


def cells_of(content: Mapping[str, Any], folder: Path) -> list[Cell]:
    """Return the cells of a checked file, in the order of its lists. Raises `Problem`."""
    common = {name: value for name, value in content.items() if name in OPTIONS or name in ("minutes", "cost")}
    drafts = [*combinations(content), *included(content)]
    cells = [cell(overridden(one, common, content.get("overrides") or []), folder) for one in drafts]
    if not cells:
        raise Problem(("exclude",), "every cell is excluded", hint="a sweep needs at least one")
    names: set[str] = set()
    for one in cells:
        if one.name in names:
            raise Problem(one.place(), f"two cells are called {one.name!r}", hint="give one of them a `name`")
        names.add(one.name)
    return cells


def combinations(content: Mapping[str, Any]) -> Iterator[Draft]:
    """Yield what the lists say of each cell, less those that are excluded."""
    lists = {axis: content[axis] for axis in AXES if content.get(axis)}
    for entries in itertools.product(*(enumerate(entries) for entries in lists.values())) if lists else ():
        draft, names = Draft({}, {}), []
        for axis, (index, entry) in zip(lists, entries, strict=True):
            values = entry_values(axis, entry)
            called = values.pop("name", None)
            label = called or label_of(axis, values)
            if axis == "models":
                draft = draft._replace(model_name=called)
            if axis in ("tasks", "models") or len(lists[axis]) > 1:
                names.append(label)
            draft = draft.with_values(values, (axis, index))
        if not any(matches(draft.values, one) for one in content.get("exclude") or []):
            draft.values["name"] = "-".join(names)
            yield draft


def included(content: Mapping[str, Any]) -> Iterator[Draft]:
    """Yield the cells that are named one by one."""
    for index, values in enumerate(content.get("include") or []):
        labels = [label_of(axis, values) for axis in ("tasks", "models") if label_of(axis, values)]
        named = {"name": "-".join(labels) or f"included-{index + 1}", **values}
        yield Draft({}, {}).with_values(named, ("include", index))


def entry_values(axis: str, entry: Any) -> dict[str, Any]:
    """Return what an entry of a list says: a text names the one thing, a mapping may say more."""
    return dict(entry) if isinstance(entry, Mapping) else {AXES[axis]: entry}


def label_of(axis: str, values: Mapping[str, Any]) -> str:
    """Return what an entry of a list adds to the names of its cells."""
    named = values.get(AXES[axis])
    if axis == "tasks" and named is None and values.get("train_file"):
        named = Path(str(values["train_file"])).stem
    text = str(named or "").rstrip("/")
    return Path(text).stem if axis == "spaces" and text.endswith((".yaml", ".yml")) else text.rsplit("/", 1)[-1]


def matches(values: Mapping[str, Any], pattern: Mapping[str, Any]) -> bool:
    """Return whether a cell has all that a pattern names."""
    return all(values.get(name) == wanted for name, wanted in pattern.items())


def overridden(draft: Draft, common: Mapping[str, Any], overrides: Sequence[Mapping[str, Any]]) -> Draft:
    """Return a draft upon what all cells have, and under each override that is for it, the last one on top."""
    places = {**draft.places, **{name: (name,) for name in common}, **draft.places}
    found = draft._replace(values={**common, **draft.values}, places=places)
    for index, one in enumerate(overrides):
        if matches(draft.values, one["where"]):
            values = {name: value for name, value in one.items() if name != "where"}
            found = found.with_values(values, ("overrides", index))
    return found


def cell(draft: Draft, folder: Path) -> Cell:
    """Return a cell, its paths absolute. Raises `Problem` for an option that is none, and for a wrong value."""
    values, places, model_name = draft
    for name in values:
        if name in DECIDED:
            raise Problem(places[name], f"`{name}` is not for a sweep: {DECIDED[name]}")
        if name not in OPTIONS and name not in OWN:
            raise Problem(places[name], f"unknown option {name!r}", hint=did_you_mean(name, {*OPTIONS, *OWN}))
    name = str(values.get("name") or "")
    why = why_no_name(name) or ("it holds a slash" if "/" in name else None)
    if why is None and len(name) > LONGEST_NAME:
        why = f"it has more than {LONGEST_NAME} characters"
    first = next(iter(places.values()), ())
    if why is not None:
        raise Problem(first, f"{name!r:.80} is not a name for a cell: {why}", hint="give it a `name`")
    bounds = {one: bound(values.get(one), places.get(one, first), one) for one in ("minutes", "cost")}
    options = options_of(values, places, folder)
    return Cell(name=name, options=options, places=places, model_name=model_name, **bounds)


def bound(value: Any, place: Place, name: str) -> float | None:
    """Return a bound of a cell, or None where it has none."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or not value > 0):
        raise Problem(place, f"`{name}` is a number above 0, got {value!r:.80}")
    return value


def options_of(values: Mapping[str, Any], places: Mapping[str, Place], folder: Path) -> RunOptions:
    """Return the options of a cell, their types checked, their paths meant from the file's folder."""
    from pydantic import TypeAdapter, ValidationError

    given = {name: value for name, value in values.items() if name in OPTIONS}
    decided = {"confirm": FULL, "finalists": 1, "no_retrain": True, "quiet": True}
    usual = {"jobs": ALONE}  # a night is compared with others, and how many threads a training has shows in its score
    try:
        options = TypeAdapter(RunOptions).validate_python({**usual, **given, **decided})
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else ""
        told = f"`{name}` is {first['input']!r:.80}: {first['msg'].lower()}"
        raise Problem(places.get(name, ()), told) from None
    return dataclasses.replace(options, **{name: found(folder, getattr(options, name)) for name in PLACES})


def found(folder: Path, value: Any) -> Any:
    """Return a place below the file's folder with that before it; a name of the hub stays as it is."""
    if value is None or Path(value).is_absolute() or not (folder / value).exists():
        return value
    return str(folder / value) if isinstance(value, str) else folder / value
