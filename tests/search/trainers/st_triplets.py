"""Sentence embeddings from triplets: the model and the loss are made by functions, an evaluator measures."""

import toys
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.sentence_transformer import losses
from sentence_transformers.sentence_transformer.evaluation import TripletEvaluator


def model():
    return SentenceTransformer(toys.encoder(), device="cpu")


def loss(model):
    return losses.MultipleNegativesRankingLoss(model)


def build_trainer():
    test = toys.triplets(48, 1)
    args = SentenceTransformerTrainingArguments(
        "st-triplets",
        learning_rate=5e-3,
        num_train_epochs=1,
        per_device_train_batch_size=8,
        warmup_steps=0.1,
        batch_sampler="no_duplicates",
        eval_strategy="epoch",
        **toys.HERE,
    )
    return SentenceTransformerTrainer(
        model_init=model,
        args=args,
        train_dataset=toys.triplets(128, 0),
        eval_dataset=test,
        loss=loss,
        evaluator=TripletEvaluator(test["anchor"], test["positive"], test["negative"], name="things"),
    )


if __name__ == "__main__":
    trainer = build_trainer()
    trainer.train()
