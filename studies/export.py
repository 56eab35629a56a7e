"""A study as a file: all of it in JSON and in Parquet's metadata, one row a trial in CSV and Parquet.

`exported.py` reads it back, `importing.py` puts it into another store.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from ..spaces.errors import BadInput, did_you_mean, place_hint
from .plain import plain
from .records import Study
from .store import StudyStore
from .whole_file import write_whole

Document = Mapping[str, Any]

VERSION = 1  # of the document; a reader refuses one that it does not know
VERSION_KEY = "hpsearch_export"
METADATA_KEY = b"hpsearch"  # where a Parquet file has the whole document
SPREAD = ("params", "metrics", "seconds")  # in a table these are columns of their own: `params.learning_rate`
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
#: Keys of this database and paths of this machine mean nothing elsewhere.
INTERNAL = ("trial_id", "study_id", "lease_until", "optuna_trial_id", "checkpoint")
INTERNAL_OF_STUDY = ("study_id", "folder")
INTERNAL_OF_MODEL = ("model_id", "study_id", "folder")


def export_document(store: StudyStore, study: Study) -> dict[str, Any]:
    """Return all that the store knows of a study and that means something elsewhere, as plain JSON."""
    models = [_without(model.to_dict(), INTERNAL_OF_MODEL) for model in store.models(study.study_id)]
    about = _without(study.to_dict(), INTERNAL_OF_STUDY)
    document = {VERSION_KEY: VERSION, "study": about, "trials": export_rows(store, study), "models": models}
    return dict(plain(document))


def export_rows(store: StudyStore, study: Study) -> list[dict[str, Any]]:
    """Return one dict a trial, in the order of their numbers: its fields and the name of its study."""
    records = (trial.to_dict() for trial in store.trials(study.study_id))
    return [{"study": study.name, **_without(record, INTERNAL)} for record in records]


def to_json(document: Document) -> bytes:
    """Return the document as JSON, nested as it is."""
    return (json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def to_csv(document: Document) -> bytes:
    """Return the trials as CSV with a header; nested fields are columns of their own or JSON text.

    Text that a spreadsheet would run as a formula gets an apostrophe in front, as spreadsheets do.
    """
    table = [flat(row) for row in document["trials"]]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=_columns(table), restval="", lineterminator="\n")
    writer.writerow({name: _harmless(name) for name in writer.fieldnames})
    writer.writerows({name: _harmless(value) for name, value in row.items()} for row in table)
    return text.getvalue().encode()


def to_parquet(document: Document) -> bytes:
    """Return the trials as Parquet, and the whole document in the file's metadata.

    A column that mixes text and numbers becomes JSON text.
    """
    import pyarrow  # type: ignore[import-untyped]
    from pyarrow import parquet

    rows = [flat(row) for row in document["trials"]]
    table = pyarrow.table({name: _one_type([row.get(name) for row in rows]) for name in _columns(rows)})
    whole = {METADATA_KEY: json.dumps(document, ensure_ascii=False).encode()}
    sink = io.BytesIO()
    parquet.write_table(table.replace_schema_metadata(whole), sink)
    return sink.getvalue()


FORMATS: dict[str, Callable[[Document], bytes]] = {"json": to_json, "csv": to_csv, "parquet": to_parquet}


def render(document: Document, format_name: str) -> bytes:
    """Return the document in the format of that name. Raises `BadInput` for one that is not in `FORMATS`."""
    if format_name not in FORMATS:
        raise BadInput(f"unknown export format {format_name!r}", hint=did_you_mean(format_name, FORMATS))
    return FORMATS[format_name](document)


def write_export(document: Document, path: str | os.PathLike[str], format_name: str) -> Path:
    """Write the document to `path`, whole or not at all.

    Raises `BadInput` for an unknown format or a path that cannot be written; what was there stays then.
    """
    content, target = render(document, format_name), Path(path)
    try:
        write_whole(target, content)
    except OSError as error:
        raise BadInput(
            f"the export cannot be written to {str(target)!r}: {error.strerror}",
            hint=place_hint(error, "give a file in a folder you may write"),
        ) from error
    return target


def flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row without nesting: params, metrics and seconds get columns, the rest becomes JSON text."""
    cells: dict[str, Any] = {}
    for name, value in row.items():
        if name in SPREAD:
            cells.update({f"{name}.{key}": _cell(item) for key, item in (value or {}).items()})
        else:
            cells[name] = _cell(value)
    return cells


def _cell(value: Any) -> Any:
    return json.dumps(plain(value), ensure_ascii=False) if isinstance(value, dict | list) else value


def _columns(table: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return every column once, those of the first row first."""
    return list(dict.fromkeys(name for row in table for name in row))


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value


def _one_type(values: list[Any]) -> list[Any]:
    kinds = {type(value) for value in values if value is not None}
    if len(kinds) < 2:
        return values
    if kinds == {int, float}:
        return [None if value is None else float(value) for value in values]
    return [None if value is None else json.dumps(value, ensure_ascii=False) for value in values]


def _without(record: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in names}
