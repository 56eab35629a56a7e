"""`--trainer`, `--model-init` and `--compute-metrics`: what a user already has, searched from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hpsearch.search.options import RunOptions
from hpsearch.search.own.code import OwnCode, check_own_trainer
from hpsearch.spaces.errors import BadInput

from .command import COLUMNS, ONE_RUNG, TINY, done, hpsearch, refused, write_word_data

SCRIPT = '''
import random

import datasets
import torch
from transformers import BertConfig, BertModel, BertPreTrainedModel, BertForSequenceClassification
from transformers import Trainer, TrainingArguments

SIZES = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}


class OnFirstToken(BertPreTrainedModel):
    """A classifier of one's own over [CLS]."""

    def __init__(self, config):
        super().__init__(config)
        self.bert = BertModel(config, add_pooling_layer=False)
        self.head = torch.nn.Linear(config.hidden_size, config.num_labels)
        self.post_init()

    def forward(self, input_ids=None, attention_mask=None, token_type_ids=None, labels=None):
        logits = self.head(self.bert(input_ids, attention_mask).last_hidden_state[:, 0])
        loss = torch.nn.functional.cross_entropy(logits, labels) if labels is not None else None
        return {"loss": loss, "logits": logits}


def rows(count, seed):
    draw = random.Random(seed)
    ids = [[draw.randrange(5, 40) for _ in range(6)] for _ in range(count)]
    return datasets.Dataset.from_dict({"input_ids": ids, "labels": [int(sum(row) > 132) for row in ids]})


def accuracy(prediction):
    return {"accuracy": float((prediction.predictions.argmax(-1) == prediction.label_ids).mean())}


def model():
    return OnFirstToken(BertConfig(vocab_size=40, max_position_embeddings=8, **SIZES))


def build_trainer():
    args = TrainingArguments("unused", use_cpu=True, report_to=[], disable_tqdm=True, num_train_epochs=1, seed=7)
    return Trainer(
        model_init=model, args=args, train_dataset=rows(96, 0), eval_dataset=rows(24, 1), compute_metrics=accuracy
    )


def two_labels():
    return OnFirstToken(BertConfig(vocab_size=3000, max_position_embeddings=128, num_labels=2, **SIZES))


def three_labels(values):
    sizes = {**SIZES, "hidden_dropout_prob": values.get("dropout", 0.1)}
    return OnFirstToken(BertConfig(vocab_size=3000, max_position_embeddings=128, num_labels=3, **sizes))


def error_rate(prediction):
    return {"error_rate": float((prediction.predictions.argmax(-1) != prediction.label_ids).mean())}
'''
SEARCH = ("--set", "per_device_train_batch_size=8", "--set", "num_train_epochs=1", "--quiet", "--json")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a user's script and data, which is the current one."""
    (tmp_path / "mine.py").write_text(SCRIPT)
    write_word_data(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HPSEARCH_CACHE", str(tmp_path / "cache"))
    return tmp_path


def test_a_trainer_is_searched_by_its_functions_name(folder: Path) -> None:
    """A15, A1: rungs, finals and the model of a Trainer that a script makes, with its own class, metrics and seed; the
    final's own training is the model, and a trial is replayed to the last bit by whoever names the script.
    """
    ran = done("run", "--trainer", "mine.py:build_trainer", "--objective", "accuracy", "--subset", "0.34",
               "--trials", 3, *SEARCH).json()  # fmt: skip

    assert ("mine", 3) == (ran["study"], ran["trials"])
    assert 7 == ran["best"]["seed"]  # the Trainer's own
    assert 1.0 == ran["best"]["fraction"]
    record = json.loads((Path(ran["model"]["folder"]) / "hpsearch.json").read_text())
    assert (True, {"train": 96, "evaluated": 12}) == (record["final"], record["rows"])
    assert "OnFirstToken" in json.loads((Path(ran["model"]["folder"]) / "config.json").read_text())["architectures"]
    replayed = done("replay", "mine", "--trial", 1, "--trainer", "mine.py:build_trainer", "--json").json()
    assert replayed["identical"]
    refused(hpsearch("predict", "mine", "--file", "valid.csv", "--output", "out.csv"), "no task to read a file by")


def test_the_store_never_says_what_is_run(folder: Path) -> None:
    """A team shares the store: a function's name that stands in it is shown, and never imported."""
    done(
        "run", "--trainer", "mine.py:build_trainer", "--trials", 1, "--no-retrain", "--subset", "1", *SEARCH, *ONE_RUNG
    )
    (folder / "mine.py").write_text("raise RuntimeError('this was run')")

    for command in (["replay", "mine", "--trial", 0], ["retrain", "mine"], ["worker", "mine"]):
        refused(hpsearch(*command), "code of its user's own", "--trainer mine.py:build_trainer")
    assert "mine.py:build_trainer" in done("report", "mine", "--format", "md").out


def test_two_workers_import_the_script(folder: Path) -> None:
    """C2: processes in another folder find a script by the path that was typed, and are sent nothing but that."""
    ran = done("run", "--trainer", "mine.py:build_trainer", "--trials", 3, "--jobs", 2, "--no-retrain", "--subset", "1",
               *SEARCH, *ONE_RUNG).json()  # fmt: skip

    assert {} == ran["failures"]
    trials = done("trials", "mine", "--json").json()
    assert ["COMPLETE"] * 3 == [one["state"] for one in trials]


def test_a_tasks_model_and_metric_may_be_the_users(folder: Path) -> None:
    """`--model-init` and `--compute-metrics` replace one part of a task: the model's class, the number that counts;
    a model that only the user's code opens is not predicted with by another class.
    """
    data = ("--train-file", "train.csv", "--validation-file", "valid.csv", *COLUMNS, "--study", "own")
    own = ("--model-init", "mine.py:two_labels", "--compute-metrics", "mine.py:error_rate")

    refused(hpsearch("check", *data, *own), "--compute-metrics", "--objective NAME")
    refused(hpsearch("check", *data, *own, "--objective", "errorrate"), "returns no 'eval_errorrate'", "error_rate")
    ran = done("run", *data, *own, "--objective", "error_rate", "--direction", "minimize", "--trials", 2,
               *TINY, "--quiet", "--json").json()  # fmt: skip

    assert ran["best"]["score"] == ran["best"]["metrics"]["eval_error_rate"]
    config = json.loads((Path(ran["model"]["folder"]) / "config.json").read_text())
    assert ["OnFirstToken"] == config["architectures"]
    refused(hpsearch("predict", "own", "--file", "valid.csv", "--output", "out.csv"), "OnFirstToken", "only your code")
    assert "text-classification" not in (Path(ran["model"]["folder"]) / "README.md").read_text()


def test_a_changed_metric_is_another_problem(folder: Path) -> None:
    """B5: scores of an edited function cannot be compared with those of before, so the study is not continued."""
    given = ("run", "--train-file", "train.csv", *COLUMNS, "--study", "own", "--compute-metrics", "mine.py:error_rate",
             "--objective", "error_rate", "--direction", "minimize", "--no-retrain", *TINY, *ONE_RUNG)  # fmt: skip
    done(*given, "--trials", 1, "--quiet")
    mine = folder / "mine.py"
    mine.write_text(mine.read_text().replace('{"error_rate": float(', '{"error_rate": 2 * float('))

    from hpsearch.search.own.parts import own_identity

    assert own_identity(OwnCode(compute_metrics="mine.py:error_rate"), None)
    program = [str(word) for word in (*given, "--trials", 2)]
    refused(in_a_process(program), "compute_metrics")


def in_a_process(words: list[str]) -> Any:
    """Run a command in a process of its own, which imports the script as it is now."""
    import subprocess
    import sys

    from .command import MAIN, Said

    ran = subprocess.run([sys.executable, "-c", MAIN, *words], capture_output=True, text=True, check=False)
    return Said(ran.returncode, ran.stdout, ran.stderr)


def test_the_users_model_must_suit_the_task(folder: Path) -> None:
    """Three outputs for two labels would train, on a class that does not exist."""
    data = ("--train-file", "train.csv", *COLUMNS, "--model-init", "mine.py:three_labels")

    refused(hpsearch("check", *data), "a model of 3 outputs", "needs 2", "num_labels=2")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("task", "cola"),
        ("model", "distilbert"),
        ("freeze_encoder", True),
        ("compute_metrics", "a:b"),
        ("precision", "fp16"),
    ],
)
def test_what_is_in_the_trainer_is_not_said_again(name: str, value: Any) -> None:
    """An option that would do nothing is refused, with what to leave out."""
    with pytest.raises(BadInput, match=f"--{name.replace('_', '-')} has no place beside --trainer"):
        check_own_trainer(RunOptions(trainer="mine.py:build_trainer", **{name: value}))
