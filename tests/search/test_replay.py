"""`hpsearch replay`: a trial run again from its row alone is the same to the last bit, or it is said what is not."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import TrainerCallback

from hpsearch.search.making.making import Making
from hpsearch.search.replay import since
from hpsearch.spaces.errors import BadInput
from hpsearch.studies.records import Phase, Trial, TrialState
from hpsearch.studies.store import StudyStore
from hpsearch.studies.worker import worker_name

from .command import COLUMNS, ONE_RUNG, Said, csv_text, done, hpsearch, refused, rows

#: Learns the word that tells the label; scores are told apart by the last bit of a loss.
SPACE = "learning_rate: {low: 0.001, high: 0.01, log: true, default: 0.002}\nper_device_train_batch_size: 8\n"
SEARCH = (
    *("run", "--train-file", "data.csv", *COLUMNS, "--model", "tiny", "--space", "space.yaml", "--no-retrain"),
    *("--objective", "loss", "--set", "num_train_epochs=2", "--quiet"),
)
STORE = "sqlite:///hpsearch.db"


@pytest.fixture(scope="module", autouse=True)
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the study `mine`: two workers, two promotions, finals with two seeds."""
    folder = tmp_path_factory.mktemp("replay")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("HPSEARCH_CACHE", str(folder / "cache"))
        Path("data.csv").write_text(csv_text(rows(200)))
        Path("space.yaml").write_text(SPACE)
        full = ("--confirm", "full", "--seeds", "2", "--finalists", "1")
        done(
            *SEARCH,
            "--study",
            "mine",
            "--trials",
            "6",
            "--jobs",
            "2",
            "--subset",
            "0.15",
            "--strategy",
            "ladder",
            *full,
        )
        yield folder


def stored(name: str = "mine") -> list[Trial]:
    """Return the trials of a study."""
    with StudyStore.open(STORE) as store:
        return store.trials(store.study(name).study_id)


def replay(number: int, *words: object, study: str = "mine") -> Said:
    """Replay a trial of a study."""
    return hpsearch("replay", study, "--trial", number, *words)


@pytest.fixture
def changed(tmp_path: Path) -> Any:
    """Return the options that name a copy of the store in which a trial's row was changed."""

    def change(number: int, **columns: Any) -> tuple[str, str]:
        with closing(sqlite3.connect("hpsearch.db")) as mine, closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
            mine.backup(copy)
            for name, value in columns.items():
                written = json.dumps(value) if isinstance(value, dict) else value
                copy.execute(f"update hpsearch_trials set {name} = ? where number = ?", (written, number))  # noqa: S608
            copy.commit()
        return "--store", f"sqlite:///{tmp_path}/copy.db"

    return change


def test_every_trial_of_two_workers_is_replayed_to_the_last_bit():
    """Searched, promoted or final, on whatever share of the data and with whatever seed: weights, curve and score."""
    trials = stored()
    assert set(Phase) == {one.phase for one in trials}
    assert 2 < len({one.fraction for one in trials})
    assert 1 < len({one.seed for one in trials})
    assert worker_name() not in {one.worker for one in trials}

    for trial in trials:
        found = replay(trial.number, "--json").json()

        assert (True, []) == (found["identical"], found["differences"]), found
        assert trial.environment["weights"] == found["before"]["weights"] == found["after"]["weights"]
        assert trial.score == found["before"]["score"] == found["after"]["score"]
        losses = [[point["metrics"]["eval_loss"] for point in found[side]["curve"]] for side in ("before", "after")]
        assert losses[0] == losses[1] == [point["metrics"]["eval_loss"] for point in trial.curve]
        assert 4 == len(losses[0])


@pytest.mark.slow
def test_twenty_trials_of_two_workers_are_replayed_to_the_last_bit():
    """20 of 20, each in whatever process ran it."""
    done(*SEARCH, "--study", "twenty", "--trials", "20", "--jobs", "2", "--subset", "1", *ONE_RUNG)
    trials = stored("twenty")
    assert 20 == len(trials)
    assert 2 == len({one.worker for one in trials})

    found = [replay(one.number, "--json", study="twenty").json() for one in trials]

    assert [True] * 20 == [one["identical"] for one in found]
    assert 20 == len({one["after"]["score"] for one in found})


def test_nothing_is_written():
    """No row of ours or of Optuna's, and no file of the study's folder, is other than before."""
    folder = Path(done("show", "mine", "--json").json()["folder"])

    def state() -> Any:
        with closing(sqlite3.connect("hpsearch.db")) as database:
            dump = list(database.iterdump())
        return dump, {path: path.stat().st_mtime_ns for path in folder.rglob("*")}

    before = state()
    assert 0 == replay(1).code

    assert before == state()


def test_the_result_is_a_table_and_the_progress_is_talk():
    """Both sides stand in the table on stdout; `--quiet` leaves the progress out."""
    (weights, score) = (stored()[1].environment["weights"], repr(stored()[1].score))
    said, quiet = replay(1), replay(1, "--quiet")

    assert "trial 1 of mine: the same to the last bit" in said.out
    assert ["first", "weights", weights, weights] in [line.split() for line in said.out.splitlines()]
    assert ["score", score, score] in [line.split() for line in said.out.splitlines()]
    assert "replaying trial 1" in said.err
    assert (said.out, "") == (quiet.out, quiet.err)


def test_a_changed_score_is_found_out(changed):
    """The training is the one of the row, the score is not: exit code 1, and both scores."""
    said = replay(1, *changed(1, score=0.125))

    assert 1 == said.code
    assert "trial 1 of mine: not the same" in said.out
    assert f"the score differs: 0.125 -> {stored()[1].score}" in said.out
    assert "the training differs" not in said.out
    assert "device, threads and versions are the same" in said.out


def test_a_changed_configuration_is_found_out(changed):
    """Another learning rate trains other weights from the same first ones; another seed begins with others."""
    config = stored()[1].config
    faster = {**config, "args": {**config["args"], "learning_rate": 0.0123}}
    reseeded = {**config, "args": {**config["args"], "seed": 7}}

    rate = json.loads(replay(1, "--json", *changed(1, config=faster)).out)
    seed = json.loads(replay(1, "--json", *changed(1, config=reseeded)).out)

    assert not rate["identical"]
    where = "the training differs: at 25% of the budget, eval_loss"
    assert f"the first weights are the same, {where}" in rate["differences"][0]
    assert f"the first weights differ: {stored()[1].environment['weights']} -> " in seed["differences"][0]
    assert seed["differences"][1].startswith(where)


def test_a_row_of_an_older_release_has_unknown_weights(changed):
    """What the row has is compared, and the weights are said to be unknown."""
    said = replay(1, *changed(1, environment=None))
    wrong = replay(1, *changed(1, environment=None, score=0.125))

    assert 0 == said.code
    assert "unknown" in next(line for line in said.out.splitlines() if line.startswith("first weights"))
    assert 1 == wrong.code
    assert "with how many threads and which versions it ran is not in its row" in wrong.out


def test_what_else_differs_is_named():
    """The device, the threads and each library whose version is another."""
    versions = {"accelerate": "1.0", "torch": "2.0", "transformers": "5.0"}
    trial = dataclasses.replace(
        stored()[0], device="NVIDIA H200, 140 GiB", environment={"weights": "0", "threads": 8, "versions": versions}
    )
    same = {"device": trial.device, "threads": 8, **versions}

    assert ["device, threads and versions are the same"] == since(trial, same)
    assert ["threads: 8 -> 2"] == since(trial, {**same, "threads": 2})
    changed = {**same, "device": "cpu, 16 GiB", "torch": "2.1"}
    assert ["device: NVIDIA H200, 140 GiB -> cpu, 16 GiB", "torch: 2.0 -> 2.1"] == since(trial, changed)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"state": "FAILED", "failure": "oom"}, ("trial 1 of 'mine'", "it failed (oom)", "`hpsearch trials mine`")),
        ({"state": "RUNNING"}, ("it has not ended (RUNNING)",)),
        ({"state": "WAITING", "config": {}}, ("it has not ended (WAITING)",)),
        ({"config": {}}, ("its row has no configuration",)),
    ],
)
def test_a_trial_without_a_result_is_refused(changed, columns, words):
    """One sentence says why, before anything is loaded."""
    refused(replay(1, *changed(1, **columns)), *words)


def test_what_is_not_there_is_exit_code_3():
    """A trial, and a study."""
    refused(replay(99), "no trial 99", code=3)
    refused(replay(0, study="mien"), "no study named 'mien'", "did you mean 'mine'?", code=3)


def test_a_training_that_fails_this_time_is_not_the_same(changed):
    """How it fails is said in one sentence, with exit code 1."""
    config = stored()[1].config
    config["args"]["learning_rate"] = 1e30

    refused(replay(1, *changed(1, config=config)), "trial 1 fails when it is run again: NonFiniteScore", code=1)


# In Python


def replays(study: Any) -> list[bool]:
    return [study.replay(one.number).identical for one in study.trials]


def test_a_pruned_trial_is_replayed_as_far_as_it_came(toy):
    """Its curve ends at the look where it was pruned, and so does the replay."""
    study = toy.search(toy.trainer(), trials=5, pruner="asha", sampler="random")
    pruned = [one for one in study.trials if one.state is TrialState.PRUNED]
    assert pruned
    assert all(len(one.curve) < 4 for one in pruned)

    assert [True] * 5 == replays(study)


def test_of_a_population_those_that_went_their_own_way_are_replayed(toy):
    """A trial trained in pieces is the same in one; one that took another's weights cannot be run alone."""
    study = toy.search(toy.trainer(), trials=4, pruner="pbt")
    took = [one for one in study.trials if one.config["schedule"]]
    alone = [one for one in study.trials if not one.config["schedule"]]
    assert took
    assert alone

    found = [study.replay(one.number) for one in alone]
    assert all(one.identical and one.before.weights for one in found)
    with pytest.raises(BadInput, match=r"it went on from the weights of trial \d"):
        study.replay(took[0].number)


class Threads(TrainerCallback):
    """Notes how many threads a training has."""

    seen: list[int] = []  # noqa: RUF012 - of all copies

    def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
        self.seen.append(torch.get_num_threads())


def test_a_replay_has_the_threads_of_the_trial(toy):
    """As many as its row says, and afterwards what there was before."""
    study = toy.search(toy.trainer(callbacks=[Threads()]), trials=1)
    with closing(sqlite3.connect("store.db")) as database, database:
        (text,) = database.execute("select environment from hpsearch_trials").fetchone()
        more = {**json.loads(text), "threads": torch.get_num_threads() + 1}
        database.execute("update hpsearch_trials set environment = ?", (json.dumps(more),))

    before = torch.get_num_threads()
    study.replay(0)

    assert [before, before, before + 1] == Threads.seen  # when it was tried out, searched and replayed
    assert before == torch.get_num_threads()


def test_a_study_made_in_python_is_replayed_there(toy):
    """The command line cannot make the Trainer, and says where that can be done."""
    study = toy.search(toy.trainer(), trials=2, study="toy")

    refused(replay(0, "--store", toy.store, study="toy"), "made in Python", "study.replay()")
    assert [True, True] == replays(study)


def test_the_trainer_is_left_as_it_was(toy):
    """A replay trains a twin: arguments, model and callbacks of the Trainer are those of before."""
    trainer = toy.trainer()
    study = toy.search(trainer, trials=1)
    before = (trainer.args.to_dict(), toy.weights_hash(trainer.model), list(trainer.callback_handler.callbacks))

    study.replay(0)

    assert before == (trainer.args.to_dict(), toy.weights_hash(trainer.model), trainer.callback_handler.callbacks)


def test_a_program_that_changed_is_found_out(toy):
    """A model that is made otherwise than it was begins with other weights."""
    study = toy.search(toy.trainer(), trials=1)
    assert study.replay(0).identical
    other = Making.of(toy.trainer(model_init=lambda: scaled(toy.model())))
    study._run = dataclasses.replace(study._run, problem=dataclasses.replace(study._run.problem, making=other))

    found = study.replay(0)

    assert "the first weights differ" in found.differences[0]


def scaled(model: Any) -> Any:
    """Return the model with a classifier twice as large."""
    with torch.no_grad():
        model.classifier.weight.mul_(2)
    return model
