"""What a search leaves on the disk while it runs and afterwards: the best models, and little else."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import pytest
from transformers import AutoModelForSequenceClassification, BertForSequenceClassification, TrainerCallback

from hpsearch.search.checkpoints import CheckpointKeeper
from hpsearch.search.limits import Limits
from hpsearch.search.paths import KEPT, StudyPaths
from hpsearch.search.view import View
from hpsearch.studies.errors import StoreNotFound, StoreOutdated, StudyNotFound
from hpsearch.studies.records import Failure, Study, Trial, TrialState
from hpsearch.studies.store import StudyStore

from .command import COLUMNS, MAIN, TINY, csv_text, done, rows

#: `hpsearch run` in a process of its own, on one thread.


def checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints below a study's folder."""
    return sorted(folder.glob(f"trials/*/{KEPT}/checkpoint-*"))


class Counts(TrainerCallback):
    """Counts the checkpoints at every step and evaluation of every trial."""

    folder: ClassVar[Path]
    seen: ClassVar[list[int]]

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.seen.append(len(checkpoints(self.folder)))

    on_evaluate = on_save = on_train_end = on_step_end


class Loads(View):
    """Loads the best model whenever a trial has ended, and counts what is there."""

    def __init__(self, paths: StudyPaths) -> None:
        self.paths, self.counts, self.loaded = paths, [], []

    def trial_finished(self, trial: Trial, best: Trial | None) -> None:
        self.counts.append(len(checkpoints(self.paths.folder)))
        found = self.paths.checkpoint(best.number) if best else None
        assert found is not None, f"after trial {trial.number}"
        BertForSequenceClassification.from_pretrained(found)
        self.loaded.append(trial.number)


@pytest.mark.parametrize("keep", [1, 3])
def test_a_search_keeps_few_checkpoints_and_always_the_best(keep, toy):
    """A14: while twelve trials run, never more than those to keep, one pushed out of them, one of the running trial and
    one that takes its place; the best one is there and loads after every trial; in the end there are the best alone.
    """
    trainer = toy.trainer(train_dataset=toy.rows(32), callbacks=[Counts()], args={"num_train_epochs": 2})
    Counts.folder, Counts.seen = toy.folder / "none yet", []
    study = toy.search(trainer, trials=1, keep=keep)
    folder = Path(study._run.study.folder)
    assert 1 == len(checkpoints(folder))

    Counts.folder, view = folder, Loads(study._run.paths)
    asked = study._run.store.update_study(study._run.study.study_id, trials=12)
    dataclasses.replace(study._run, study=asked, view=view).search()

    assert list(range(1, 12)) == view.loaded
    assert max(view.counts) == keep + 1
    assert max(Counts.seen) <= keep + 3
    best = study._run.store.ranking(study._run.study.study_id, "minimize", keep)
    assert keep == len(best)
    assert sorted(best) == sorted(int(path.parent.parent.name) for path in checkpoints(folder))
    assert sorted(best) == study._run.paths.trials()


def test_a_study_of_fewer_trials_keeps_them_all(toy):
    """With three to keep and two trials, both stay, and nothing is made up for the third."""
    study = toy.search(toy.trainer(), trials=2, keep=3)

    assert [0, 1] == study._run.paths.trials()
    assert 2 == len(checkpoints(Path(study._run.study.folder)))
    assert study.best_checkpoint in checkpoints(Path(study._run.study.folder))


class Folders:
    """A study whose trials only write a folder, as any number of workers would."""

    def __init__(self, store: StudyStore, folder: Path, keep: int = 1) -> None:
        about = {"task": "t", "model": "m", "backend": "optuna", "objective": "eval_loss", "direction": "minimize"}
        limits = Limits(keep=keep).to_dict()
        spec: dict[str, Any] = {"identity": {}}
        self.study: Study = store.create_study(
            name="s", spec=spec, trials=100, folder=str(folder), limits=limits, **about
        )
        self.store, self.paths, self.keep = store, StudyPaths(folder), keep

    def keeper(self, store: StudyStore | None = None) -> CheckpointKeeper:
        """Return a keeper that looks into a store of its own."""
        return CheckpointKeeper(store=store or self.store, study=self.study, paths=self.paths, keep=self.keep)

    def begin(self) -> Trial:
        """Start a trial that has written a checkpoint."""
        trial = self.store.claim(self.study.study_id, worker="w", lease_s=60)
        assert trial is not None
        (self.paths.trial(trial.number, trial.attempt) / KEPT / "checkpoint-1").mkdir(parents=True)
        return trial

    def end(self, trial: Trial, loss: float | None) -> int:
        """End a trial with a loss, or as a failed one; return its number."""
        state, failure = (TrialState.COMPLETE, None) if loss is not None else (TrialState.FAILED, Failure.CODE)
        self.store.finish(trial.trial_id, state, score=loss, failure=failure)
        return trial.number

    def ended(self, *losses: float | None) -> list[int]:
        """Run trials to their ends, one after the other."""
        return [self.end(self.begin(), loss) for loss in losses]


class Interrupted(StudyStore):
    """A store that does something just before, or just after, it answers a keeper's question."""

    before: ClassVar[dict[str, Callable[[], Any]]] = {}
    after: ClassVar[dict[str, Callable[[], Any]]] = {}

    def finished_among(self, *given: Any) -> set[int]:
        return self.between("finished_among", *given)

    def ranking(self, *given: Any) -> list[int]:
        return self.between("ranking", *given)

    def between(self, question: str, *given: Any) -> Any:
        self.before.pop(question, int)()
        answer = getattr(super(), question)(*given)
        self.after.pop(question, int)()
        return answer


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The URL of a store that is there."""
    url = f"sqlite:///{tmp_path}/store.db"
    StudyStore.open(url, create=True).close()
    return url


@pytest.mark.parametrize("moment", ["before finished_among", "after finished_among", "after ranking"])
def test_a_keeper_with_an_old_view_spares_the_new_best(moment, url, tmp_path, monkeypatch):
    """A14, A5: a trial ends as the best, and its worker tidies, while another keeper has listed the folders already:
    neither takes away the best, nor the trial that runs, whatever the moment.
    """
    when, question = moment.split()
    with StudyStore.open(url) as store, Interrupted.open(url) as slow:
        folders = Folders(store, tmp_path / "study")
        folders.ended(0.5, 0.7)
        ending, running = folders.begin(), folders.begin()
        monkeypatch.setitem(getattr(slow, when), question, lambda: folders.keeper().tidy(folders.end(ending, 0.1)))
        folders.keeper(slow).tidy(1)

        assert ending.number == store.ranking(folders.study.study_id, "minimize", 1)[0]
        assert {ending.number, running.number} <= set(folders.paths.trials())
        assert 1 not in folders.paths.trials()
        folders.keeper().tidy()
        assert [ending.number, running.number] == folders.paths.trials()


def test_what_was_pushed_out_stays_until_the_next_trial(url, tmp_path):
    """Somebody may be loading what was the best until now: it goes when the next trial has ended, not before."""
    with StudyStore.open(url) as store:
        folders = Folders(store, tmp_path / "study")
        seen = []
        for loss in (0.5, 0.4, 0.6, 0.3, 0.2):
            folders.keeper().tidy(*folders.ended(loss))
            seen.append(folders.paths.trials())

    assert [[0], [0, 1], [1], [1, 3], [3, 4]] == seen


def test_failed_and_lost_trials_leave_nothing(url, tmp_path):
    """A failed trial's folder goes, an attempt that was lost goes with its trial, and a running one's stays."""
    with StudyStore.open(url) as store:
        folders = Folders(store, tmp_path / "study")
        folders.ended(0.5, None)
        lost = folders.begin()
        store.recover(folders.study.study_id, lambda row, now: True)
        again = folders.begin()
        folders.keeper().tidy()
        assert (lost.number, 2) == (again.number, again.attempt)
        assert ["0", "2", "2-2"] == sorted(path.name for path in (tmp_path / "study/trials").iterdir())

        folders.keeper().tidy(folders.end(again, 0.9))
        assert ["0"] == [path.name for path in (tmp_path / "study/trials").iterdir()]


def test_many_workers_tidy_one_folder(url, tmp_path):
    """A14: four workers end ten trials each, tidying after each one: at no time is the best without its folder."""
    with StudyStore.open(url) as store:
        folders = Folders(store, tmp_path / "study", keep=2)
        over, gone = threading.Event(), []

        def watch() -> None:
            while not over.is_set():
                best = store.best(folders.study.study_id)
                if best is not None and folders.paths.checkpoint(best.number) is None:
                    again = store.best(folders.study.study_id)
                    gone.extend([best.number] if best == again else [])

        def work(worker: int) -> None:
            for step in range(10):
                loss = ((worker * 10 + step) * 37 % 41) / 41
                folders.keeper().tidy(*folders.ended(loss))

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            with ThreadPoolExecutor(4) as pool:
                list(pool.map(work, range(4)))
        finally:
            over.set()
            watcher.join()
        folders.keeper().tidy()

        assert [] == gone
        assert sorted(store.ranking(folders.study.study_id, "minimize", 2)) == folders.paths.trials()


def test_a_killed_search_leaves_a_best_model_that_loads(tmp_path, monkeypatch):
    """A5: after kill -9 in trial 4 of 10, `hpsearch best` names a checkpoint, and it loads."""
    monkeypatch.chdir(tmp_path)
    Path("data.csv").write_text(csv_text(rows()))
    own = ("--train-file", "data.csv", *COLUMNS, *TINY, "--objective", "loss", "--study", "mine", "--trials", "10")
    env = {**os.environ, "HPSEARCH_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    quiet: Any = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([sys.executable, "-c", MAIN, "run", *own], env=env, **quiet)
    try:
        assert wait_for(4)
    finally:
        process.kill()
        process.wait()

    best = done("best", "mine", "--json").json()
    model = AutoModelForSequenceClassification.from_pretrained(best["checkpoint"])
    assert 2 == model.config.num_labels
    assert best["number"] in range(10)
    assert not done("show", "mine", "--json").json()["models"]


def wait_for(count: int) -> bool:
    """Wait until so many trials are complete; return whether they are, and the search still runs."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        with suppress(StoreNotFound, StoreOutdated, StudyNotFound), StudyStore.open("sqlite:///hpsearch.db") as store:
            summary = store.summary(store.study("mine").study_id)
            if summary.complete >= count:
                return summary.complete < 10
        time.sleep(0.05)
    return False
