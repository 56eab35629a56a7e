"""What the plain `Trainer.hyperparameter_search` does wrong, and that ours does not.

Each test names the row of the project's table of users' pains. It first shows the defect on the plain transformers that
is installed, so that we learn when a release mends it, and then that a search of ours is right.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import optuna
import pytest
from transformers import (
    BertForSequenceClassification,
    EarlyStoppingCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

import hpsearch
from hpsearch import Choice, Float
from hpsearch.search.paths import StudyPaths
from hpsearch.search.trial.configuration import RUN_FIELDS, Configuration
from hpsearch.studies.records import TrialState

pytestmark = pytest.mark.filterwarnings(
    "ignore::optuna.exceptions.ExperimentalWarning",
    "ignore:`lr_scheduler.step:UserWarning",
)


class Recorder(TrainerCallback):
    """Appends what `look` sees at the beginning of each training to a list that copies share."""

    def __init__(self, seen: list[Any], look: Any) -> None:
        self.seen, self.look = seen, look

    def __deepcopy__(self, memo: dict[int, Any]) -> Recorder:
        return Recorder(self.seen, self.look)

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        self.seen.append(self.look(args, model))


def recording(look: Any) -> tuple[list[Any], Recorder]:
    seen: list[Any] = []
    return seen, Recorder(seen, look)


class Scripted:
    """A `compute_metrics` that returns the given accuracies, one a call."""

    def __init__(self, *values: float) -> None:
        self.values = itertools.cycle(values)

    def __call__(self, prediction: Any) -> dict[str, float]:
        return {"accuracy": next(self.values)}


def no_space(trial: Any) -> dict[str, Any]:
    return {}


def learning_rate(trial: Any) -> dict[str, Any]:
    return {"learning_rate": trial.suggest_float("learning_rate", 1e-4, 1e-2, log=True)}


# A1


def test_a1_a_trial_begins_with_its_own_seed(toy, stock):
    """A1: the initial weights of a trial are those of a training of its own with the trial's stored configuration."""
    seen, recorder = recording(lambda args, model: toy.weights_hash(model))
    stock(toy.trainer(callbacks=[recorder]), hp_space=lambda trial: {"seed": [13, 11][trial.number]})
    own = [plain_weights(toy, seed=seed) for seed in (42, 13, 11)]
    assert own[:2] == seen, "stock: each trial has the seed of the one before"

    seen, recorder = recording(lambda args, model: toy.weights_hash(model))
    study = toy.search(toy.trainer(callbacks=[recorder], args={"seed": 5}), seed=11)

    alone = [plain_weights(toy, **trial.config["args"]) for trial in study.trials]
    assert alone == seen[1:]  # first it was tried out
    assert [own[2]] * 3 == seen


def plain_weights(toy: Any, **values: Any) -> str:
    seen, recorder = recording(lambda args, model: toy.weights_hash(model))
    values = {"output_dir": str(toy.folder / "plain"), **values}
    trainer = Trainer(
        model_init=toy.model,
        args=TrainingArguments(**{**values, "use_cpu": True, "report_to": [], "disable_tqdm": True, "max_steps": 1}),
        train_dataset=toy.rows(48),
        callbacks=[recorder],
    )
    trainer.train()
    return seen[0]


# A2


def test_a2_the_objective_is_one_metric_and_not_their_sum(toy, stock):
    """A2: stock adds all metrics up; ours scores on the one that was named."""
    both = lambda prediction: {"accuracy": 0.5, "f1": 0.25}  # noqa: E731
    summed = stock(toy.trainer(compute_metrics=both, args={"eval_strategy": "epoch"}), hp_space=learning_rate)
    assert 0.75 == summed.objective

    study = toy.search(toy.trainer(compute_metrics=both), objective="f1")

    assert [0.25, 0.25] == [trial.score for trial in study.trials]
    assert ["eval_f1"] * 2 == [trial.objective for trial in study.trials]


def test_a2_an_unknown_metric_is_refused_before_the_first_trial(toy):
    """A2: a misspelt metric names the nearest one and leaves no store behind."""
    with pytest.raises(hpsearch.BadInput, match="eval_acuracy") as caught:
        toy.search(toy.trainer(), objective="acuracy")

    assert "'eval_accuracy'" in caught.value.hint
    assert not (toy.folder / "store.db").exists()


def test_a2_a_loss_cannot_be_maximized(toy):
    """A2: metric and direction that clash are refused."""
    with pytest.raises(hpsearch.BadInput, match="'eval_loss' and direction 'maximize' clash"):
        toy.search(toy.trainer(), objective="eval_loss", direction="maximize")


# A3


def test_a3_time_is_never_the_objective(toy, stock):
    """A3: after an evaluation before the search, stock optimises a preparation time; ours the loss."""
    trainer = toy.trainer(compute_metrics=None, args={"eval_strategy": "epoch"})
    trainer.evaluate()
    timed = stock(trainer, hp_space=learning_rate)
    losses = [entry["eval_loss"] for entry in trainer.state.log_history if "eval_loss" in entry]
    assert all(abs(timed.objective - loss) > 0.01 for loss in losses)

    trainer = toy.trainer(compute_metrics=None)
    trainer.evaluate()
    study = toy.search(trainer)

    assert all(abs(trial.score - trial.metrics["eval_loss"]) < 1e-9 for trial in study.trials)


# A4


def test_a4_the_score_is_the_best_evaluation_or_the_last_if_asked(toy, stock):
    """A4: stock returns the last evaluation; ours the best, or the last if asked."""
    sequence = (0.3, 0.9, 0.8, 0.1)
    args = {"eval_strategy": "steps", "eval_steps": 0.25, "num_train_epochs": 2}
    last = stock(
        toy.trainer(compute_metrics=Scripted(*sequence), args=args),
        hp_space=learning_rate,
        direction="maximize",
        compute_objective=lambda metrics: metrics["eval_accuracy"],
    )
    assert 0.1 == last.objective

    scores = {}
    for score in ("best", "last"):
        scripted = Scripted(*sequence)  # each Trainer has one of its own
        study = toy.search(
            toy.trainer(compute_metrics=scripted), objective="accuracy", score=score, trials=1, study=score
        )
        scores[score] = study.best.score
        assert [0.25, 0.5, 0.75, 1.0] == [point["budget"] for point in study.best.curve]

    assert {"best": 0.9, "last": 0.1} == scores


@pytest.mark.parametrize("score", ["best", "last"])
def test_a4_the_kept_checkpoint_has_the_stored_score(toy, score):
    """A4: evaluating the checkpoint that was kept gives the score that was stored."""
    trainer = toy.trainer(args={"num_train_epochs": 8})
    study = toy.search(trainer, space={"learning_rate": Choice([0.05, 0.08])}, trials=2, score=score)

    kept = BertForSequenceClassification.from_pretrained(study.best_checkpoint)
    again = Trainer(model=kept, args=toy.arguments(), eval_dataset=trainer.eval_dataset).evaluate()

    assert study.best.score == pytest.approx(again["eval_loss"], abs=1e-6)
    losses = [point["score"] for point in study.best.curve]
    assert {"best": min(losses), "last": losses[-1]}[score] == study.best.score


# A5


def test_a5_the_best_model_is_there_after_the_search(toy, stock):
    """A5: stock keeps no model and forgets the best checkpoint; ours names it, and it is the only one on disk."""
    args = {"eval_strategy": "epoch", "save_strategy": "best", "metric_for_best_model": "accuracy"}
    trainer = toy.trainer(compute_metrics=Scripted(0.9, 0.1), args=args)
    best = stock(
        trainer,
        hp_space=learning_rate,
        direction="maximize",
        compute_objective=lambda metrics: metrics["eval_accuracy"],
    )
    assert "0" == best.run_id
    assert trainer.model is None
    assert "run-1" in trainer.state.best_model_checkpoint

    scripted = Scripted(0.5, 0.9, 0.9, 0.9, 0.9, 0.1, 0.1, 0.1, 0.1)
    study = toy.search(toy.trainer(compute_metrics=scripted), objective="accuracy")

    assert 0 == study.best.number
    assert BertForSequenceClassification.from_pretrained(study.best_checkpoint).config.hidden_size == 16


class StopInTrial(TrainerCallback):
    """Interrupts the training of the trial with the given number, once: a file remembers that it did."""

    def __init__(self, number: int, mark: Path, error: type[BaseException] = KeyboardInterrupt) -> None:
        self.number, self.mark, self.error = number, mark, error

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if Path(args.output_dir).name == str(self.number) and not self.mark.exists():
            self.mark.touch()
            raise self.error("stopped by the test")


def test_a5_the_best_so_far_can_be_loaded_when_a_search_is_cut_short(toy):
    """A5: a search that is interrupted in trial 3 of 6 leaves a best model and goes on to 6 trials later."""
    trainer = toy.trainer(callbacks=[StopInTrial(3, toy.folder / "stopped")])
    with pytest.raises(KeyboardInterrupt):
        toy.search(trainer, trials=6)

    store = hpsearch.StudyStore.open(toy.store)
    record = store.study("study")
    assert [TrialState.COMPLETE] * 3 + [TrialState.WAITING] == [t.state for t in store.trials(record.study_id)]
    kept = StudyPaths(Path(record.folder)).checkpoint(store.best(record.study_id).number)
    BertForSequenceClassification.from_pretrained(kept)

    study = toy.search(trainer, trials=6)

    assert [(number, TrialState.COMPLETE) for number in range(6)] == [(t.number, t.state) for t in study.trials]
    assert ["COMPLETE"] * 6 == [trial.state.name for trial in study.optuna.trials]


# A6


def test_a6_what_ran_is_stored_and_retrained(toy, stock):
    """A6: stock returns suggested names, not what ran; ours stores the resolved values and retrains with them."""
    best = stock(
        toy.trainer(args={"eval_strategy": "epoch"}),
        hp_space=lambda trial: {"learning_rate": 10 ** trial.suggest_float("log_lr", -4, -2)},
    )
    assert "learning_rate" not in best.hyperparameters

    seen, recorder = recording(lambda args, model: args.to_dict())
    space = {
        "learning_rate": Float(1e-4, 1e-2, log=True),
        "weight_decay": 0.03,
        "optim": Choice(["adamw_torch", "sgd"]),
    }
    study = toy.search(toy.trainer(callbacks=[recorder]), space=space, subset=0.5)
    model = study.retrain()

    best = seen[study.best.number + 1]  # first it was tried out
    assert best["learning_rate"] == study.best.params["learning_rate"]
    differing = {name for name in seen[-1] if seen[-1][name] != best[name]}
    assert set() == differing - RUN_FIELDS
    written = json.loads((Path(model.folder) / "hpsearch.json").read_text())
    assert Configuration.from_dict(study.best.config).at(fraction=1.0).to_dict() == written["configuration"]
    assert 48 == written["rows"]["train"]


# A7


@pytest.mark.parametrize(("name", "told"), [("learing_rate", "learning_rate"), ("warmup_ratio", "warmup_steps")])
def test_a7_a_name_that_nothing_takes_is_refused(toy, stock, name, told):
    """A7: stock ignores an unknown name and reports it as best; ours refuses it and says what was meant."""
    trainer = toy.trainer(args={"eval_strategy": "epoch"})
    best = stock(trainer, hp_space=lambda trial: {name: trial.suggest_float(name, 0.01, 0.1)})
    assert name in best.hyperparameters
    assert not hasattr(trainer.args, name)

    with pytest.raises(hpsearch.BadInput, match=name) as caught:
        toy.search(toy.trainer(), space={name: Float(0.01, 0.1)})

    assert told in f"{caught.value} {caught.value.hint}"
    assert not (toy.folder / "store.db").exists()


# A8


def test_a8_no_value_is_cast(toy, stock):
    """A8: stock turns a warm-up share of 0.25 into 0 steps; ours trains with 0.25."""
    seen, recorder = recording(lambda args, model: args.warmup_steps)
    stock(
        toy.trainer(callbacks=[recorder], args={"eval_strategy": "epoch", "warmup_steps": 0}),
        hp_space=lambda trial: {"warmup_steps": trial.suggest_float("warmup_steps", 0.25, 0.5)},
    )
    assert [0, 0] == seen

    names = ("warmup_steps", "weight_decay", "num_train_epochs", "per_device_train_batch_size", "lr_scheduler_type")
    seen, recorder = recording(lambda args, model: {name: args.to_dict()[name] for name in names})
    space = {
        "warmup_steps": Float(0.1, 0.5),
        "weight_decay": Float(0.0, 0.1),
        "num_train_epochs": Float(0.5, 1.5),
        "per_device_train_batch_size": Choice([4, 8]),
        "lr_scheduler_type": Choice(["cosine", "constant"]),
    }
    study = toy.search(toy.trainer(callbacks=[recorder]), space=space, trials=3)

    assert [trial.params for trial in study.trials] == seen[1:]  # first it was tried out
    assert all(value == trial.config["args"][name] for trial in study.trials for name, value in trial.params.items())


# A9


def test_a9_a_conditional_value_does_not_leak_into_later_trials(toy, stock):
    """A9: stock keeps a value of trial 0 for all later ones; ours goes back to the trainer's own."""
    seen, recorder = recording(lambda args, model: args.weight_decay)
    leak = lambda trial: {"weight_decay": 0.3} if trial.number == 0 else {}  # noqa: E731
    trainer = toy.trainer(callbacks=[recorder], args={"eval_strategy": "epoch"})
    stock(trainer, hp_space=leak, n_trials=3)
    assert [0.3, 0.3, 0.3] == seen
    assert 0.3 == trainer.args.weight_decay

    seen, recorder = recording(lambda args, model: (args.optim.value, args.weight_decay))
    space = {
        "optim": Choice(["sgd", "adamw_torch"]),
        "weight_decay": {"value": 0.3, "when": {"optim": "adamw_torch"}},
        "learning_rate": Float(1e-4, 1e-3),
    }
    trainer = toy.trainer(callbacks=[recorder], args={"optim": "sgd"})
    study = toy.search(trainer, space=space, sampler="random", trials=8)

    assert {("sgd", 0.0), ("adamw_torch", 0.3)} == set(seen)
    assert 0.0 == trainer.args.weight_decay
    assert 8 == len(study.trials)


class TotalSteps(TrainerCallback):
    """Counts steps for ever, as a patience counter would."""

    def __init__(self) -> None:
        self.steps = 0

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.steps += 1

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        (Path(args.output_dir).parent / f"steps-{Path(args.output_dir).name}").write_text(str(self.steps))


def test_a9_callbacks_are_fresh_in_each_trial(toy, stock):
    """A9: what a callback counted in one trial is not there in the next, nor in the user's own callback."""
    counter = TotalSteps()
    stock(toy.trainer(callbacks=[counter], args={"eval_strategy": "epoch"}), hp_space=learning_rate)
    assert 12 == counter.steps

    counter = TotalSteps()
    patience = EarlyStoppingCallback(early_stopping_patience=50)
    study = toy.search(toy.trainer(callbacks=[counter, patience]), trials=2)

    folder = study.best_checkpoint.parents[2]
    assert ["6", "6"] == [(folder / f"steps-{number}").read_text() for number in (0, 1)]
    assert 0 == counter.steps
    assert 0 == patience.early_stopping_patience_counter


def test_a9_the_order_of_trials_does_not_change_their_scores(toy):
    """A9: the same configurations in another order give the same scores, to the last bit."""
    rates = [1e-4, 1e-3, 5e-3]
    alone = {
        rate: toy.search(toy.trainer(), space={"learning_rate": rate}, trials=1, study=f"alone {rate}").best.score
        for rate in rates
    }

    study = toy.search(toy.trainer(), space={"learning_rate": Choice(rates)}, sampler="grid", trials=3)

    assert [1e-3] != [trial.params["learning_rate"] for trial in study.trials][1:], "another comes before"
    assert alone == {trial.params["learning_rate"]: trial.score for trial in study.trials}


def test_the_users_trainer_is_left_as_it_was(toy):
    """A9: arguments, model, callbacks and what the trainer does next are the same as without a search."""
    alone = toy.trainer().train().training_loss
    trainer = toy.trainer()
    before = (trainer.args.to_dict(), toy.weights_hash(trainer.model), list(trainer.callback_handler.callbacks))

    toy.search(trainer)

    assert before == (trainer.args.to_dict(), toy.weights_hash(trainer.model), trainer.callback_handler.callbacks)
    assert trainer.hp_search_backend is None
    assert alone == trainer.train().training_loss


# A11


class Fails(TrainerCallback):
    """Raises in the trials with the given numbers."""

    def __init__(self, errors: dict[int, Exception]) -> None:
        self.errors = errors

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        error = self.errors.get(int(Path(args.output_dir).name)) if Path(args.output_dir).name.isdigit() else None
        if error is not None:
            raise error


def test_a11_failed_trials_are_classed_replaced_and_survived(toy, stock):
    """A11: one bad trial ends a stock search; ours records the class of each failure and completes the total."""
    with pytest.raises(RuntimeError, match="boom"):
        stock(
            toy.trainer(args={"eval_strategy": "epoch"}),
            hp_space=lambda trial: (_ for _ in ()).throw(RuntimeError("boom")),
        )

    errors = {
        0: MemoryError("CUDA out of memory. Tried to allocate 20 GiB"),
        1: RuntimeError("boom"),
        3: ValueError("bad value"),
        4: IndexError("Target 7 is out of bounds."),
        5: RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"),
        7: KeyError("x"),
    }
    study = toy.search(toy.trainer(callbacks=[Fails(errors)]), trials=4)

    failures = {trial.number: trial.failure.value for trial in study.trials if trial.failure}
    assert {0: "oom", 1: "code", 3: "code", 4: "data", 5: "oom", 7: "code"} == failures
    assert 4 == sum(trial.state is TrialState.COMPLETE for trial in study.trials)
    assert "RuntimeError: boom" == study.trials[1].failure_message


def test_a11_a_score_that_is_not_a_number_is_a_failure(toy):
    """A11: NaN never becomes a score, nor the best."""
    values = iter([0.5, float("nan"), 0.2, 0.2, 0.2, 0.2, 0.3, 0.3, 0.3, 0.3])  # the first goes to the trying out
    trainer = toy.trainer(compute_metrics=lambda prediction: {"accuracy": next(values)})
    study = toy.search(trainer, objective="accuracy", trials=2)

    assert ["FAILED", "COMPLETE", "COMPLETE"] == [trial.state.value for trial in study.trials]
    assert "nan" == study.trials[0].failure
    assert 0.3 == study.best.score


def test_a11_a_search_in_which_all_trials_are_pruned_ends_well(toy, stock):
    """A11: stock raises at the end when no trial completed; ours says so when the best is asked for."""

    class Prunes(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if state.max_steps > 1:  # and not where it is tried out
                raise optuna.TrialPruned

    with pytest.raises(ValueError, match="No trials are completed"):
        stock(toy.trainer(callbacks=[Prunes()], args={"eval_strategy": "epoch"}), hp_space=learning_rate)

    study = toy.search(toy.trainer(callbacks=[Prunes()]))

    assert [TrialState.PRUNED] * 2 == [trial.state for trial in study.trials]
    with pytest.raises(hpsearch.HpsearchError, match="no trial of 'study' is complete"):
        _ = study.best


def test_a11_a_search_in_which_every_trial_fails_stops(toy):
    """A11: as many failures in a row as trials end the search with the last reason, and nothing is lost."""
    errors = {number: RuntimeError(f"boom {number}") for number in range(20)}
    with pytest.raises(
        hpsearch.HpsearchError, match=r"3 trials in a row failed, the last one \(code\) with: RuntimeError: boom 2"
    ):
        toy.search(toy.trainer(callbacks=[Fails(errors)]), trials=3)

    assert 3 == hpsearch.StudyStore.open(toy.store).studies()[0].failed


# A13


def test_a13_trials_report_at_the_same_shares_of_their_budget(toy, stock):
    """A13: stock reports at optimiser steps, which differ with the batch size; ours at quarters of the budget."""
    trainer = toy.trainer(args={"eval_strategy": "epoch", "num_train_epochs": 2})
    storage = optuna.storages.InMemoryStorage()
    stock(
        trainer,
        hp_space=lambda trial: {"per_device_train_batch_size": [4, 16][trial.number]},
        storage=storage,
        study_name="stock",
    )
    steps = [set(t.intermediate_values) for t in optuna.load_study(study_name="stock", storage=storage).trials]
    assert [{12, 24}, {3, 6}] == steps

    space = {"per_device_train_batch_size": Choice([4, 5, 16, 64]), "num_train_epochs": Choice([1, 3])}
    study = toy.search(toy.trainer(), space=space, sampler="grid", trials=8)

    assert 8 == len(study.trials)
    assert [{25, 50, 75, 100}] * 8 == [set(trial.intermediate_values) for trial in study.optuna.trials]


# A14


def test_a14_a_study_keeps_one_model_and_two_studies_never_share_a_folder(toy, stock):
    """A14: stock keeps a model a trial and lets a second study overwrite the first; ours keeps the best only."""
    args = {"eval_strategy": "epoch", "save_strategy": "epoch", "save_total_limit": 1}
    for _ in range(2):
        trainer = toy.trainer(args=args)
        stock(trainer, hp_space=learning_rate)
    folders = sorted(path.parent.name for path in (toy.folder / "trainer").glob("run-*/checkpoint-*"))
    assert ["run-0", "run-1"] == folders, "stock: two models of four trials in one folder"

    studies = [toy.search(toy.trainer(), trials=4, study=name) for name in ("one", "two")]

    kept = sorted((toy.folder / "out").glob("*/trials/*/kept/checkpoint-*"))
    assert sorted(study.best_checkpoint for study in studies) == kept


# A16


def test_a16_the_optuna_study_is_there_and_each_trial_is_tracked_once(toy, stock):
    """A16: `callbacks` crashes stock and no study comes back; ours gives the study, and one tracked run a trial."""
    with pytest.raises(TypeError, match="callbacks"):
        stock(toy.trainer(), hp_space=learning_rate, callbacks=[])

    runs, tracker = recording(lambda args, model: {name: args.to_dict()[name] for name in ("learning_rate", "seed")})
    study = toy.search(toy.trainer(callbacks=[tracker]), trials=3)

    assert isinstance(study.optuna, optuna.Study)
    assert [{**trial.params, "seed": trial.seed} for trial in study.trials] == runs[1:]  # first it was tried out
    assert [trial.score for trial in study.trials] == [trial.value for trial in study.optuna.trials]


# A15


def test_a15_a_trainer_whose_model_is_an_object_is_searched(toy, stock):
    """A15: Trainers of trl take no `model_init`, and nobody has to write one for the search."""
    with pytest.raises(RuntimeError, match="model_init"):
        stock(toy.trainer(model_init=None, model=toy.model()), hp_space=learning_rate)

    study = toy.search(toy.trainer(model_init=None, model=toy.model()))

    assert [TrialState.COMPLETE] * 2 == [trial.state for trial in study.trials]


def test_a_look_leaves_no_trace(toy):
    """Stock: a training that is evaluated on its way ends with other weights than one that is not; ours does not."""

    class AtTheEnd(Recorder):
        """Looks at the end of a training."""

        on_train_begin = TrainerCallback.on_train_begin

        def __deepcopy__(self, memo):
            return AtTheEnd(self.seen, self.look)

        def on_train_end(self, args, state, control, model=None, **kwargs):
            self.seen.append(self.look(args, model))

    def trainer(**args):
        return toy.trainer(args=args, callbacks=[AtTheEnd(seen, lambda args, model: toy.weights_hash(model))])

    seen: list[Any] = []
    trainer(eval_strategy="no").train()
    trainer(eval_strategy="steps", eval_steps=0.25).train()
    unseen, looked_at = seen
    assert unseen != looked_at, "stock: a look moves the random numbers on"

    seen = []
    toy.search(trainer(eval_strategy="steps", eval_steps=0.25), trials=1, subset=1.0)

    assert unseen in seen
    assert looked_at not in seen
