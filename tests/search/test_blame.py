"""What is said to do about an error in a user's code: nothing where its cause is not known."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
from transformers import Trainer

import hpsearch
from hpsearch.search.options import RunOptions
from hpsearch.search.own.blame import ALONE, COMMAND_LINE, IN_WORKER, LEAVE_DEVICE
from hpsearch.search.own.call import built_by
from hpsearch.search.stored_problem import problem_of, space_of
from hpsearch.spaces.errors import BadInput

SIZES = {"hidden": 16}


def refused(make: Callable[[], Any]) -> BadInput:
    """Return what is said of a function that makes no Trainer."""
    with pytest.raises(BadInput) as caught:
        built_by(make, "mine")
    return caught.value


def divides() -> Any:
    return 1 / 0


def misspells_a_name_of_ours() -> Any:
    return hpsearch.Flaot(0.0, 1.0)  # type: ignore[attr-defined]


def hides_what_ours_said() -> Any:
    try:
        hpsearch.Float(2.0, 1.0)
    except BadInput:
        raise KeyError("bounds") from None


def reads_a_word() -> Any:
    return float(sys.argv[9])


def needs_a_gpu() -> Any:
    raise RuntimeError("Found no NVIDIA driver on your system.")


def fills_a_gpu() -> Any:
    raise RuntimeError("CUDA error: an illegal memory access was encountered")


@pytest.mark.parametrize(
    ("make", "hint"),
    [
        (divides, ALONE),
        (misspells_a_name_of_ours, None),
        (hides_what_ours_said, None),
        (reads_a_word, COMMAND_LINE),
        (needs_a_gpu, LEAVE_DEVICE),
        (fills_a_gpu, ALONE),
    ],
)
def test_a_function_fails_without_hpsearch_where_nothing_of_ours_is_in_it(make: Any, hint: str | None) -> None:
    """It is said to have nothing to do with hpsearch where it called nothing of ours. A line that reads a command
    line, and a device that is not there, are told as such; a device that is there and fails is not.
    """
    assert hint == refused(make).hint


def test_the_line_is_the_users_own_where_ours_is_below() -> None:
    """A name that hpsearch does not have is told with the line that asks for it, and not with one of ours."""
    assert re.search(r"failed in \S*test_blame\.py, line \d+: AttributeError", str(refused(misspells_a_name_of_ours)))


def test_an_evaluation_is_not_said_to_fail_without_hpsearch(toy: Any) -> None:
    """It is run in our own way, on few rows and an untrained model: a metric that fails in it is told with its place,
    and without a word on what it would do elsewhere.
    """

    def metric(prediction: Any) -> Any:
        return prediction.no_such_thing

    with pytest.raises(BadInput, match=r"test_blame\.py, line \d+: AttributeError") as caught:
        toy.search(toy.trainer(compute_metrics=metric))
    assert caught.value.hint is None


def decorated(make: Callable[..., Any]) -> Callable[[Any], Any]:
    """Return the function behind another one, as libraries and people do."""

    @wraps(make)
    def model_init(trial: Any) -> Any:
        return make(trial)

    return model_init


@pytest.mark.parametrize("wrapped", [lambda make: make, decorated], ids=["plain", "decorated"])
def test_a_model_init_that_asks_for_more_of_a_trial_is_told_what_there_is(wrapped: Any, toy: Any) -> None:
    """A `model_init(trial)` may suggest; what makes one trial's model another's, or a pruner's, is not there."""

    def build(trial: Any) -> Any:
        if trial is not None:
            trial.suggest_float("dropout", 0.0, 0.5)
            assert trial.number >= 0
        return toy.model()

    with pytest.raises(BadInput, match=r"uses `trial\.number`"):
        toy.search(toy.trainer(model_init=wrapped(build)))


def test_a_mapping_of_the_users_own_is_not_taken_for_a_trial(toy: Any) -> None:
    """The same mistake with a mapping that is not from us has another cause, which is not known: in `model_init`, and
    in a loss that asks a batch for what it lacks.
    """

    def build(trial: Any) -> Any:
        if trial is not None:
            SIZES.hidden  # type: ignore[attr-defined]  # noqa: B018
        return toy.model()

    class Mine(Trainer):
        def compute_loss(self, model: Any, inputs: Any, *args: Any, **named: Any) -> Any:
            return dict(inputs).weights  # type: ignore[attr-defined]

    for trainer in (toy.trainer(model_init=build), toy.trainer(kind=Mine)):
        with pytest.raises(BadInput, match="'dict' object has no attribute") as caught:
            toy.search(trainer)
        assert caught.value.hint is None


@pytest.mark.parametrize(
    ("body", "said", "hint"),
    [
        (
            "def build(trial): return trial.suggest_float('p', 0, 1)",
            "mine.py, line 1: AttributeError: 'NoneType'",
            None,
        ),
        ("def build(params): return params['p']", "mine.py, line 1: KeyError: 'p'", None),
        ("def build(): return {}['p']", "mine.py, line 1: KeyError: 'p'", ALONE),
    ],
    ids=["trial", "values", "none"],
)
def test_a_model_of_the_users_own_in_a_task_is_told_with_its_place(body: str, said: str, hint: str, toy: Any) -> None:
    """`--model-init` whose function fails is one sentence with the line; what fails on the values that it got from us
    is not said to fail without hpsearch.
    """
    Path("mine.py").write_text(f"{body}\n")
    options = RunOptions(model_init="mine.py:build")
    with pytest.raises(BadInput, match=re.escape(said)) as caught:
        problem_of(options, space_of(options))
    assert hint == caught.value.hint


@pytest.fixture
def prepared_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A module whose function works once a program has prepared it."""
    text = "from transformers import Trainer\nready = []\n\n\ndef make_trainer():\n    return ready[0]()\n"
    (tmp_path / "prepared_here.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("prepared_here")
    del sys.modules["prepared_here"]


def test_a_worker_does_not_say_that_it_fails_everywhere(toy: Any, prepared_module: Any) -> None:
    """A function that worked here fails in a worker, which imports its module alone: that is what is said, as it is of
    bad input.
    """
    prepared_module.ready.append(toy.trainer)
    with pytest.raises(BadInput, match=r"prepared_here\.py, line 6: IndexError") as caught:
        toy.search(prepared_module.make_trainer, jobs=2)
    assert IN_WORKER == caught.value.hint
