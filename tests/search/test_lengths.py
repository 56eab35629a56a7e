"""Batches of rows of like length: the same as stock's, without asking the data set for each length by itself."""

from __future__ import annotations

import copy
from typing import Any

import datasets
import torch

from hpsearch.search.data.lengths import with_lengths_read
from hpsearch.search.trial.trainer import trial_class


def test_lengths_are_read_at_once_and_rows_come_in_the_same_order(toy: Any) -> None:
    """The stock sampler holds a column that it indexes row by row; ours the numbers, and both give one order."""
    rows = toy.rows(200)
    rows = rows.add_column("length", [number * 7 % 31 for number in range(len(rows))])
    grouped = {"train_sampling_strategy": "group_by_length", "remove_unused_columns": False}
    trainer = toy.trainer(args=grouped, train_dataset=rows, eval_dataset=rows)
    twin = copy.copy(trainer)
    twin.__class__ = trial_class(type(trainer))

    for name, given in (("_get_train_sampler", ()), ("_get_eval_sampler", (rows,))):
        stock, ours = getattr(trainer, name)(*given), getattr(twin, name)(*given)
        assert isinstance(stock.lengths, datasets.Column)
        assert isinstance(ours.lengths, list)
        orders = []
        for sampler in (stock, ours):
            torch.manual_seed(3)
            orders.append(list(sampler))
        assert orders[0] == orders[1]


def test_other_samplers_stay_as_they_are(toy: Any) -> None:
    """A sampler without lengths, or none at all, is nobody's business."""
    sampler = toy.trainer()._get_train_sampler()

    assert with_lengths_read(sampler) is sampler
    assert with_lengths_read(None) is None
