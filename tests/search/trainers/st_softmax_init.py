"""The loss with weights of its own once more: here functions make the model and the loss."""

import toys
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.sentence_transformer.losses import SoftmaxLoss
from st_softmax import pairs


def model():
    return SentenceTransformer(toys.encoder(), device="cpu")


def build_trainer():
    args = SentenceTransformerTrainingArguments(
        "st-softmax-init", learning_rate=1e-2, num_train_epochs=1, per_device_train_batch_size=8, **toys.HERE
    )
    return SentenceTransformerTrainer(
        model_init=model,
        args=args,
        train_dataset=pairs(160, 0),
        eval_dataset=pairs(48, 1),
        loss=lambda model: SoftmaxLoss(model, model.get_embedding_dimension(), num_labels=3),
    )


if __name__ == "__main__":
    trainer = build_trainer()
    trainer.train()
