"""Layer-wise rates: the constructor makes the optimizer, with a group of parameters for each part of its model."""

import torch
import toys
from transformers import BertForSequenceClassification, Trainer, TrainingArguments


class Layerwise(Trainer):
    """Trains what lies deeper with a lower rate."""

    def __init__(self, *args, decay=0.5, **kwargs):
        super().__init__(*args, **kwargs)
        bert = self.model.bert
        parts = [self.model.classifier, bert.pooler, *reversed(bert.encoder.layer), bert.embeddings]
        rate = self.args.learning_rate
        self.groups = [
            {"params": list(part.parameters()), "lr": rate * decay**depth} for depth, part in enumerate(parts)
        ]
        self.optimizer = torch.optim.AdamW(self.groups, weight_decay=self.args.weight_decay)


def build_trainer():
    args = TrainingArguments(
        "layer-rates", learning_rate=1e-2, num_train_epochs=2, per_device_train_batch_size=8, **toys.HERE
    )
    return Layerwise(
        BertForSequenceClassification(toys.bert(num_labels=2)),
        args,
        **toys.data(),
        decay=0.9,
    )


if __name__ == "__main__":
    trainer = build_trainer()
    trainer.train()
