"""Studies of every kind for the dashboard to show, written without a training, and a dashboard in this process."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from hpsearch.search.command.dashboard import application, shown_storage
from hpsearch.search.dashboard.server import listening
from hpsearch.studies.optuna_storage import optuna_storage
from hpsearch.studies.optuna_study import open_optuna_study
from hpsearch.studies.records import Failure, Study, Trial, TrialState
from hpsearch.studies.store import StudyStore

SPACE = {
    "learning_rate": {"type": "float", "low": 1e-5, "high": 1e-2, "log": True},
    "optim": {"type": "choice", "choices": ["adamw_torch", "adafactor"]},
    "num_train_epochs": {"type": "constant", "value": 3},
}
CURVE = [{"budget": share, "score": share / 2, "metrics": {}} for share in (0.25, 0.5, 0.75, 1.0)]


def identity(**changes: Any) -> dict[str, Any]:
    """Return the problem of a study as a search writes it."""
    given = {"space": SPACE, "fraction": 0.1, "seed": 42, "sampler": "tpe", "pruner": "median", "args": {"seed": 42}}
    return {**given, **changes}


def notes(label: str = "label", text: str = "text", labels: tuple[str, ...] = ("no", "yes")) -> dict[str, Any]:
    """Return what a search writes down beside the problem."""
    task = {"name": "train", "text_columns": [text], "label_column": label, "labels": list(labels)}
    return {"task": task, "rows": {"train": 270, "selection": 30, "report": 60}, "options": {"train_file": "a.csv"}}


def add_study(store: StudyStore, name: str, *, trials: int = 3, in_optuna: bool = True, **changes: Any) -> Study:
    """Add a study without a trial."""
    spec = {"identity": changes.pop("identity", identity()), "notes": changes.pop("notes", notes())}
    given = {"task": "train", "model": "tiny", "backend": "optuna", "objective": "eval_accuracy"}
    study = store.create_study(
        **{**given, "name": name, "spec": spec, "direction": "maximize", "trials": trials, **changes}
    )
    if in_optuna:
        storage = optuna_storage(store.url)
        open_optuna_study(storage, name, direction=study.direction, metric_name=study.objective)
        storage.remove_session()
        storage.engine.dispose()
    return study


def begin(store: StudyStore, study: Study, rate: float = 1e-3, **fields: Any) -> Trial:
    """Claim a trial and write down what a running one has."""
    trial = store.claim(study.study_id, worker="host-a#1:77:9", lease_s=600)
    assert trial is not None
    params = {"learning_rate": rate * (1 + trial.number), "optim": "adafactor", "num_train_epochs": 3}
    store.reserve(trial.trial_id, params)
    config = {"args": {**params, "seed": 42}, "model": {"hidden_dropout_prob": 0.1}, "data": {}, "schedule": []}
    given = {"config": config, "fraction": 0.1, "seed": 42, "baseline": trial.number == 0, "curve": CURVE[:2]}
    store.record(trial.trial_id, **{**given, "progress": 0.5, "device": "cpu", **fields})
    return trial


def end(store: StudyStore, study: Study, state: TrialState, score: float | None = None, **fields: Any) -> Trial:
    """Run a trial to its end; what it leaves is as in `begin`."""
    trial = begin(store, study, curve=CURVE if state is TrialState.COMPLETE else CURVE[:1])
    failure = {"failure": Failure.OOM, "failure_message": "out of memory"} if state is TrialState.FAILED else {}
    return store.finish(trial.trial_id, state, score=score, seconds={"train": 1.5}, **{**failure, **fields})


def five_kinds(store: StudyStore) -> None:
    """Add a study of each kind that has nothing to show, or little."""
    add_study(store, "empty")
    add_study(store, "empty without Optuna", in_optuna=False)
    running = add_study(store, "running")
    end(store, running, TrialState.COMPLETE, 0.6)
    begin(store, running)
    for name, state in (("all failed", TrialState.FAILED), ("all pruned", TrialState.PRUNED)):
        study = add_study(store, name)
        for _ in range(2):
            end(store, study, state, 0.3 if state is TrialState.PRUNED else None)
    one = add_study(store, "one trial", trials=1)
    end(store, one, TrialState.COMPLETE, 0.7)


VERDICT: dict[str, Any] = {
    "winner": 1,
    "trial": 1,
    "gain": {
        "split": "report",
        "baseline": 0.6,
        "winner": 0.9,
        "difference": 0.3,
        "interval": [0.1, 0.5],
        "level": 0.95,
        "rows": 60,
        "detectable": 0.1,
    },
    "classes": {
        "labels": ["no", "yes"],
        "matrix": [[25, 5], [3, 27]],
        "precision": [0.89, 0.84],
        "recall": [0.83, 0.9],
        "f1": [0.86, 0.87],
        "rows": [30, 30],
    },
    "cost": {"trainings": 2.4, "seconds": 4.0, "seconds_by_kind": {"train": 4.0}, "thrown_away": 1.0},
}


def concluded(store: StudyStore, name: str = "concluded", folder: str = "") -> Study:
    """Add a study with a baseline, a winner, a failed and a pruned trial, a verdict and a model."""
    study = add_study(store, name, folder=folder)
    end(store, study, TrialState.COMPLETE, 0.6)
    winner = end(store, study, TrialState.COMPLETE, 0.9)
    end(store, study, TrialState.FAILED)
    end(store, study, TrialState.PRUNED, 0.2)
    seconds = {"train": 1.0}
    store.add_model(
        study_id=study.study_id,
        trial_number=winner.number,
        folder="/models/a`b",
        metrics={},
        seconds=seconds,
        fingerprint="f",
        spec={},
    )
    return store.conclude(study.study_id, VERDICT)


class Served:
    """A dashboard that answers."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, bytes]:
        """Return status and body."""
        data = b"{}" if method in ("POST", "PUT") else None
        request = urllib.request.Request(self.url + path, method=method, headers=headers, data=data)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def json(self, path: str) -> Any:
        """Return what is there, which must be JSON."""
        status, body = self.ask(path)
        assert status == 200, body
        return json.loads(body)

    def studies(self) -> dict[str, int]:
        """Return the keys of the studies by their names."""
        return {one["study_name"]: one["study_id"] for one in self.json("api/studies")["study_summaries"]}

    def study(self, name: str) -> Any:
        """Return all that the page is told of a study."""
        return self.json(f"api/studies/{self.studies()[name]}")


@contextmanager
def served(store_url: str) -> Iterator[Served]:
    """Serve a store from a thread of this process."""
    with (
        StudyStore.open(store_url, read_only=True) as store,
        closing(shown_storage(store)) as storage,
        listening("127.0.0.1", 0, usual=0) as server,
    ):
        server.set_app(application(storage, private=True))
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield Served(server.url)
        finally:
            server.shutdown()
            thread.join()
