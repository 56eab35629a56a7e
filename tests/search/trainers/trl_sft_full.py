"""Supervised fine-tuning of all weights, on prompts and completions; the model is an object."""

import random

import datasets
import toys
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig, SFTTrainer


def rows(count, seed):
    draw = random.Random(seed)
    things = [draw.choice(toys.THINGS) for _ in range(count)]
    table = {
        "prompt": [f"what is the {thing} ?" for thing in things],
        "completion": [f" {toys.sentence(draw, thing)}" for thing in things],
    }
    return datasets.Dataset.from_dict(table)


def build_trainer():
    args = SFTConfig(
        "trl-sft-full",
        learning_rate=5e-3,
        num_train_epochs=1,
        per_device_train_batch_size=8,
        bf16=False,
        gradient_checkpointing=False,
        **toys.HERE,
    )
    return SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(toys.llama()),
        args=args,
        train_dataset=rows(128, 0),
        eval_dataset=rows(40, 1),
        processing_class=AutoTokenizer.from_pretrained(toys.llama()),
    )


if __name__ == "__main__":
    trainer = build_trainer()
    trainer.train()
