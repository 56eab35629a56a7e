"""A sparse encoder: a weight for each word that a sentence could have had, and few of them."""

import toys
from sentence_transformers import SparseEncoder, SparseEncoderTrainer, SparseEncoderTrainingArguments
from sentence_transformers.sparse_encoder.losses import SparseMultipleNegativesRankingLoss, SpladeLoss


def build_trainer():
    model = SparseEncoder(toys.masked(), device="cpu")
    loss = SpladeLoss(
        model,
        loss=SparseMultipleNegativesRankingLoss(model),
        query_regularizer_weight=5e-3,
        document_regularizer_weight=3e-3,
    )
    args = SparseEncoderTrainingArguments(
        "st-sparse",
        learning_rate=5e-3,
        num_train_epochs=1,
        per_device_train_batch_size=8,
        eval_strategy="epoch",
        **toys.HERE,
    )
    return SparseEncoderTrainer(
        model=model,
        args=args,
        train_dataset=toys.triplets(128, 0),
        eval_dataset=toys.triplets(48, 1),
        loss=loss,
    )


if __name__ == "__main__":
    trainer = build_trainer()
    trainer.train()
