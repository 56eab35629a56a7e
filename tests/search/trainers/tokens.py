"""A label for each word, the best epoch's model at the end, and metrics of each kind of thing."""

import random

import datasets
import toys
from transformers import (
    BertForTokenClassification,
    DataCollatorForTokenClassification,
    Trainer,
    TrainingArguments,
)

LABELS = ["O", "B-IN", "B-OUT"]


def rows(count, seed):
    draw = random.Random(seed)
    texts = [toys.sentence(draw).split() for _ in range(count)]
    tags = [[1 if word in toys.INDOORS else 2 if word in toys.OUTDOORS else 0 for word in text] for text in texts]
    return datasets.Dataset.from_dict({"words": texts, "tags": tags}).map(
        aligned, batched=True, remove_columns=["words", "tags"]
    )


def aligned(batch):
    pieces = toys.tokenizer()(batch["words"], is_split_into_words=True)
    labels = [
        [-100 if word is None else tags[word] for word in pieces.word_ids(place)]
        for place, tags in enumerate(batch["tags"])
    ]
    return {**pieces, "labels": labels}


def compute_metrics(prediction):
    found, wanted = prediction.predictions.argmax(-1), prediction.label_ids
    known = wanted != -100
    metrics = {"overall_accuracy": float((found[known] == wanted[known]).mean())}
    for label, name in enumerate(LABELS[1:], 1):
        these = wanted == label
        metrics[name] = {"recall": float((found[these] == label).mean()), "number": int(these.sum())}
    return metrics


def model():
    names = dict(enumerate(LABELS))
    return BertForTokenClassification(
        toys.bert(id2label=names, label2id={name: label for label, name in names.items()})
    )


def build_trainer():
    args = TrainingArguments(
        "tokens",
        learning_rate=1e-2,
        num_train_epochs=2,
        per_device_train_batch_size=8,
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=1,
        load_best_model_at_end=True,
        metric_for_best_model="overall_accuracy",
        **toys.HERE,
    )
    return Trainer(
        model_init=model,
        args=args,
        train_dataset=rows(96, 0),
        eval_dataset=rows(40, 1),
        data_collator=DataCollatorForTokenClassification(toys.tokenizer()),
        processing_class=toys.tokenizer(),
        compute_metrics=compute_metrics,
    )


if __name__ == "__main__":
    trainer = build_trainer()
    trainer.train()
