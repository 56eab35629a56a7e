"""Loaded data kept by its fingerprint, so that a worker of the study needs neither the files nor the hub again."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import tempfile
from collections import Counter
from contextlib import suppress
from pathlib import Path

from ..tasks import Task
from .raw import RawData

ABOUT = "about.json"
#: The folder of the cache: another one for a release whose tasks have other fields.
PLACE = f"raw-{hashlib.sha256(' '.join(sorted(Task.__dataclass_fields__)).encode()).hexdigest()[:8]}"


def kept(fingerprint: str, cache: Path, task: Task | None = None) -> RawData | None:
    """Return the data of that fingerprint, memory-mapped; None where no search of this user has loaded it.

    The same data may have been loaded for another task, with other names and another positive label: with a `task`, it
    is that task's.
    """
    from datasets import load_from_disk

    folder = _folder(fingerprint, cache)
    try:
        about = json.loads((folder / ABOUT).read_bytes())
        parts = {name: load_from_disk(str(folder / name)) for name in about["parts"]}
    except (OSError, ValueError):
        return None  # or what clears caches has taken a part of it
    known = Task.from_dict(about["task"])
    return RawData(
        task=known if task is None else _of(task, known, parts["train"]["label"][:]),
        train=parts["train"],
        validation=parts.get("validation"),
        fingerprint=fingerprint,
        notes=tuple(about["notes"]),
    )


def _of(task: Task, known: Task, labels: list[int | float]) -> Task:
    """Return a task with the labels and the number of text columns of one whose data is the same."""
    if not task.is_own:
        return known
    if len(task.text_columns) < len(known.text_columns):
        task = task.with_text_columns([name.strip() for name in task.text_columns[0].split(",")])
    if known.is_several:
        task = dataclasses.replace(task, label_kind=known.label_kind, label_columns=known.label_columns)
    counts = Counter(labels) if known.labels else {}
    return task.with_labels(known.labels or (), [counts[number] for number in range(len(known.labels or ()))])


def keep(raw: RawData, cache: Path) -> None:
    """Keep loaded data, whole or not at all; where there is no room it is not kept, and will be loaded again."""
    folder = _folder(raw.fingerprint, cache)
    if folder.is_dir():
        return
    with suppress(OSError):
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            _write(raw, part)
            os.replace(part, folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def _write(raw: RawData, folder: Path) -> None:
    parts = {"train": raw.train} | ({} if raw.validation is None else {"validation": raw.validation})
    for name, rows in parts.items():
        rows.save_to_disk(str(folder / name))
    about = {"task": raw.task.to_dict(), "parts": list(parts), "notes": list(raw.notes)}
    (folder / ABOUT).write_text(json.dumps(about), encoding="utf-8")


def _folder(fingerprint: str, cache: Path) -> Path:
    if not fingerprint.isalnum():
        raise ValueError(f"a fingerprint has letters and digits, got {fingerprint!r}")
    return cache / PLACE / fingerprint
