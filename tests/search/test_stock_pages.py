"""Searches as the pages of transformers, sentence-transformers and SetFit have them, with one line changed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding, Trainer

import hpsearch
from hpsearch import BadInput

from .trainer_scripts import FOLDER

pytestmark = [
    pytest.mark.filterwarnings("ignore:'pin_memory' argument"),
    pytest.mark.filterwarnings("ignore:The `get_sentence_embedding_dimension`:FutureWarning"),
]


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The tiny models and made-up sentences of the scripts in `trainers`."""
    monkeypatch.syspath_prepend(str(FOLDER))
    import toys as found

    yield found
    sys.modules.pop("toys", None)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a page leaves to its reader: where the trials are kept."""
    monkeypatch.chdir(tmp_path)
    return {"storage": f"sqlite:///{tmp_path}/store.db", "quiet": True, "confirm": "none"}


def test_the_page_of_transformers(toys, here):
    """A `model_init(trial)` that has no use for the trial, two directions, and a list of runs."""
    pieces = AutoTokenizer.from_pretrained(toys.encoder())
    rows = toys.judged(48, 0).map(
        lambda row: {**pieces(row["sentence1"], row["sentence2"]), "labels": int(row["score"] == 1.0)},
        remove_columns=["sentence1", "sentence2", "score"],
    )

    def model_init(trial: Any) -> Any:
        return AutoModelForSequenceClassification.from_pretrained(toys.encoder(), num_labels=2)

    def optuna_hp_space(trial: Any) -> dict[str, Any]:
        return {
            "learning_rate": trial.suggest_float("learning_rate", 1e-6, 1e-4, log=True),
            "per_device_train_batch_size": trial.suggest_categorical("per_device_train_batch_size", [16, 32]),
        }

    def compute_objective(metrics: dict[str, float]) -> tuple[float, float]:
        return metrics["eval_loss"], metrics["eval_accuracy"]

    def compute_metrics(prediction: Any) -> dict[str, float]:
        return {"accuracy": float((prediction.predictions.argmax(-1) == prediction.label_ids).mean())}

    trainer = Trainer(
        model=None,
        args=toys_arguments(),
        train_dataset=rows,
        eval_dataset=rows.select(range(24)),
        compute_metrics=compute_metrics,
        processing_class=pieces,
        data_collator=DataCollatorWithPadding(pieces),
        model_init=model_init,
    )
    best = hpsearch.searchable(trainer).hyperparameter_search(
        direction=["minimize", "maximize"],
        backend="optuna",
        hp_space=optuna_hp_space,
        n_trials=4,
        compute_objective=compute_objective,
        **here,
    )

    assert all(len(run.objective) == 2 for run in best)
    assert {"learning_rate", "per_device_train_batch_size"} == best[0].hyperparameters.keys()
    assert 4 == len(best[0].study.trials)


def toys_arguments() -> Any:
    from transformers import TrainingArguments

    return TrainingArguments("trained", num_train_epochs=1, report_to=[], use_cpu=True, disable_tqdm=True)


def test_the_page_of_sentence_transformers(toys, here):
    """An evaluator's score, a loss that a function makes, a `warmup_ratio` as version 4 of transformers had it."""
    pytest.importorskip("sentence_transformers")
    from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer
    from sentence_transformers import SentenceTransformerTrainingArguments as Arguments
    from sentence_transformers.sentence_transformer import losses
    from sentence_transformers.sentence_transformer.evaluation import EmbeddingSimilarityEvaluator

    train, dev = toys.judged(48, 0), toys.judged(32, 1)

    def hpo_search_space(trial: Any) -> dict[str, Any]:
        return {
            "num_train_epochs": trial.suggest_int("num_train_epochs", 1, 2),
            "per_device_train_batch_size": trial.suggest_int("per_device_train_batch_size", 8, 16),
            "warmup_ratio": trial.suggest_float("warmup_ratio", 0, 0.3),
            "learning_rate": trial.suggest_float("learning_rate", 1e-4, 1e-2, log=True),
        }

    def hpo_model_init(trial: Any) -> Any:
        return SentenceTransformer(toys.encoder(), device="cpu")

    def hpo_loss_init(model: Any) -> Any:
        return losses.CosineSimilarityLoss(model)

    def hpo_compute_objective(metrics: dict[str, float]) -> float:
        return metrics["eval_dev_spearman_cosine"]

    trainer = SentenceTransformerTrainer(
        model=None,
        args=Arguments("checkpoints", report_to=[], use_cpu=True, disable_tqdm=True),
        train_dataset=train,
        eval_dataset=dev,
        evaluator=EmbeddingSimilarityEvaluator(dev["sentence1"], dev["sentence2"], dev["score"], name="dev"),
        model_init=hpo_model_init,
        loss=hpo_loss_init,
    )
    best = hpsearch.searchable(trainer).hyperparameter_search(
        hp_space=hpo_search_space,
        compute_objective=hpo_compute_objective,
        n_trials=3,
        direction="maximize",
        backend="optuna",
        **here,
    )

    scores = [one.score for one in best.study.trials]
    assert max(scores) == best.objective
    assert 3 == len(set(scores)), "each trial trains"
    assert "warmup_steps" in best.hyperparameters


def test_the_page_of_setfit(toys, here):
    """Names of its two phases, what its `model_init` is handed, and `apply_hyperparameters` after the search."""
    setfit = pytest.importorskip("setfit")

    def model_init(params: dict[str, Any] | None) -> Any:
        params = params or {}
        head = {"max_iter": params.get("max_iter", 100), "solver": params.get("solver", "liblinear")}
        return setfit.SetFitModel.from_pretrained(toys.encoder(), head_params=head, device="cpu")

    def hp_space(trial: Any) -> dict[str, Any]:
        return {
            "body_learning_rate": trial.suggest_float("body_learning_rate", 1e-6, 1e-3, log=True),
            "num_epochs": trial.suggest_int("num_epochs", 1, 2),
            "batch_size": trial.suggest_categorical("batch_size", [4, 8]),
            "seed": trial.suggest_int("seed", 1, 40),
            "max_iter": trial.suggest_int("max_iter", 50, 300),
            "solver": trial.suggest_categorical("solver", ["newton-cg", "lbfgs", "liblinear"]),
        }

    def accuracy(found: Any, wanted: Any) -> dict[str, float]:  # the name alone would ask the hub
        return {"accuracy": sum(int(one) == other for one, other in zip(found, wanted, strict=True)) / len(wanted)}

    rows = toys.labelled(16, 0)
    arguments = setfit.TrainingArguments("trained", max_steps=2, report_to="none", show_progress_bar=False)
    trainer = hpsearch.searchable(
        setfit.Trainer(args=arguments, train_dataset=rows, eval_dataset=rows, model_init=model_init, metric=accuracy)
    )

    best = trainer.hyperparameter_search(direction="maximize", hp_space=hp_space, n_trials=2, **here)
    trainer.apply_hyperparameters(best.hyperparameters, final_model=True)

    asked = {"body_learning_rate", "num_epochs", "batch_size", "max_iter", "solver"}
    assert asked == best.hyperparameters.keys()
    assert best.hyperparameters["solver"] == trainer.model.model_head.get_params()["solver"]


def test_a_page_with_a_name_that_nobody_takes_is_told(toys, here):
    """Stock warns, and searches what changes nothing."""
    trainer = Trainer(
        args=toys_arguments(), train_dataset=toys.judged(8, 0), eval_dataset=toys.judged(8, 1),
        model_init=lambda: AutoModelForSequenceClassification.from_pretrained(toys.encoder()),
    )  # fmt: skip

    with pytest.raises(BadInput, match="learning_rat is no field"):
        hpsearch.searchable(trainer).hyperparameter_search(
            hp_space=lambda trial: {"learning_rat": trial.suggest_float("learning_rat", 0.1, 0.2)}, **here
        )
