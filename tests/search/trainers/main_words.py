"""A script as the examples are: `main` reads a command line, and the Trainer is nobody's but its own."""

from dataclasses import dataclass, field

import toys
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    HfArgumentParser,
    Trainer,
    TrainingArguments,
    set_seed,
)


@dataclass
class ModelArguments:
    """Which model is trained."""

    model_name_or_path: str = field(metadata={"help": "A folder with a model."})
    freeze_embeddings: bool = field(default=False, metadata={"help": "Whether words stay as they are."})


@dataclass
class DataArguments:
    """On how much it is trained."""

    max_train_samples: int = field(default=160, metadata={"help": "Rows of the training set."})


def main():
    parser = HfArgumentParser((ModelArguments, DataArguments, TrainingArguments))
    model_args, data_args, training_args = parser.parse_args_into_dataclasses()
    set_seed(training_args.seed)

    model = AutoModelForSequenceClassification.from_pretrained(model_args.model_name_or_path, num_labels=2)
    if model_args.freeze_embeddings:
        model.bert.embeddings.requires_grad_(False)
    trainer = Trainer(
        model=model,
        args=training_args,
        train_dataset=toys.tokenized(toys.labelled(data_args.max_train_samples, 0)),
        eval_dataset=toys.tokenized(toys.labelled(40, 1)),
        processing_class=AutoTokenizer.from_pretrained(model_args.model_name_or_path),
    )

    found = trainer.train()
    trainer.save_model()
    trainer.save_metrics("train", found.metrics)
    trainer.save_metrics("eval", trainer.evaluate())


if __name__ == "__main__":
    main()
