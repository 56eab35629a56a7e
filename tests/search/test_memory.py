"""Trials that run out of memory: the same effective batch again, in pieces that fit."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import Trainer

from hpsearch import Choice, Float
from hpsearch.search.errors import SearchFailed
from hpsearch.search.memory import (
    BATCH,
    EVAL_BATCH,
    STEPS,
    MemoryLimits,
    largest_piece,
    ran_out_of_memory,
    to_try_again,
)
from hpsearch.search.sampling.proposals import Wanted
from hpsearch.search.trial.configuration import Configuration
from hpsearch.studies.records import Failure, Trial, TrialState
from hpsearch.studies.store import StudyStore

GPU = "NVIDIA H200, 140 GiB"
FITS = 8  #: rows that fit into the memory of the trainers below


def configuration(batch: int | None = 32, steps: int = 1, **sections: Any) -> Configuration:
    """Return a configuration with a batch."""
    args = {} if batch is None else {BATCH: batch, STEPS: steps, EVAL_BATCH: 64}
    return Configuration(args={"learning_rate": 1e-3, **args}, fraction=1.0, seed=1, **sections)


def too_large(batch: int, *, number: int = 3, device: str | None = GPU, **sections: Any) -> Trial:
    """Return a trial whose batch was too large."""
    return Trial(
        trial_id=number + 1,
        study_id=1,
        number=number,
        state=TrialState.FAILED,
        failure=Failure.OOM,
        objective="eval_loss",
        params={BATCH: 64},
        config=configuration(batch, **sections).to_dict(),
        seconds={"setup": 1.0, "train": 0.1, "evaluate": 0.0},
        device=device,
    )


@pytest.mark.parametrize(
    ("batch", "limit", "piece"),
    [(64, 64, 32), (64, 33, 32), (64, 32, 16), (48, 32, 24), (7, 7, 1), (2, 2, 1), (1, 1, 1)],
)
def test_a_batch_is_cut_into_the_largest_pieces_that_may_fit(batch, limit, piece):
    """Pieces are equal, so that the effective batch stays the same to the row, and smaller than what failed."""
    assert piece == largest_piece(batch, limit)


@pytest.mark.parametrize(
    ("batch", "steps", "failed", "expected"),
    [
        (32, 1, [], (32, 1, 64)),
        (32, 1, [64], (32, 1, 64)),
        (32, 1, [32], (16, 2, 16)),
        (64, 1, [64, 16, 32], (8, 8, 8)),
        (64, 4, [64], (32, 8, 32)),
        (8, 1, [16], (8, 1, 64)),
    ],
)
def test_a_configuration_is_fitted(batch, steps, failed, expected):
    """Below the smallest batch that failed nothing changes; from there on the accumulation makes up for the pieces."""
    limits = MemoryLimits([too_large(one) for one in failed], GPU)
    given = configuration(batch, steps)
    args = limits.fitted(given).args

    assert expected == (args[BATCH], args[STEPS], args[EVAL_BATCH])
    assert batch * steps == args[BATCH] * args[STEPS]
    assert {"learning_rate": 1e-3, BATCH: batch, STEPS: steps, EVAL_BATCH: 64} == given.args


@pytest.mark.parametrize(
    "other",
    [
        {"device": "NVIDIA A100, 80 GiB"},
        {"device": None},
        {"model": {"num_hidden_layers": 24}},
        {"data": {"max_length": 512}},
    ],
    ids=str,
)
def test_what_failed_elsewhere_is_no_lesson_here(other):
    """Another device, a larger model or longer inputs say nothing about this one."""
    assert configuration(32) == MemoryLimits([too_large(32, **other)], GPU).fitted(configuration(32))
    assert MemoryLimits([too_large(32, **other)], GPU).limit(configuration(32)) is None


def test_a_configuration_without_a_batch_is_left_alone():
    """Where `TrainingArguments` have no such field, there is nothing to cut."""
    assert configuration(None) == MemoryLimits([too_large(32)], GPU).fitted(configuration(None))


def test_what_is_tried_again_is_what_can_be_made_smaller():
    """Each trial whose batch was too large has one successor, named after it; a batch of one row has none."""
    found = to_try_again([too_large(64, number=3), too_large(1, number=5), too_large(32, number=9)])

    assert [Wanted({BATCH: 64}, "less memory than trial 3"), Wanted({BATCH: 64}, "less memory than trial 9")] == found


class ShortOfMemory(Trainer):
    """Has memory for eight rows; a model of more parameters has none at all."""

    def training_step(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        if len(inputs["labels"]) > FITS:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity")
        return super().training_step(model, inputs, *args, **kwargs)


def batches(trial: Trial) -> tuple[int, int, int]:
    """Return the batch that was asked for, and the pieces it ran in."""
    args = trial.config["args"]
    return (trial.params or {})[BATCH], args[BATCH], args[STEPS]


@pytest.fixture
def short(toy):
    """A trainer that is short of memory."""
    rows = {"train_dataset": toy.rows(64), "eval_dataset": toy.rows(8, seed=1)}
    return toy.trainer(kind=ShortOfMemory, args={EVAL_BATCH: 4}, **rows)


def test_a_search_learns_what_fits(toy, short):
    """B9: every effective batch is tried, in pieces of eight; what failed once fails no more; the total is exact."""
    space = {"learning_rate": Float(1e-4, 1e-2, log=True), BATCH: Choice([8, 16, 32, 64])}
    study = toy.search(short, space=space, trials=24)
    trials = study.trials

    complete = [trial for trial in trials if trial.state is TrialState.COMPLETE]
    failed = [trial for trial in trials if trial.state is TrialState.FAILED]
    assert 24 == len(complete)
    assert {(8, 8, 1), (16, 8, 2), (32, 8, 4), (64, 8, 8)} == {batches(trial) for trial in complete}
    assert {Failure.OOM} == {trial.failure for trial in failed}

    tried = [batches(trial)[1] for trial in failed]
    assert tried == sorted(set(tried), reverse=True)
    assert [] == [trial.number for trial in trials[20:] if trial.failure]
    assert all(trial.params in [one.params for one in complete] for trial in failed)
    assert len(complete) == len({tuple(sorted(trial.params.items())) for trial in complete})


def test_a_fitted_trial_is_retrained_in_the_same_pieces(toy, short):
    """A6: the winner's effective batch was 32, in four pieces of eight; so is the retrained model's, and it fits."""
    study = toy.search(short, space={BATCH: 32, "learning_rate": Float(1e-4, 1e-2, log=True)}, trials=3)
    model = study.retrain()

    assert [(32, 32, 1), (32, 16, 2), (32, 8, 4)] == [batches(trial) for trial in study.trials[:3]]
    assert (32, 8, 4) == batches(study.best)
    assert study.best.config["args"] == model.spec["configuration"]["args"]


def test_the_last_configuration_of_a_space_is_tried_again_as_well(toy, short):
    """A space that is exhausted but for what ran out of memory is not exhausted: every batch ends with a score."""
    study = toy.search(short, space={BATCH: Choice([8, 32])}, trials=2, max_failures=9)

    complete = [batches(trial) for trial in study.trials if trial.state is TrialState.COMPLETE]
    assert [(8, 8, 1), (32, 8, 4)] == complete


def test_a_search_of_one_trial_finds_what_fits(toy, short):
    """Trials that ran out of memory and are tried again with less do not end a short search as failures in a row."""
    study = toy.search(short, space={BATCH: 64, "learning_rate": Float(1e-4, 1e-2, log=True)}, trials=1)

    assert (64, 8, 8) == batches(study.best)


def test_a_model_that_fits_nowhere_is_not_tried_again(toy):
    """A model that is too large by itself fails before any batch, and smaller batches would not help it."""
    asked = []

    def model_init(values: dict[str, Any] | None = None) -> Any:
        asked.append((values or {}).get("width"))
        if asked[-1] == 4096:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 90.00 GiB")
        return toy.model()

    space = {"model.width": Choice([16, 32, 4096, 64]), BATCH: 8}
    study = toy.search(toy.trainer(model_init=model_init), space=space, trials=8)

    failed = [trial for trial in study.trials if trial.failure]
    assert [(Failure.OOM, 4096)] == [(trial.failure, (trial.params or {})["model.width"]) for trial in failed]
    assert 1 == asked.count(4096)
    assert [16, 32, 64] == sorted(t.params["model.width"] for t in study.trials if t.state is TrialState.COMPLETE)
    with StudyStore.open(toy.store) as store:
        assert [] == ran_out_of_memory(store, failed[0].study_id)


def test_a_trial_that_fails_with_one_row_is_not_tried_again(toy):
    """Where even single rows do not fit, a configuration is given up, and the search ends as after any failures."""

    class NoMemory(Trainer):
        def training_step(self, *args: Any, **kwargs: Any) -> Any:
            raise torch.OutOfMemoryError("CUDA out of memory")

    space = {BATCH: 4, "learning_rate": Float(1e-4, 1e-2, log=True)}
    with pytest.raises(SearchFailed, match="5 trials in a row failed"):
        toy.search(toy.trainer(kind=NoMemory), space=space, max_failures=5)

    with StudyStore.open(toy.store) as store:
        trials = store.trials(store.study("study").study_id)
    assert [(4, 4, 1), (4, 2, 2), (4, 1, 4), (4, 1, 4), (4, 1, 4)] == [batches(trial) for trial in trials]
    assert [1e-3] * 3 == [trial.params["learning_rate"] for trial in trials[:3]]
    assert 3 == len({trial.params["learning_rate"] for trial in trials})
