"""Trainers that are none of transformers': SetFit's, and one that somebody else has made searchable."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from transformers import set_seed

import hpsearch
from hpsearch import BadInput, Choice
from hpsearch.search.making import watch
from hpsearch.search.protocol import table
from hpsearch.studies.records import Failure, TrialState

from .command import hpsearch as command
from .trainer_scripts import FOLDER, SEED, tensors

#: What the libraries here say of each other.
pytestmark = [
    pytest.mark.filterwarnings("ignore:'pin_memory' argument"),
    pytest.mark.filterwarnings("ignore:The `get_sentence_embedding_dimension`:FutureWarning"),
]

#: What a function that SetFit scores with is called, which says nothing of its direction.
BY_METRIC = {"objective": "metric", "direction": "maximize"}
#: A library of somebody else's, which knows nothing of hpsearch, and what makes its Trainer searchable.
BEYOND = '''
"""Least squares, by steps downhill."""
import torch


class Trainer:
    def __init__(self, train_dataset, eval_dataset, model_init, rate=0.1, rounds=4):
        self.train_dataset, self.eval_dataset = train_dataset, eval_dataset
        self.rate, self.rounds = rate, rounds
        self.model = model_init()

    def train(self):
        for _ in range(self.rounds):
            self.step()

    def step(self):
        loss = self.error(self.train_dataset)
        (slope,) = torch.autograd.grad(loss, self.model.weight)
        with torch.no_grad():
            self.model.weight -= self.rate * slope

    def error(self, rows):
        x = torch.tensor([[row["x"], 1.0] for row in rows])
        y = torch.tensor([[row["y"]] for row in rows])
        return (self.model(x) - y).square().mean()
'''
FOR_HPSEARCH = """
import json
from dataclasses import dataclass


@dataclass
class Names:
    rate: float = 0.1
    rounds: int = 4


class Searchable:
    arguments = Names

    def values(self, trainer):
        return {"rate": trainer.rate, "rounds": trainer.rounds}

    def changes(self, wanted):
        return {name: lambda given, value=value: value for name, value in wanted.values.items()}

    def train(self, trainer, tell, most_steps):
        rounds = most_steps or trainer.rounds
        for number in range(rounds):
            trainer.step()
            tell((number + 1) / rounds)

    def evaluate(self, trainer, dataset):
        return {"error": float(trainer.error(dataset))}

    def save(self, trainer, folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "weights.json").write_text(json.dumps(trainer.model.weight.tolist()))
"""
MAKES = """
import beyond
import torch

ROWS = [{"x": number / 10, "y": 0.3 * number + 1} for number in range(20)]


def build_trainer():
    return beyond.Trainer(ROWS[::2], ROWS[1::2], lambda: torch.nn.Linear(2, 1, bias=False))


if __name__ == "__main__":
    build_trainer().train()
"""


@pytest.fixture
def beyond(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a script whose Trainer is that library's; its entry point is installed."""
    (tmp_path / "beyond.py").write_text(dedent(BEYOND))
    (tmp_path / "for_hpsearch.py").write_text(dedent(FOR_HPSEARCH))
    (tmp_path / "makes.py").write_text(dedent(MAKES))
    about = tmp_path / "beyond-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: beyond\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[hpsearch.trainers]\nbeyond.Trainer = for_hpsearch:Searchable\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    table.load_entry_points.cache_clear()
    yield tmp_path
    for name in ("beyond", "for_hpsearch", "makes"):
        sys.modules.pop(name, None)
    table.TABLE.pop("beyond.Trainer", None)
    watch._hooked.discard("beyond.Trainer")
    table.load_entry_points.cache_clear()


def search(make: Any, folder: Path, **how: Any) -> Any:
    """Search a Trainer on all rows: a grid, without finals."""
    usual = {"sampler": "grid", "trials": 3, "confirm": "none", "keep": 3, "quiet": True}
    where = {"store": f"sqlite:///{folder}/store.db", "output_dir": folder / "out"}
    return hpsearch.search(make, **{**usual, **where, **how})


def search_rates(folder: Path, rates: list[float], study: str = "rates", **how: Any) -> Any:
    """Search the rate of the other library's Trainer."""
    import makes

    about = {"objective": "error", "direction": "minimize", "study": study}
    return search(makes.build_trainer, folder, space={"rate": Choice(rates)}, **about, **how)


def test_a_trainer_of_any_class_is_searched_by_an_entry_point(beyond: Path) -> None:
    """A Trainer that is none of transformers' is searched as soon as somebody has said how: the baseline is its own
    training, each trial begins anew and does not know of the others, and a replay is the same to the last bit.
    """
    study = search_rates(beyond, [0.01, 0.3])
    back = search_rates(beyond, [0.3, 0.01], "back")

    import makes
    import torch

    torch.manual_seed(42)
    alone = makes.build_trainer()
    alone.train()
    assert [TrialState.COMPLETE] * 3 == [trial.state for trial in study.trials]
    assert pytest.approx(float(alone.error(alone.eval_dataset)), abs=5e-7) == study.trials[0].score
    assert {"rate": 0.1} == study.trials[0].params
    scores = {trial.params["rate"]: trial.score for trial in study.trials}
    assert scores == {trial.params["rate"]: trial.score for trial in back.trials}
    assert 3 == len(set(scores.values()))
    assert all(study.replay(trial.number).identical for trial in study.trials)


def test_its_winner_is_saved_as_its_library_saves_it(beyond: Path) -> None:
    """A trial's checkpoint and the retrained folder are what the implementation writes, with our record beside it."""
    study = search_rates(beyond, [0.01, 0.3], trials=2)
    folder = Path(study.retrain(1).folder)

    assert (folder / "weights.json").is_file()
    assert (folder / "hpsearch.json").is_file()
    kept = next((beyond / "out").glob("*/trials/1/kept/checkpoint-*/weights.json"))
    assert kept.read_text() == (folder / "weights.json").read_text()


def test_its_script_is_searched_with_no_line_changed(beyond: Path) -> None:
    """`--script` stops where the Trainer of another library is told to train, and searches that Trainer."""
    (beyond / "space.yaml").write_text("rate: {choices: [0.01, 0.2]}\n")
    said = command(
        "run", "--script", "makes.py", "--space", "space.yaml", "--trials", 2, "--subset", 1, "--confirm", "none",
        "--objective", "error", "--direction", "minimize", "--store", "sqlite:///own.db", "--output-dir", "own",
        "--jobs", 1,
    )  # fmt: skip

    assert 0 == said.code, said.err
    assert list((beyond / "own").glob("*/models/trial-*/weights.json"))


def test_a_training_of_it_that_changes_nothing_is_a_failure(beyond: Path) -> None:
    """A trial of another library's Trainer that leaves every weight as it was has failed, as any other has."""
    study = search_rates(beyond, [0.0, 0.3])

    assert {0.0: Failure.CODE, 0.1: None, 0.3: None} == {one.params["rate"]: one.failure for one in study.trials}


def test_a_trial_of_it_that_takes_too_long_is_ended(beyond: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an implementation is handed to tell how far it is may end the training: the time of a trial is over."""
    import beyond as library

    search_rates(beyond, [0.3], trials=1)  # imports are no part of the time
    step = library.Trainer.step
    monkeypatch.setattr(library.Trainer, "step", lambda self: (time.sleep(0.4), step(self)))
    study = search_rates(beyond, [0.3], "slow", trials=1, trial_timeout=0.3, max_failures=3)

    assert Failure.TIMEOUT == study.trials[0].failure


@pytest.fixture
def texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, where SetFit's script is found."""
    pytest.importorskip("setfit")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HPSEARCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TOY_MODELS", str(tmp_path / "models"))
    monkeypatch.syspath_prepend(FOLDER)
    return tmp_path


def setfit_trainer(model: Any = None, *, count: int = 16, **arguments: Any) -> Any:
    """Return SetFit's Trainer as people make it, with a model or the function that makes it."""
    import setfit
    import toys

    usual = {"num_iterations": 2, "batch_size": 8, "report_to": "none"}
    return setfit.Trainer(
        **({"model_init": setfit_model} if model is None else {"model": model}),
        args=setfit.TrainingArguments("trained", **{**usual, **arguments}),
        train_dataset=toys.labelled(count, 0),
        eval_dataset=toys.labelled(64, 1),
        metric=right,
    )


def setfit_model(params: dict[str, Any] | None = None) -> Any:
    """Return a new model; the values are those of the trial."""
    import setfit
    import toys

    return setfit.SetFitModel.from_pretrained(toys.encoder(), head_params=params or {}, device="cpu")


def right(found: Any, wanted: Any) -> float:
    """The share of rows that are right."""
    return sum(int(one) == other for one, other in zip(found, wanted, strict=True)) / len(wanted)


def the_second() -> Any:
    """A function that makes two."""
    setfit_trainer()
    return setfit_trainer(num_iterations=3)


def of_own_class() -> Any:
    """A subclass, whose constructor takes other arguments."""
    import setfit
    import toys

    class Flavoured(setfit.Trainer):
        def __init__(self, texts: Any, flavour: str, **others: Any) -> None:
            super().__init__(train_dataset=texts, **others)
            self.flavour = flavour

    args = setfit.TrainingArguments("trained", num_iterations=2, batch_size=8, report_to="none")
    rows = {"eval_dataset": toys.labelled(64, 1), "metric": right}
    return Flavoured(toys.labelled(16, 0), "sour", model_init=setfit_model, args=args, **rows)


def other_columns() -> Any:
    """Data whose columns have other names."""
    import setfit
    import toys

    train, evaluation = (
        rows.rename_columns({"text": "said", "label": "meant"}) for rows in (toys.labelled(16, 0), toys.labelled(64, 1))
    )
    args = setfit.TrainingArguments("trained", num_iterations=2, batch_size=8, report_to="none")
    columns = {"said": "text", "meant": "label"}
    rows = {"train_dataset": train, "eval_dataset": evaluation, "column_mapping": columns, "metric": right}
    return setfit.Trainer(model_init=setfit_model, args=args, **rows)


def changed_afterwards() -> Any:
    """Something is set once it is made."""
    trainer = setfit_trainer()
    trainer.args.num_iterations, trainer.metric = 1, lambda *given: 1 - right(*given)
    return trainer


def head_of_torch() -> Any:
    """The classifier is a module, too, with an epoch count of its own."""
    import setfit
    import toys

    def model() -> Any:
        head = {"use_differentiable_head": True, "head_params": {"out_features": 2}}
        return setfit.SetFitModel.from_pretrained(toys.encoder(), device="cpu", **head)

    args = setfit.TrainingArguments("trained", num_iterations=2, batch_size=8, num_epochs=(1, 3), report_to="none")
    rows = {"train_dataset": toys.labelled(16, 0), "eval_dataset": toys.labelled(64, 1), "metric": right}
    return setfit.Trainer(model_init=model, args=args, **rows)


def weights(folder: Path) -> dict[str, Any]:
    """The weights in a folder: of the encoder a hash, of the classifier the numbers (a pickle of a module is never
    twice the same).
    """
    import joblib

    head = joblib.load(folder / "model_head.pkl")
    arrays = [*head.state_dict().values()] if hasattr(head, "state_dict") else [head.coef_, head.intercept_]
    encoder = {name: one for name, one in tensors(folder).items() if name != "model_head.pkl"}
    return {**encoder, "head": [one.tolist() for one in arrays]}


@pytest.mark.parametrize("make", [the_second, of_own_class, other_columns, changed_afterwards, head_of_torch])
def test_the_baseline_is_setfits_own_training(make: Any, texts: Path) -> None:
    """However SetFit's Trainer is made, trial 0 ends as it does alone, with the same metric and the same weights."""
    set_seed(SEED)
    alone = make()
    alone.train()
    alone.model.save_pretrained(str(texts / "alone"))
    study = search(make, texts, **BY_METRIC, trials=2, space={"batch_size": Choice([4])})

    assert alone.evaluate()["metric"] == study.trials[0].score
    (kept,) = (texts / "out").glob("*/trials/0/kept/checkpoint-*")
    assert weights(texts / "alone") == weights(kept)
    assert study.replay(1).identical


def test_setfits_script_becomes_a_model_folder(texts: Path) -> None:
    """From a script with no line changed to the winner on all the data, which SetFit opens; it has SetFit's own card,
    in which ours is a section.
    """
    (texts / "space.yaml").write_text("body_learning_rate: {low: 0.0001, high: 0.01, log: true}\n")
    said = command(
        "run", "--script", FOLDER / "setfit_texts.py", "--space", "space.yaml", "--trials", 2, "--subset", 0.5,
        "--objective", "accuracy", "--store", "sqlite:///own.db", "--output-dir", "own", "--jobs", 1,
    )  # fmt: skip

    assert 0 == said.code, said.err
    (folder,) = (texts / "own").glob("*/models/trial-*")
    import setfit

    assert 2 == len(setfit.SetFitModel.from_pretrained(str(folder), device="cpu").predict(["the rake", "the oven"]))
    card = (folder / "README.md").read_text()
    assert "library_name: setfit" in card
    assert "## How it was found" in card
    assert str(texts) not in card


def test_the_values_of_setfits_model_init_are_searched(texts: Path) -> None:
    """`model.NAME` is what `model_init(params)` receives; in the baseline it is what its classifier is made with."""
    study = search(
        setfit_trainer,
        texts,
        objective="metric",
        direction="maximize",
        space={"model.C": Choice([1e-4, 100.0]), "num_epochs": Choice([1])},
    )

    assert 1.0 == study.trials[0].params["model.C"]
    assert {1.0, 1e-4, 100.0} == {trial.params["model.C"] for trial in study.trials}
    assert [TrialState.COMPLETE] * 3 == [trial.state for trial in study.trials]


def test_a_setfit_model_that_was_given_is_copied_for_each_trial(texts: Path) -> None:
    """A Trainer that was made with a model, and not with a function, is searched, too: no trial trains the user's."""
    with watch.watching():
        trainer = setfit_trainer(setfit_model())
    before = {name: one.clone() for name, one in trainer.model.model_body.state_dict().items()}
    space = {"body_learning_rate": Choice([1e-4, 1e-2])}
    study = search(trainer, texts, **BY_METRIC, space=space)

    assert all(study.replay(trial.number).identical for trial in study.trials)
    assert all((before[name] == one).all() for name, one in trainer.model.model_body.state_dict().items())


def test_a_pair_of_setfits_values_stays_a_pair_in_the_baseline(texts: Path) -> None:
    """Where the encoder has another value than the classifier, the baseline has both; a trial has its own for both."""
    study = search(
        lambda: setfit_trainer(body_learning_rate=(1e-3, 1e-5)),
        texts,
        objective="metric",
        direction="maximize",
        trials=2,
        space={"body_learning_rate": Choice([1e-2])},
    )

    assert [1e-3, 1e-2] == [trial.params["body_learning_rate"] for trial in study.trials]
    assert [[1e-3, 1e-5], 1e-2] == [trial.config["args"]["body_learning_rate"] for trial in study.trials]


@pytest.mark.parametrize(
    ("space", "more", "said"),
    [
        ("num_iterations: {choices: [1, 2]}", ("--pruner", "median"), "the pruner 'median'"),
        ("num_iterations: {choices: [1, 2]}", ("--processes-per-trial", 2), "several processes"),
        ("peft.r: {choices: [1, 2]}", (), "adapters"),
        ("learning_rate: {choices: [0.1, 0.2]}", (), "learning_rate is no field"),
        ("batch_size: {low: 4.0, high: 8.0}", (), "batch_size takes a whole number"),
    ],
)
def test_what_setfit_cannot_do_is_refused(space: str, more: tuple[Any, ...], said: str, texts: Path) -> None:
    """One sentence, and exit code 2, before anything of the search is trained."""
    (texts / "space.yaml").write_text(space)
    named = f"{FOLDER / 'setfit_texts.py'}:build_trainer"
    about = ("--objective", "accuracy", "--trials", 2, "--subset", 1, "--store", "sqlite:///own.db", *more)
    found = command("run", "--trainer", named, "--space", "space.yaml", *about)

    assert 2 == found.code, found.err
    assert said in found.err


def test_a_setfit_trainer_that_goes_back_to_its_best_is_refused(texts: Path) -> None:
    """It would be another training: a trial of it is evaluated once, at its end."""
    best = {"load_best_model_at_end": True, "eval_strategy": "epoch", "save_strategy": "epoch"}
    with pytest.raises(BadInput, match="best of several evaluations"):
        search(
            lambda: setfit_trainer(**best),
            texts,
            objective="metric",
            direction="maximize",
            space={"num_iterations": Choice([1, 2])},
        )
