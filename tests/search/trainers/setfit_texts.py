"""SetFit: a few labelled sentences, an encoder that is trained on pairs of them, and a classifier upon it."""

import toys
from setfit import SetFitModel, Trainer, TrainingArguments


def model(params=None):
    chosen = params or {}
    return SetFitModel.from_pretrained(toys.encoder(), head_params={"C": chosen.get("C", 1.0)}, device="cpu")


def right(found, wanted):
    return {"accuracy": sum(int(one) == other for one, other in zip(found, wanted, strict=True)) / len(wanted)}


def build_trainer():
    args = TrainingArguments(
        "setfit-texts", body_learning_rate=1e-3, num_epochs=1, num_iterations=4, batch_size=8, report_to="none"
    )
    return Trainer(
        model_init=model,
        args=args,
        train_dataset=toys.labelled(16, 0),
        eval_dataset=toys.labelled(64, 1),
        metric=right,
    )


if __name__ == "__main__":
    trainer = build_trainer()
    trainer.train()
