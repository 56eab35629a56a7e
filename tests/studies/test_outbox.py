"""Results on their way: none is lost while the store is away, and none comes twice or too late."""

from __future__ import annotations

import json
import math
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hpsearch.studies.errors import LeaseLost, StoreAway, TrialFinished
from hpsearch.studies.leases import lost_if
from hpsearch.studies.outbox import Outbox
from hpsearch.studies.patience import Patience
from hpsearch.studies.records import Failure, Study, Trial, TrialState
from hpsearch.studies.store import StudyStore
from hpsearch.studies.worker import worker_name

from .making import claimed, make_study
from .sharing import new_name

SAY = "from hpsearch.studies.worker import worker_name; print(worker_name())"
VALUES = {"score": 1 / 3, "metrics": {"eval_loss": 0.1 + 0.2, "名": 1}, "seconds": {"train": 2.5}, "checkpoint": "/a/b"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StudyStore]:
    """One store for all tests here; each has a study of its own in it."""
    with StudyStore.open(f"sqlite:///{tmp_path_factory.mktemp('store')}/hpsearch.db", create=True) as store:
        yield store


@pytest.fixture
def study(store: StudyStore) -> Study:
    return make_study(store, new_name(), trials=2)


@pytest.fixture
def away() -> Iterator[StudyStore]:
    """The store as a worker sees it whose database is away: it raises `StoreAway`."""
    with socket.socket() as nobody_listens:
        nobody_listens.bind(("127.0.0.1", 0))
        port = nobody_listens.getsockname()[1]
        yield StudyStore(f"postgresql+psycopg://me@127.0.0.1:{port}/nothing", patience=Patience())


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "study" / "outbox")


@pytest.fixture(scope="module")
def dead() -> str:
    """The name of a worker that has exited."""
    return subprocess.run([sys.executable, "-c", SAY], capture_output=True, text=True, check=True).stdout.strip()


def unsent(outbox: Outbox, away: StudyStore, trial: Trial, state=TrialState.COMPLETE, failure=None, **values) -> None:
    """Let the worker of a trial die while it waits for the store, its result in the outbox."""
    with pytest.raises(StoreAway):
        outbox.send(away, trial, state, failure, values or VALUES)


def letters(outbox: Outbox) -> list[str]:
    return sorted(path.name for path in outbox.folder.iterdir())


def test_a_result_is_in_a_file_until_the_store_has_it(store, study, away, outbox):
    """It is written before the store is asked, as JSON that anybody can read, and gone when the store has it."""
    trial = claimed(store, study, worker_name())

    unsent(outbox, away, trial)
    (letter,) = outbox.folder.iterdir()
    kept = json.loads(letter.read_text(encoding="utf-8"))
    finished = outbox.send(store, trial, TrialState.COMPLETE, None, VALUES)

    assert (trial.trial_id, trial.worker, "COMPLETE", VALUES) == (
        kept["trial_id"],
        kept["worker"],
        kept["state"],
        kept["values"],
    )
    assert [] == letters(outbox)
    assert [finished] == store.trials(study.study_id)
    assert VALUES == {name: getattr(finished, name) for name in VALUES}


def test_a_dead_workers_result_is_sent(store, study, away, outbox, dead):
    """A worker that died waiting for the database has its trial COMPLETE, to the last bit, and once."""
    unsent(outbox, away, claimed(store, study, dead))

    sent = outbox.replay(store)

    assert (TrialState.COMPLETE, dead) == (sent[0].state, sent[0].worker)
    assert VALUES == {name: getattr(sent[0], name) for name in VALUES}
    assert sent == store.trials(study.study_id)
    assert ([], []) == (letters(outbox), outbox.replay(store))


def test_a_dead_workers_failure_is_sent(store, study, away, outbox, dead):
    """A failure comes with its class and message, gives its slot back, and a number that is none is kept as none."""
    ending = {"score": math.nan, "failure_message": "the loss\nis not a number \N{SNOWMAN}\udcff", "metrics": {}}
    unsent(outbox, away, claimed(store, study, dead), TrialState.FAILED, Failure.NAN, **ending)

    (sent,) = outbox.replay(store)

    found = (sent.state, sent.failure, sent.failure_message, sent.score)
    assert (TrialState.FAILED, Failure.NAN, "the loss\nis not a number \N{SNOWMAN}?", None) == found
    assert [1, 2] == [claimed(store, study).number for _ in range(2)]


@pytest.mark.parametrize("holder", ["this process", "elsewhere#12345678:7:1.0"])
def test_a_living_workers_letter_is_its_own(holder, store, study, away, outbox):
    """Whoever lives, or may live, sends its result by itself: nobody ends its trial from under it."""
    trial = claimed(store, study, worker_name() if holder == "this process" else holder)
    unsent(outbox, away, trial)
    before = letters(outbox)

    assert [] == outbox.replay(store)

    assert (before, 1) == (letters(outbox), len(before))
    assert [trial] == store.trials(study.study_id)


def test_a_letter_waits_as_long_as_the_store_is_away(store, study, away, outbox, dead):
    """Whoever replays while the database is still away keeps the letter for the next one."""
    unsent(outbox, away, claimed(store, study, dead))

    with pytest.raises(StoreAway):
        outbox.replay(away)

    assert [TrialState.COMPLETE] == [trial.state for trial in outbox.replay(store)]


def waits(store: StudyStore, study: Study) -> None:
    """The trial was taken back, and waits."""


def was_given_away(store: StudyStore, study: Study) -> None:
    """The trial was taken back, and another worker runs it."""
    claimed(store, study, "another")


def was_run_again(store: StudyStore, study: Study) -> None:
    """The trial was taken back, and another worker has ended it."""
    store.finish(claimed(store, study, "another").trial_id, TrialState.PRUNED, score=0.25)


def was_deleted(store: StudyStore, study: Study) -> None:
    """The whole study is gone."""
    store.delete_study(study.study_id)


@pytest.mark.parametrize("fate", [waits, was_given_away, was_run_again, was_deleted])
def test_a_letter_that_came_too_late_changes_nothing(fate, store, study, away, outbox, dead):
    """A result whose trial is not its worker's any more is dropped, and the trial stays as it is."""
    unsent(outbox, away, claimed(store, study, dead))
    store.recover(study.study_id, lost_if(lambda worker: False))
    fate(store, study)
    before = store.trials(study.study_id)

    assert [] == outbox.replay(store)

    assert (before, []) == (store.trials(study.study_id), letters(outbox))


def test_a_letter_belongs_to_one_attempt(store, study, away, outbox, dead):
    """A worker that lost its trial, got it again and died in the second attempt has left no result of that attempt:
    that of the first one, whose checkpoint is deleted by now, is not taken for it.
    """
    unsent(outbox, away, claimed(store, study, dead))
    store.recover(study.study_id, lost_if(lambda worker: False))
    second = claimed(store, study, dead)

    sent = outbox.replay(store)

    assert (2, []) == (second.attempt, sent)
    assert [second] == store.trials(study.study_id)


def test_a_refused_result_leaves_no_letter(store, study, outbox):
    """A worker that is told that its trial is not its own any more has nothing left to send."""
    lost, ended = claimed(store, study, worker_name()), claimed(store, study, worker_name())
    store.release(lost.trial_id)
    store.finish(ended.trial_id, TrialState.COMPLETE, score=0.5)

    with pytest.raises(LeaseLost):
        outbox.send(store, lost, TrialState.COMPLETE, None, VALUES)
    with pytest.raises(TrialFinished):
        outbox.send(store, ended, TrialState.COMPLETE, None, VALUES)

    assert [] == letters(outbox)


def test_two_that_replay_send_once(store, study, away, outbox, dead):
    """Workers that find the same letter at the same moment end the trial once, and none of them fails."""
    unsent(outbox, away, claimed(store, study, dead))

    with ThreadPoolExecutor(4) as pool:
        sent = [trial for trials in pool.map(outbox.replay, [store] * 4) for trial in trials]

    assert sent == store.trials(study.study_id)
    assert [] == letters(outbox)


FOREIGN = {
    "1-1.json": b"",
    "2-1.json": b"{",
    "3-1.json": b"\xff\xfe\x00",
    "4-1.json": b"[1, 2]",
    "5-1.json": b'{"trial_id": 1}',
    "6-1.json": b'{"trial_id": 1, "worker": null, "state": "COMPLETE", "failure": null, "values": {}}',
    ".7-1.json.4711.part": b'{"trial_id": 1, "wor',
    "notes-of-mine.txt": b"do not touch",
}


def test_foreign_files_are_left_alone(store, study, away, outbox, dead):
    """Damaged and foreign files in the folder stay, and neither end the search nor keep a letter from its way."""
    trial = claimed(store, study, dead)
    outbox.folder.mkdir(parents=True)
    for name, content in FOREIGN.items():
        (outbox.folder / name).write_bytes(content)
    (outbox.folder / "8-1.json").mkdir()
    (outbox.folder / "9-1.json").symlink_to("nowhere")
    strange = letters(outbox)
    unsent(outbox, away, trial)

    assert [TrialState.COMPLETE] == [sent.state for sent in outbox.replay(store)]

    whole = f"{trial.trial_id}-{trial.attempt}.json"
    assert sorted({*strange} - {whole}) == letters(outbox)


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "PAUSED"},
        {"failure": "bored", "state": "FAILED"},
        {"values": {"a field of tomorrow": 1}},
        {"values": 7},
        {"worker": 7},
    ],
)
def test_a_letter_of_another_release_is_left_alone(changes, store, study, away, outbox, dead):
    """What this release cannot read does not end the heartbeat of a worker of this release, nor any trial."""
    trial = claimed(store, study, dead)
    unsent(outbox, away, trial)
    (letter,) = outbox.folder.iterdir()
    letter.write_text(json.dumps({**json.loads(letter.read_bytes()), **changes}))

    assert [] == outbox.replay(store)

    assert [trial] == store.trials(study.study_id)
    assert [letter.name] == letters(outbox)


def test_there_need_not_be_a_folder(store, outbox):
    """Where nothing was ever sent there is nothing to replay."""
    assert [] == outbox.replay(store)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no disk that is always full")
def test_a_full_disk_does_not_lose_the_result(store, study, outbox):
    """The file is a precaution: where it finds no room the result goes to the store all the same."""
    trial = claimed(store, study, worker_name())
    outbox.folder.mkdir(parents=True)
    part = outbox.folder / f".{trial.trial_id}-{trial.attempt}.json.{os.getpid()}.part"
    part.symlink_to("/dev/full")

    finished = outbox.send(store, trial, TrialState.COMPLETE, None, VALUES)

    assert [finished] == store.trials(study.study_id)
    assert (1 / 3, []) == (finished.score, letters(outbox))


def test_a_folder_that_cannot_be_made_does_not_lose_the_result(store, study, tmp_path):
    """Nor does a study's folder that has become something else; the worker goes on."""
    (tmp_path / "study").write_text("a file where the folder was")
    trial = claimed(store, study, worker_name())

    finished = Outbox(tmp_path / "study" / "outbox").send(store, trial, TrialState.COMPLETE, None, VALUES)

    assert (TrialState.COMPLETE, 1 / 3) == (finished.state, finished.score)
    assert [finished] == store.trials(study.study_id)
