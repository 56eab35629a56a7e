"""Trials that several processes train together: two on the CPU, which mean what one process would."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

import hpsearch
from hpsearch.studies.records import Failure, TrialState

#: Without dropout, whose noise is drawn anew in each process, two processes compute what one does but for rounding.
MODULE = """
import os, random, signal, time
import datasets
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainerCallback, TrainingArguments


def model():
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    return BertForSequenceClassification(
        BertConfig(
            vocab_size=40,
            max_position_embeddings=8,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            **sizes,
        )
    )


def rows(count, seed):
    draw = random.Random(seed)
    ids = [[draw.randrange(5, 40) for _ in range(6)] for _ in range(count)]
    return datasets.Dataset.from_dict({"input_ids": ids, "labels": [int(sum(row) > 132) for row in ids]})


class Harm(TrainerCallback):
    def on_step_end(self, args, state, control, **kwargs):
        if args.process_index != 1 or state.global_step != 3:
            return
        if args.weight_decay == 0.1:
            raise ValueError("harm is done")
        if args.weight_decay == 0.2:
            os.kill(os.getpid(), signal.SIGKILL)
        if args.weight_decay == 0.3:
            os._exit(3)
        if args.weight_decay == 0.4:
            time.sleep(600)


def make_trainer(**more):
    args = TrainingArguments(
        "unused", use_cpu=True, report_to=[], disable_tqdm=True, num_train_epochs=2, learning_rate=1e-3
    )
    rest = {"train_dataset": rows(96, 0), "eval_dataset": rows(25, 1)}
    return Trainer(model_init=model, args=args, **rest, **more)


def make_harmful():
    return make_trainer(callbacks=[Harm()])
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A module of a user's, on the path of this process and of those it starts."""
    (tmp_path / "ranked_training.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("ranked_training")
    del sys.modules["ranked_training"]


def ranks_left() -> list[psutil.Process]:
    """Return the processes below this one that hold a part of a trial."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with __import__("contextlib").suppress(psutil.NoSuchProcess):
            if process.status() != psutil.STATUS_ZOMBIE and "forkserver" in " ".join(process.parent().cmdline()):
                found.append(process)
    return found


def test_two_processes_train_what_one_would(toy: Any, module: Any) -> None:
    space = {
        "learning_rate": hpsearch.Float(1e-4, 1e-2, log=True),
        "per_device_train_batch_size": hpsearch.Choice([4, 8]),
    }
    climbing = {"strategy": "ladder", "confirm": "quick", "subset": 1 / 3}
    began = time.time()
    two = toy.search(module.make_trainer, space=space, trials=2, study="two", processes_per_trial=2, **climbing)
    print("two", time.time() - began)
    one = toy.search(module.make_trainer, space=space, trials=2, study="one", **climbing)

    for a, b in zip(one.trials, two.trials, strict=True):
        print(
            a.number,
            a.state,
            b.state,
            a.phase,
            a.fraction,
            a.score,
            b.score,
            b.failure_message,
            b.device,
            b.environment,
            b.seconds,
        )
        print(
            a.config == b.config,
            a.params == b.params,
            [p["score"] for p in a.curve],
            [p["score"] for p in b.curve],
            a.environment,
            b.checkpoint,
            len(b.predictions or []),
        )
    print(ranks_left())
    assert 0
