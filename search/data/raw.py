"""Load the data of a task from wherever it is: our grammar, its classic folder, the user's files, or the hub.

Whatever the source, the columns come out as `text_a`, `text_b` (for a pair) and `label`, and the fingerprint
depends on nothing but their content. `files` reads files, `labels` turns label cells into ids, `prepared`
splits and tokenises what this returns.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...spaces.errors import BadInput
from ..tasks import Column, Files, Hub, Task
from .demo import demo_corpus
from .files import SUFFIXES, Table, locate, named, read_table
from .labels import Label, read_labels

if TYPE_CHECKING:
    from datasets import Dataset

OFFLINE = "without network, give the data itself: `--data-dir DIR` or `--train-file FILE`"
Parts = tuple[Table, Table | None]


@dataclass(frozen=True, kw_only=True)
class RawData:
    """The labelled text of a task: columns `text_a`, `text_b` (only for a pair) and `label`."""

    task: Task  #: with its labels known
    train: Dataset
    validation: Dataset | None
    fingerprint: str  #: of texts, labels and label names, wherever they came from
    notes: tuple[str, ...] = ()  #: what the user should know, such as rows left out


def load_task(
    task: Task,
    *,
    data_dir: str | Path | None = None,
    train_file: str | Path | None = None,
    validation_file: str | Path | None = None,
) -> RawData:
    """Load the training and validation part of a task.

    Args:
        task: a built-in task, or one made by `custom_task`.
        data_dir: the folder of the classic download, or the folder that holds it.
        train_file: a file, a folder saved by `datasets`, or a data set on the hub (`owner/name`,
        `owner/name:config`).
        validation_file: the same for the validation part; without it a saved or hub data set gives its own.

    Raises:
        BadInput: one sentence that names the file and line, or says how to go without the hub.
    """
    from datasets import Dataset

    train, validation = _parts(task, data_dir, train_file, validation_file)
    task, labels, held_out = read_labels(task, train, validation)
    columns = _columns(task, train, labels)
    other = _columns(task, validation, held_out) if validation else None
    return RawData(
        task=task,
        train=Dataset.from_dict(columns),
        validation=Dataset.from_dict(other) if other else None,
        fingerprint=_fingerprint(task, columns, other),
        notes=tuple(_notes(train, validation)),
    )


def _parts(
    task: Task, data_dir: str | Path | None, train_file: str | Path | None, validation_file: str | Path | None
) -> Parts:
    """Return the training and validation part from the source given. Raises `BadInput` for two sources."""
    if train_file is None and validation_file is not None:
        raise BadInput("a validation file was given without a training file", hint="add `--train-file FILE`")
    if data_dir is not None and train_file is not None:
        raise BadInput("a data folder and a training file were both given", hint="leave one of them out")
    if task.generated:
        if data_dir is not None or train_file is not None:
            raise BadInput(f"task {task.name!r} makes its own data", hint="leave the file or folder out")
        return _generated(task)
    if train_file is not None:
        return _from_files(task, str(train_file), None if validation_file is None else str(validation_file))
    if data_dir is not None:
        return _from_folder(task, Path(data_dir))
    if task.hub is None:
        raise BadInput(f"task {task.name!r} has no data yet", hint="`--train-file FILE`")
    return _from_hub(task, task.hub)


def _generated(task: Task) -> Parts:
    train, validation, _ = demo_corpus()
    return _made(task, "train", train), _made(task, "validation", validation)


def _made(task: Task, part: str, rows: Sequence[dict[str, str]]) -> Table:
    columns: dict[str, list[Any]] = {column.name: [row[column.name] for row in rows] for column in task.columns}
    return Table(source=f"{task.name} {part}", columns=columns, lines=range(1, len(rows) + 1), unit="row")


def _from_folder(task: Task, data_dir: Path) -> Parts:
    if task.files is None:
        raise BadInput(f"task {task.name!r} has no known folder layout", hint="`--train-file FILE`")
    if not data_dir.is_dir():
        raise BadInput(f"no folder {data_dir}" if not data_dir.exists() else f"{data_dir} is no folder")
    folder = _task_folder(data_dir, task.files)
    train = _existing(folder, task.files.train)
    if train is None:
        expected = " or ".join(str(folder / name) for name in task.files.train)
        raise BadInput(
            f"task {task.name!r} needs the training file {expected}, which is not there",
            hint="download it, or give another one with `--train-file FILE`",
        )
    validation = _existing(folder, task.files.validation)
    return _read(task, train), None if validation is None else _read(task, validation)


def _task_folder(data_dir: Path, files: Files) -> Path:
    """Return the task's folder below `data_dir`, or `data_dir` where it is that folder itself."""
    below = [data_dir / name for name in files.folders]
    own = [data_dir] if _existing(data_dir, files.train + files.validation) else []
    return next((folder for folder in below if folder.is_dir()), (own or below)[0])


def _existing(folder: Path, names: Iterable[str]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _read(task: Task, path: Path) -> Table:
    files = task.files
    if files is None:
        return read_table(path, task.columns)
    return read_table(path, task.columns, headerless=files.headerless, skip_broken=files.broken_rows)


def _from_files(task: Task, train_file: str, validation_file: str | None) -> Parts:
    train, own_validation = _source(task, train_file, ("train",))
    if validation_file is None:
        return train, own_validation
    return train, _source(task, validation_file, ("validation", "train"))[0]


def _source(task: Task, given: str, splits: Sequence[str]) -> Parts:
    """Read what a file option names: a file, a folder saved by `datasets`, or a data set on the hub."""
    path = Path(given)
    if path.is_dir():
        return _saved(task, path, splits)
    if path.is_file() or path.suffix.lower() in SUFFIXES or not re.fullmatch(_HUB_NAME, given):
        return _read(task, path), None
    name, _, config = given.partition(":")
    return _downloaded(task, Hub(repository=name, config=config or None), splits)


_HUB_NAME = r"\w[\w.-]*(/[\w.-]+)?(:[\w.-]+)?"


def _saved(task: Task, folder: Path, splits: Sequence[str]) -> Parts:
    from datasets import load_from_disk

    try:
        data = load_from_disk(str(folder))
    except (OSError, ValueError, KeyError) as error:
        raise BadInput(
            f"folder {folder} holds no data set saved by `datasets`: {_first_line(error)}",
            hint="`save_to_disk` writes one; `--data-dir` is for the classic folder of a built-in task",
        ) from None
    return _split(task, str(folder), data, splits)


def _from_hub(task: Task, hub: Hub) -> Parts:
    return _downloaded(task, hub, ("train",))


def _downloaded(task: Task, hub: Hub, splits: Sequence[str]) -> Parts:
    from datasets import load_dataset

    name = f"{hub.repository}:{hub.config}" if hub.config else hub.repository
    try:
        data = load_dataset(hub.repository, hub.config)
    except (OSError, ValueError, RuntimeError) as error:
        raise BadInput(
            f"{name!r} is no file or folder here, and the hub did not give a data set of that name: "
            f"{_first_line(error)}",
            hint=OFFLINE,
        ) from None
    return _split(task, name, data, splits, hub.validation)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _split(task: Task, source: str, data: Any, splits: Sequence[str], validation: str = "validation") -> Parts:
    """Return the first of `splits` that a data set has, and its validation split if it has one."""
    if not isinstance(data, dict):
        return _table(task, source, data), None
    name = next((name for name in splits if name in data), None)
    if name is None:
        raise BadInput(f"{source} has no split {splits[0]!r}", hint=f"it has: {', '.join(map(str, data))}")
    other = data.get(validation)
    return (
        _table(task, f"{source}[{name}]", data[name]),
        None if other is None else _table(task, f"{source}[{validation}]", other),
    )


def _table(task: Task, source: str, data: Dataset) -> Table:
    """Read the needed columns of a data set; class ids become their names, where they have one: -1 has not."""
    header = list(data.column_names)
    places = locate(source, header, task.columns)
    columns = {name: list(data[header[place]]) for name, place in places.items()}
    names = tuple(getattr(data.features[header[places[task.label_column]]], "names", ()))
    if names:
        columns[task.label_column] = named(columns[task.label_column], names)
    if not len(data):
        raise BadInput(f"{source} has no rows")
    return Table(source=source, columns=columns, lines=range(1, len(data) + 1), unit="row", classes=names)


def _columns(task: Task, table: Table, labels: Sequence[Label]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = dict(text_columns(table, [Column(name=name) for name in task.text_columns]))
    return columns | {"label": list(labels)}


def text_columns(table: Table, columns: Sequence[Column]) -> dict[str, list[str]]:
    """Return the text columns of a table as `text_a` and `text_b`. Raises `BadInput` for what is no text."""
    return {key: _texts(table, column.name) for key, column in zip(("text_a", "text_b"), columns, strict=False)}


def _texts(table: Table, column: str) -> list[str]:
    texts = [_text(table, row, column, cell) for row, cell in enumerate(table.columns[column])]
    if not any(texts):
        raise BadInput(f"text column {column!r} of {table.source} is empty in all {len(table)} rows")
    return texts


def _text(table: Table, row: int, column: str, cell: Any) -> str:
    """Return a cell as text: an empty one is empty text, a number its digits."""
    if isinstance(cell, str):
        if cell.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in cell):
            return cell
        raise BadInput(f"{table.place(row)}: column {column!r} holds half a surrogate pair, which is no character")
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    if isinstance(cell, list | dict | bytes):
        raise BadInput(f"{table.place(row)}: column {column!r} holds a {type(cell).__name__}, not text")
    return str(cell)


def _fingerprint(task: Task, *parts: dict[str, list[Any]] | None) -> str:
    """Hash label names, texts and labels; JSON keeps `["a", "b"]` and `["a, b"]` apart."""
    digest = hashlib.sha256(json.dumps(task.labels).encode())
    for part in parts:
        for name, values in (part or {}).items():
            digest.update(json.dumps([name, values]).encode())
    return digest.hexdigest()[:32]


def _notes(train: Table, validation: Table | None) -> Iterable[str]:
    for table in (train, validation):
        if table and table.skipped:
            lines = ", ".join(map(str, table.skipped[:5])) + (", ..." if len(table.skipped) > 5 else "")
            yield f"{table.source}: left out {len(table.skipped)} broken rows of the original (lines {lines})"
    if validation is None:
        yield f"{train.source} came without a validation part: one is cut from it"
