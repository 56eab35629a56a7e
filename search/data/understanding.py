"""What is understood of a task's data: see `understood`, where it is said."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from ..label_sets import decoded
from ..tasks import CLASSES, NUMBERS, SEVERAL
from ..understood import Tokens, Understood
from .prepared import Prepared, split
from .raw import RawData

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
        remarks=raw.notes,
    )


def _repeated(raw: RawData) -> tuple[int, int]:
    """Return the rows whose text stands in an earlier row, and the texts that have several labels."""
    labels: dict[Any, Any] = {}
    contradicted: set[Any] = set()
    columns = [raw.train[name][:] for name in ("text_a", "text_b") if name in raw.train.column_names]
    for *text, label in zip(*columns, raw.train["label"][:], strict=True):
        if labels.setdefault(tuple(text), label) != label:
            contradicted.add(tuple(text))
    return len(raw.train) - len(labels), len(contradicted)


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
