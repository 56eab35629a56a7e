"""A reward model: a classifier with dropout, which the Trainer's constructor removes."""

import toys
from transformers import GPT2Config, GPT2ForSequenceClassification
from trl import RewardConfig, RewardTrainer
from trl_dpo import preferences


def model():
    config = GPT2Config(
        vocab_size=len(toys.WORDS), n_positions=64, n_embd=32, n_layer=1, n_head=2, num_labels=1, pad_token_id=0
    )
    return GPT2ForSequenceClassification(config)


def build_trainer():
    args = RewardConfig(
        "trl-reward",
        learning_rate=3e-3,
        num_train_epochs=1,
        per_device_train_batch_size=8,
        max_length=48,
        bf16=False,
        gradient_checkpointing=False,
        eval_strategy="epoch",
        **toys.HERE,
    )
    return RewardTrainer(
        model=model(),
        args=args,
        train_dataset=preferences(96, 0),
        eval_dataset=preferences(32, 1),
        processing_class=toys.writer(),
    )


if __name__ == "__main__":
    trainer = build_trainer()
    trainer.train()
