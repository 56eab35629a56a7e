"""What several processes of a trial share: batches, losses, GPUs, and the lessons of memory."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, Trainer

from hpsearch.search.errors import TrialTaken
from hpsearch.search.memory import largest_piece, to_try_again
from hpsearch.search.ranks.batch import shared
from hpsearch.search.ranks.evaluation import real_rows
from hpsearch.search.ranks.item_count import divides_by_items
from hpsearch.search.ranks.launch import Launch, SearchLaunch
from hpsearch.search.ranks.line import Fault, LinePulse, fault_of, is_secondary
from hpsearch.search.view import View
from hpsearch.search.workers.devices import Share, shares, take_gpu, take_gpus
from hpsearch.spaces.errors import BadInput
from hpsearch.studies.records import Failure, TrialState

TRAIN, EVALUATE = "per_device_train_batch_size", "per_device_eval_batch_size"


def test_the_batch_of_a_step_stays_what_it_is() -> None:
    """A12: accelerate deals it out; an evaluation's, which changes no result, is rounded up."""
    given = {TRAIN: 16, EVALUATE: 9, "accelerator_config": {"even_batches": True}}

    assert {
        TRAIN: 16,
        EVALUATE: 12,
        "accelerator_config": {"even_batches": True, "split_batches": True},
    } == {**given, **shared(given, 4)}
    assert "split_batches" not in given["accelerator_config"]


def test_a_sampler_that_deals_out_itself_gets_the_part_of_a_process() -> None:
    """A12: with `batch_rebalance` transformers multiplies the batch by the processes, whatever accelerate is told."""
    given = {TRAIN: 16, EVALUATE: 8, "train_sampling_strategy": "batch_rebalance"}

    assert {TRAIN: 8} == shared(given, 2)


def test_a_batch_that_cannot_be_divided_is_no_other_batch() -> None:
    """A12: it is never rounded in silence."""
    with pytest.raises(BadInput, match="=6 cannot be divided among 4 processes"):
        shared({TRAIN: 6}, 4)


@pytest.mark.parametrize("divides", [False, True])
def test_a_loss_that_ignores_the_items_is_found_out(toy: Any, divides: bool) -> None:
    """A12: BERT's head takes the number of items and leaves it, GPT-2's divides by it. No noise is drawn to find out,
    and nothing is left switched off.
    """
    config = GPT2Config(vocab_size=40, n_embd=16, n_layer=1, n_head=2, n_positions=8)
    trainer = Trainer(model=GPT2LMHeadModel(config) if divides else toy.model(), args=toy.arguments())
    pieces = torch.ones((2, 3), dtype=torch.long)
    inputs = {"input_ids": pieces, "labels": pieces if divides else pieces[:, 0]}
    trainer.model.train()
    noise = torch.get_rng_state()

    assert divides is divides_by_items(trainer.compute_loss, trainer.model, inputs, torch.tensor(2))
    assert trainer.model.training
    assert torch.equal(noise, torch.get_rng_state())


@pytest.mark.parametrize(
    ("end", "remainder", "expected"),
    [(False, 5, [4, 4]), (True, -1, [4, 4]), (True, 0, [4, 4]), (True, 1, [1, 0]), (True, 5, [4, 1])],
)
def test_rows_that_fill_up_a_batch_do_not_count(end: bool, remainder: int, expected: list[int]) -> None:
    """A12: of the last eight rows, four a process, the remainder is real, from the first process on."""
    state = SimpleNamespace(end_of_dataloader=end, remainder=remainder)

    assert expected == [real_rows(state, 4, process) for process in (0, 1)]


def test_smaller_pieces_can_be_shared_too() -> None:
    """B11: after `oom` a batch of 24 for four processes goes on as 12, 8, 4, and is not tried again after that."""
    assert [12, 8, 4, 4] == [largest_piece(24, limit, 4) for limit in (24, 12, 8, 4)]
    tried = [failed(8, 4), failed(4, 4), failed(4, 2)]

    assert ["less memory than trial 8", "less memory than trial 4"] == [one.replicate for one in to_try_again(tried)]


def failed(batch: int, processes: int) -> Any:
    """A trial that ran out of memory."""
    config = {"args": {TRAIN: batch}}
    return SimpleNamespace(number=batch, params={"a": 1}, config=config, environment={"processes": processes})


def test_each_process_of_a_trial_gets_a_gpu() -> None:
    """A12: two workers, two processes a trial, four GPUs; no trial has two processes on one GPU where there are too
    few for all.
    """
    assert [Share(4, "0,1"), Share(4, "2,3")] == shares(2, 8, ["0", "1", "2", "3"], 2)
    assert [Share(4, "0,1"), Share(4, "2,0")] == shares(2, 8, ["0", "1", "2"], 2)
    assert [Share(2), Share(2)] == shares(2, 4, [], 2)


def test_gpus_are_taken_all_or_none(tmp_path: Path) -> None:
    """B12: a search that could take one of two GPUs holds none, so that two searches never wait for one another."""
    held = take_gpu("1", [], tmp_path)

    assert take_gpus(["0", "1"], ["0", "1"], tmp_path) is None
    assert ["0", "2"] == [one.gpu for one in take_gpus(["0", "1"], ["0", "1", "2"], tmp_path) or []]
    assert held is not None


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RuntimeError("[../gloo/transport/tcp/pair.cc:534] Connection closed by peer [127.0.0.1]:1234"), True),
        (torch.distributed.DistBackendError("NCCL error in: remote process exited"), True),
        (torch.distributed.DistBackendError("NCCL error: CUDA out of memory"), False),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ConnectionResetError("Connection reset by peer"), False),
    ],
)
def test_what_only_says_that_another_rank_is_gone(error: Exception, expected: bool) -> None:
    """A12: it is no message for a user; a lost connection of the user's own code is one."""
    assert expected is is_secondary(error)


def test_a_trial_that_is_written_is_not_lost() -> None:
    """A12: a heartbeat cannot renew the lease of a trial that rank 0 has just ended, and its model must stay."""
    held = SimpleNamespace(trial_id=1, study_id=1, number=0, attempt=1, worker="me", seconds={})
    row = SimpleNamespace(state=TrialState.COMPLETE, worker="me", attempt=1)
    store = SimpleNamespace(trial=lambda study_id, number: row)
    loop: Any = SimpleNamespace(store=store, limits=SimpleNamespace(trial_timeout=None))
    launch = SearchLaunch(view=View(), trial=held, heart=LinePulse(), loop=loop)  # type: ignore[arg-type]
    launch.heart.lost.set()

    assert not launch.is_stuck()
    for state, worker in ((TrialState.RUNNING, "me"), (TrialState.COMPLETE, "another")):
        row.state, row.worker = state, worker
        with pytest.raises(TrialTaken):
            launch.is_stuck()


def test_a_fault_says_whose_it_is() -> None:
    """A12: another rank's is named; rank 0's reads as in a trial of one process. A full disk ends the search."""
    assert "ValueError: so" == fault_of(ValueError("so"), 0).message
    assert "rank 3: ValueError: so" == fault_of(ValueError("so"), 3).message
    assert fault_of(ValueError("so"), 3).complaint is None
    full = fault_of(OSError(28, "No space left on device"), 1)
    assert full.complaint is not None
    assert "the disk is full" in full.complaint[0]


def fault(rank: int, at: float, *, secondary: bool = False) -> Fault:
    """A fault of a rank."""
    return Fault(rank=rank, at=at, failure=Failure.CODE, message=str(rank), secondary=secondary)


@pytest.mark.parametrize(
    ("faults", "blamed"),
    [
        ([], None),
        ([fault(1, 2.0), fault(2, 1.0)], 2),
        ([fault(0, 1.0, secondary=True), fault(1, 2.0)], 1),
        ([fault(0, 1.0, secondary=True)], 0),
        ([fault(0, 1e12, secondary=True)], None),
    ],
    ids=["none", "the first", "not the echo", "the echo alone", "not yet"],
)
def test_who_is_to_blame(faults: list[Fault], blamed: int | None) -> None:
    """A12: whose failure came first; the echo of it in another rank only where no other failed, after a while."""
    launch: Any = SimpleNamespace(faults=faults)
    found = Launch.blamed(launch)

    assert blamed == (found and found.rank)
