"""A training whose loss is a known function of the learning rates it was trained with; see `test_known_answers.py`."""

from __future__ import annotations

import math
import random
from typing import Any

import datasets
import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

BEST = 1e-3


def gain(learning_rate: float) -> float:
    """How much of the loss a step takes away: all there is at the best learning rate, nothing two decades from it."""
    return 1 - min(1.0, abs(math.log10(learning_rate / BEST)) / 2)


def model() -> Any:
    """A BERT that remembers what its steps gained, in its weights, so that whoever goes on from them has it."""
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    made = BertForSequenceClassification(BertConfig(vocab_size=40, max_position_embeddings=8, **sizes))
    made.register_buffer("gained", torch.zeros(1, dtype=torch.float64))
    return made


class KnownTrainer(Trainer):
    """Trains as ever, and says another loss."""

    def training_step(self, model: Any, *args: Any, **kwargs: Any) -> Any:
        """Note what the step gains."""
        model.gained += gain(self.optimizer.param_groups[0]["lr"])
        return super().training_step(model, *args, **kwargs)

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Say what is left of the loss."""
        metrics = super().evaluate(*args, **kwargs)
        return {**metrics, "eval_loss": 1 - float(self.model.gained) / max(1, self.state.max_steps)}


def rows(count: int) -> datasets.Dataset:
    """Sequences of six pieces; what they say does not matter."""
    draw = random.Random(0)
    ids = [[draw.randrange(5, 40) for _ in range(6)] for _ in range(count)]
    return datasets.Dataset.from_dict({"input_ids": ids, "labels": [row[0] % 2 for row in ids]})


def make_trainer() -> Trainer:
    """A training of sixteen steps at a constant learning rate."""
    args = TrainingArguments(
        "unused",
        use_cpu=True,
        report_to=[],
        disable_tqdm=True,
        num_train_epochs=1,
        per_device_train_batch_size=4,
        lr_scheduler_type="constant",
        learning_rate=3e-5,
    )
    return KnownTrainer(model_init=model, args=args, train_dataset=rows(64), eval_dataset=rows(8))
