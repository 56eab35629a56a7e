"""A loss with weights of its own, a classifier of pairs, which is trained with the model; both are given as objects."""

import random

import datasets
import toys
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.sentence_transformer.losses import SoftmaxLoss


def pairs(count, seed):
    draw = random.Random(seed)
    things = [(draw.choice(toys.THINGS), draw.choice(toys.THINGS)) for _ in range(count)]
    rows = {
        "premise": [toys.sentence(draw, one) for one, _ in things],
        "hypothesis": [toys.sentence(draw, other) for _, other in things],
        "label": [(one in toys.INDOORS) + (other in toys.INDOORS) for one, other in things],
    }
    return datasets.Dataset.from_dict(rows)


def build_trainer():
    model = SentenceTransformer(toys.encoder(), device="cpu")
    args = SentenceTransformerTrainingArguments(
        "st-softmax",
        learning_rate=1e-2,
        num_train_epochs=1,
        per_device_train_batch_size=8,
        eval_strategy="epoch",
        **toys.HERE,
    )
    return SentenceTransformerTrainer(
        model=model,
        args=args,
        train_dataset=pairs(160, 0),
        eval_dataset=pairs(48, 1),
        loss=SoftmaxLoss(model, model.get_embedding_dimension(), num_labels=3),
    )


if __name__ == "__main__":
    trainer = build_trainer()
    trainer.train()
