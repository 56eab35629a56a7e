"""A Trainer of one's own for labels of which one is rare: its constructor counts them in the training rows."""

import torch
import toys
from torch.utils.data import WeightedRandomSampler
from transformers import BertForSequenceClassification, Trainer, TrainingArguments


class Balanced(Trainer):
    """Draws rare labels as often as others, and weighs them in the loss."""

    def __init__(self, *args, smoothing=1.0, **kwargs):
        super().__init__(*args, **kwargs)
        labels = torch.tensor(self.train_dataset["label"])
        counts = torch.bincount(labels) + smoothing
        self.row_weights = (1 / counts)[labels].double()
        self.class_weights = counts.sum() / (len(counts) * counts)

    def _get_train_sampler(self, *args, **kwargs):
        generator = torch.Generator().manual_seed(self.args.seed)
        return WeightedRandomSampler(self.row_weights, len(self.row_weights), generator=generator)

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        labels = inputs.pop("labels")
        outputs = model(**inputs)
        loss = torch.nn.functional.cross_entropy(outputs.logits, labels, weight=self.class_weights)
        return (loss, outputs) if return_outputs else loss


def model():
    return BertForSequenceClassification(toys.bert(num_labels=2))


def build_trainer():
    args = TrainingArguments(
        "own-class",
        learning_rate=1e-2,
        num_train_epochs=2,
        per_device_train_batch_size=8,
        eval_strategy="epoch",
        **toys.HERE,
    )
    rare = toys.labelled(240, 0).filter(lambda row, place: not row["label"] or place % 3 == 0, with_indices=True)
    return Balanced(
        model_init=model,
        args=args,
        train_dataset=toys.tokenized(rare),
        eval_dataset=toys.tokenized(toys.labelled(40, 1)),
        processing_class=toys.tokenizer(),
        smoothing=2.0,
    )


if __name__ == "__main__":
    trainer = build_trainer()
    trainer.train()
