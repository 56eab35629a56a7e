"""Tell which tweets are about a real disaster, from a CSV with two text columns, one of them often empty.

    hpsearch run --trainer tweets.py:build_trainer --objective f1 --trials 10

The classes are weighted by how rare they are, in a Trainer with a loss of its own.
"""

import os
from pathlib import Path

import pandas
import torch
from datasets import Dataset
from sklearn.metrics import f1_score
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments

DATA = Path(os.environ.get("TWEETS_DATA", "nlp-getting-started"))
MODEL = os.environ.get("MODEL", "distilbert-base-uncased")

tokenizer = AutoTokenizer.from_pretrained(MODEL)


class WeightedTrainer(Trainer):
    """A Trainer whose loss counts a row of the rarer class for more."""

    def __init__(self, *args, class_weights=None, **named):
        super().__init__(*args, **named)
        self.class_weights = class_weights

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        """Return the weighted cross-entropy."""
        labels = inputs.pop("labels")
        outputs = model(**inputs)
        weights = torch.tensor(self.class_weights, device=outputs.logits.device)
        loss = torch.nn.functional.cross_entropy(outputs.logits, labels, weight=weights)
        return (loss, outputs) if return_outputs else loss


def encode(batch):
    """Return the token ids of keyword and text."""
    return tokenizer(batch["keyword"], batch["text"], truncation=True, max_length=96)


def compute_metrics(prediction):
    """Return F1 of the disasters."""
    return {"f1": f1_score(prediction.label_ids, prediction.predictions.argmax(axis=-1))}


def model_init():
    """Return the encoder with a fresh head."""
    return AutoModelForSequenceClassification.from_pretrained(MODEL, num_labels=2)


def build_trainer():
    """Return the Trainer, with nothing trained yet."""
    table = pandas.read_csv(DATA / "train.csv").fillna({"keyword": ""})
    rows = Dataset.from_pandas(table[["keyword", "text", "target"]].rename(columns={"target": "labels"}))
    rows = rows.map(encode, batched=True, remove_columns=["keyword", "text"])
    parts = rows.train_test_split(test_size=0.1, seed=1)
    share = float(table["target"].mean())
    return WeightedTrainer(
        model_init=model_init,
        args=TrainingArguments("tweets-output", num_train_epochs=3, learning_rate=5e-5, report_to=[]),
        train_dataset=parts["train"],
        eval_dataset=parts["test"],
        processing_class=tokenizer,
        compute_metrics=compute_metrics,
        class_weights=[0.5 / (1 - share), 0.5 / share],
    )


if __name__ == "__main__":
    trainer = build_trainer()
    trainer.train()
    print(trainer.evaluate())  # noqa: T201
