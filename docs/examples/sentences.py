"""Teach a model which sentences speak of the same thing, with sentence-transformers.

    python sentences.py
    hpsearch run --script sentences.py --space sentences.yaml --trials 10

It runs as it is, in seconds and without a network: the sentences are made up, and so is the model, unless `MODEL` names
one of yours. The loss holds the model; the evaluator has sentences of its own.
"""

import os
import random

from datasets import Dataset
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.sentence_transformer.evaluation import TripletEvaluator
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import set_seed

MODEL = os.environ.get("MODEL")
NAMES = {
    "kettle": ["kettle", "teapot", "boiler"],
    "shovel": ["shovel", "spade", "digger"],
    "sofa": ["sofa", "couch", "settee"],
    "path": ["path", "trail", "track"],
    "stove": ["stove", "oven", "range"],
    "pond": ["pond", "pool", "lake"],
}
LOOKS = ["old", "small", "quiet", "heavy", "shiny", "borrowed"]
PLACES = ["here", "outside", "below", "nearby", "again", "alone"]


def sentence(draw, thing):
    """Return a sentence about a thing, under one of its names."""
    return f"the {draw.choice(LOOKS)} {draw.choice(NAMES[thing])} stands {draw.choice(PLACES)}"


def triplets(count, seed):
    """Return two sentences about one thing, and a third about another."""
    draw = random.Random(seed)
    table = []
    for _ in range(count):
        one, other = draw.sample(list(NAMES), 2)
        table.append(
            {"anchor": sentence(draw, one), "positive": sentence(draw, one), "negative": sentence(draw, other)}
        )
    return Dataset.from_list(table)


def encoder():
    """Return yours, or a vector for each word that knows nothing yet."""
    if MODEL:
        return SentenceTransformer(MODEL)
    set_seed(42)  # the same one whenever it is made
    words = ["<unk>", "the", "stands", *LOOKS, *PLACES, *(name for names in NAMES.values() for name in names)]
    known = Tokenizer(models.WordLevel({word: place for place, word in enumerate(words)}, unk_token="<unk>"))
    known.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return SentenceTransformer(modules=[StaticEmbedding(known, embedding_dim=32)])


def build_trainer():
    """Return the Trainer, with nothing trained yet."""
    model = encoder()
    test = triplets(100, seed=2)
    return SentenceTransformerTrainer(
        model=model,
        args=SentenceTransformerTrainingArguments(
            "sentences-output",
            learning_rate=1e-3,
            num_train_epochs=2,
            per_device_train_batch_size=16,
            report_to=[],
        ),
        train_dataset=triplets(400, seed=0),
        eval_dataset=triplets(120, seed=1),
        loss=MultipleNegativesRankingLoss(model),
        evaluator=TripletEvaluator(test["anchor"], test["positive"], test["negative"], name="things"),
    )


if __name__ == "__main__":
    trainer = build_trainer()
    trainer.train()
    print(trainer.evaluate())  # noqa: T201
    trainer.model.save_pretrained("sentences-model")
