"""Read the training and validation part of a task from wherever they are, as tables of the columns it needs.

Our grammar, the classic folder of a built-in task, the user's files and folders, here or by address, or the hub.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...spaces.errors import BadInput
from ..layouts import Files, Hub
from ..tasks import Task
from .contents import PACKED, is_address, is_folder, place_of
from .demo import demo_corpus
from .files import SUFFIXES, Table, locate, named, names_of, read_table
from .shards import read_shards, shards_in

if TYPE_CHECKING:
    from datasets import Dataset

OFFLINE = "without network, give the data itself: `--data-dir DIR` or `--train-file FILE`"
Parts = tuple[Table, Table | None]


def parts_of(
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


def _read(task: Task, path: Path | str) -> Table:
    files = task.files
    if files is None:
        return read_table(path, task.columns)
    return read_table(path, task.columns, headerless=files.headerless, skip_broken=files.broken_rows, bare_quotes=True)


def _from_files(task: Task, train_file: str, validation_file: str | None) -> Parts:
    train, own_validation = _source(task, train_file, ("train",))
    if validation_file is None:
        return train, own_validation
    return train, _source(task, validation_file, ("validation", "train"))[0]


def _source(task: Task, given: str, splits: Sequence[str]) -> Parts:
    """Read what a file option names: a file or folder, here or by address, or a data set on the hub."""
    place = place_of(given)
    if is_folder(place):
        return _folder(task, place, splits)
    is_file = is_address(place) or Path(place).exists() or Path(place).suffix.lower() in (*SUFFIXES, *PACKED)
    if is_file or not re.fullmatch(_HUB_NAME, place):
        return _read(task, place), None
    name, _, config = given.partition(":")
    return _downloaded(task, Hub(repository=name, config=config or None), splits)


_HUB_NAME = r"\w[\w.-]*(/[\w.-]+)?(:[\w.-]+)?"


def _folder(task: Task, folder: str, splits: Sequence[str]) -> Parts:
    """Read a folder of data files, or one that `datasets` has saved."""
    if not is_address(folder) and any((Path(folder) / name).is_file() for name in _SAVED):
        return _saved(task, Path(folder), splits)
    by_split, others = shards_in(folder)
    if not by_split:
        raise BadInput(
            f"folder {folder} holds no data set saved by `datasets`, and no data file",
            hint=f"a data file ends in one of {', '.join(SUFFIXES)}; `--data-dir` is for a built-in task",
        )
    name = next((name for name in (*splits, "all") if name in by_split), None)
    if name is None:
        raise BadInput(f"{folder} has no split {splits[0]!r}", hint=f"it has: {', '.join(by_split)}")
    held_out = by_split.get("validation") if name == "train" else None
    left_out = [
        *others,
        *(one for split, files in by_split.items() if split not in (name, "validation") for one in files),
    ]
    train = read_shards(folder, by_split[name], lambda one: _read(task, one), left_out=left_out)
    if held_out is None:
        return train, None
    return train, read_shards(folder, held_out, lambda one: _read(task, one))


#: What `datasets` writes beside the data that it saves.
_SAVED = ("dataset_dict.json", "dataset_info.json", "state.json")


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
    names = tuple(names_of(data.features[header[places[task.label_column]]])) if task.label_column in places else ()
    if names:
        columns[task.label_column] = named(columns[task.label_column], names)
    if not len(data):
        raise BadInput(f"{source} has no rows")
    return Table(source=source, columns=columns, lines=range(1, len(data) + 1), unit="row", classes=names)
