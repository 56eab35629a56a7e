"""Distillation: a small model learns from a larger one, by a projection that its constructor makes."""

import torch
import toys
from torch import nn
from transformers import BertForSequenceClassification, Trainer, TrainingArguments


class Distilling(Trainer):
    """Brings the student's view of a sentence, projected, near to the teacher's."""

    def __init__(self, *args, teacher, share=0.5, **kwargs):
        super().__init__(*args, **kwargs)
        self.teacher = teacher.eval().requires_grad_(False)
        self.share = share
        self.projection = nn.Linear(self.model.config.hidden_size, teacher.config.hidden_size)

    def create_optimizer(self, model=None):
        super().create_optimizer(model)
        self.optimizer.add_param_group({"params": list(self.projection.parameters())})
        return self.optimizer

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        outputs = model(**inputs, output_hidden_states=True)
        with torch.no_grad():
            wanted = self.teacher(**inputs, output_hidden_states=True).hidden_states[-1][:, 0]
        distance = nn.functional.mse_loss(self.projection(outputs.hidden_states[-1][:, 0]), wanted)
        loss = (1 - self.share) * outputs.loss + self.share * distance
        return (loss, {"logits": outputs.logits}) if return_outputs else loss


def build_trainer():
    teacher = toys.bert(num_labels=2)
    teacher.hidden_size = 48
    args = TrainingArguments(
        "distilled", learning_rate=1e-2, num_train_epochs=2, per_device_train_batch_size=8, **toys.HERE
    )
    return Distilling(
        model=BertForSequenceClassification(toys.bert(num_labels=2)),
        teacher=BertForSequenceClassification(teacher),
        args=args,
        **toys.data(),
    )


if __name__ == "__main__":
    trainer = build_trainer()
    trainer.train()
