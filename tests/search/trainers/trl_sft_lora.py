"""Supervised fine-tuning as trl's quickstart has it: the model by its name, adapters by their configuration."""

import random

import datasets
import toys
from peft import LoraConfig
from trl import SFTConfig, SFTTrainer


def texts(count, seed):
    draw = random.Random(seed)
    return datasets.Dataset.from_dict({"text": [toys.sentence(draw) for _ in range(count)]})


def build_trainer():
    args = SFTConfig(
        "trl-sft-lora",
        learning_rate=1e-2,
        num_train_epochs=1,
        per_device_train_batch_size=8,
        max_length=32,
        bf16=False,
        eval_strategy="epoch",
        **toys.HERE,
    )
    return SFTTrainer(
        model=toys.llama(),
        args=args,
        train_dataset=texts(128, 0),
        eval_dataset=texts(40, 1),
        peft_config=LoraConfig(r=4, lora_alpha=8, lora_dropout=0.1, task_type="CAUSAL_LM"),
    )


if __name__ == "__main__":
    trainer = build_trainer()
    trainer.train()
