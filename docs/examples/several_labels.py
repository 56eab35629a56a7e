"""Give each comment whichever of several labels fit, from a CSV with a column of 0 and 1 for each label.

    hpsearch run --trainer several_labels.py:build_trainer --objective f1_micro --trials 10

For a column of lists, make the 0 and 1 of it in `encode`.
"""

import os

from datasets import load_dataset
from sklearn.metrics import accuracy_score, f1_score
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments

DATA = os.environ.get("COMMENTS", "toxic.csv")
MODEL = os.environ.get("MODEL", "distilbert-base-uncased")
LABELS = ["toxic", "insult", "threat"]

tokenizer = AutoTokenizer.from_pretrained(MODEL)


def encode(batch):
    """Return the token ids of the texts, and the labels of each as a list of 0.0 and 1.0."""
    columns = zip(*(batch[name] for name in LABELS), strict=True)
    labels = [[float(one) for one in row] for row in columns]
    return {**tokenizer(batch["comment_text"], truncation=True, max_length=128), "labels": labels}


def compute_metrics(prediction):
    """Return F1 over all labels, their mean, and the share of rows whose labels are all right."""
    told, true = prediction.predictions > 0, prediction.label_ids
    return {
        "f1_micro": f1_score(true, told, average="micro", zero_division=0),
        "f1_macro": f1_score(true, told, average="macro", zero_division=0),
        "accuracy": accuracy_score(true, told),
    }


def build_trainer():
    """Return the Trainer, with nothing trained yet."""
    rows = load_dataset("csv", data_files=DATA, split="train")
    rows = rows.map(encode, batched=True, remove_columns=rows.column_names)
    parts = rows.train_test_split(test_size=0.2, seed=1)
    model = AutoModelForSequenceClassification.from_pretrained(
        MODEL,
        problem_type="multi_label_classification",
        num_labels=len(LABELS),
        id2label=dict(enumerate(LABELS)),
        label2id={name: number for number, name in enumerate(LABELS)},
        ignore_mismatched_sizes=True,
    )
    return Trainer(
        model=model,
        args=TrainingArguments("comments-output", num_train_epochs=3, learning_rate=5e-5, report_to=[]),
        train_dataset=parts["train"],
        eval_dataset=parts["test"],
        processing_class=tokenizer,
        compute_metrics=compute_metrics,
    )


if __name__ == "__main__":
    trainer = build_trainer()
    trainer.train()
    print(trainer.evaluate())  # noqa: T201
