"""A search in Python with workers in other processes, or on a Ray cluster: each makes the Trainer for itself."""

from __future__ import annotations

import importlib
import os
import pickle
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from transformers import Trainer

from hpsearch.search.failures import describe
from hpsearch.search.own import call
from hpsearch.search.own.code import OwnCode
from hpsearch.search.own.factory import factory_name, making_from
from hpsearch.search.own.problem import study_problem
from hpsearch.search.redaction import redacted
from hpsearch.spaces.errors import BadInput
from hpsearch.spaces.parameters import Float
from hpsearch.spaces.space import Space
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


def trainer_from(named: str) -> Any:
    """The Trainer that a function of that name makes."""
    return making_from(named, Space({"learning_rate": Float(1e-4, 1e-2)})).template


@pytest.mark.parametrize("name", ["nowhere_to_be_found:make", "os:make_trainer"])
def test_a_function_that_is_not_here_is_said(name: str) -> None:
    """A machine that lacks the module, or has another one of that name, says which."""
    with pytest.raises(BadInput, match=f"'{name}' is not here"):
        trainer_from(name)


def test_a_trainer_that_is_another_one_elsewhere_is_refused(toy: Any, module: Any) -> None:
    """Workers whose function makes a Trainer with other data do not take part: a study means one thing."""
    code = OwnCode(trainer="my_training:make_trainer")
    study = toy.search(module.make_trainer, trials=1)._run.study
    study_problem(code, study)

    module.ROWS = 47
    with pytest.raises(StudyChanged):
        study_problem(code, study)


# Scripts, by their path

SCRIPT = """
import sys
import torch
from neighbour import ROWS
from my_training import model, rows, make_trainer as ready
from transformers import Trainer

print("loading hf_abcdefghijklmnop")


class Mine(Trainer):
    pass


def build_trainer():
    import late_neighbour

    print("building", sys.argv)
    trainer = ready()
    trainer.__class__ = Mine
    return trainer


if __name__ == "__main__":
    raise SystemExit("a script's own program is not to be run")
"""


@pytest.fixture
def script(tmp_path: Path, module: Any) -> Iterator[Path]:
    """A script beside two modules of its own, in a folder that is on nobody's path."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "neighbour.py").write_text("ROWS = 48\n")
    (folder / "late_neighbour.py").write_text("")
    path = folder / "train-it.py"
    path.write_text(SCRIPT)
    before = sys.path[:]
    yield path
    sys.path[:] = before
    for name in ("neighbour", "late_neighbour", "hpsearch_script_train_it", "hpsearch_script_broken"):
        sys.modules.pop(name, None)


def test_a_script_is_named_by_its_path(script: Path, capfd: Any) -> None:
    """Its imports are found and its own program is not run; what it prints is on stderr, and it sees no command line of
    ours. Its classes can be pickled, and what it makes can travel by its path.
    """
    argv = sys.argv[:]
    trainer = trainer_from(f"{script}:build_trainer")
    out, err = capfd.readouterr()

    assert "" == out
    assert f"building ['{script}']" in err
    assert argv == sys.argv
    assert str(script.parent) == sys.path[-1]
    assert type(trainer) is pickle.loads(pickle.dumps(type(trainer)))  # noqa: S301 - our own
    make = sys.modules["hpsearch_script_train_it"].build_trainer
    assert f"{script}:build_trainer" == factory_name(make)
    assert type(trainer_from(factory_name(make))) is type(trainer)


def test_workers_import_a_script_by_its_path(toy: Any, script: Path) -> None:
    """C2: processes that know nothing but the path make the same Trainer, class and all."""
    trainer_from(f"{script}:build_trainer")
    study = toy.search(sys.modules["hpsearch_script_train_it"].build_trainer, trials=2, jobs=1, pruner="none")
    several = toy.search(sys.modules["hpsearch_script_train_it"].build_trainer, trials=2, jobs=2, study="several")

    assert [one.score for one in study.trials] == [one.score for one in several.trials]
    assert "hpsearch_script_train_it.Mine" == several._run.study.spec["identity"]["trainer"]


def test_a_script_that_changes_its_folder_takes_no_worker_to_another_store(
    toy: Any, script: Path, monkeypatch: Any
) -> None:
    """C2: a store named by a relative URL is the one of the folder where the search began, for every worker of it."""
    script.write_text(f"import os\nos.chdir(os.path.dirname(os.path.abspath(__file__)))\n{SCRIPT}")
    trainer_from(f"{script}:build_trainer")
    monkeypatch.chdir(script.parent.parent)
    toy.store = "sqlite:///store.db"
    study = toy.search(sys.modules["hpsearch_script_train_it"].build_trainer, trials=3, jobs=2)

    assert [TrialState.COMPLETE] * 3 == [trial.state for trial in study.trials]
    assert [] == list(script.parent.glob("*.db*"))


@pytest.mark.parametrize(
    ("text", "name", "told"),
    [
        (None, "gone.py:build", "there is no script"),
        ("def build(:\n    pass\n", "broken.py:build", "broken.py, line 1: SyntaxError"),
        ("def build_it(): pass\n", "broken.py:build", "has no function 'build'"),
        ("import nowhere_at_all\n", "broken.py:build", "broken.py, line 1: ModuleNotFoundError"),
        ("x = 1\ny = {}['key']\n", "broken.py:build", "broken.py, line 2: KeyError"),
        ("def build(): pass\n", "broken.py", "does not name a function"),
        ("build = 7\n", "broken.py:build", "has no function 'build'"),
    ],
    ids=["missing", "syntax", "function", "import", "raises", "no function", "no callable"],
)
def test_a_script_that_cannot_be_used_is_one_sentence(
    text: str | None, name: str, told: str, script: Path, monkeypatch: Any
) -> None:
    """With the file and the line that is to blame, and nothing of it left behind."""
    monkeypatch.chdir(script.parent)
    if text is not None:
        Path("broken.py").write_text(text)
    with pytest.raises(BadInput, match=re.escape(told)) as caught:
        trainer_from(name)

    assert (2, True) == (caught.value.exit_code, bool(caught.value.hint))
    assert "\n" not in str(caught.value)
    assert 1 == str(caught.value).count(told)


def test_a_near_name_is_offered(script: Path, monkeypatch: Any) -> None:
    """A misspelt function of a script is told with the one that was meant, and so is a script taken for a module."""
    with pytest.raises(BadInput) as caught:
        trainer_from(f"{script}:build_traner")

    assert "did you mean 'build_trainer'?" == caught.value.hint
    elsewhere = script.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "finetune_it.py").write_text("")
    monkeypatch.chdir(elsewhere)
    with pytest.raises(BadInput) as caught:
        trainer_from("finetune_it:build_trainer")
    assert "did you mean finetune_it.py:build_trainer?" == caught.value.hint


# The function itself


def fails_with_secrets() -> Any:
    raise OSError(  # the line to name
        "401 at https://me:pa55word@hub.example.org/x for hf_AbCdEfGhIjKlMnOp, sk-abcdef0123456789, api_key='abcdefgh'"
    )


def reads_the_command_line() -> Any:
    import argparse

    argparse.ArgumentParser().parse_args(["--no-such-flag"])


def wants_a_gpu() -> Any:
    raise RuntimeError("Found no NVIDIA driver on your system.")


@pytest.mark.parametrize(
    ("make", "told", "hint"),
    [
        (fails_with_secrets, "fails_with_secrets' failed in ", "without hpsearch"),
        (reads_the_command_line, "ends the program with exit code 2 in ", "no command line"),
        (wants_a_gpu, "RuntimeError: Found no NVIDIA driver", "is there such a device"),
        (lambda: None, "returned nothing, not a transformers.Trainer", "return trainer"),
        (lambda: 7, "returned a int, not a transformers.Trainer", "return trainer"),
        (lambda: Trainer, "returned a Trainer, not a transformers.Trainer", "return trainer"),
    ],
    ids=["raises", "exits", "device", "nothing", "number", "class"],
)
def test_a_function_that_makes_no_trainer_is_one_sentence(make: Any, told: str, hint: str, toy: Any) -> None:
    """Exit code 2 before anything is made; secrets are taken out of what it says."""
    with pytest.raises(BadInput, match=re.escape(told)) as caught:
        toy.search(make)

    said = str(caught.value)
    assert 2 == caught.value.exit_code
    assert hint in (caught.value.hint or "")
    assert not [one for one in ("pa55word", "AbCdEf", "abcdef0123", "abcdefgh", "\n") if one in said]
    assert not (toy.folder / "store.db").exists()


def test_the_line_that_failed_is_named() -> None:
    """The innermost one of the user's own, not of a library below it."""
    line = next(n for n, text in enumerate(Path(__file__).read_text().splitlines(), 1) if text.endswith("line to name"))
    with pytest.raises(BadInput, match=rf"test_factory\.py, line {line}: OSError: 401"):
        call.built_by(fails_with_secrets, "it")


def test_each_seed_has_a_model_of_its_own(toy: Any) -> None:
    """D6: where a function makes the model, another seed draws another one, not the same with other batches."""

    def make() -> Any:
        rows = {"train_dataset": toy.rows(48), "eval_dataset": toy.rows(24, seed=1)}
        return Trainer(model=toy.model(), args=toy.arguments(), **rows)

    study = toy.search(make, trials=1, subset=0.5, confirm="full", finalists=1, seeds=2)

    begun = {trial.seed: trial.environment["weights"] for trial in study.trials}
    assert 2 == len(begun) == len(set(begun.values()))


def test_what_it_prints_does_not_reach_stdout_or_the_store(toy: Any, capfd: Any) -> None:
    """Stdout belongs to data: what Python and a process of the function's print is on stderr, and nowhere else."""

    def make() -> Any:
        print("printed hf_abcdefghijklmnop")  # noqa: T201
        os.system("echo echoed")  # noqa: S605
        return toy.trainer()

    toy.search(make, trials=1)
    print("after")  # noqa: T201
    out, err = capfd.readouterr()

    assert "after\n" == out
    assert "printed" in err
    assert "echoed" in err
    left = b"".join(path.read_bytes() for path in toy.folder.rglob("*") if path.is_file())
    assert b"hf_abcdefghijklmnop" not in left


def test_it_is_said_what_is_waited_for(toy: Any, monkeypatch: Any, capsys: Any) -> None:
    """One line on stderr after a few seconds, and none for a quick function or a quiet search."""
    monkeypatch.setattr(call, "WAIT_S", 0.05)

    def slow() -> Any:
        time.sleep(0.5)
        return toy.trainer()

    call.built_by(slow, "the function 'slow'")
    err = capsys.readouterr().err
    monkeypatch.setattr(call, "WAIT_S", 60.0)
    call.built_by(toy.trainer, "the function 'quick'")

    assert "waiting for the function 'slow', which makes the Trainer: 0.05 s so far\n" == err
    assert "" == capsys.readouterr().err


def test_an_evaluation_that_fails_is_told_with_its_place(toy: Any) -> None:
    """A metric with a mistake would fail in every trial: it is one sentence with file and line, before the first."""

    def metric(prediction: Any) -> Any:
        return prediction.no_such_thing

    with pytest.raises(BadInput, match=r"the evaluation of the trainer failed in .*test_factory\.py, line \d+: Attrib"):
        toy.search(toy.trainer(compute_metrics=metric))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("token hf_AbCdEfGhIj is bad", "token hf_*** is bad"),
        ("Bearer abc.def.ghi-jkl", "Bearer ***"),
        ("postgresql://u:secret@h/db and http://h/x", "postgresql://u:***@h/db and http://h/x"),
        ("https://ghp0123456789@github.com", "https://***@github.com"),
        ("password=hunter22, user=me", "password=***, user=me"),
        ('{"api_key": "k-12345678"}', '{"api_key": "***"}'),
        ("the key is s3cr3t-of-mine!", "the key is ***!"),
        ("pad_token: [PAD], lr=0.001, task-learning", "pad_token: [PAD], lr=0.001, task-learning"),
    ],
)
def test_secrets_are_taken_out_of_words(text: str, expected: str, monkeypatch: Any) -> None:
    """Tokens by their form, passwords by their place, and whatever a variable of the environment says is one; an error
    in a trial is kept in the store, so it is without them, too.
    """
    monkeypatch.setenv("MY_SERVICE_TOKEN", "s3cr3t-of-mine")

    assert expected == redacted(text)
    assert f"ValueError: {expected}" == describe(ValueError(text))
