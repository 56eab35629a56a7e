"""A toy fine-tuning that trains in a fraction of a second, for tests of the search around it."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from typing import Any

import datasets
import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

import hpsearch

from .drawn_studies import Drawing

#: Neither rungs on more data nor finals: what `command.ONE_RUNG` is to the command line.
ONE_RUNG = {"strategy": "single", "confirm": "none"}

torch.set_num_threads(1)  # models this small are slower with more, and several test processes share the cores


def toy_rows(count: int, seed: int = 0) -> datasets.Dataset:
    """Sequences of six pieces, labelled by whether their sum is large."""
    draw = random.Random(seed)
    ids = [[draw.randrange(5, 40) for _ in range(6)] for _ in range(count)]
    labels = [int(sum(row) > 6 * 22) for row in ids]
    return datasets.Dataset.from_dict({"input_ids": ids, "attention_mask": [[1] * 6] * count, "labels": labels})


def toy_model() -> BertForSequenceClassification:
    """A BERT of one layer, initialised from torch's generator."""
    return BertForSequenceClassification(
        BertConfig(
            vocab_size=40,
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=16,
            max_position_embeddings=8,
        )
    )


def accuracy(prediction: Any) -> dict[str, float]:
    """Share of right labels."""
    return {"accuracy": float((prediction.predictions.argmax(-1) == prediction.label_ids).mean())}


def weights_hash(model: torch.nn.Module) -> str:
    """A hash that differs when any weight differs in any bit."""
    whole = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        whole.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    return whole.hexdigest()


class Toy:
    """Makes trainers and searches of the toy task in a folder of the test's own."""

    def __init__(self, folder: Any) -> None:
        self.folder = folder
        self.store = f"sqlite:///{folder}/store.db"

    def arguments(self, **changes: Any) -> TrainingArguments:
        """Return quiet arguments for a processor."""
        values = {
            "output_dir": str(self.folder / "trainer"),
            "use_cpu": True,
            "report_to": [],
            "disable_tqdm": True,
            "learning_rate": 1e-3,
            "num_train_epochs": 1,
            "per_device_train_batch_size": 8,
            "save_strategy": "no",
            "logging_strategy": "no",
        }
        return TrainingArguments(**{**values, **changes})

    def trainer(
        self, *, kind: type[Trainer] = Trainer, args: dict[str, Any] | None = None, **ingredients: Any
    ) -> Trainer:
        """Return a trainer with a `model_init`."""
        given = {
            "model_init": toy_model,
            "train_dataset": toy_rows(48),
            "eval_dataset": toy_rows(24, seed=1),
            "compute_metrics": accuracy,
        }
        return kind(args=self.arguments(**(args or {})), **{**given, **ingredients})

    def search(self, trainer: Trainer, **options: Any) -> Any:
        """Search `trainer` quietly: two trials, each configuration once, unless told otherwise."""
        given = {
            "space": {"learning_rate": hpsearch.Float(1e-4, 1e-2, log=True)},
            "trials": 2,
            "store": self.store,
            "output_dir": self.folder / "out",
            "objective": "eval_loss",
            "quiet": True,
        }
        return hpsearch.search(trainer, **{**given, **ONE_RUNG, **options})

    rows = staticmethod(toy_rows)
    model = staticmethod(toy_model)
    accuracy = staticmethod(accuracy)
    weights_hash = staticmethod(weights_hash)


@pytest.fixture
def drawing(tmp_path: Any) -> Iterator[Any]:
    """Make studies that are drawn for, each in a store of its own."""
    made: list[Drawing] = []

    def make(space: hpsearch.Space, sampler: str = "tpe", **changes: Any) -> Drawing:
        made.append(Drawing(f"sqlite:///{tmp_path}/{len(made)}.db", space, sampler, **changes))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def toy(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Toy:
    """The toy task, with the current folder and the caches in the test's own folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HPSEARCH_CACHE", str(tmp_path / "cache"))
    return Toy(tmp_path)


@pytest.fixture
def stock() -> Callable[..., Any]:
    """Run the plain `Trainer.hyperparameter_search`, whose defects the tests show beside ours."""

    def run(trainer: Trainer, **options: Any) -> Any:
        return trainer.hyperparameter_search(**{"backend": "optuna", "n_trials": 2, "direction": "minimize", **options})

    return run
