"""Fine-tune an encoder on the sentence pairs of MRPC, padded batch by batch, as tutorials do it.

    python mrpc.py                                                              # one training
    hpsearch run --trainer mrpc.py:build_trainer --objective f1 --trials 10     # the search of its hyperparameters

Three lines differ from a script without a search: `build_trainer` is a function, it passes `model_init` instead of
`model`, and it returns the Trainer.
"""

import csv
import os
from pathlib import Path

import datasets
from sklearn.metrics import accuracy_score, f1_score
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
)

DATA = Path(os.environ.get("GLUE_DATA", "glue_data")) / "MRPC"
MODEL = os.environ.get("MODEL", "bert-base-uncased")

tokenizer = AutoTokenizer.from_pretrained(MODEL)


def read(name):
    """Return the pairs of a file and whether they are paraphrases."""
    with (DATA / name).open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    pairs = {"first": [row["#1 String"] for row in rows], "second": [row["#2 String"] for row in rows]}
    return datasets.Dataset.from_dict({**pairs, "labels": [int(row["Quality"]) for row in rows]})


def encode(batch):
    """Return token ids; batches are padded later, each to its own longest pair."""
    return tokenizer(batch["first"], batch["second"], truncation=True, max_length=128)


def compute_metrics(prediction):
    """Return accuracy and F1 of the paraphrases."""
    said, true = prediction.predictions.argmax(axis=-1), prediction.label_ids
    return {"accuracy": accuracy_score(true, said), "f1": f1_score(true, said)}


def model_init():
    """Return the encoder with a fresh head."""
    return AutoModelForSequenceClassification.from_pretrained(MODEL, num_labels=2)


def build_trainer():
    """Return the Trainer, with nothing trained yet."""
    train, validation = (
        read(name).map(encode, batched=True, remove_columns=["first", "second"]) for name in ("train.tsv", "dev.tsv")
    )
    return Trainer(
        model_init=model_init,
        args=TrainingArguments("mrpc-output", num_train_epochs=3, learning_rate=5e-5, report_to=[]),
        data_collator=DataCollatorWithPadding(tokenizer),
        train_dataset=train,
        eval_dataset=validation,
        processing_class=tokenizer,
        compute_metrics=compute_metrics,
    )


if __name__ == "__main__":
    trainer = build_trainer()
    trainer.train()
    print(trainer.evaluate())  # noqa: T201
