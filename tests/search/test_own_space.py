"""A stock `hp_space(trial)` as the space of a search, in Python and from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pytest

from hpsearch.search.options import RunOptions
from hpsearch.search.stored_problem import space_of
from hpsearch.spaces import Choice, Float, Space
from hpsearch.spaces.errors import BadInput

from .command import ONE_RUNG, done, hpsearch, refused

SCRIPT = """
BATCHES = [8, 16]

def hp_space(trial):
    from beside import LOW
    said = {"learning_rate": trial.suggest_float("lr", LOW, 1e-2, log=True), "num_train_epochs": 1}
    said["per_device_train_batch_size"] = trial.suggest_categorical("batch", BATCHES)
    if said["per_device_train_batch_size"] == 8:
        said["warmup_steps"] = trial.suggest_float("warmup", 0.0, 0.2, step=0.1)
    return said

def no_space(trial):
    return {"learning_rate": 10 ** trial.suggest_float("exponent", -5, -3)}
"""
READ = {
    "learning_rate": Float(1e-4, 1e-2, log=True),
    "num_train_epochs": 1,
    "per_device_train_batch_size": Choice([8, 16]),
    "warmup_steps": Float(0.0, 0.2, step=0.1, when={"per_device_train_batch_size": 8}),
}


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A script with functions, and a module beside it; the current folder is another one."""
    (tmp_path / "spaces").mkdir()
    (tmp_path / "spaces" / "mine.py").write_text(SCRIPT)
    (tmp_path / "spaces" / "beside.py").write_text("LOW = 1e-4")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HPSEARCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "spaces" / "mine.py"


def test_a_search_takes_the_function(toy: Any) -> None:
    """Trials have the values that it would return, and Optuna knows them by the names that it returns."""

    def hp_space(trial: Any) -> dict[str, Any]:
        said = {"learning_rate": trial.suggest_float("lr", 1e-4, 1e-2, log=True)}
        if trial.suggest_categorical("lr_scheduler_type", ["linear", "constant"]) == "linear":
            said["warmup_steps"] = trial.suggest_float("warmup", 0.0, 0.2, step=0.1)
        return said | {"lr_scheduler_type": "linear" if "warmup_steps" in said else "constant"}

    study = toy.search(toy.trainer(), space=hp_space, trials=3, confirm="none")

    for trial in study.trials:
        names = {"learning_rate", "lr_scheduler_type"}
        assert names | ({"warmup_steps"} if trial.params["lr_scheduler_type"] == "linear" else set()) == set(
            trial.params
        )
    known = {name: kind for one in study.optuna.trials for name, kind in one.distributions.items()}
    assert optuna.distributions.FloatDistribution(1e-4, 1e-2, log=True) == known["learning_rate"]


def test_a_function_that_is_no_space_is_refused_before_anything_is_trained(toy: Any) -> None:
    """With the reason."""
    with pytest.raises(BadInput, match="calculates 'learning_rate'"):
        toy.search(toy.trainer(), space=lambda trial: {"learning_rate": 10 ** trial.suggest_float("x", -5, -3)})


def test_the_command_line_takes_its_name(script: Path) -> None:
    """`--space FILE.py:FUNCTION`, from any folder, with `--set` on top of it."""
    named = f"{script}:hp_space"

    assert Space(READ) == space_of(RunOptions(space=named))
    assert Space({**READ, "weight_decay": 0.1}) == space_of(RunOptions(space=named, set=["weight_decay=0.1"]))


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (":no_space", ("calculates 'learning_rate'", "log=True")),
        (":hp_spaec", ("no function 'hp_spaec'", "did you mean 'hp_space'?")),
        ("", ("does not name a function",)),
    ],
)
def test_a_name_that_is_no_space_is_refused(script: Path, function: str, told: tuple[str, ...]) -> None:
    """In one sentence, with exit code 2."""
    refused(hpsearch("check", "--task", "demo", "--space", f"spaces/mine.py{function}"), *told)


def test_only_the_one_who_names_the_function_runs_it(script: Path) -> None:
    """The store keeps the space that was read: a trial is replayed from it, and the script is not needed."""
    words = ("--task", "demo", "--trials", 1, "--subset", "0.1", "--no-retrain", "--quiet", "--json", *ONE_RUNG)
    ran = done("run", "--space", "spaces/mine.py:hp_space", *words).json()
    script.write_text("raise RuntimeError('this was run')")

    assert done("replay", ran["study"], "--trial", 0, "--json").json()["identical"]
