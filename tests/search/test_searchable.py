"""The stock call with its own arguments: each scenario beside `trainer.hyperparameter_search` on the same Trainer.

The scenarios are those that transformers tests its search with.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pytest
import torch
from ray import tune
from transformers import BertConfig, BertForSequenceClassification, EarlyStoppingCallback, Trainer, TrainingArguments
from transformers.trainer_utils import BestRun

import hpsearch
from hpsearch.search.keywords import ELSEWHERE
from hpsearch.search.options import RunOptions
from hpsearch.search.stock.keywords import translated
from hpsearch.search.stock.searchable import FoundRun
from hpsearch.search.stored_problem import problem_of, space_of
from hpsearch.spaces.errors import BadInput
from hpsearch.studies.records import TrialState

TINY = {
    "vocab_size": 40,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "max_position_embeddings": 8,
}
RATE = optuna.distributions.FloatDistribution(1e-4, 1e-2, log=True)


def space(trial: optuna.Trial) -> dict[str, Any]:
    return {"learning_rate": trial.suggest_float("learning_rate", 1e-4, 1e-2, log=True)}


def loss(metrics: dict[str, float]) -> float:
    return metrics["eval_loss"]


def suggesting(trial: optuna.Trial | None) -> BertForSequenceClassification:
    """As the documentation has it: without a trial, the values that the user trains with."""
    dropout = 0.1 if trial is None else trial.suggest_float("dropout", 0.0, 0.5)
    layers = 1 if trial is None else trial.suggest_int("layers", 1, 2)
    return BertForSequenceClassification(
        BertConfig(**TINY | {"num_hidden_layers": layers}, hidden_dropout_prob=dropout)
    )


@pytest.fixture
def searched(toy: Any) -> Any:
    """Search as stock does, quietly, on a store of the test's own."""

    def run(trainer: Any, **given: Any) -> Any:
        usual = {
            "n_trials": 2,
            "storage": toy.store,
            "output_dir": toy.folder / "out",
            "quiet": True,
            "confirm": "none",
        }
        return hpsearch.searchable(trainer).hyperparameter_search(**{**usual, "confirm": "none", **given})

    return run


# What transformers tests


def test_a_search_returns_the_best_run(toy, stock, searched):
    """The same call, the same kind of answer; ours has the study, and its trials are those of the store."""
    given = {"hp_space": space, "compute_objective": loss, "n_trials": 3, "direction": "minimize"}
    theirs, ours = stock(toy.trainer(), **given), searched(toy.trainer(), **given)

    assert isinstance(theirs, BestRun)
    assert isinstance(ours, FoundRun)
    assert theirs._fields == ours._fields
    assert theirs.hyperparameters.keys() == ours.hyperparameters.keys()
    assert 3 == len(ours.study.trials)
    assert ours.study is ours.run_summary
    assert (str(ours.study.best.number), ours.study.best.score) == (ours.run_id, ours.objective)
    assert min(one.score for one in ours.study.trials) == ours.objective
    assert ours.study.retrain().metrics["eval_loss"] > 0


def test_the_loop_that_people_write_after_it_works(toy, searched):
    """`setattr(trainer.args, name, value)` and `trainer.train()`: the rest of a script finds its Trainer."""
    trainer = hpsearch.searchable(toy.trainer())
    best = trainer.hyperparameter_search(
        hp_space=space, compute_objective=loss, n_trials=2, quiet=True, storage=toy.store, confirm="none"
    )
    for name, value in best.hyperparameters.items():
        setattr(trainer.args, name, value)

    trainer.train()

    assert best.hyperparameters["learning_rate"] == trainer.args.learning_rate
    assert trainer.evaluate()["eval_loss"] > 0


def test_model_init_gets_the_trial(toy, stock, searched):
    """Its suggestions are searched, an empty `hp_space` or not, and the baseline is the model made without a trial."""
    given = {"hp_space": lambda trial: {}, "compute_objective": loss, "direction": "minimize", "n_trials": 4}
    theirs, ours = (
        stock(toy.trainer(model_init=suggesting), **given),
        searched(toy.trainer(model_init=suggesting), **given),
    )

    assert {"dropout", "layers"} == theirs.hyperparameters.keys() == ours.hyperparameters.keys()
    assert {"model.dropout": 0.1, "model.layers": 1} == ours.study.trials[0].params
    assert 4 == len({str(one.params) for one in ours.study.trials})
    assert all(ours.study.replay(one.number).identical for one in ours.study.trials[1:3])


def test_a_models_values_come_through_any_door(toy):
    """A `model_init(trial)` is searched by `hpsearch.search`, too; a space of the user's own goes before."""
    trainer = toy.trainer(model_init=suggesting)
    found = toy.search(trainer)
    asked = toy.search(trainer, space={"model.dropout": hpsearch.Choice([0.1, 0.3])}, study="asked")

    assert {"learning_rate", "model.dropout", "model.layers"} == found.trials[1].params.keys()
    assert {0.1, 0.3} >= {one.params["model.dropout"] for one in asked.trials[1:]}
    assert 0.1 == asked.trials[0].params["model.dropout"]


def test_what_is_made_without_a_trial_may_not_be_known(toy, capsys):
    """Then it is said what the baseline has, which is not what the user trains with."""

    def hidden(trial: optuna.Trial | None) -> BertForSequenceClassification:
        width = 16 if trial is None else 2 * trial.suggest_int("half", 4, 8, step=2)
        return BertForSequenceClassification(BertConfig(**TINY | {"intermediate_size": width}))

    study = toy.search(toy.trainer(model_init=hidden), quiet=False)

    assert "what it takes without a trial is not known" in capsys.readouterr().err
    assert 6 == study.trials[0].params["model.half"]


def test_hp_name_names_the_runs(toy, searched):
    """It is handed the trial, with its values."""
    seen = []

    def hp_name(trial: optuna.Trial) -> str:
        seen.append((trial.number, trial.params, trial.suggest_float("learning_rate", 1e-4, 1e-2, log=True)))
        return f"lr{trial.params['learning_rate']}"

    best = searched(toy.trainer(), hp_space=space, compute_objective=loss, hp_name=hp_name, report_to="tensorboard")

    assert [(one.number, one.params, one.params["learning_rate"]) for one in best.study.trials] == seen


def test_several_objectives_give_a_front(toy, stock, searched):
    """A list of runs that no other beats, each with a number for each objective."""
    given = {
        "hp_space": space,
        "compute_objective": lambda metrics: (metrics["eval_loss"], metrics["eval_accuracy"]),
        "direction": ["minimize", "maximize"],
        "n_trials": 3,
    }
    theirs, ours = stock(toy.trainer(), **given), searched(toy.trainer(), **given)

    assert isinstance(theirs, list)
    assert isinstance(ours, list)
    assert {2} == {len(one.objective) for one in [*theirs, *ours]}
    values = [(one.metrics["eval_loss"], one.metrics["eval_accuracy"]) for one in ours[0].study.trials]
    for run in ours:
        loss_, accuracy = run.objective
        assert not any(one[0] <= loss_ and one[1] >= accuracy and one != (loss_, accuracy) for one in values)


def test_metrics_may_be_computed_batch_by_batch(toy, searched):
    """`batch_eval_metrics` hands the metric a batch at a time, and the last call has the result."""
    seen: list[float] = []

    def accuracy(prediction: Any, compute_result: bool = False) -> dict[str, float]:
        right = prediction.predictions.argmax(-1) == prediction.label_ids
        seen.extend(right.float().tolist())
        if not compute_result:
            return {}
        found = {"accuracy": sum(seen) / len(seen)}
        seen.clear()
        return found

    trainer = toy.trainer(args={"batch_eval_metrics": True}, compute_metrics=accuracy)
    best = searched(trainer, hp_space=space, direction="maximize")

    assert "eval_accuracy" == best.study.trials[0].objective
    assert 0 <= best.objective <= 1


def test_a_value_inside_a_field_is_searched(toy, searched):
    """Nested configuration: what stock hands over as a whole dictionary, and cannot search inside of."""

    def nested(trial: optuna.Trial) -> dict[str, Any]:
        rate = trial.suggest_categorical("lr_scheduler_kwargs.min_lr_rate", [0.0, 0.5])
        return {"lr_scheduler_type": "cosine_with_min_lr", "lr_scheduler_kwargs.min_lr_rate": rate}

    best = searched(toy.trainer(), hp_space=nested, compute_objective=loss)

    assert {"lr_scheduler_kwargs.min_lr_rate", "lr_scheduler_type"} == best.hyperparameters.keys()


def test_early_stopping_begins_anew_in_each_trial(toy, stock, searched):
    """Stock keeps the callback's count from trial to trial."""
    stop = {"callbacks": [EarlyStoppingCallback(1, 10.0)]}
    args = {"eval_strategy": "epoch", "save_strategy": "epoch", "load_best_model_at_end": True, "num_train_epochs": 4}
    given = {"hp_space": space, "compute_objective": loss, "direction": "minimize"}

    best = searched(toy.trainer(args=args, **stop), **given)

    assert {0.5} == {one.curve[-1]["budget"] for one in best.study.trials}


def test_a_failing_trial_ends_nothing(toy, stock, searched):
    """One learning rate breaks the training: stock's search ends with it, ours has a failed row and goes on."""

    class Breaking(Trainer):
        def training_step(self, *args: Any, **named: Any) -> torch.Tensor:
            if self.args.learning_rate > 2e-3:
                raise RuntimeError("too fast")
            return super().training_step(*args, **named)

    given = {"hp_space": space, "compute_objective": loss, "direction": "minimize", "n_trials": 4}
    with pytest.raises(RuntimeError, match="too fast"):
        stock(toy.trainer(kind=Breaking), **given, sampler=optuna.samplers.RandomSampler(seed=0))

    best = searched(toy.trainer(kind=Breaking), **given, sampler=optuna.samplers.RandomSampler(seed=0))

    states = [one.state for one in best.study.trials]
    assert TrialState.FAILED in states
    assert best.hyperparameters["learning_rate"] <= 2e-3


def test_ray_domains_are_read(toy, searched):
    """What people write for Ray is searched by either backend; the cluster itself needs a function."""
    best = searched(
        toy.trainer(), hp_space=lambda _: {"learning_rate": tune.loguniform(1e-4, 1e-2)}, compute_objective=loss
    )

    assert {"learning_rate"} == best.hyperparameters.keys()
    with pytest.raises(BadInput, match="cannot travel"):
        searched(toy.trainer(), hp_space=space, compute_objective=loss, backend="ray")


# What differs, and is said


def test_the_luckiest_seed_is_not_searched(toy, searched, capsys):
    """Stock's own default space has a seed."""
    best = searched(
        toy.trainer(), hp_space=lambda trial: {**space(trial), "seed": trial.suggest_int("seed", 1, 40)},
        compute_objective=loss,
    )  # fmt: skip

    assert {"learning_rate"} == best.hyperparameters.keys()
    assert "seed is not searched" in capsys.readouterr().err


def test_metrics_are_not_added_up(toy, stock, searched):
    """Without a `compute_objective` stock maximizes the sum of all metrics; here one has to be named."""

    def both(prediction: Any) -> dict[str, float]:
        return {"accuracy": 0.5, "error": 0.5}

    assert 1.0 == stock(toy.trainer(compute_metrics=both), hp_space=space, direction="maximize").objective
    with pytest.raises(BadInput, match="one of them is the objective"):
        searched(toy.trainer(compute_metrics=both), hp_space=space, direction="maximize")


def test_the_same_call_goes_on(toy, searched):
    """`n_trials` is a total, and `load_if_exists=False` refuses a study that is there, as Optuna does."""
    searched(toy.trainer(), hp_space=space, compute_objective=loss, study_name="mine")
    again = searched(toy.trainer(), hp_space=space, compute_objective=loss, study_name="mine", n_trials=3)

    assert 3 == len(again.study.trials)
    with pytest.raises(BadInput, match="a study 'mine' already"):
        searched(toy.trainer(), hp_space=space, study_name="mine", load_if_exists=False)


# Keywords


def test_optunas_keywords_are_translated():
    """What stock hands on to `create_study` and `optimize`."""
    sampler = object()
    given = {
        "storage": "sqlite:///a.db", "study_name": "a", "sampler": sampler, "timeout": 9, "n_jobs": -1, "catch": (),
        "gc_after_trial": True, "show_progress_bar": False, "subset": 0.5,
    }  # fmt: skip

    assert {
        "store": "sqlite:///a.db", "study": "a", "sampler": sampler, "timeout": 9, "jobs": "auto", "quiet": True,
        "subset": 0.5,
    } == translated(given)  # fmt: skip
    assert {} == translated({"storage": None})
    with pytest.raises(BadInput, match="a InMemoryStorage is none"):
        translated({"storage": optuna.storages.InMemoryStorage()})


def test_rays_keywords_are_translated():
    """What stock hands on to `tune.run`."""
    given = {"resources_per_trial": {"cpu": 2, "gpu": 0.5}, "name": "a", "time_budget_s": 9, "max_concurrent_trials": 2}

    assert {
        "cpus_per_trial": 2.0, "gpus_per_trial": 0.5, "study": "a", "timeout": 9, "max_concurrent": 2,
    } == translated(given)  # fmt: skip


@pytest.mark.parametrize("name", ["scheduler", "search_alg", "num_samples", "progress_reporter", "metric"])
def test_what_has_no_counterpart_is_refused_by_name(name, toy, searched):
    """With what there is instead, and not silently left out."""
    with pytest.raises(BadInput, match=f"no option '{name}'") as refused:
        searched(toy.trainer(), hp_space=space, **{name: 1})

    assert ELSEWHERE[name] in str(refused.value)


def test_another_backend_is_refused(toy, searched):
    """W&B's sweeps are no backend here."""
    with pytest.raises(BadInput, match="no backend 'wandb'"):
        searched(toy.trainer(), backend="wandb")


def test_arguments_stay_the_users(toy, searched):
    """The Trainer that was searched is what it was."""
    trainer = toy.trainer()
    before = TrainingArguments.to_dict(trainer.args)

    searched(trainer, hp_space=space, compute_objective=loss)

    assert before == TrainingArguments.to_dict(trainer.args)


def test_a_tasks_model_init_gets_the_trial(tmp_path, monkeypatch):
    """`--model-init mine.py:build` may suggest, too; its baseline is the model that it makes without a trial."""
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(
        "from transformers import BertConfig, BertForSequenceClassification\n\n\n"
        "def build(trial):\n"
        "    width = 16 if trial is None else trial.suggest_categorical('width', [16, 32])\n"
        f"    sizes = {TINY | {'vocab_size': 400, 'max_position_embeddings': 64}}\n"
        "    return BertForSequenceClassification(BertConfig(**sizes | {'intermediate_size': width}))\n"
    )
    options = RunOptions(model_init="mine.py:build", space="small")
    problem = problem_of(options, space_of(options))

    assert 16 == problem.baseline()["model.width"]
    assert "model.width" in problem.plan.space.searched
    assert any("model_init suggests width" in line for line in problem.remarks)
