"""Sentence embeddings as the quickstart has them: a model, a loss that holds it, and a Trainer that is given both."""

import toys
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.sentence_transformer.evaluation import EmbeddingSimilarityEvaluator
from sentence_transformers.sentence_transformer.losses import CosineSimilarityLoss


def build_trainer():
    model = SentenceTransformer(toys.encoder(), device="cpu")
    loss = CosineSimilarityLoss(model)
    test = toys.judged(48, 1)
    args = SentenceTransformerTrainingArguments(
        "st-objects", learning_rate=5e-3, num_train_epochs=1, per_device_train_batch_size=8, **toys.HERE
    )
    return SentenceTransformerTrainer(
        model=model,
        args=args,
        train_dataset=toys.judged(128, 0),
        eval_dataset=test,
        loss=loss,
        evaluator=EmbeddingSimilarityEvaluator(test["sentence1"], test["sentence2"], test["score"], name="judged"),
    )


if __name__ == "__main__":
    trainer = build_trainer()
    trainer.train()
