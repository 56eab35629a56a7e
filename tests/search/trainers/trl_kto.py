"""Single sentences, each liked or not, and adapters beside a model that stays the reference."""

import random

import datasets
import toys
from peft import LoraConfig
from trl import KTOConfig, KTOTrainer


def opinions(count, seed):
    draw = random.Random(seed)
    things = [draw.choice(toys.THINGS) for _ in range(count)]
    table = {
        "prompt": [f"what {draw.choice(toys.DOES)} ?" for _ in things],
        "completion": [f" {toys.sentence(draw, thing)}" for thing in things],
        "label": [thing in toys.OUTDOORS for thing in things],
    }
    return datasets.Dataset.from_dict(table)


def build_trainer():
    args = KTOConfig(
        "trl-kto",
        learning_rate=1e-2,
        num_train_epochs=1,
        per_device_train_batch_size=8,
        max_length=48,
        bf16=False,
        **toys.HERE,
    )
    return KTOTrainer(
        model=toys.llama(),
        args=args,
        train_dataset=opinions(96, 0),
        eval_dataset=opinions(32, 1),
        peft_config=LoraConfig(r=4, lora_alpha=8, task_type="CAUSAL_LM"),
    )


if __name__ == "__main__":
    trainer = build_trainer()
    trainer.train()
