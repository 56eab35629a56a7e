"""Learning from what a function thinks of one's own sentences: more things that stand outdoors."""

import datasets
import toys
from trl import GRPOConfig, GRPOTrainer


def outdoors(completions, **kwargs):
    return [sum(word in toys.OUTDOORS for word in completion.split()) / 8 for completion in completions]


def prompts(count):
    return datasets.Dataset.from_dict({"prompt": [f"what is {look} ?" for look in toys.LOOKS[:count]]})


def build_trainer():
    args = GRPOConfig(
        "trl-grpo",
        learning_rate=5e-3,
        num_train_epochs=2,
        per_device_train_batch_size=8,
        per_device_eval_batch_size=8,
        num_generations=4,
        max_completion_length=8,
        bf16=False,
        **toys.HERE,
    )
    return GRPOTrainer(
        model=toys.llama(),
        reward_funcs=outdoors,
        args=args,
        train_dataset=prompts(6),
        eval_dataset=prompts(4),
    )


if __name__ == "__main__":
    trainer = build_trainer()
    trainer.train()
