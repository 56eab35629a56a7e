"""Read a test file, labelled or not, and write predictions in the form the task's benchmark wants.

GLUE takes one TSV per task with the columns `index` and `prediction`, CLUE takes JSON lines. Any other file
gets the label name and the score of each row. `data.files` reads the rows, `data.raw` cleans their text.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ...spaces.errors import BadInput, place_hint
from ...studies.whole_file import write_whole
from ..data.files import read_table
from ..data.labels import Label, read_test_labels
from ..data.raw import text_columns, text_names
from ..label_sets import names_in
from ..layouts import Column, Submission
from ..tasks import Task

if TYPE_CHECKING:
    from datasets import Dataset

Id = int | str
Row = dict[str, Id | float]

ID = Column(name="index", aliases=("id", "idx"), required=False)


class Examples(NamedTuple):
    """The rows of a test file."""

    ids: list[Id]  #: 0, 1, ... where the file has none
    texts: Dataset  #: as `text_a` and `text_b`
    labels: list[Label] | None  #: ids of classes, or numbers; None where the file has none


def read_examples(task: Task, path: str | Path) -> Examples:
    """Return the rows of a test file; a label column is not needed, and not read while the task's are not known.

    Raises `BadInput` as `data.files.read_table` and `data.labels.read_test_labels` do.
    """
    from datasets import Dataset

    of_labels = {one.name for one in task.label_parts}
    read = [one for one in task.columns if one.name != task.group_column]
    columns = [dataclasses.replace(one, required=one.name not in of_labels) for one in read]
    headerless = task.files.headerless if task.files else ()
    table = read_table(path, [*columns, ID], headerless=headerless, bare_quotes=task.files is not None)
    ids = [_id(cell, row) for row, cell in enumerate(table.columns.get(ID.name, [None] * len(table)))]
    texts = Dataset.from_dict(text_columns(table, text_names(task, table)))
    return Examples(ids, texts, None if task.labels is None else read_test_labels(task, table))


def _id(cell: Any, row: int) -> Id:
    """Return an id as given, a whole number as one (CLUE's ids are), its row's place for an empty one."""
    if cell is None or cell == "":
        return row
    text = str(cell)
    return int(text) if text.isdecimal() and str(int(text)) == text else text


def write_predictions(
    task: Task,
    ids: Sequence[Id],
    predictions: Sequence[int | float | str],
    path: str | Path,
    scores: Sequence[float] | None = None,
) -> Path:
    """Write one prediction a row (class ids or label names, or numbers for a regression) and return the path.

    The task's benchmark decides the form: GLUE's TSV for `.tsv`, CLUE's JSON lines for `.json`. Otherwise the
    columns are index, prediction and (where `scores` are given) score, as TSV, `.csv` or `.jsonl`. The file
    appears whole or not at all. Raises `BadInput` if it cannot be written, `ValueError` for unequal lengths.
    """
    path = Path(path)
    form, values = task.submission, [_value(task, value) for value in predictions]
    if form and path.suffix == _SUBMITTED[form.format]:
        rows = [_submitted(form, row, value) for row, value in zip(ids, values, strict=True)]
    else:
        rows = _described(task, ids, values, scores)
    return _write(rows, path)


def write_sets(
    task: Task, ids: Sequence[Id], codes: Sequence[int], probabilities: Sequence[Sequence[float]], path: str | Path
) -> Path:
    """Write the names of each row's labels and the probability of each label, as TSV, `.csv` or `.jsonl`.

    In the first two the names are joined by `|`. Raises as `write_predictions` does.
    """
    path, labels = Path(path), task.labels or ()
    as_list = path.suffix.lower() in (".json", ".jsonl")
    rows: list[Any] = []
    for row, code, scores in zip(ids, codes, probabilities, strict=True):
        names = names_in(code, labels)
        each = {name: round(score, 6) for name, score in zip(labels, scores, strict=True)}
        told = {"scores": each} if as_list else {f"score {name}": score for name, score in each.items()}
        rows.append({"index": row, "prediction": names if as_list else "|".join(names), **told})
    return _write(rows, path)


def _write(rows: Sequence[Row], path: Path) -> Path:
    try:
        write_whole(path, _FORMATS.get(path.suffix.lower(), _tsv)(rows).encode())
    except OSError as error:
        raise BadInput(
            f"cannot write {path}: {error.strerror}", hint=place_hint(error, "choose another file")
        ) from None
    return path


def _value(task: Task, value: int | float | str) -> float:
    """Return the class id of a label name, and anything else as it is."""
    return (task.labels or ()).index(value) if isinstance(value, str) else value


_SUBMITTED = {"glue": ".tsv", "clue": ".json"}


def _submitted(form: Submission, row: Id, value: float) -> Row:
    """Return a row as the benchmark wants it: GLUE's STS-B with three decimals between 0 and 5."""
    if form.limits:
        low, high = form.limits
        return {"index": row, "prediction": f"{min(max(float(value), low), high):.3f}"}
    label = form.labels[int(value)]
    return {"id": row, "label": label} if form.format == "clue" else {"index": row, "prediction": label}


def _described(
    task: Task, ids: Sequence[Id], predictions: Sequence[float], scores: Sequence[float] | None
) -> list[Row]:
    labels = task.labels or ()
    values: list[Id | float] = [labels[int(value)] if labels else float(value) for value in predictions]
    rows: list[Row] = [{"index": row, "prediction": value} for row, value in zip(ids, values, strict=True)]
    if scores is not None:
        rows = [{**row, "score": round(float(score), 6)} for row, score in zip(rows, scores, strict=True)]
    return rows


def _separated(rows: Sequence[Row], dialect: str) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, rows[0], dialect=dialect, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _tsv(rows: Sequence[Row]) -> str:
    return _separated(rows, "excel-tab")


def _csv(rows: Sequence[Row]) -> str:
    return _separated(rows, "excel")


def _json_lines(rows: Iterable[Row]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


_FORMATS = {".csv": _csv, ".json": _json_lines, ".jsonl": _json_lines, ".tsv": _tsv}
