"""Arguments with fields of one's own, one of which is derived from another; a loss that they steer."""

from dataclasses import dataclass, field

import torch
import toys
from transformers import BertForSequenceClassification, Trainer, TrainingArguments


@dataclass
class FocalArguments(TrainingArguments):
    """How much a loss looks at what is hard."""

    focus: float = field(default=1.0, metadata={"help": "0 looks at all rows alike"})
    steepness: float | None = field(default=None, metadata={"help": "twice the focus, where that is not given"})

    def __post_init__(self):
        super().__post_init__()
        if self.steepness is not None and self.focus:
            raise ValueError("give either the focus or the steepness")
        self.steepness = 2 * self.focus if self.steepness is None else self.steepness


class Focal(Trainer):
    """Weighs a row by how little the model knows of it."""

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        outputs = model(**inputs)
        losses = torch.nn.functional.cross_entropy(outputs.logits, inputs["labels"], reduction="none")
        weights = (1 - (-losses).exp()) ** (self.args.steepness if model.training else 0.0)
        loss = (weights * losses).mean()
        return (loss, outputs) if return_outputs else loss


def build_trainer():
    args = FocalArguments(
        "own-arguments", learning_rate=1e-2, num_train_epochs=2, per_device_train_batch_size=8, focus=0.5, **toys.HERE
    )
    return Focal(
        model=BertForSequenceClassification(toys.bert(num_labels=2)),
        args=args,
        **toys.data(),
    )


if __name__ == "__main__":
    trainer = build_trainer()
    trainer.train()
