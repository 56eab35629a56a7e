"""`hpsearch.search(trainer, ...)`: any Trainer that has a `model_init`, and the study that comes back."""

from __future__ import annotations

import copy
import dataclasses
import json
import re
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from transformers import BertForSequenceClassification, Trainer, TrainerCallback

import hpsearch
from hpsearch import BadInput, Choice, Float, Int, Space
from hpsearch.search.data.splits import at_fraction
from hpsearch.search.winner.retrain import retrain
from hpsearch.studies.optuna_storage import optuna_storage
from hpsearch.studies.records import Phase, TrialState


class Weighted(Trainer):
    """A Trainer with a loss and a constructor of its own."""

    def __init__(self, weight: float, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.weight = weight

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **kwargs: Any) -> Any:
        loss, outputs = super().compute_loss(model, inputs, return_outputs=True, **kwargs)
        return (loss * self.weight, outputs) if return_outputs else loss * self.weight


class Rows(torch.utils.data.Dataset):
    """A plain torch data set: it has a length and rows, and no columns."""

    def __init__(self, table: Any) -> None:
        self.rows = [{key: torch.tensor(value) for key, value in row.items()} for row in table]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, row: int) -> dict[str, torch.Tensor]:
        return self.rows[row]


class CountsRows(TrainerCallback):
    """Notes the number of training rows."""

    seen: ClassVar[list[int]] = []

    def on_train_begin(self, args: Any, state: Any, control: Any, train_dataloader: Any = None, **kwargs: Any) -> None:
        self.seen.append(len(train_dataloader.dataset))


def test_the_readmes_example_runs(toy):
    """The few lines that the README shows search a trainer, compare the best trial with the baseline on all the data,
    say what came out, and retrain it.
    """
    space = Space({"learning_rate": Float(1e-5, 1e-3, log=True), "per_device_train_batch_size": Choice([8, 16, 32])})
    study = hpsearch.search(
        toy.trainer(), space=space, trials=3, subset=0.8, study="mine", store=toy.store, objective="eval_loss",
        direction="minimize", quiet=True,
    )  # fmt: skip

    searched, finals = study.trials[:3], study.trials[3:]
    first = min(searched, key=lambda trial: trial.score)
    assert {(Phase.SEARCH, 0.8, 42)} == {(one.phase, one.fraction, one.seed) for one in searched}
    assert {(Phase.FINAL, 1.0, 42)} == {(one.phase, one.fraction, one.seed) for one in finals}
    assert sorted({0, first.number}) == sorted(one.origin for one in finals)
    assert {"learning_rate", "per_device_train_batch_size"} == set(study.best.params)
    assert min(trial.score for trial in finals) == study.best.score
    assert (study.best.origin, study.best.number) == (study.verdict["winner"], study.verdict["trial"])
    model = study.retrain()
    assert BertForSequenceClassification.from_pretrained(model.folder).config.hidden_size == 16
    assert "eval_loss" in model.metrics


def test_a_trial_sees_its_subset_and_a_retraining_everything(toy):
    """Half of the rows for trials, all for the retraining; before them, few rows to see that it works."""
    CountsRows.seen = []
    study = toy.search(toy.trainer(callbacks=[CountsRows()]), subset=0.5)
    study.retrain()

    assert [16, 24, 24, 48] == CountsRows.seen


def test_a_subclass_with_its_own_constructor_is_searched(toy):
    """What a subclass added and overrides counts in each trial: losses are three times the plain ones."""
    losses = {}
    for weight in (1.0, 3.0):
        trainer = toy.trainer(kind=lambda weight=weight, **given: Weighted(weight, **given))
        losses[weight] = [trial.score for trial in toy.search(trainer, study=f"{weight}").trials]

    assert [3 * loss for loss in losses[1.0]] == pytest.approx(losses[3.0], rel=1e-3)


def test_a_plain_torch_data_set_gives_what_a_table_does(toy):
    """Data sets without columns are searched, also on a subset, which then is not stratified."""
    table = toy.search(toy.trainer(), study="table")
    plain = toy.search(
        toy.trainer(train_dataset=Rows(toy.rows(48)), eval_dataset=Rows(toy.rows(24, seed=1))), study="plain"
    )
    assert [t.score for t in table.trials] == pytest.approx([t.score for t in plain.trials], rel=1e-6)

    half = toy.search(toy.trainer(train_dataset=Rows(toy.rows(48))), subset=0.5, study="half")
    assert 2 == len(half.trials)


def test_several_evaluation_sets_have_an_objective_each(toy):
    """With a dict of evaluation sets, the objective names one of them."""
    both = {"near": toy.rows(24, seed=1), "far": toy.rows(24, seed=2)}
    study = toy.search(toy.trainer(eval_dataset=both), objective="eval_far_accuracy")

    assert all(trial.score == trial.metrics["eval_far_accuracy"] for trial in study.trials)
    assert "eval_near_loss" in study.best.metrics


def test_model_values_go_to_a_model_init_that_takes_them(toy):
    """`model.*` values reach `model_init` as a dict, in trials and in the retraining."""
    given = []

    def model_init(values: dict[str, Any] | None = None) -> Any:
        given.append(dict(values or {}))
        return toy.model()

    space = {"model.layers": Int(1, 3), "learning_rate": 1e-3}
    study = toy.search(toy.trainer(model_init=model_init), space=space)
    study.retrain()

    assert study.best.params["model.layers"] == given[-1]["layers"]
    assert {"layers": study.best.params["model.layers"]} == study.best.config["model"]


def test_model_values_without_a_taker_are_refused(toy):
    """A7: a `model_init` without an argument takes no `model.*` value."""
    with pytest.raises(BadInput, match=r"model\.layers"):
        toy.search(toy.trainer(), space={"model.layers": Int(1, 3)})


@pytest.mark.parametrize(
    ("ingredients", "args", "told"),
    [
        ({"eval_dataset": None}, {}, "no eval_dataset"),
        ({}, {"warmup_steps": 500}, "warmup_steps=500 counts steps"),
        ({}, {"max_steps": 10}, "max_steps=10 means something else"),
    ],
)
def test_a_trainer_that_cannot_be_searched_is_refused(ingredients, args, told, toy):
    """D3 and the like: one sentence, before a store is made."""
    with pytest.raises(BadInput, match=re.escape(told)):
        toy.search(toy.trainer(args=args, **ingredients), subset=0.5)

    assert not (toy.folder / "store.db").exists()


def test_a_trainer_with_a_model_is_searched(toy):
    """Without a `model_init`, each trial begins with the weights that the model had, and the model is not touched."""
    given = {"args": toy.arguments(seed=7), "train_dataset": toy.rows(48), "eval_dataset": toy.rows(24, seed=1)}
    model = toy.model()
    before, alone = toy.weights_hash(model), Trainer(model=copy.deepcopy(model), **given)
    alone.train()
    study = toy.search(Trainer(model=model, **given), trials=3, score="last")

    assert before == toy.weights_hash(model)
    assert 1 == len({trial.environment["weights"] for trial in study.trials})
    assert study.trials[0].score == pytest.approx(alone.evaluate()["eval_loss"], abs=1e-6)


def test_another_problem_is_refused_with_the_difference_and_can_be_forked(toy):
    """B5: direction, space, data or fraction changed: refused with a diff; a fork starts with the old best."""
    trainer = toy.trainer()
    first = toy.search(trainer, trials=4)

    changed = {"learning_rate": Float(1e-4, 2e-2, log=True)}
    for options, told in (
        ({"space": changed}, "space.learning_rate.high: 0.01 -> 0.02"),
        ({"subset": 0.5}, "fraction: 1.0 -> 0.5"),
        ({"objective": "accuracy"}, "direction: minimize -> maximize"),
        ({"sampler": "random"}, "sampler: tpe -> random"),
    ):
        with pytest.raises(BadInput) as caught:
            toy.search(trainer, **options)
        assert told in str(caught.value)
    with pytest.raises(BadInput, match=r"data.train: \w+ -> \w+"):
        toy.search(toy.trainer(train_dataset=toy.rows(48, seed=5)))

    fork = toy.search(trainer, space=changed, fork="wider")

    assert "wider" == fork.name
    assert [1e-3, first.best.params["learning_rate"]] == [t.params["learning_rate"] for t in fork.trials]
    assert 4 == len(first.trials)


def test_the_baseline_is_what_the_trainer_does_by_itself(toy):
    """D4: trial 0 ends with the loss that the trainer, left alone with its own arguments and seed, ends with, however
    often the trial is evaluated on its way.
    """
    args = {"seed": 7, "learning_rate": 3e-3, "num_train_epochs": 2}
    study = toy.search(toy.trainer(args=args), trials=1, score="last")

    alone = toy.trainer(args=args)
    alone.train()

    assert 7 == study.best.seed
    assert alone.evaluate()["eval_loss"] == pytest.approx(study.best.score, abs=1e-6)


@pytest.mark.parametrize("preset", ["default", "small"])
def test_a_preset_recommends_nothing_to_a_trainer(preset, toy):
    """D4: a search compares with what somebody does now, in the space or not, whatever a preset would begin with."""
    args = {"learning_rate": 3e-2, "num_train_epochs": 4, "per_device_train_batch_size": 64, "weight_decay": 0.03}
    study = toy.search(toy.trainer(args=args), space=preset, trials=1)

    tried = study.trials[0].params
    assert 3e-2 == tried["learning_rate"]
    assert (64, 4, 0.03, 0.0) == tuple(
        tried[name] for name in ("per_device_train_batch_size", "num_train_epochs", "weight_decay", "warmup_steps")
    )


def test_adapters_begin_as_their_preset_recommends(toy):
    """A Trainer that has trained all of a model knows no learning rate for adapters, and no rank."""
    study = toy.search(toy.trainer(args={"learning_rate": 2e-5}), space="lora", trials=1)

    assert (5e-4, 8) == (study.trials[0].params["learning_rate"], study.trials[0].params["peft.r"])


def test_a_trial_that_waits_is_not_retrained(toy):
    """A trial without a configuration is refused by its number, not by a traceback."""
    study = toy.search(toy.trainer(), trials=1)
    waiting = dataclasses.replace(study.best, state=TrialState.WAITING, config={})

    with pytest.raises(BadInput, match="trial 0 of 'study' has no result to retrain"):
        retrain(study._run, waiting)


def test_a_time_out_starts_no_further_trial(toy):
    """At 5 of 10 seconds a trial is started, at 11 none; a later search goes on."""
    run = toy.search(toy.trainer(), trials=1)._run
    longer = dataclasses.replace(run, study=run.store.update_study(run.study.study_id, trials=9), timeout=10.0)
    ticks = iter([0.0, 5.0, 11.0])

    dataclasses.replace(longer.loop(optuna_storage(toy.store)), clock=lambda: next(ticks)).run()

    assert 2 == len(run.store.trials(run.study.study_id))
    assert 3 == len(toy.search(toy.trainer(), trials=3).trials)


def test_the_row_of_a_trial_says_all_that_it_ran_with(toy):
    """The whole resolved configuration, where the time went, who ran it and when."""
    study = toy.search(toy.trainer(), trials=1)
    row = study.best.to_dict()

    assert row["baseline"]
    assert {"learning_rate", "seed", "optim", "weight_decay", "adam_beta1"} <= set(row["config"]["args"])
    assert "output_dir" not in row["config"]["args"]
    assert {"setup", "data", "train", "evaluate", "checkpoint", "store"} == set(row["seconds"])
    assert row["started_at"] < row["finished_at"]
    assert json.loads(json.dumps(row)) == row
    assert (Path(study.best_checkpoint) / "model.safetensors").is_file()


def test_subsets_are_nested(toy):
    """The tenth lies inside the third, which lies inside the whole, with the classes in their shares."""
    rows = toy.rows(300).add_column("row", range(300))
    parts = [set(at_fraction(rows, fraction, seed=3)["row"]) for fraction in (0.1, 1 / 3, 1.0)]

    assert parts[0] < parts[1] < parts[2]
    assert [30, 100, 300] == [len(part) for part in parts]
    shares = [sum(rows["labels"][row] for row in part) / len(part) for part in parts]
    assert shares == pytest.approx([shares[2]] * 3, abs=1 / 30)
