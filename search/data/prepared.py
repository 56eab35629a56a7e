"""Data made ready for a model once: split, tokenised without padding, kept as Arrow, memory-mapped.

A folder is named by what is in it (content-addressed), so that any number of trials, workers and studies
share it. Where the rows come from is `raw`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import datasets
import numpy as np
from filelock import FileLock
from sklearn.model_selection import train_test_split

from ...spaces.errors import BadInput, HpsearchError, place_hint
from ..label_sets import STRATUM, strata
from ..tasks import Task
from .raw import RawData
from .together import GROUP, kept_together

#: Changes when the rules below change, so that old prepared folders are not taken for new ones.
RULES = 2
HELD_OUT_SHARE = 0.1
SELECTION_ROWS = 1000  #: at most; the standard error of an accuracy of 0.9 is then one point
REPORT_ROWS = 2000  #: at most
#: Where the rows come from that trials are scored on: cut from train, or the validation part, which then is no report.
TRAIN, VALIDATION = "train", "validation"
#: Parts of equal count that numbers to predict are stratified by.
BINS = 10
#: Marks the prepared data of rows that would be in other parts if they were not kept together.
TOGETHER = "together"
PARTS = {TRAIN: ("train", "selection", "report", "full_train"), VALIDATION: ("train", "selection", "full_train")}


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """Tokenised splits: `input_ids`, `attention_mask`, perhaps `token_type_ids`, `labels`, `length`."""

    fingerprint: str
    folder: Path
    task: Task
    train: datasets.Dataset  #: what trials learn from
    selection: datasets.Dataset  #: what trials are scored on; cut from the training part, or else the validation part
    report: datasets.Dataset | None = None  #: for a winner alone: the validation part, or cut from the training part
    full_train: datasets.Dataset  #: train and what was cut from it, in their first order: what a retraining learns from


def prepare(
    raw: RawData, tokenizer: Any, *, max_length: int, seed: int, cache: Path, select_on: str = TRAIN
) -> Prepared:
    """Return the prepared data, made now if no process has made it before (pains E4).

    `max_length` is in tokens, special ones included. Raises `BadInput` if there are too few rows to split or
    no room for text in `max_length`, and `HpsearchError` if the cache cannot be written.
    """
    check_length(tokenizer, max_length, pair="text_b" in raw.train.column_names)
    fingerprint = prepared_fingerprint(raw, tokenizer, max_length=max_length, seed=seed, select_on=select_on)
    folder = cache / "prepared" / fingerprint
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if not folder.is_dir():
                _write(_stratified(raw.task, split(raw, seed, select_on)), tokenizer, max_length, folder)
    except OSError as error:
        raise HpsearchError(
            f"cannot write the prepared data to {folder.parent}: {error.strerror or error}",
            hint=place_hint(error, "name another folder in HPSEARCH_CACHE"),
        ) from error
    parts = {name: datasets.load_from_disk(str(folder / name)) for name in PARTS[select_on]}
    return Prepared(fingerprint=fingerprint, folder=folder, task=raw.task, **parts)


def check_length(tokenizer: Any, max_length: int, *, pair: bool) -> None:
    """Raise `BadInput` for a length that special tokens fill, where a row is a `pair` of texts or one."""
    special = tokenizer.num_special_tokens_to_add(pair=pair)
    if max_length <= special:
        raise BadInput(
            f"max_length={max_length} leaves no room for text: {special} tokens are special ones",
            hint=f"at least {special + 1}; 64 or 128 suit sentences",
        )


def prepared_fingerprint(raw: RawData, tokenizer: Any, *, max_length: int, seed: int, select_on: str = TRAIN) -> str:
    """Return what the prepared data depends on, and nothing else, as 32 hexadecimal digits."""
    settings = json.dumps(_tokenizer_settings(tokenizer), sort_keys=True, default=str)
    content = [raw.fingerprint, settings, str(max_length), str(seed), str(RULES)]
    if select_on != TRAIN:
        content.append(select_on)  # what was prepared before there was a choice keeps its name
    rows, drawn = split_rows(raw, seed, select_on), _drawn_rows(raw, seed, select_on)
    if any(not np.array_equal(rows[name], drawn[name]) for name in drawn):
        content.append(TOGETHER)  # and what was prepared before rows were kept together, where none had to be
    return hashlib.sha256("\0".join(content).encode()).hexdigest()[:32]


def _tokenizer_settings(tokenizer: Any) -> dict[str, Any]:
    """Return all that decides which tokens a text becomes."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    # Padding and truncation are set anew by each call, and are no part of a tokenizer.
    rules = (
        {k: v for k, v in json.loads(backend.to_str()).items() if k not in ("padding", "truncation")} if backend else {}
    )
    return {
        "class": type(tokenizer).__name__,
        "rules": rules or sorted(tokenizer.get_vocab().items()),
        "special": tokenizer.special_tokens_map,
        "inputs": tokenizer.model_input_names,
        "truncation_side": tokenizer.truncation_side,
    }


def _stratified(task: Task, parts: dict[str, datasets.Dataset]) -> dict[str, datasets.Dataset]:
    """Return the parts with what subsets are stratified by, where that is not the label."""
    if not task.is_several:
        return parts
    return {
        name: rows.add_column(STRATUM, strata(rows["label"][:], task.num_labels).tolist())
        for name, rows in parts.items()
    }


def _write(parts: dict[str, datasets.Dataset], tokenizer: Any, max_length: int, folder: Path) -> None:
    """Write all `parts` beside and rename: no reader sees half of them. The caller holds the lock."""
    for left in folder.parent.glob(f".{folder.name}-*"):
        shutil.rmtree(left, ignore_errors=True)  # of a process that was killed while it wrote
    part = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for name, rows in parts.items():
            tokenised(rows, tokenizer, max_length).save_to_disk(str(part / name))
        os.replace(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def split(raw: RawData, seed: int, select_on: str = TRAIN) -> dict[str, datasets.Dataset]:
    """Return the raw rows of each part; stratified, and the same for any tokenizer.

    Rows with the same text, or of one group, are in one part; `together` says what is the same. To select on validation
    is to take for the selection what would be the report, and to cut nothing else. Raises `BadInput` for too few rows.
    """
    parts = {name: raw.train.select(rows) for name, rows in split_rows(raw, seed, select_on).items()}
    if raw.validation is not None:
        parts["selection" if select_on == VALIDATION else "report"] = raw.validation
    return {name: parts[name] for name in PARTS[select_on]}


def split_rows(raw: RawData, seed: int, select_on: str = TRAIN) -> dict[str, np.ndarray]:
    """Return which rows of the training part each part has, but for one that is the validation part."""
    drawn = _drawn_rows(raw, seed, select_on)
    _check_units(raw, parts=len(drawn) + 1)
    kept, full, parts = np.arange(len(raw.train)), np.arange(len(raw.train)), {}
    classes = _strata(raw, kept)
    for left, (name, rows) in zip(range(len(drawn), 0, -1), drawn.items(), strict=True):
        still = np.isin(kept, rows)  # but for those that an earlier part took with their like
        out = kept_together(
            still, raw.units[kept], classes[kept], seed, wanted=Counter(classes[rows].tolist()), left=left
        )
        _check_cut(raw, out)
        kept, parts[name] = kept[~out], kept[out]
        if name == "report" or select_on == VALIDATION:
            full = kept  # what is cut for the selection else comes back for a retraining
    return {"train": kept, "full_train": full, **parts}


def _drawn_rows(raw: RawData, seed: int, select_on: str) -> dict[str, np.ndarray]:
    """Return the rows that are cut out for each part, in their order, whether or not that tears some apart."""
    kept, drawn = np.arange(len(raw.train)), {}
    if raw.validation is None:
        kept, drawn["report" if select_on == TRAIN else "selection"] = _cut(raw, kept, seed, most=REPORT_ROWS)
    if select_on == TRAIN:
        _, drawn["selection"] = _cut(raw, kept, seed + 1, most=SELECTION_ROWS)
    return drawn


def _check_units(raw: RawData, *, parts: int) -> None:
    """Raise `BadInput` for fewer units, none of which can be torn, than there are parts."""
    count, column = len(np.unique(raw.units)), raw.task.group_column
    if count >= parts:
        return
    what = (
        f"different text{'s' * (count != 1)}" if column is None else f"group{'s' * (count != 1)} in column {column!r}"
    )
    why = "rows with the same text" if column is None else "rows of one group"
    raise BadInput(f"{len(raw.train)} rows have {count} {what}, too few for {parts} parts: {why} stay in one part")


def _check_cut(raw: RawData, out: np.ndarray) -> None:
    """Raise `BadInput` where nothing could be held out."""
    if not out.any():
        column = raw.task.group_column
        what = "text" if column is None else f"group in column {column!r}"
        raise BadInput(f"no row can be held out: all rows of a class have the same {what}, and stay in one part")


def _cut(raw: RawData, indices: np.ndarray, seed: int, *, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (kept, cut out), each sorted; the cut is a stratified tenth, at most `most` rows.

    It holds two rows of each class of four or more, one of a class of two or three. A class of one row is
    kept.
    """
    groups = _strata(raw, indices)
    names, sizes = np.unique(groups, return_counts=True)
    shared = np.isin(groups, names[sizes >= 2])
    count = int((sizes >= 2).sum())
    if not count or len(indices) < 4:
        raise BadInput(f"{len(indices)} rows are too few to hold some out", hint="give more training rows")
    wanted = max(min(ceil(HELD_OUT_SHARE * len(indices)), most), count)
    kept, cut = train_test_split(
        np.flatnonzero(shared),
        test_size=min(wanted, int(shared.sum()) - count),
        random_state=seed % 2**32,
        stratify=groups[shared],
    )
    moved = _missing(groups, kept, cut)
    out = np.zeros(len(indices), dtype=bool)
    out[[*cut, *moved]] = True
    return indices[~out], indices[out]


def _strata(raw: RawData, indices: np.ndarray) -> np.ndarray:
    """Return what a cut of these rows is stratified by: their classes, or bins of numbers."""
    labels = np.asarray(raw.train["label"][:])[indices]
    if raw.task.is_several:
        return strata(labels, raw.task.num_labels)
    return bins(labels) if raw.task.is_regression else labels


def _missing(groups: np.ndarray, kept: np.ndarray, cut: np.ndarray) -> list[int]:
    """Return the kept rows that must be cut out too for each class to have its two; `kept` is shuffled."""
    moved: list[int] = []
    for group, size in zip(*np.unique(groups, return_counts=True), strict=True):
        lacking = min(2, int(size) // 2) - int((groups[cut] == group).sum())
        moved += [int(row) for row in kept[groups[kept] == group][: max(0, lacking)]]
    return moved


def tokenised(rows: datasets.Dataset, tokenizer: Any, max_length: int) -> datasets.Dataset:
    """Return token ids of each row (both columns of a pair) cut at `max_length`, with label, length and its group."""
    columns = [name for name in ("text_a", "text_b") if name in rows.column_names]
    kept = [name for name in rows.column_names if name in (GROUP, STRATUM)]

    def encode(batch: dict[str, list[Any]]) -> dict[str, Any]:
        encoded = dict(tokenizer(*(batch[name] for name in columns), truncation=True, max_length=max_length))
        _fill_empty(encoded, tokenizer)
        lengths = [len(ids) for ids in encoded["input_ids"]]
        return {**encoded, "labels": batch["label"], "length": lengths, **{name: batch[name] for name in kept}}

    kind = "float32" if rows.features["label"].dtype == "float64" else "int64"
    done = rows.map(
        encode,
        batched=True,
        remove_columns=rows.column_names,
        keep_in_memory=True,
        new_fingerprint="tokenised",  # a hash of a tokenizer would differ by process (pains E4)
    )
    return done.cast_column("labels", datasets.Value(kind))


def _fill_empty(encoded: dict[str, list[list[int]]], tokenizer: Any) -> None:
    """Give a row of no tokens one: models fail on a batch of nothing, and GPT-2 adds no special tokens."""
    filler = next((i for i in (tokenizer.eos_token_id, tokenizer.unk_token_id) if i is not None), 0)
    values = {"input_ids": filler, "attention_mask": 1}
    for row in [row for row, ids in enumerate(encoded["input_ids"]) if not ids]:
        for name, column in encoded.items():
            column[row] = [values.get(name, 0)]


def subset_indices(
    labels: Sequence[Any] | int,
    fraction: float,
    seed: int,
    *,
    regression: bool = False,
    groups: Sequence[int] | None = None,
) -> list[int]:
    """Return the sorted rows of a subset of `fraction` of the rows: nested, stratified, seeded.

    Rows are ranked once for a seed and a subset is the beginning of that ranking, so a smaller one lies
    inside a larger one. Two rows of each class come first; after them the classes take turns by Webster's
    rule (Sainte-Laguë), which keeps every beginning in proportion. With a number of rows for `labels`, the
    ranking is a plain shuffle. Numbers to predict (`regression`) are ranked in bins of equal count.

    With `groups`, one a row, whole groups are ranked, each as of the rarest class that it has: the subset is so many of
    them that they have the rows or more.
    """
    if groups is not None and not isinstance(labels, int):
        return _whole_groups(bins(np.asarray(labels)) if regression else labels, np.asarray(groups), fraction, seed)
    if isinstance(labels, int):
        ranking = [int(row) for row in np.random.RandomState(seed % 2**32).permutation(labels)]
    else:
        ranking = _stratified_ranking(bins(np.asarray(labels)) if regression else labels, seed)
    count = max(1, round(fraction * len(ranking)))
    return sorted(ranking[:count])


def _whole_groups(labels: Sequence[Any] | np.ndarray, groups: np.ndarray, fraction: float, seed: int) -> list[int]:
    codes, classes = (np.unique(values, return_inverse=True)[1] for values in (groups, np.asarray(labels)))
    rarity = np.argsort(np.argsort(np.bincount(classes), kind="stable"))  # of each class: 0 is the rarest
    rarest = np.full(codes.max() + 1, len(rarity))
    np.minimum.at(rarest, codes, rarity[classes])
    ranking = _stratified_ranking(rarest.tolist(), seed)
    enough = int(np.searchsorted(np.cumsum(np.bincount(codes)[ranking]), max(1, round(fraction * len(codes)))))
    return [int(row) for row in np.flatnonzero(np.isin(codes, ranking[: enough + 1]))]


def _stratified_ranking(groups: Sequence[Any] | np.ndarray, seed: int) -> list[int]:
    rows: dict[Any, list[int]] = defaultdict(list)
    for row, group in enumerate(groups):
        rows[group].append(row)
    # numpy promises the numbers of RandomState for ever, those of its newer generators only within a version.
    draw = np.random.RandomState(seed % 2**32)
    ranked: list[tuple[float, int, int]] = []
    for order, group in enumerate(sorted(rows, key=str)):
        shuffled = draw.permutation(rows[group])
        for place, row in enumerate(shuffled):
            turn = place - 2 if place < 2 else (place + 0.5) / len(shuffled)
            ranked.append((turn, order, int(row)))
    return [row for _, _, row in sorted(ranked)]


def bins(values: np.ndarray) -> np.ndarray:
    """Return the bin of each number: equal numbers share one, and few numbers have few bins."""
    count = max(1, min(BINS, len(values) // 5))
    edges = np.unique(np.quantile(values, np.linspace(0, 1, count + 1)[1:-1]))
    return np.searchsorted(edges, values, side="right")


def check_subset(labels: Sequence[Any] | None, rows: int, fraction: float, batch: int) -> None:
    """Raise `BadInput` for a subset with fewer rows than a batch, or than two of each class.

    `labels` are the classes of the rows, None where there are none to count; numbers to predict are not
    counted.
    """
    count = max(1, round(fraction * rows))
    subset = f"a subset of {fraction:g} of {rows} rows has {count} rows"
    if fraction >= 1:
        return
    if count < batch:
        raise BadInput(f"{subset}, fewer than a batch of {batch}", hint=f"at least --subset {_share(batch, rows)}")
    classes = len({label for label in labels or () if not isinstance(label, float)})
    if count < 2 * classes:
        raise BadInput(
            f"{subset}, fewer than two for each of {classes} classes",
            hint=f"at least --subset {_share(2 * classes, rows)}",
        )


def _share(count: int, rows: int) -> str:
    """Return the smallest share, in thousandths, that holds `count` rows."""
    return f"{min(1.0, ceil(1000 * count / rows) / 1000):g}"
