"""Prompt tuning by peft, put on the model where it is made."""

import toys
from peft import PromptTuningConfig, TaskType, get_peft_model
from transformers import BertForSequenceClassification, Trainer, TrainingArguments


def model():
    config = PromptTuningConfig(task_type=TaskType.SEQ_CLS, num_virtual_tokens=4)
    return get_peft_model(BertForSequenceClassification.from_pretrained(toys.encoder(), num_labels=2), config)


def build_trainer():
    args = TrainingArguments(
        "prompts",
        learning_rate=1e-2,
        num_train_epochs=2,
        per_device_train_batch_size=8,
        eval_strategy="epoch",
        **toys.HERE,
    )
    return Trainer(
        model_init=model,
        args=args,
        **toys.data(),
    )


if __name__ == "__main__":
    trainer = build_trainer()
    trainer.train()
