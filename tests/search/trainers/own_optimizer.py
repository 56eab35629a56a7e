"""An optimizer and a schedule of one's own, made for the model before the Trainer is."""

import torch
import toys
from transformers import BertForSequenceClassification, Trainer, TrainingArguments, get_cosine_schedule_with_warmup


def build_trainer():
    torch.manual_seed(11)
    model = BertForSequenceClassification(toys.bert(num_labels=2))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    schedule = get_cosine_schedule_with_warmup(optimizer, num_warmup_steps=2, num_training_steps=40)
    args = TrainingArguments("own-optimizer", num_train_epochs=2, per_device_train_batch_size=8, **toys.HERE)
    return Trainer(
        model=model,
        args=args,
        **toys.data(),
        optimizers=(optimizer, schedule),
    )


if __name__ == "__main__":
    trainer = build_trainer()
    trainer.train()
