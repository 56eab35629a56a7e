"""Guessing masked words, which are drawn anew for each batch; two evaluation sets, each with its name."""

import random

import datasets
import toys
from transformers import BertForMaskedLM, DataCollatorForLanguageModeling, Trainer, TrainingArguments


def rows(count, seed, things):
    draw = random.Random(seed)
    texts = [toys.sentence(draw, draw.choice(things)) for _ in range(count)]
    return toys.tokenized(datasets.Dataset.from_dict({"text": texts}), return_special_tokens_mask=True)


def model():
    return BertForMaskedLM(toys.bert())


def build_trainer():
    args = TrainingArguments(
        "eval-sets",
        learning_rate=1e-2,
        num_train_epochs=2,
        per_device_train_batch_size=8,
        eval_strategy="epoch",
        **toys.HERE,
    )
    return Trainer(
        model_init=model,
        args=args,
        train_dataset=rows(96, 0, toys.THINGS),
        eval_dataset={"indoors": rows(40, 1, toys.INDOORS), "outdoors": rows(40, 2, toys.OUTDOORS)},
        data_collator=DataCollatorForLanguageModeling(toys.tokenizer(), mlm_probability=0.3),
        processing_class=toys.tokenizer(),
    )


if __name__ == "__main__":
    trainer = build_trainer()
    trainer.train()
