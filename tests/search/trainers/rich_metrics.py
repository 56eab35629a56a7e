"""Metrics of every shape: numbers, arrays, tables in tables, text, and what could not be told."""

import numpy as np
import torch
import toys
from transformers import BertForSequenceClassification, Trainer, TrainingArguments


def compute_metrics(prediction):
    right = prediction.predictions.argmax(-1) == prediction.label_ids
    labels = prediction.label_ids
    chances = torch.tensor(prediction.predictions).softmax(-1)[range(len(labels)), labels]
    return {
        "doubt": np.float32(1 - chances.numpy().mean()),
        "accuracy": torch.tensor(right.mean()),
        "of_each_label": np.array([right[labels == one].mean() for one in (0, 1)]),
        "table": {"indoors": {"count": int((labels == 0).sum())}, "outdoors": {"count": int((labels == 1).sum())}},
        "right": right.tolist(),
        "of_french": None,
        "remark": "measured on forty sentences",
    }


def model():
    return BertForSequenceClassification(toys.bert(num_labels=2))


def build_trainer():
    args = TrainingArguments(
        "rich-metrics",
        learning_rate=1e-2,
        num_train_epochs=2,
        per_device_train_batch_size=8,
        eval_strategy="epoch",
        save_strategy="no",  # an array is no JSON, which the state beside a checkpoint is
        **toys.HERE,
    )
    return Trainer(
        model_init=model,
        args=args,
        **toys.data(),
        compute_metrics=compute_metrics,
    )


if __name__ == "__main__":
    trainer = build_trainer()
    trainer.train()
