"""Several data sets, each with a loss of its own, and one model that learns from all of them."""

import datasets
import toys
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.sentence_transformer import losses


def build_trainer():
    model = SentenceTransformer(toys.encoder(), device="cpu")
    train = datasets.DatasetDict(things=toys.triplets(96, 0), judged=toys.judged(64, 0))
    test = datasets.DatasetDict(things=toys.triplets(32, 1), judged=toys.judged(32, 1))
    args = SentenceTransformerTrainingArguments(
        "st-many",
        learning_rate=5e-3,
        num_train_epochs=1,
        per_device_train_batch_size=8,
        eval_strategy="epoch",
        **toys.HERE,
    )
    return SentenceTransformerTrainer(
        model=model,
        args=args,
        train_dataset=train,
        eval_dataset=test,
        loss={"things": losses.TripletLoss(model), "judged": losses.CosineSimilarityLoss(model)},
    )


if __name__ == "__main__":
    trainer = build_trainer()
    trainer.train()
