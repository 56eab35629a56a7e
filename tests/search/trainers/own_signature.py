"""A Trainer of one's own whose constructor takes what its author thought of: it makes the arguments for itself."""

import random

import torch
import toys
from transformers import BertForSequenceClassification, Trainer, TrainingArguments


class Sentences(torch.utils.data.Dataset):
    """Rows of one's own: no table, no columns."""

    def __init__(self, count, seed):
        draw, pieces = random.Random(seed), toys.tokenizer()
        things = [draw.choice(toys.THINGS) for _ in range(count)]
        self.rows = [
            {**pieces(toys.sentence(draw, thing), return_tensors=None), "labels": int(thing in toys.OUTDOORS)}
            for thing in things
        ]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, place):
        return self.rows[place]


class Softened(Trainer):
    """Learns labels that are softened by `alpha`."""

    def __init__(self, model, data, alpha):
        self.alpha = alpha
        train, test = data
        args = TrainingArguments(
            "own-signature",
            learning_rate=1e-2,
            num_train_epochs=2,
            per_device_train_batch_size=8,
            eval_strategy="epoch",
            **toys.HERE,
        )
        super().__init__(model, args, train_dataset=train, eval_dataset=test)

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        outputs = model(**inputs)
        loss = torch.nn.functional.cross_entropy(
            outputs.logits, inputs["labels"], label_smoothing=self.alpha if model.training else 0.0
        )
        return (loss, outputs) if return_outputs else loss


def build_trainer():
    model = BertForSequenceClassification(toys.bert(num_labels=2))
    return Softened(model, (Sentences(160, 0), Sentences(40, 1)), alpha=0.1)


if __name__ == "__main__":
    trainer = build_trainer()
    trainer.train()
