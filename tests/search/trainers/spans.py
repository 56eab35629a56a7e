"""Question answering: an evaluation that makes answers of the logits, and measures these."""

import random
from dataclasses import dataclass

import datasets
import toys
from transformers import BertForQuestionAnswering, Trainer, TrainingArguments

#: Where a text begins, after the marks and a question.
FIRST = 6


@dataclass
class Answers:
    """What was found and what was wanted, one text a question."""

    found: list[str]
    wanted: list[str]


class Answering(Trainer):
    """Knows the questions that its rows were made of."""

    def __init__(self, *args, examples=None, read=None, **kwargs):
        super().__init__(*args, **kwargs)
        self.examples = examples
        self.read = read

    def evaluate(self, eval_dataset=None, examples=None, ignore_keys=None, metric_key_prefix="eval"):
        rows = self.eval_dataset if eval_dataset is None else eval_dataset
        score, self.compute_metrics = self.compute_metrics, None
        try:
            output = self.evaluation_loop(
                self.get_eval_dataloader(rows),
                description="Evaluation",
                ignore_keys=ignore_keys,
                metric_key_prefix=metric_key_prefix,
            )
        finally:
            self.compute_metrics = score
        answers = self.read(examples or self.examples, rows, output.predictions)
        scores = {f"{metric_key_prefix}_{name}": value for name, value in score(answers).items()}
        metrics = {**output.metrics, **scores}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics


def questions(count, seed):
    draw = random.Random(seed)
    rows = {"question": [], "text": [], "answer": []}
    for _ in range(count):
        (one, other), looks = draw.sample(toys.THINGS, 2), draw.sample(toys.LOOKS, 2)
        answer, look = draw.choice([(one, looks[0]), (other, looks[1])])
        rows["question"].append(f"what is {look} ?")
        rows["text"].append(f"{toys.sentence(draw, one, looks[0])} and {toys.sentence(draw, other, looks[1])}")
        rows["answer"].append(answer)
    return datasets.Dataset.from_dict(rows)


def features(rows, *, labelled):
    def of(batch):
        pieces = toys.tokenizer()(batch["question"], batch["text"])
        texts = [text.split() for text in batch["text"]]
        places = [FIRST + text.index(answer) for text, answer in zip(texts, batch["answer"], strict=True)]
        return {**pieces, **({"start_positions": places, "end_positions": places} if labelled else {"example": places})}

    return rows.map(of, batched=True, remove_columns=rows.column_names)


def read(examples, rows, predictions):
    starts, ends = (logits.argmax(-1) for logits in predictions)
    found = [
        " ".join(toys.WORDS[piece] for piece in row["input_ids"][start : end + 1])
        for row, start, end in zip(rows, starts, ends, strict=True)
    ]
    return Answers(found=found, wanted=examples["answer"])


def compute_metrics(answers):
    hits = [len({wanted} & set(found.split())) for found, wanted in zip(answers.found, answers.wanted, strict=True)]
    shares = [hit / max(1, len(found.split())) for hit, found in zip(hits, answers.found, strict=True)]
    return {"precision": sum(shares) / len(shares), "recall": sum(hits) / len(hits)}


def model():
    return BertForQuestionAnswering(toys.bert())


def build_trainer():
    examples = questions(80, 1)
    args = TrainingArguments(
        "spans",
        learning_rate=1e-2,
        num_train_epochs=2,
        per_device_train_batch_size=8,
        eval_strategy="epoch",
        **toys.HERE,
    )
    return Answering(
        model_init=model,
        args=args,
        train_dataset=features(questions(160, 0), labelled=True),
        eval_dataset=features(examples, labelled=False),
        examples=examples,
        read=read,
        processing_class=toys.tokenizer(),
        compute_metrics=compute_metrics,
    )


if __name__ == "__main__":
    trainer = build_trainer()
    trainer.train()
