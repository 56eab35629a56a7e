"""Preferences: of two sentences the one that speaks of what is outdoors; the reference is the model as it was."""

import random

import datasets
import toys
from trl import DPOConfig, DPOTrainer


def preferences(count, seed):
    draw = random.Random(seed)
    rows = {"prompt": [], "chosen": [], "rejected": []}
    for _ in range(count):
        rows["prompt"].append(f"what {draw.choice(toys.DOES)} ?")
        rows["chosen"].append(f" {toys.sentence(draw, draw.choice(toys.OUTDOORS))}")
        rows["rejected"].append(f" {toys.sentence(draw, draw.choice(toys.INDOORS))}")
    return datasets.Dataset.from_dict(rows)


def build_trainer():
    args = DPOConfig(
        "trl-dpo",
        learning_rate=1e-3,
        num_train_epochs=1,
        per_device_train_batch_size=8,
        beta=0.3,
        max_length=48,
        bf16=False,
        eval_strategy="epoch",
        **toys.HERE,
    )
    return DPOTrainer(
        model=toys.llama(),
        args=args,
        train_dataset=preferences(96, 0),
        eval_dataset=preferences(32, 1),
    )


if __name__ == "__main__":
    trainer = build_trainer()
    trainer.train()
