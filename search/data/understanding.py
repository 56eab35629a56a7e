"""What is understood of a task's data: see `understood`, where it is said."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import numpy as np

from ..label_sets import decoded
from ..leaks import Leaks
from ..tasks import CLASSES, NUMBERS, SEVERAL
from ..understood import Tokens, Understood
from .prepared import Prepared, split
from .raw import RawData
from .together import GROUP, text_keys, torn_texts

#: Rows at `max_length` whose texts are tokenised again to see whether they were cut; of more a sample is.
MOST_LOOKED_AT = 2000


def understanding(raw: RawData, prepared: Prepared, tokenizer: Any, *, rows: dict[str, int], **how: Any) -> Understood:
    """Return what was understood of loaded and of prepared data.

    `rows` are those of each split, and `how` is `max_length`, `seed` and `select_on` of `prepare`.
    """
    task, labels = raw.task, raw.train["label"][:]
    repeated, contradicted = _repeated(raw)
    about: dict[str, Any] = {"kind": NUMBERS, "low": float(min(labels)), "high": float(max(labels))}
    if task.is_several:
        sets, report = decoded(labels, task.num_labels), prepared.report
        held_out = [] if report is None else decoded(report["labels"][:], task.num_labels).sum(axis=0).tolist()
        about = {
            "kind": SEVERAL,
            "classes": tuple(zip(task.labels or (), map(int, sets.sum(axis=0)), strict=True)),
            "report": tuple(map(int, held_out)),
            "without": int((~sets.any(axis=1)).sum()),
            "several": int((sets.sum(axis=1) > 1).sum()),
        }
    elif not task.is_regression:
        counts, report = Counter(labels), Counter(prepared.report["labels"][:] if prepared.report else ())
        names = list(enumerate(task.labels or ()))
        about = {
            "kind": CLASSES,
            "classes": tuple((name, counts[number]) for number, name in names),
            "report": tuple(report[number] for number, _ in names) if prepared.report else (),
            "positive_label": task.positive_label,
            "positive_said": task.positive_said,
        }
    return Understood(
        **about,
        rows=rows,
        tokens=_tokens(raw, prepared, tokenizer, **how),
        repeated=repeated,
        contradicted=contradicted,
        leaks=leaks(raw),
        remarks=raw.notes,
    )


def _repeated(raw: RawData) -> tuple[int, int]:
    """Return the rows whose text stands in an earlier row, and the texts that have several labels."""
    labels = _labels_by_text(raw)
    return len(raw.train) - len(labels), sum(len(several) > 1 for several in labels.values())


def _labels_by_text(raw: RawData) -> dict[tuple[str, ...], set[Any]]:
    """Return the labels of each text of the training part."""
    found: dict[tuple[str, ...], set[Any]] = defaultdict(set)
    for text, label in zip(text_keys(raw.train), raw.train["label"][:], strict=True):
        found[text].add(label)
    return found


def known_texts(raw: RawData, rows: Any) -> int:
    """Return how many rows of another part have a text of the training part."""
    known = set(text_keys(raw.train))
    return sum(text in known for text in text_keys(rows))


def leaks(raw: RawData) -> Leaks:
    """Return what the validation part has in common with the training part, and the groups."""
    held_out, about = raw.validation, _groups(raw)
    if held_out is None:
        return Leaks(**about)
    labels = _labels_by_text(raw)
    rows = zip(text_keys(held_out), held_out["label"][:], strict=True)
    common = [(text, label) for text, label in rows if text in labels]
    groups = set(raw.train[GROUP][:]) if GROUP in raw.train.column_names else ()
    return Leaks(
        **about,
        rows=len(held_out),
        same_text=len(common),
        other_label=sum(label not in labels[text] for text, label in common),
        same_group=sum(group in groups for group in held_out[GROUP][:]) if groups else 0,
    )


def _groups(raw: RawData) -> dict[str, Any]:
    if raw.task.group_column is None:
        return {}
    counts = Counter(raw.train[GROUP][:])
    largest = max(counts.values())
    return {"column": raw.task.group_column, "groups": len(counts), "largest": largest, "torn": torn_texts(raw.train)}


def _tokens(raw: RawData, prepared: Prepared, tokenizer: Any, *, max_length: int, seed: int, select_on: str) -> Tokens:
    """Return the tokens a row; those at `max_length` are counted again, for they may have been cut."""
    lengths = np.asarray(prepared.full_train["length"][:])
    longest = np.flatnonzero(lengths >= max_length)
    looked = longest[:: max(1, -(-len(longest) // MOST_LOOKED_AT))]
    if len(looked):
        rows = split(raw, seed, select_on)["full_train"].select(looked)
        columns = [rows[name][:] for name in ("text_a", "text_b") if name in rows.column_names]
        whole = np.array([len(ids) for ids in tokenizer(*columns, verbose=False)["input_ids"]])
        lengths[looked] = whole
        cut = round(float((whole > max_length).mean()) * len(longest))
    median, most = np.quantile(lengths, [0.5, 0.95], method="higher")
    return Tokens(
        median=int(median),
        most=int(most),
        cut=cut if len(looked) else 0,
        rows=len(lengths),
        max_length=max_length,
        sampled=len(looked) < len(longest),
    )
