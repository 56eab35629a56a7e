"""A Trainer made anew for each trial, whatever its class: what is seen, what is copied, what is refused."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import Trainer, TrainerCallback

import hpsearch
from hpsearch.search.making.arguments import GivenArguments
from hpsearch.search.making.call import positional_names
from hpsearch.search.making.making import Making
from hpsearch.search.making.wish import Wish
from hpsearch.spaces.errors import BadInput
from hpsearch.spaces.parameters import Choice, Float
from hpsearch.studies.records import Failure

LOSS = {"objective": "eval_loss"}


def wish(making: Making, **values: Any) -> Wish:
    """A training on the Trainer's own data with these values."""
    return Wish(values=values, train=making.train_dataset, evaluation=making.eval_dataset)


# What is seen


class Weighed(Trainer):
    """A subclass that takes what it hands on as it comes."""

    def __init__(self, weight: float, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rows = len(self.train_dataset)
        self.weight = weight


def test_positional_arguments_have_the_names_of_whoever_takes_them() -> None:
    """Those that a constructor hands on as `*args` are those of the class it hands them to."""
    assert ["weight", "model", "args", "data_collator"] == positional_names(Weighed)[:4]


def test_what_a_constructor_derives_is_derived_from_the_subset(toy: Any) -> None:
    """A subclass that counts its training rows counts those of its trial, however its arguments were given."""
    made = Making.of(Weighed(2.0, toy.model(), toy.arguments(), None, toy.rows(48), toy.rows(24)))
    half = made.made(Wish(values={}, train=toy.rows(24), evaluation=made.eval_dataset))

    assert (48, 24, 2.0) == (made.template.rows, half.rows, half.weight)
    assert made.template.model is not half.model


def test_a_trainer_made_before_hpsearch_came_is_told(run_python: Any, tmp_path: Path) -> None:
    """Of a subclass that nobody saw being made, no second one is guessed at; the sentence says what to do."""
    program = f"""
import sys
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments
import datasets
rows = datasets.Dataset.from_dict({{"input_ids": [[5, 6]] * 16, "labels": [0, 1] * 8}})
class Mine(Trainer):
    pass
def model():
    sizes = dict(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    return BertForSequenceClassification(BertConfig(vocab_size=40, max_position_embeddings=8, **sizes))
args = TrainingArguments({str(tmp_path)!r}, use_cpu=True, report_to=[])
mine = Mine(model_init=model, args=args, train_dataset=rows, eval_dataset=rows)
assert "hpsearch" not in sys.modules
import hpsearch
try:
    hpsearch.search(mine, store="sqlite:///{tmp_path}/s.db", output_dir={str(tmp_path)!r})
except hpsearch.BadInput as error:
    print(error, error.hint)
"""
    said = run_python(program).stdout
    assert "nobody saw this Mine being made" in said
    assert "import hpsearch before it is made" in said


def test_a_checkpoint_needs_no_hpsearch_to_be_opened(toy: Any) -> None:
    """What arguments keep for us is no part of a pickle of them."""
    args = pickle.loads(pickle.dumps(toy.arguments(learning_rate=0.25)))  # noqa: S301 - our own
    written = pickle.dumps(toy.arguments())

    assert b"hpsearch.search" not in written
    assert 0.25 == args.learning_rate
    assert 0.5 == GivenArguments.of(args).made(learning_rate=0.5).learning_rate


def test_arguments_are_made_of_what_was_given_and_set(toy: Any) -> None:
    """What was set after the constructor is set again, unless the trial has a value for it."""
    args = toy.arguments(learning_rate=0.1)
    args.weight_decay = 0.5
    found = GivenArguments.of(args)

    assert {"weight_decay": 0.5} == dict(found.assigned)
    assert (0.1, 0.5) == ((one := found.made()).learning_rate, one.weight_decay)
    assert 0.25 == found.made(weight_decay=0.25).weight_decay


# What is copied


def test_what_belongs_together_stays_together(toy: Any) -> None:
    """A collator that holds the model holds the copy of the model, not the model of somebody else's trial."""

    class Holds:
        def __init__(self, model: Any) -> None:
            self.model = model

        def __call__(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
            return {name: torch.tensor([row[name] for row in rows]) for name in rows[0]}

    model = toy.model()
    making = Making.of(Trainer(model, toy.arguments(), Holds(model), toy.rows(16), toy.rows(8)))
    first, second = making.made(wish(making)), making.made(wish(making))

    assert first.data_collator.model is first.model
    assert first.model is not second.model is not model


def test_what_was_done_after_the_constructor_is_done_again(toy: Any) -> None:
    """A metric set, a callback added and one removed: each trial's Trainer has it so."""

    class Counts(TrainerCallback):
        pass

    class Unwanted(TrainerCallback):
        pass

    trainer = toy.trainer(callbacks=[Unwanted()])
    trainer.compute_metrics = lambda prediction: {"mine": 1.0}
    trainer.remove_callback(Unwanted)
    trainer.add_callback(Counts())
    trainer.args.weight_decay = 0.125
    making = Making.of(trainer)
    made = making.made(wish(making))

    kinds = [type(one) for one in made.callback_handler.callbacks]
    assert {"mine": 1.0} == made.compute_metrics(None)
    assert Counts in kinds
    assert Unwanted not in kinds
    assert 0.125 == made.args.weight_decay


def frozen(toy: Any) -> Any:
    """A Trainer whose encoder is frozen after it was made."""
    rows = {"train_dataset": toy.rows(48), "eval_dataset": toy.rows(24, seed=1)}
    trainer = Trainer(model=toy.model(), args=toy.arguments(), **rows)
    trainer.model.bert.requires_grad_(False)
    return trainer


def test_what_cannot_be_told_is_not_guessed(toy: Any) -> None:
    """A model frozen after its Trainer was made: the Trainer is refused, and its function is called for each trial."""
    with pytest.raises(BadInput, match="its model was changed after it was made"):
        toy.search(frozen(toy), **LOSS)

    study = toy.search(lambda: frozen(toy), study="function", **LOSS)
    assert ["COMPLETE"] * 2 == [one.state.value for one in study.trials]
    assert study.replay(1).identical


def test_a_trainer_with_an_optimizer_of_its_own_is_made_by_its_function(toy: Any) -> None:
    """It holds the parameters of one model: no copy would do, and what it takes over reaches nobody else."""

    def make() -> Any:
        model = toy.model()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        rows = {"train_dataset": toy.rows(48), "eval_dataset": toy.rows(24, seed=1)}
        return Trainer(model=model, args=toy.arguments(), optimizers=(optimizer, None), **rows)

    with pytest.raises(BadInput, match="optimizers: an optimizer or a schedule holds"):
        toy.search(make(), **LOSS)
    with pytest.raises(BadInput, match="learning_rate in the space would change nothing"):
        toy.search(make, **LOSS)
    batches = {"per_device_train_batch_size": Choice([4, 16])}
    study = toy.search(make, space=batches, trials=3, study="batches", **LOSS)

    assert 3 == len({one.score for one in study.trials})


def test_an_optimizers_own_rate_is_what_is_searched(toy: Any) -> None:
    """`optimizer_cls_and_kwargs` with a rate: the baseline has it, and a trial's takes its place."""
    given = {"optimizer_cls_and_kwargs": (torch.optim.SGD, {"lr": 0.25, "momentum": 0.9})}
    study = toy.search(toy.trainer(**given), trials=3, **LOSS)

    assert 0.25 == study.trials[0].params["learning_rate"]
    assert 3 == len({one.score for one in study.trials})


# A function that decides


def test_a_function_with_a_parameter_decides_itself(toy: Any) -> None:
    """It is handed the trial: names that it asks for are its own, whatever they are called, and the others are fields
    of the arguments as ever. The baseline has the values that it would take without a trial.
    """
    heads: list[float] = []

    def make(trial: Any) -> Any:
        heads.append(trial.get("head", 1.0))

        def model() -> Any:
            made = toy.model()
            with torch.no_grad():
                made.classifier.weight.mul_(heads[-1])
            return made

        return toy.trainer(model_init=model)

    space = {"head": Choice([2.0, 3.0]), "learning_rate": Float(1e-3, 1e-2, log=True)}
    study = toy.search(make, space=space, trials=3, **LOSS)

    assert 1.0 == study.trials[0].params["head"]
    assert {2.0, 3.0} >= {one.params["head"] for one in study.trials[1:]}
    assert [one.params["head"] for one in study.trials] == [one.config["own"]["head"] for one in study.trials]
    assert all("head" not in one.config["args"] for one in study.trials)
    assert [True] * 3 == [study.replay(one.number).identical for one in study.trials]


def test_a_trials_arguments_are_had_at_once(toy: Any) -> None:
    """`trial.arguments(args)` has the trial's values for the fields of the arguments."""

    def make(trial: Any) -> Any:
        return toy.trainer(args={"learning_rate": trial.arguments(toy.arguments(learning_rate=0.002)).learning_rate})

    study = toy.search(make, trials=3, **LOSS)
    rates = [one.params["learning_rate"] for one in study.trials]

    assert 0.002 == rates[0]
    assert 3 == len({one.score for one in study.trials})


# Guards


def test_a_training_that_changes_nothing_is_a_failure(toy: Any, capfd: Any) -> None:
    """A wrong answer with exit code 0 is worse than none: such a trial has no score."""

    class Idle(Trainer):
        def create_optimizer(self, *args: Any, **kwargs: Any) -> Any:
            self.optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
            return self.optimizer

    with pytest.raises(hpsearch.HpsearchError, match="changed no weight"):
        toy.search(toy.trainer(kind=Idle), quiet=False, **LOSS)
    assert "a training step changed no weight" in capfd.readouterr().err  # before the first trial
    row = hpsearch.StudyStore.open(toy.store).trials(1)[0]
    assert (Failure.CODE, None) == (row.failure, row.score)


def test_trials_that_would_share_a_trained_tensor_are_refused(toy: Any) -> None:
    """A layer at the top of a module goes from trial to trial: it is found before the first one."""
    shared = torch.nn.Linear(2, 2)

    class Shares(Trainer):
        def create_optimizer(self, *args: Any, **kwargs: Any) -> Any:
            super().create_optimizer(*args, **kwargs)
            self.optimizer.add_param_group({"params": list(shared.parameters())})
            return self.optimizer

    with pytest.raises(BadInput, match=r"two trials would train the same tensor \(2x2\)"):
        toy.search(toy.trainer(kind=Shares), **LOSS)


def test_a_value_that_reaches_nobody_is_said(toy: Any) -> None:
    """Trials with one learning curve to the last digit, losses and all, were told something that nobody heard."""

    class Deaf(Trainer):
        def create_optimizer(self, *args: Any, **kwargs: Any) -> Any:
            self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1)
            return self.optimizer

    study = toy.search(toy.trainer(kind=Deaf), space={"adam_beta1": Float(0.1, 0.9)}, trials=2, **LOSS)
    said = subprocess.run(
        [sys.executable, "-c", f"from hpsearch.search.cli import entry; import sys; sys.argv = ['hpsearch', 'show', "
         f"'study', '--store', {toy.store!r}]; entry()"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip

    assert 1 == len({one.score for one in study.trials})
    assert "adam_beta1 changed nothing" in " ".join(said.split())


def test_smoothed_labels_do_not_judge_themselves(toy: Any) -> None:
    """D4: more smoothing makes any loss larger; searched and judged by the loss, it is judged without."""
    trainer = toy.trainer(args={"learning_rate": 1e-9})
    study = toy.search(trainer, space={"label_smoothing_factor": Choice([0.0, 0.5])}, trials=3, **LOSS)

    assert max(one.score for one in study.trials) - min(one.score for one in study.trials) < 1e-4


def test_an_evaluation_leaves_no_trace(toy: Any) -> None:
    """With dropout, a training that is looked at four times, twice or never ends with the same weights."""
    found = []
    for looks in ({"eval_strategy": "no"}, {"eval_strategy": "steps", "eval_steps": 0.5}, {"eval_strategy": "epoch"}):
        making = Making.of(toy.trainer(args={"num_train_epochs": 4}))
        trainer = making.made(wish(making, **looks))
        from hpsearch.search.trial.trainer import trial_class

        trainer.__class__ = trial_class(type(trainer))
        trainer.hpsearch_run = None
        trainer.train()
        found.append(toy.weights_hash(trainer.model))

    assert 1 == len(set(found))


# The verdict


def test_half_of_the_evaluation_set_compares(toy: Any) -> None:
    """D5: winner and baseline are compared on rows that nothing was chosen by, with an interval, by their metric."""
    rows = {"train_dataset": toy.rows(200), "eval_dataset": toy.rows(120, seed=1)}
    options = {"subset": 0.5, "confirm": "quick", "trials": 3, "objective": "accuracy"}
    study = toy.search(toy.trainer(args={"learning_rate": 1e-6}, **rows), **options)

    gain = study.verdict["gain"]
    assert ("report", 60) == (gain["split"], gain["rows"])
    assert gain["interval"][0] <= gain["difference"] <= gain["interval"][1]


def test_a_set_that_cannot_be_halved_is_said(toy: Any, capfd: Any) -> None:
    """Several evaluation sets stay whole; that there is no interval then is told before the search."""
    sets = {"eval_dataset": {"one": toy.rows(24, seed=1), "two": toy.rows(24, seed=2)}}
    options = {"subset": 0.5, "confirm": "quick", "objective": "eval_one_accuracy", "quiet": False}
    study = toy.search(toy.trainer(**sets), **options)

    assert "the evaluation set cannot be halved" in capfd.readouterr().err
    assert "selection" == study.verdict["gain"]["split"]


def test_data_of_the_users_may_compare(toy: Any) -> None:
    """A data set that is given for that is all of the report, and the evaluation set stays whole."""
    options = {"subset": 0.5, "confirm": "quick", "trials": 3, "objective": "accuracy"}
    study = toy.search(toy.trainer(), report_dataset=toy.rows(40, seed=5), **options)

    assert ("report", 40) == (study.verdict["gain"]["split"], study.verdict["gain"]["rows"])
    assert 24 == study._run.study.spec["notes"]["rows"]["selection"]
