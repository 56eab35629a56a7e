"""Trials that several processes train together: two on the CPU, which mean what one process would."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest

import hpsearch
from hpsearch.search.searched import SearchedStudy
from hpsearch.spaces.errors import BadInput
from hpsearch.studies.records import Failure, Trial, TrialState

from .rank_processes import ranks_below

#: Without dropout, whose noise each process draws for itself, two processes compute what one does but for rounding.
#: What `Harm` does depends on a value that is searched; only a learning rate is the same harm on both ranks.
MODULE = """
import os, random, signal, time
import datasets
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainerCallback, TrainingArguments


def model():
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    return BertForSequenceClassification(
        BertConfig(
            vocab_size=40,
            max_position_embeddings=8,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            **sizes,
        )
    )


def rows(count, seed):
    draw = random.Random(seed)
    ids = [[draw.randrange(5, 40) for _ in range(6)] for _ in range(count)]
    return datasets.Dataset.from_dict({"input_ids": ids, "labels": [int(sum(row) > 132) for row in ids]})


class Harm(TrainerCallback):
    def on_step_begin(self, args, state, control, optimizer=None, **kwargs):
        if args.weight_decay == 0.5:
            for group in optimizer.param_groups:
                group["lr"] = 0.5

    def on_step_end(self, args, state, control, **kwargs):
        if args.process_index != 1 or state.global_step != 3:
            return
        if args.weight_decay == 0.1:
            raise ValueError("harm is done")
        if args.weight_decay == 0.2:
            os.kill(os.getpid(), signal.SIGKILL)
        if args.weight_decay == 0.3:
            os._exit(3)
        if args.weight_decay == 0.4:
            time.sleep(600)


def make_trainer(**more):
    args = TrainingArguments(
        "unused", use_cpu=True, report_to=[], disable_tqdm=True, num_train_epochs=2, learning_rate=1e-3
    )
    rest = {"train_dataset": rows(96, 0), "eval_dataset": rows(25, 1)}
    return Trainer(model_init=model, args=args, **rest, **more)


def make_harmful():
    return make_trainer(callbacks=[Harm()])
"""


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A module of a user's, on the path of this process and of those it starts."""
    folder = tmp_path_factory.mktemp("user")
    (folder / "ranked_training.py").write_text(MODULE)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield importlib.import_module("ranked_training")
    del sys.modules["ranked_training"]


def test_two_processes_train_what_one_would(toy: Any, module: Any) -> None:
    """A12: a search with rungs and finals in which each trial has two processes writes the rows that one process
    writes: the same values, configurations, first weights and looks, and the same losses to seven digits, which a
    batch of twice the size, or a loss scaled by the processes, would not have. The last batch of the evaluation has a
    single row. The rows say how many processes there were; a replay has as many and is the same to the last bit. None
    is left.
    """
    space = {
        "learning_rate": hpsearch.Float(1e-4, 1e-2, log=True),
        "per_device_train_batch_size": hpsearch.Choice([4, 8]),
    }
    options = {"space": space, "strategy": "ladder", "confirm": "quick", "subset": 1 / 3}
    two = toy.search(module.make_trainer, study="two", processes_per_trial=2, **options)
    one = toy.search(module.make_trainer, study="one", **options)

    assert [TrialState.COMPLETE] * 4 == [trial.state for trial in two.trials]
    assert [told(trial) for trial in one.trials] == [told(trial) for trial in two.trials]
    for ours, theirs in zip(scores(two), scores(one), strict=True):
        assert theirs == pytest.approx(ours, rel=1e-6)
    assert {2} == {trial.environment["processes"] for trial in two.trials}
    assert all(str(trial.device).startswith("2 x cpu, ") for trial in two.trials)
    assert two.best_checkpoint.joinpath("model.safetensors").exists()
    replayed = two.replay(1)
    assert ([], replayed.before) == (replayed.differences, replayed.after)
    assert [] == ranks_below()


def told(trial: Trial) -> tuple[Any, ...]:
    """What a row says of a trial but for its losses."""
    looks = [point["budget"] for point in trial.curve]
    return trial.phase, trial.params, trial.config, trial.fraction, trial.seed, trial.environment["weights"], looks


def scores(study: SearchedStudy) -> list[list[float]]:
    """The learning curves of a study."""
    return [[point["score"] for point in trial.curve] for trial in study.trials]


def test_harm_to_one_rank_is_the_end_of_one_trial(toy: Any, module: Any) -> None:
    """A12, C7: whatever becomes of rank 1, and also where rank 0 prunes, all ranks are gone within half a minute, the
    trial has the class and the words of what happened first (not the lost connection that the other rank sees), Optuna
    is told the same, and the search goes on to its total.
    """
    study = toy.search(
        module.make_harmful,
        space={"weight_decay": hpsearch.Choice([0.0, 0.1, 0.2, 0.3, 0.4, 0.5])},
        sampler="grid",
        pruner="asha",
        processes_per_trial=2,
        trial_timeout=15,
        max_failures=9,
    )

    ends = {trial.params["weight_decay"]: trial for trial in study.trials}
    assert {one: (ends[one].state, ends[one].failure) for one in sorted(ends)} == {
        0.0: (TrialState.COMPLETE, None),
        0.1: (TrialState.FAILED, Failure.CODE),
        0.2: (TrialState.FAILED, Failure.LOST),
        0.3: (TrialState.FAILED, Failure.CODE),
        0.4: (TrialState.FAILED, Failure.TIMEOUT),
        0.5: (TrialState.PRUNED, None),
    }
    assert "rank 1: ValueError: harm is done" == ends[0.1].failure_message
    assert "rank 1 was killed by SIGKILL" == ends[0.2].failure_message
    assert "rank 1 ended by itself with exit code 3" == ends[0.3].failure_message
    assert re.fullmatch(r"stuck, and killed after \d\d s of the 15 s allowed", str(ends[0.4].failure_message))
    assert [0.25] == [point["budget"] for point in ends[0.5].curve]
    assert [] == [one.params for one in study.trials if lasted(one) > 30]
    assert [] == ranks_below()
    optuna_said = {one.number: one.user_attrs.get("failure") for one in study.optuna.get_trials() if one.state == 3}
    assert optuna_said == {one.number: str(one.failure) for one in study.trials if one.failure}


def lasted(trial: Trial) -> float:
    """Seconds from a trial's claim to its end, when the next one may begin."""
    began, ended = (datetime.fromisoformat(str(one)) for one in (trial.started_at, trial.finished_at))
    return (ended - began).total_seconds()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"processes_per_trial": 0}, "a trial is trained by 1 to 1024 processes, got 0"),
        ({"processes_per_trial": 2.0}, "got 2.0"),
        ({"processes_per_trial": 2, "backend": "ray"}, "--processes-per-trial is for the optuna backend"),
        ({"processes_per_trial": 2, "pruner": "pbt"}, "population based training runs each trial in one process"),
        ({"processes_per_trial": 3}, "per_device_train_batch_size=8 cannot be divided among 3 processes"),
    ],
)
def test_what_cannot_be_shared_is_refused(toy: Any, module: Any, options: dict[str, Any], words: str) -> None:
    """A12: in one sentence, before anything is made."""
    with pytest.raises(BadInput, match=words):
        toy.search(module.make_trainer, **options)

    assert not list(toy.folder.glob("*.db"))


def test_a_batch_of_the_space_that_cannot_be_shared_is_refused(toy: Any, module: Any) -> None:
    """A12: not only the baseline's: a trial that fails for it would come late, and cost its time."""
    space = {"per_device_train_batch_size": hpsearch.Choice([8, 6, 9])}
    with pytest.raises(BadInput, match="=9 cannot be divided among 2 processes") as caught:
        toy.search(module.make_trainer, space=space, processes_per_trial=2)

    assert "multiples of 2" in str(caught.value.hint)


def test_a_trainer_cannot_travel_to_ranks(toy: Any) -> None:
    """C2: each rank has to make the Trainer, so a function that others find by its name is asked for."""
    with pytest.raises(BadInput, match="a Trainer cannot travel"):
        toy.search(toy.trainer(), processes_per_trial=2)


def test_more_processes_than_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A12: two ranks on one GPU would be slower than one, and NCCL refuses them."""
    from hpsearch.search.ranks import batch as shared_batch

    monkeypatch.setattr(shared_batch, "gpus", lambda: ["0"])
    gpu_trainer = SimpleNamespace(args=SimpleNamespace(use_cpu=False))
    making = SimpleNamespace(refuse=lambda plan, processes: None)
    problem: Any = SimpleNamespace(plan=SimpleNamespace(pruner="none"), trainer=gpu_trainer, making=making)
    with pytest.raises(BadInput, match="a trial of 2 processes needs as many GPUs, and there is 1"):
        shared_batch.check_shareable(problem, 2)
