"""A Trainer that is finished by hand: metrics, frozen layers and callbacks are set after its constructor."""

import torch
import toys
from transformers import BertForSequenceClassification, PrinterCallback, Trainer, TrainerCallback, TrainingArguments


class GentleEnd(TrainerCallback):
    """Trains the classifier alone once half of the steps are done."""

    def on_step_begin(self, args, state, control, model=None, **kwargs):
        if state.global_step == state.max_steps // 2:
            model.bert.requires_grad_(False)


def compute_metrics(prediction):
    chances = torch.tensor(prediction.predictions).softmax(-1)[:, 1].numpy()
    return {"brier": float(((chances - prediction.label_ids) ** 2).mean())}


def build_trainer():
    args = TrainingArguments(
        "set-after", learning_rate=1e-2, num_train_epochs=2, per_device_train_batch_size=8, **toys.HERE
    )
    trainer = Trainer(
        model=BertForSequenceClassification(toys.bert(num_labels=2)),
        args=args,
        **toys.data(),
    )
    trainer.compute_metrics = compute_metrics
    trainer.model.bert.embeddings.requires_grad_(False)
    trainer.add_callback(GentleEnd)
    trainer.remove_callback(PrinterCallback)
    return trainer


if __name__ == "__main__":
    trainer = build_trainer()
    trainer.train()
    print(trainer.evaluate())  # noqa: T201
