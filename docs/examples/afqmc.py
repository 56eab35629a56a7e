"""Tell whether two Chinese questions ask the same, with a model class, a data set and a collator of one's own.

    hpsearch run --trainer afqmc.py:build_trainer --objective accuracy --trials 10 --subset 0.1

`PairClassifier` takes one argument of its own, `dropout`, so that a space may search it as `model.dropout`.
"""

import json
import os
from pathlib import Path

import torch
from torch.utils.data import Dataset
from transformers import AutoTokenizer, BertModel, BertPreTrainedModel, Trainer, TrainingArguments
from transformers.modeling_outputs import SequenceClassifierOutput

DATA = Path(os.environ.get("AFQMC_DATA", "AFQMC"))
MODEL = os.environ.get("MODEL", "bert-base-chinese")

tokenizer = AutoTokenizer.from_pretrained(MODEL)


class Pairs(Dataset):
    """The pairs of a file, as text; what they are made of in tokens is the collator's business."""

    def __init__(self, path):
        self.rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]

    def __len__(self):
        """Return how many pairs there are."""
        return len(self.rows)

    def __getitem__(self, place):
        """Return one pair and its label, which the file has as a text."""
        row = self.rows[place]
        return row["sentence1"], row["sentence2"], int(row["label"])


def collate(pairs):
    """Return a batch: both texts in one sequence, padded to the longest."""
    first, second, labels = zip(*pairs, strict=True)
    batch = tokenizer(list(first), list(second), padding=True, truncation=True, max_length=64, return_tensors="pt")
    return {**batch, "labels": torch.tensor(labels)}


class PairClassifier(BertPreTrainedModel):
    """BERT with a layer of its own over the first token."""

    def __init__(self, config, dropout=0.1):
        super().__init__(config)
        self.bert = BertModel(config, add_pooling_layer=False)
        self.dropout = torch.nn.Dropout(dropout)
        self.classifier = torch.nn.Linear(config.hidden_size, 2)
        self.post_init()

    def forward(self, input_ids=None, attention_mask=None, token_type_ids=None, labels=None):
        """Return loss and logits."""
        states = self.bert(input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids).last_hidden_state
        logits = self.classifier(self.dropout(states[:, 0]))
        loss = None if labels is None else torch.nn.functional.cross_entropy(logits, labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)


def model_init(values):
    """Return the model; `values` are the `model.*` values of a trial, none in a training by itself."""
    return PairClassifier.from_pretrained(MODEL, dropout=(values or {}).get("dropout", 0.1))


def compute_metrics(prediction):
    """Return the share of right answers."""
    return {"accuracy": float((prediction.predictions.argmax(axis=-1) == prediction.label_ids).mean())}


def build_trainer():
    """Return the Trainer, with nothing trained yet."""
    args = TrainingArguments(
        "afqmc-output", num_train_epochs=3, learning_rate=3e-5, remove_unused_columns=False, report_to=[]
    )
    return Trainer(
        model_init=model_init,
        args=args,
        data_collator=collate,
        train_dataset=Pairs(DATA / "train.json"),
        eval_dataset=Pairs(DATA / "dev.json"),
        processing_class=tokenizer,
        compute_metrics=compute_metrics,
    )


if __name__ == "__main__":
    trainer = build_trainer()
    trainer.train()
    print(trainer.evaluate())  # noqa: T201
