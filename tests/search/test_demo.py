"""The corpus of the demo task."""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter, defaultdict
from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments, set_seed

from hpsearch.search.data.collator import TaskCollator
from hpsearch.search.data.demo import LABELS, PHENOMENA, demo_corpus
from hpsearch.search.data.prepared import prepare, subset_indices
from hpsearch.search.data.raw import load_task
from hpsearch.search.metrics import compute_metrics
from hpsearch.search.model.models import tiny_tokenizer
from hpsearch.search.tasks import TASKS

RECORDED = "235e5e00a476fc80"


def test_the_corpus_has_its_three_parts():
    """6,000 rows to learn from, 600 and 600 held out, each a sentence with one of two labels."""
    parts = demo_corpus()

    assert [6000, 600, 600] == [len(part) for part in parts]
    assert [set(LABELS)] * 3 == [{row["label"] for row in part} for part in parts]
    assert {"sentence", "label"} == {key for part in parts for row in part for key in row}


def test_no_sentence_occurs_twice():
    """Nothing that is held out was seen in training."""
    sentences = [row["sentence"] for part in demo_corpus() for row in part]

    assert len(set(sentences)) == len(sentences)


def test_the_corpus_is_balanced():
    """A constant predictor is right in about half of each part."""
    shares = [sum(row["label"] == LABELS[1] for row in part) / len(part) for part in demo_corpus()]

    assert all(0.45 < share < 0.55 for share in shares)


def test_the_corpus_is_the_same_everywhere():
    """The rows of the default seed were written down once: a study of last year is of the same data."""
    assert RECORDED == hashlib.sha256(json.dumps(demo_corpus()).encode()).hexdigest()[:16]


def test_the_corpus_does_not_depend_on_the_process(run_python):
    """Two processes with other hash seeds make the same rows."""
    program = "from hpsearch.search.data.demo import demo_corpus; print(demo_corpus(1)[0][:50])"
    outputs = {run_python(program, env={"PYTHONHASHSEED": seed}).stdout for seed in ("1", "2")}

    assert 1 == len(outputs)


def test_another_seed_is_another_corpus():
    """The seed decides the sentences."""
    assert demo_corpus(0)[0] != demo_corpus(1)[0]


@pytest.mark.parametrize("phenomenon", PHENOMENA)
def test_no_sentence_is_both_acceptable_and_not(phenomenon):
    """What one phenomenon breaks, none of them says is right."""
    rng = random.Random(phenomenon.__name__)
    bad = {" ".join(phenomenon(rng, False)) for _ in range(3000)}
    good = {" ".join(other(rng, True)) for other in PHENOMENA for _ in range(3000)}

    assert set() == bad & good


def test_no_word_gives_the_label_away():
    """The best single word tells the label of few sentences: the rule needs their combination."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    rows = demo_corpus()[0]
    for row in rows:
        for word in set(row["sentence"].split()):
            counts[word][row["label"]] += 1
    gains = [abs(count[LABELS[0]] - count[LABELS[1]]) / len(rows) for count in counts.values()]

    assert max(gains) < 0.15


def accuracy(folder: Path, learning_rate: float) -> float:
    """Train the small BERT on a quarter of the corpus and return its accuracy on the validation part."""
    raw = load_task(TASKS["demo"])
    tokenizer = tiny_tokenizer(iter(raw.train["text_a"]))
    data = prepare(raw, tokenizer, max_length=32, seed=0, cache=folder)
    subset = subset_indices(list(data.full_train["labels"]), 0.25, 0)
    set_seed(0)
    model = BertForSequenceClassification(
        BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=128,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=512,
            max_position_embeddings=64,
        )
    )
    arguments = TrainingArguments(
        output_dir=str(folder / "out"),
        use_cpu=True,
        learning_rate=learning_rate,
        num_train_epochs=4,
        per_device_train_batch_size=16,
        per_device_eval_batch_size=200,
        warmup_steps=0.1,
        report_to=[],
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
    )
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=data.full_train.select(subset),
        eval_dataset=data.report,
        data_collator=TaskCollator(tokenizer),
        compute_metrics=compute_metrics(TASKS["demo"]),
    )
    trainer.train()
    return trainer.evaluate()["eval_accuracy"]


def test_a_subset_tells_good_configurations_from_bad_ones(tmp_path):
    """On a quarter of the rows a good learning rate is far above a useless one, which stays at chance."""
    torch.set_num_threads(1)

    assert accuracy(tmp_path, 5e-4) > 0.75
    assert accuracy(tmp_path, 1e-6) < 0.6
