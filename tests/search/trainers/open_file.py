"""A callback that holds an open file, to which it writes the losses."""

import csv

import toys
from transformers import BertForSequenceClassification, Trainer, TrainerCallback, TrainingArguments


class WritesLosses(TrainerCallback):
    """Writes a line for each loss that is logged."""

    def __init__(self, path):
        self.file = open(path, "w", newline="")  # noqa: SIM115 - it stays open as long as the callback lives
        self.table = csv.writer(self.file)

    def on_log(self, args, state, control, logs=None, **kwargs):
        if "loss" in logs:
            self.table.writerow([state.global_step, logs["loss"]])
            self.file.flush()

    def __del__(self):
        self.file.close()


def model():
    return BertForSequenceClassification(toys.bert(num_labels=2))


def build_trainer():
    args = TrainingArguments(
        "open-file", learning_rate=1e-2, num_train_epochs=1, per_device_train_batch_size=8, logging_steps=4, **toys.HERE
    )
    return Trainer(
        model_init=model,
        args=args,
        **toys.data(),
        callbacks=[WritesLosses("losses.csv")],
    )


if __name__ == "__main__":
    trainer = build_trainer()
    trainer.train()
