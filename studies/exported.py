"""A study as a file has it: written by `export.py`, or by somebody who wants it to be taken for that.

Nothing in the file is trusted: all of it is checked before anything is made of it. `importing.py` puts it into a store.
"""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from sqlalchemy import BigInteger, Column, Integer, String, Table

from ..spaces.errors import BadInput
from ..spaces.space import Space
from ..spaces.values import finite, is_scalar, plain, shown, text_of
from .clock import utc_text
from .export import METADATA_KEY, VERSION, VERSION_KEY
from .names import check_study_name
from .plain import clean_text
from .records import Failure, Phase, TrialState
from .tables import models, studies, trials

Place = tuple[str | int, ...]

HINT = "`hpsearch export STUDY --output FILE.json` writes a file that can be imported"
PARQUET_MAGIC = b"PAR1"
DEEPEST = 30  # levels of nesting: MariaDB's JSON has no more than 32
LONGEST_TEXT = 2**16 - 1  # bytes: the shortest TEXT is MariaDB's
MOST_TRIALS = 2**31 - 1  # what the column of a number holds
EARLIEST, LATEST = 1970, 9000  # years that every database and time zone has


def read_export(path: str | os.PathLike[str]) -> ExportedStudy:
    """Return the study in the file at `path`, an export of format json or parquet.

    Raises `BadInput`, with the place in the file, for anything that an export cannot hold.
    """
    file = Path(path)
    try:
        return _checked(_parsed(_document(file)))
    except OSError as error:
        why = (error.strerror or str(error)).lower()
    except RecursionError:
        why = f"it is nested deeper than {DEEPEST} levels"
    except ValidationError as error:
        why = _told(error)
    except ValueError as error:
        why = str(error)
    raise BadInput(f"{str(file)!r} cannot be imported: {why}", hint=HINT)


# The values


def _number(value: Any) -> Any:
    if value is not None and finite(value) is None:
        raise ValueError("must be a number or null")
    return value


def _param(value: Any) -> Any:
    if isinstance(value, Mapping):
        return plain("a value", value)
    if not is_scalar(value):
        raise ValueError("must be text, a number, true, false or null, or a mapping of these")
    return value


def _moment(text: str) -> str:
    with suppress(ValueError, OverflowError):
        moment = datetime.fromisoformat(text)
        if EARLIEST <= moment.year <= LATEST and utc_text(moment) == text:
            return text
    raise ValueError("must be a moment like 2026-03-01T09:30:00.000000+00:00")


def _evaluation(point: dict[str, Any]) -> dict[str, Any]:
    share = finite(point.get("budget"))
    if share is None or not 0 <= share <= 1 or "score" not in point:
        raise ValueError("must have a `budget` from 0 to 1 and a `score`")
    _number(point["score"])
    return point


def _specification(spec: dict[str, Any]) -> dict[str, Any]:
    identity, notes = spec.get("identity"), spec.get("notes")
    if not isinstance(identity, dict) or not isinstance(notes, dict):
        raise ValueError("must have an `identity` and `notes`")
    Space(identity.get("space", {}))
    return spec


Number = Annotated[Any, AfterValidator(_number)]
Param = Annotated[Any, AfterValidator(_param)]
Moment = Annotated[str, AfterValidator(_moment)]
StudyName = Annotated[str, AfterValidator(check_study_name)]
Evaluation = Annotated[dict[str, Any], AfterValidator(_evaluation)]
Specification = Annotated[dict[str, Any], AfterValidator(_specification)]
Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0)]


# The parts


class _Part(BaseModel):
    """A part of the document: it has these keys and no others, and nothing is converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    table: ClassVar[Table]

    @model_validator(mode="after")
    def _fits_its_columns(self) -> Self:
        for column in self._columns():
            why = _why_unfit(column, getattr(self, column.name))
            if why is not None:
                raise ValueError(f"its `{column.name}` has {why}")
        return self

    def row(self) -> dict[str, Any]:
        """Return what the part says of a row of its table."""
        values = self.model_dump(mode="json")
        return {column.name: values[column.name] for column in self._columns()}

    def _columns(self) -> list[Column[Any]]:
        return [column for column in self.table.columns if column.name in type(self).model_fields]


class StudyPart(_Part):
    """`records.Study` without what means nothing elsewhere."""

    table = studies

    uid: str
    name: StudyName
    created_at: Moment
    identity: str  #: never believed: `importing.py` computes it
    spec: Specification
    task: str
    model: str
    backend: str
    objective: str
    direction: Literal["maximize", "minimize"]
    trials: Annotated[int, Field(ge=1)]
    forked_from: StudyName | None
    limits: dict[str, Any] | None = None
    checking: bool = False
    signal: dict[str, Any] | None = None
    verdict: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _is_one_problem(self) -> Self:
        for name in ("objective", "direction"):
            stated, mine = self.spec["identity"].get(name), getattr(self, name)
            if stated not in (None, mine):
                raise ValueError(f"its `{name}` is {mine!r:.100}, that of its specification {shown(stated)}")
        return self


class TrialPart(_Part):
    """`records.Trial` without what means nothing elsewhere."""

    table = trials

    study: str
    number: Annotated[int, Field(ge=0, lt=MOST_TRIALS)]
    attempt: Annotated[int, Field(ge=1)]
    state: Annotated[TrialState, Field(strict=False)]
    failure: Annotated[Failure, Field(strict=False)] | None
    failure_message: str | None
    baseline: bool
    phase: Annotated[Phase, Field(strict=False)]
    rung: Annotated[int, Field(ge=0)]
    fraction: Annotated[float, Field(gt=0, le=1)] | None
    seed: int | None
    params: dict[str, Param] | None
    config: dict[str, Any]
    objective: str
    score: float | None
    metrics: dict[str, Number]
    curve: list[Evaluation]
    worker: str | None
    seconds: dict[str, Seconds]
    total_seconds: float
    started_at: Moment | None
    finished_at: Moment | None
    progress: Share | None = None
    device: str | None = None
    origin: Annotated[int, Field(ge=0, lt=MOST_TRIALS)] | None = None
    predictions: list[Number] | None = None
    environment: dict[str, Any] | None = None
    prior: str | None = None

    @model_validator(mode="after")
    def _is_one_story(self) -> Self:
        collapsed = self.state is TrialState.COMPLETE and self.failure is Failure.COLLAPSED
        if (self.state is TrialState.FAILED) != (self.failure is not None) and not collapsed:
            raise ValueError("a `failure` belongs to a FAILED trial, or to a complete one that collapsed")
        if self.state.is_finished and None in (self.started_at, self.finished_at):
            raise ValueError(f"a {self.state.value} trial needs `started_at` and `finished_at`")
        if not self.state.is_finished and (self.score, self.finished_at) != (None, None):
            raise ValueError(f"a {self.state.value} trial has no `score` and no `finished_at`")
        return self


class ModelPart(_Part):
    """`records.Model` without what means nothing elsewhere."""

    table = models

    trial_number: int
    metrics: dict[str, Number]
    seconds: dict[str, Seconds]
    created_at: Moment
    fingerprint: str
    spec: dict[str, Any]


class ExportedStudy(BaseModel):
    """The whole document; the trials come in the order of their numbers."""

    model_config = ConfigDict(extra="forbid", strict=True)

    hpsearch_export: int
    study: StudyPart
    trials: list[TrialPart]
    models: list[ModelPart]

    @model_validator(mode="after")
    def _is_one_study(self) -> Self:
        counts = Counter(trial.number for trial in self.trials)
        for number, count in counts.items():
            if count > 1:
                raise ValueError(f"{count} trials have the number {number}")
        for model in self.models:
            if model.trial_number not in counts:
                raise ValueError(f"a model was made with trial {model.trial_number}, which is not there")
        self.trials.sort(key=lambda trial: trial.number)
        return self


def _why_unfit(column: Column[Any], value: object) -> str | None:
    """Return why some database could not keep `value` in that column, or None where each can."""
    kind = column.type
    if isinstance(kind, String) and isinstance(value, str):
        if kind.length is None:
            return f"more than {LONGEST_TEXT} bytes" if len(value.encode()) > LONGEST_TEXT else None
        return f"more than {kind.length} characters" if len(value) > kind.length else None
    if isinstance(kind, Integer) and isinstance(value, int):
        bits = 64 if isinstance(kind, BigInteger) else 32
        return f"more than {bits} bits" if not _holds(bits, value) else None
    return None


# From a file to the parts


def _document(file: Path) -> bytes:
    """Return the JSON text that is in a file of either format."""
    if file.suffix.lower() == ".csv":
        raise ValueError("a CSV table has no specification; export the study as json or parquet")
    content = file.read_bytes()
    return _metadata(content) if content.startswith(PARQUET_MAGIC) else content


def _metadata(content: bytes) -> bytes:
    import pyarrow  # type: ignore[import-untyped]
    from pyarrow import parquet

    # The limit that pyarrow sets is less than the text of ten thousand trials. The table itself is never read.
    try:
        opened = parquet.ParquetFile(pyarrow.BufferReader(content), thrift_string_size_limit=2**31 - 1)
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError("it is a Parquet file that is broken") from error
    found = (opened.metadata.metadata or {}).get(METADATA_KEY)
    if found is None:
        raise ValueError("it is a Parquet file that `hpsearch export` did not write")
    return bytes(found)


def _parsed(text: bytes) -> Any:
    """Return the values in JSON text, each of which every database keeps as it is."""
    try:
        document = json.loads(text.decode(), object_pairs_hook=_without_doubles)
    except ValueError as error:
        raise ValueError(f"it is not JSON ({error})") from error
    for place, why in _unkeepable(document, ()):
        raise ValueError(f"{_written(place)} {why}")
    return document


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the key {shown(twice)} is there twice")
    return found


def _unkeepable(value: Any, place: Place) -> Iterator[tuple[Place, str]]:
    """Yield each place with a value that some database, or a reader of its JSON, would refuse or change."""
    if len(place) > DEEPEST:
        raise RecursionError
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _unkeepable(key, (*place, "key"))
            yield from _unkeepable(item, (*place, key))
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from _unkeepable(item, (*place, position))
    elif isinstance(value, str) and clean_text(value) != value:
        yield place, f"holds a character that databases refuse: {shown(value)}"
    elif isinstance(value, float) and not math.isfinite(value):
        yield place, "is not a finite number"
    elif isinstance(value, int) and not _holds(64, value):
        yield place, "is a whole number of more than 64 bits"


def _holds(bits: int, value: int) -> bool:
    return -(2 ** (bits - 1)) <= value < 2 ** (bits - 1)


def _checked(document: Any) -> ExportedStudy:
    if isinstance(document, list):
        raise ValueError("it is a list of trials without a specification; export the study again")
    version = document.get(VERSION_KEY) if isinstance(document, dict) else None
    if type(version) is not int:
        raise ValueError(f"it has no {VERSION_KEY!r} and so is no export")
    if version != VERSION:
        raise ValueError(f"it has version {version} of the export, this release of hpsearch reads version {VERSION}")
    return ExportedStudy.model_validate(document)


def _told(error: ValidationError) -> str:
    """Return the first of the complaints as one sentence with its place."""
    first = error.errors(include_url=False)[0]
    place, given = _written(first["loc"]), first["input"]
    if first["type"] == "missing":
        return f"{place} is missing"
    if first["type"] == "extra_forbidden":
        return f"{place} is unknown"
    got = "" if isinstance(given, dict | list | BaseModel) else f", got {shown(given)}"
    message = first["msg"].removeprefix("Value error, ")
    return f"{place}: {message[:1].lower()}{message[1:]}{got}"


def _written(place: Place) -> str:
    """Return a place as people write it: `trials[3].score`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{text_of(part)[:80]}" for part in place)
    return "".join(parts).removeprefix(".") or "it"
