"""Fine-tune on a file that is read while it is trained on, and never all in memory: the sentences of SST-2 as a stream.

    hpsearch run --trainer stream.py:build_trainer --objective accuracy --trials 10 --subset 0.1

A stream has no length: `max_steps` says how long a training is, and a trial on a tenth of it has a tenth of the steps.
"""

import csv
import os
from pathlib import Path

from datasets import Dataset, IterableDataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments

DATA = Path(os.environ.get("GLUE_DATA", "glue_data")) / "SST-2"
MODEL = os.environ.get("MODEL", "distilbert-base-uncased")

tokenizer = AutoTokenizer.from_pretrained(MODEL)


def rows(name):
    """Yield the sentences of a file with their labels, a line at a time."""
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            yield {"sentence": row["sentence"], "labels": int(row["label"])}


def encode(batch):
    """Return token ids; batches are padded later."""
    return tokenizer(batch["sentence"], truncation=True, max_length=64)


def compute_metrics(prediction):
    """Return the share of right answers."""
    return {"accuracy": float((prediction.predictions.argmax(axis=-1) == prediction.label_ids).mean())}


def model_init():
    """Return the encoder with a fresh head."""
    return AutoModelForSequenceClassification.from_pretrained(MODEL, num_labels=2)


def build_trainer():
    """Return the Trainer, with nothing trained yet."""
    stream = IterableDataset.from_generator(rows, gen_kwargs={"name": "train.tsv"})
    validation = Dataset.from_list(list(rows("dev.tsv")))
    return Trainer(
        model_init=model_init,
        args=TrainingArguments("stream-output", max_steps=2000, learning_rate=5e-5, report_to=[]),
        train_dataset=stream.shuffle(seed=1, buffer_size=1000).map(encode, batched=True, remove_columns=["sentence"]),
        eval_dataset=validation.map(encode, batched=True, remove_columns=["sentence"]),
        processing_class=tokenizer,
        compute_metrics=compute_metrics,
    )


if __name__ == "__main__":
    trainer = build_trainer()
    trainer.train()
    print(trainer.evaluate())  # noqa: T201
