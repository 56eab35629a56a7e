"""A cross-encoder, which reads two sentences at once."""

import random

import datasets
import toys
from sentence_transformers.cross_encoder import CrossEncoder, CrossEncoderTrainer, CrossEncoderTrainingArguments
from sentence_transformers.cross_encoder.evaluation import CrossEncoderClassificationEvaluator
from sentence_transformers.cross_encoder.losses import BinaryCrossEntropyLoss


def pairs(count, seed):
    draw = random.Random(seed)
    rows = {"query": [], "answer": [], "label": []}
    for _ in range(count):
        asked, told = draw.choice(toys.THINGS), draw.choice(toys.THINGS)
        rows["query"].append(f"what is the {asked} ?")
        rows["answer"].append(toys.sentence(draw, told))
        rows["label"].append(float(told in toys.OUTDOORS))
    return datasets.Dataset.from_dict(rows)


def build_trainer():
    model = CrossEncoder(toys.encoder(), num_labels=1, device="cpu")
    test = pairs(48, 1)
    args = CrossEncoderTrainingArguments(
        "st-cross",
        learning_rate=1e-2,
        num_train_epochs=2,
        per_device_train_batch_size=8,
        eval_strategy="epoch",
        **toys.HERE,
    )
    return CrossEncoderTrainer(
        model=model,
        args=args,
        train_dataset=pairs(128, 0),
        eval_dataset=test,
        loss=BinaryCrossEntropyLoss(model),
        evaluator=CrossEncoderClassificationEvaluator(
            list(zip(test["query"], test["answer"], strict=True)), [int(one) for one in test["label"]], name="pairs"
        ),
    )


if __name__ == "__main__":
    trainer = build_trainer()
    trainer.train()
