"""The class of an optimizer with its own rate: what `learning_rate` says is of no account."""

import torch
import toys
from transformers import BertForSequenceClassification, Trainer, TrainingArguments


def model():
    return BertForSequenceClassification(toys.bert(num_labels=2))


def build_trainer():
    args = TrainingArguments("optimizer-class", num_train_epochs=2, per_device_train_batch_size=8, **toys.HERE)
    return Trainer(
        model_init=model,
        args=args,
        **toys.data(),
        optimizer_cls_and_kwargs=(torch.optim.RMSprop, {"lr": 2e-3, "momentum": 0.5}),
    )


if __name__ == "__main__":
    trainer = build_trainer()
    trainer.train()
