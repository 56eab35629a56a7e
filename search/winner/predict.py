"""Predictions of a retrained model for a test file, and their score where it has labels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...spaces.errors import BadInput
from ..label_sets import encoded
from ..metrics import THRESHOLD
from ..tasks import Task
from ..trial.predictions import is_several
from .card_facts import architecture_in, is_known
from .file_scores import FileScores, file_scores
from .record import read_record
from .submission import read_examples, write_predictions, write_sets

BATCH = 64


class Predicted(NamedTuple):
    """What `predict` wrote."""

    rows: int
    path: Path
    scores: FileScores | None  #: where the file has labels


def predict(folder: Path, file: Path, output: Path) -> Predicted:
    """Write the model's predictions for `file` to `output`.

    Labels are the task's names; a test file of GLUE gives the format of a GLUE submission. A file with labels is
    scored. Raises `BadInput` for a folder or a file that cannot be used, and for a label that the model does not know.
    """
    record = read_record(folder)
    if not record.get("task"):
        raise BadInput(
            f"the model in {str(folder)!r} was searched in Python and has no task to read a file by",
            hint="load it with transformers.pipeline",
        )
    architecture = architecture_in(folder)
    if not is_known(architecture):
        raise BadInput(
            f"the model in {str(folder)!r} is a {architecture}, which only your code opens",
            hint="load it with the class that your model_init makes it of",
        )
    task = Task.from_dict(record["task"])
    ids, rows, labels = read_examples(task, file)
    outputs = list(_outputs(folder, record, rows))
    predictions: list[Any]
    if task.is_several:
        scores, threshold = None, record.get(THRESHOLD, 0.5)
        predictions = [int(code) for code in encoded(np.asarray(outputs) >= threshold)]
        write_sets(task, ids, predictions, outputs, output)
        return Predicted(len(outputs), output, None if labels is None else file_scores(task, file, predictions, labels))
    if task.is_regression:
        predictions, scores = [values[0] for values in outputs], None
    else:
        predictions = [max(range(len(values)), key=values.__getitem__) for values in outputs]
        scores = [values[number] for values, number in zip(outputs, predictions, strict=True)]
    write_predictions(task, ids, predictions, output, scores=scores)
    return Predicted(len(outputs), output, None if labels is None else file_scores(task, file, predictions, labels))


def predictions_file(folder: Path, test_file: Path) -> Path:
    """Return where the predictions of a test file go in a model folder, in the form the task's server takes."""
    task = read_record(folder).get("task") or {}
    form = (task.get("submission") or {}).get("format", "")
    suffix = {"glue": ".tsv", "clue": ".json"}.get(form, test_file.suffix if test_file.suffix == ".csv" else ".tsv")
    return folder / f"predictions{suffix}"


def _outputs(folder: Path, record: dict[str, Any], rows: Any) -> Iterator[list[float]]:
    """Yield one list a row: the probability of each class, or the one predicted number."""
    import torch

    model, tokenizer = _load(folder)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model.to(device).eval()
    regression, several = model.config.num_labels == 1, is_several(model)
    columns = [name for name in ("text_a", "text_b") if name in rows.column_names]
    max_length = record["configuration"]["data"].get("max_length") or record["max_length"]
    with torch.inference_mode():
        for start in range(0, len(rows), BATCH):
            texts = [list(rows[start : start + BATCH][name]) for name in columns]
            batch = tokenizer(*texts, truncation=True, max_length=max_length, padding=True, return_tensors="pt")
            logits = model(**batch.to(device)).logits.float()
            yield from (logits if regression else logits.sigmoid() if several else logits.softmax(-1)).tolist()


def _load(folder: Path) -> tuple[Any, Any]:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    try:
        model = AutoModelForSequenceClassification.from_pretrained(folder, use_safetensors=True)
        return model, AutoTokenizer.from_pretrained(folder)
    except (OSError, ValueError, RuntimeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise BadInput(f"the model in {str(folder)!r} cannot be loaded: {reason}") from error
