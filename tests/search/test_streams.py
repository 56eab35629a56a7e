"""Data sets without a length: a training on them is `max_steps` long, and a subset is their beginning."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from typing import Any, ClassVar

import datasets
import pytest
import torch
from transformers import TrainerCallback

from hpsearch import BadInput, Choice
from hpsearch.search.data.fingerprints import dataset_fingerprint
from hpsearch.search.data.streams import first_rows, is_stream, steps_at
from hpsearch.studies.records import Phase

STEPS = 24
#: Rungs on more of the stream and a final on all of it.
CLIMBING = {"strategy": "ladder", "confirm": "quick", "subset": 1 / 3, "trials": 3}


class Stream(torch.utils.data.IterableDataset):
    """Rows without a number, as often as they are asked for; notes how many each reading took."""

    taken: ClassVar[list[int]] = []

    def __init__(self, rows: Any) -> None:
        self.rows = list(rows)

    def __iter__(self) -> Iterator[Any]:
        self.taken.append(0)
        for row in self.rows:
            self.taken[-1] += 1
            yield row


class Once(torch.utils.data.IterableDataset):
    """A file that was opened once: what was read is gone."""

    def __init__(self, rows: Any) -> None:
        self.rows = iter(rows)

    def __iter__(self) -> Iterator[Any]:
        return self.rows


class Unseeded(Stream):
    """Shuffled by a generator of its own, which nobody seeds."""

    def __iter__(self) -> Iterator[Any]:
        return iter(random.SystemRandom().sample(self.rows, len(self.rows)))


class NoStream:
    """Neither a length nor an iterator: a Trainer takes it, and fails at its first step."""

    def __getitem__(self, row: int) -> Any:
        raise NotImplementedError


class NotesSteps(TrainerCallback):
    """Notes how long each training is, how long its warm-up, and how many rows it saw."""

    seen: ClassVar[list[tuple[int, int]]] = []

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.seen.append((state.max_steps, args.get_warmup_steps(state.max_steps)))


def torch_stream(rows: datasets.Dataset) -> Any:
    return Stream(rows)


def table_stream(rows: datasets.Dataset) -> Any:
    """A stream of `datasets`, shuffled in a buffer, as one that is loaded with `streaming=True`."""
    return rows.to_iterable_dataset(num_shards=2).shuffle(seed=3, buffer_size=16)


KINDS = {"torch": torch_stream, "datasets": table_stream}


@pytest.fixture
def streamed(toy: Any) -> Any:
    """Make a Trainer whose training set is a stream."""

    def make(kind: Any = torch_stream, *, args: dict[str, Any] | None = None, **ingredients: Any) -> Any:
        given = {"train_dataset": kind(toy.rows(200)), **ingredients}
        return toy.trainer(args={"max_steps": STEPS, "warmup_steps": 0.25, **(args or {})}, **given)

    return make


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_stream_is_searched_followed_retrained_and_replayed(kind: Any, toy: Any, streamed: Any) -> None:
    """A trial at a third sees a third of the steps, and its warm-up is the same share of them; the final and the
    retraining see all steps; a replay is the same to the last bit.
    """
    NotesSteps.seen = []
    study = toy.search(streamed(kind, callbacks=[NotesSteps()]), **CLIMBING)

    searched, finals = study.trials[:3], study.trials[3:]
    assert [(Phase.SEARCH, 1 / 3)] * 3 == [(one.phase, one.fraction) for one in searched]
    assert {(Phase.FINAL, 1.0)} == {(one.phase, one.fraction) for one in finals}
    assert [(1, 0)] + [(8, 2)] * 3 + [(STEPS, 6)] * len(finals) == NotesSteps.seen  # first it was tried out
    assert all([0.25, 0.5, 0.75, 1.0] == [point["budget"] for point in one.curve] for one in study.trials)

    model = study.retrain()
    assert (STEPS, 6) == NotesSteps.seen[-1]
    assert {"evaluated": 12} == model.spec["rows"]  # the other half is the report split
    for number in (0, finals[-1].number):
        assert [] == study.replay(number).differences


def test_subsets_of_a_stream_are_its_beginning(toy: Any, streamed: Any) -> None:
    """No trial reads further than its share of the steps (and what is read ahead): the shares are nested."""
    Stream.taken = []
    toy.search(streamed(), subset=0.25, trials=1)
    quarter = Stream.taken[-1]
    toy.search(streamed(), subset=0.5, trials=1, study="half")
    half = Stream.taken[-1]

    assert 6 * 8 <= quarter < half <= 12 * 8 + 8
    assert (6, 12, STEPS, 1) == tuple(steps_at(STEPS, share) for share in (0.25, 0.5, 1.0, 0.001))


def test_it_is_said_what_a_subset_of_a_stream_is(toy: Any, streamed: Any, capsys: Any) -> None:
    """One line, before the first trial."""
    toy.search(streamed(), subset=0.25, trials=1, quiet=False)

    line = "a stream: a subset of 0.25 is its beginning, what the first 6 of 24 steps read, and not stratified"
    assert line in " ".join(capsys.readouterr().err.split())


def test_the_baseline_is_what_the_trainer_does_by_itself(toy: Any, streamed: Any) -> None:
    """D4: on all of the stream, trial 0 ends with the loss of the Trainer left alone."""
    study = toy.search(streamed(table_stream), trials=1, score="last")
    alone = streamed(table_stream)
    alone.train()

    assert alone.evaluate()["eval_loss"] == pytest.approx(study.best.score, abs=1e-6)


def test_a_stream_may_be_what_trials_are_scored_on(toy: Any, streamed: Any) -> None:
    """An evaluation set without a length gives the scores that the same rows with a length give."""
    rows = toy.rows(24, seed=1)
    known = toy.search(streamed(), study="known", trials=1)
    study = toy.search(streamed(eval_dataset=Stream(rows)), study="stream", trials=1)

    assert known.best.metrics["eval_accuracy"] == study.best.metrics["eval_accuracy"]
    assert known.best.score == pytest.approx(study.best.score, rel=1e-6)
    assert "rows" in study.retrain().spec


def test_a_preset_leaves_out_the_epochs(toy: Any, streamed: Any) -> None:
    """`max_steps` says how long a training is: the default space does not search epochs then, in vain; a space of the
    user's that does is refused.
    """
    study = toy.search(streamed(), space="default", trials=1)
    assert {"learning_rate", "per_device_train_batch_size", "weight_decay", "warmup_steps"} == set(study.best.params)

    with pytest.raises(BadInput, match="num_train_epochs in the space decides nothing: max_steps=24"):
        toy.search(streamed(), space={"num_train_epochs": Choice([1, 2])}, study="epochs")


@pytest.mark.parametrize(
    ("make", "options", "told"),
    [
        (lambda rows: Once(rows), {}, "gives other rows when it is read again"),
        (lambda rows: Once(rows.select(range(50))), {}, "gives no rows when it is read again"),
        (lambda rows: Unseeded(rows), {}, "gives other rows when it is read again"),
        (lambda rows: Stream([]), {}, "train_dataset has no rows"),
        (lambda rows: NoStream(), {}, "a NoStream, has no length and is no stream"),
        (lambda rows: Stream(rows), {"subset": 0.01}, "a subset of 0.01 of max_steps=24 is less than one step"),
    ],
    ids=["once", "once, and short", "unseeded", "empty", "no stream", "no step"],
)
def test_a_stream_that_not_every_trial_can_read_is_refused(
    make: Any, options: dict[str, Any], told: str, toy: Any, streamed: Any
) -> None:
    """One sentence with what is wrong, before a store is made."""
    with pytest.raises(BadInput, match=re.escape(told)) as caught:
        toy.search(streamed(make), **options)

    assert 2 == caught.value.exit_code
    assert not (toy.folder / "store.db").exists()


def test_a_stream_without_max_steps_is_refused(toy: Any, streamed: Any) -> None:
    """The Trainer itself insists on them; one whose data set was exchanged later is refused by the search."""
    trainer = toy.trainer()
    trainer.train_dataset = Stream(toy.rows(48))

    with pytest.raises(BadInput, match="has no length, so nobody knows how long a training is"):
        toy.search(trainer)


def test_steps_of_warm_up_are_refused_on_a_subset_of_a_stream(toy: Any, streamed: Any) -> None:
    """D3: 500 steps of warm-up are all of a subset, and a fiftieth of the whole."""
    with pytest.raises(BadInput, match="warmup_steps=6 counts steps"):
        toy.search(streamed(args={"warmup_steps": 6}), subset=0.5)


def test_a_stream_is_known_by_its_first_rows(toy: Any, streamed: Any) -> None:
    """B5: the same stream continues a study, also after a training has left it at another epoch; another is refused."""
    trainer = streamed(table_stream)
    first = dataset_fingerprint(trainer.train_dataset)
    toy.search(trainer, trials=1)
    trainer.train_dataset.set_epoch(5)

    assert first == dataset_fingerprint(trainer.train_dataset)
    assert 2 == len(toy.search(streamed(table_stream), trials=2).trials)
    with pytest.raises(BadInput, match=r"data.train: \w+ -> \w+"):
        toy.search(streamed(lambda rows: table_stream(toy.rows(200, seed=5))))


def test_no_more_than_the_first_rows_are_read_for_it(toy: Any) -> None:
    """A stream may have no end."""
    Stream.taken = []
    dataset_fingerprint(Stream(toy.rows(300)))

    assert [100] == Stream.taken
    assert 3 == len(first_rows(Stream(toy.rows(8)), 3))
    assert is_stream(Stream([])) is is_stream(table_stream(toy.rows(8))) is True
    assert is_stream(toy.rows(8)) is is_stream([1, 2]) is False
