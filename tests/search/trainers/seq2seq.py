"""Text to text with generation: what is written is measured, by words that are right."""

import random

import datasets
import numpy as np
import toys
from transformers import (
    DataCollatorForSeq2Seq,
    Seq2SeqTrainer,
    Seq2SeqTrainingArguments,
    T5Config,
    T5ForConditionalGeneration,
)

PIECES = toys.tokenizer()


def rows(count, seed):
    draw = random.Random(seed)
    pairs = [(draw.choice(toys.THINGS), draw.choice(toys.LOOKS)) for _ in range(count)]
    texts = [toys.sentence(draw, *pair) for pair in pairs]
    table = datasets.Dataset.from_dict({"text": texts, "short": [f"{look} {thing}" for thing, look in pairs]})
    return table.map(prepared, batched=True, remove_columns=table.column_names)


def prepared(batch):
    return {**PIECES(batch["text"]), "labels": PIECES(text_target=batch["short"])["input_ids"]}


def compute_metrics(prediction):
    written, wanted = (
        PIECES.batch_decode(np.where(ids < 0, PIECES.pad_token_id, ids), skip_special_tokens=True)
        for ids in (prediction.predictions, prediction.label_ids)
    )
    shares = [
        len(set(one.split()) & set(other.split())) / max(1, len(set(one.split()) | set(other.split())))
        for one, other in zip(written, wanted, strict=True)
    ]
    return {"overlap": float(np.mean(shares))}


def model():
    config = T5Config(
        vocab_size=len(toys.WORDS),
        d_model=16,
        d_kv=8,
        d_ff=32,
        num_layers=1,
        num_heads=2,
        pad_token_id=PIECES.pad_token_id,
        decoder_start_token_id=PIECES.pad_token_id,
        eos_token_id=PIECES.sep_token_id,
    )
    return T5ForConditionalGeneration(config)


def build_trainer():
    summarizer = model()
    args = Seq2SeqTrainingArguments(
        "seq2seq",
        learning_rate=1e-2,
        num_train_epochs=4,
        per_device_train_batch_size=8,
        predict_with_generate=True,
        generation_max_length=6,
        label_smoothing_factor=0.1,
        optim="adafactor",
        eval_strategy="epoch",
        **toys.HERE,
    )
    return Seq2SeqTrainer(
        model=summarizer,
        args=args,
        train_dataset=rows(128, 0),
        eval_dataset=rows(40, 1),
        data_collator=DataCollatorForSeq2Seq(PIECES, model=summarizer),
        processing_class=PIECES,
        compute_metrics=compute_metrics,
    )


if __name__ == "__main__":
    trainer = build_trainer()
    trainer.train()
