"""Sentence embeddings with an evaluator and no evaluation set."""

import toys
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.sentence_transformer import losses
from sentence_transformers.sentence_transformer.evaluation import EmbeddingSimilarityEvaluator


def build_trainer():
    model = SentenceTransformer(toys.encoder(), device="cpu")
    test = toys.judged(48, 1)
    args = SentenceTransformerTrainingArguments(
        "st-evaluator",
        learning_rate=5e-3,
        num_train_epochs=1,
        per_device_train_batch_size=8,
        eval_strategy="epoch",
        **toys.HERE,
    )
    return SentenceTransformerTrainer(
        model,
        args,
        train_dataset=toys.judged(128, 0),
        loss=losses.CoSENTLoss(model),
        evaluator=EmbeddingSimilarityEvaluator(test["sentence1"], test["sentence2"], test["score"], name="judged"),
    )


if __name__ == "__main__":
    trainer = build_trainer()
    trainer.train()
