"""A search in Python with workers in other processes, or on a Ray cluster: each makes the Trainer for itself."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hpsearch.search.factory import factory_name, trainer_from
from hpsearch.spaces.errors import BadInput
from hpsearch.studies.errors import StudyChanged
from hpsearch.studies.records import TrialState

MODULE = """
import random
import datasets
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

ROWS = 48


def model():
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    return BertForSequenceClassification(BertConfig(vocab_size=40, max_position_embeddings=8, **sizes))


def rows(count, seed):
    draw = random.Random(seed)
    ids = [[draw.randrange(5, 40) for _ in range(6)] for _ in range(count)]
    return datasets.Dataset.from_dict({"input_ids": ids, "labels": [int(sum(row) > 132) for row in ids]})


def make_trainer():
    args = TrainingArguments("unused", use_cpu=True, report_to=[], disable_tqdm=True, num_train_epochs=1)
    return Trainer(model_init=model, args=args, train_dataset=rows(ROWS, 0), eval_dataset=rows(24, 1))
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A module of a user's, on the path of this process and of those it starts."""
    (tmp_path / "my_training.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("my_training")
    del __import__("sys").modules["my_training"]


@pytest.mark.parametrize("workers", [{"jobs": 2}, {"backend": "ray"}], ids=["processes", "ray"])
def test_workers_make_the_trainer(toy: Any, module: Any, workers: dict[str, Any]) -> None:
    """C2: a programmer's study is searched by other processes that are told the name of a function, no more; the best
    trial is retrained here.
    """
    study = toy.search(module.make_trainer, trials=3, **workers)

    assert [TrialState.COMPLETE] * 3 == [trial.state for trial in study.trials]
    assert str(os.getpid()) not in {str(trial.worker).split(":")[1] for trial in study.trials}
    assert Path(study.retrain().folder, "model.safetensors").exists()


def test_a_function_is_enough_in_one_process(toy: Any) -> None:
    """Where no other worker needs it, any function will do."""
    assert 1 == len(toy.search(lambda: toy.trainer(), trials=1).trials)


def test_a_trainer_cannot_travel(toy: Any) -> None:
    """It is refused before anything is made, with what to pass instead."""
    with pytest.raises(BadInput, match="a Trainer cannot travel") as caught:
        toy.search(toy.trainer(), backend="ray")

    assert "my_training.make_trainer" in (caught.value.hint or "")
    assert not list(Path.cwd().glob("*.db"))


def test_what_a_worker_cannot_find_is_refused_by_its_name(module: Any) -> None:
    """C2: a function inside another one holds what no other process has: it is named, with what it holds."""
    secret = object()

    def inside() -> object:
        return secret

    with pytest.raises(BadInput, match=r"'.*<lambda>' by its name"):
        factory_name(lambda: None)
    with pytest.raises(BadInput, match=r"inside' by its name: .* holds 'secret'"):
        factory_name(inside)
    inside.__module__ = "__main__"
    with pytest.raises(BadInput, match="is in a script"):
        factory_name(inside)
    assert "my_training:make_trainer" == factory_name(module.make_trainer)


@pytest.mark.parametrize("name", ["nowhere_to_be_found:make", "os:make_trainer"])
def test_a_function_that_is_not_here_is_said(name: str) -> None:
    """A machine that lacks the module, or has another one of that name, says which."""
    with pytest.raises(BadInput, match=f"'{name}', which makes the Trainer, is not here"):
        trainer_from(name)


def test_a_trainer_that_is_another_one_elsewhere_is_refused(toy: Any, module: Any) -> None:
    """Workers whose function makes a Trainer with other data do not take part: a study means one thing."""
    from hpsearch.search.factory import factory_problem

    study = toy.search(module.make_trainer, trials=1)._run.study
    factory_problem("my_training:make_trainer", study)

    module.ROWS = 47
    with pytest.raises(StudyChanged):
        factory_problem("my_training:make_trainer", study)
