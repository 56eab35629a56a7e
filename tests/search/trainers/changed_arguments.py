"""Arguments that are changed once they are made: some before the Trainer is, some after."""

import toys
from transformers import BertForSequenceClassification, Trainer, TrainingArguments


def model():
    return BertForSequenceClassification(toys.bert(num_labels=2))


def build_trainer():
    args = TrainingArguments("changed-arguments", **toys.HERE)
    args.learning_rate = 1e-2
    args.per_device_train_batch_size = 8
    args.lr_scheduler_type = "constant"
    trainer = Trainer(
        model_init=model,
        args=args,
        **toys.data(),
    )
    trainer.args.num_train_epochs = 2
    trainer.args.weight_decay = 0.2
    return trainer


if __name__ == "__main__":
    trainer = build_trainer()
    trainer.train()
