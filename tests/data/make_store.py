"""Make a store of a released schema with the code of that release; `README.md` beside this says how to run it.

Run with the release's own package in front of the installed one, it searches `data.csv` with the real command line: one
trial fails, one is interrupted and waits, one is retrained; a fork is interrupted at once, and a study with a difficult
name is added. What is left is a SQLite file and, for the servers, its rows as JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import sys
import tempfile
from itertools import product
from pathlib import Path
from typing import Any

import optuna
from optuna.study import StudyDirection
from transformers import Trainer

import hpsearch
from hpsearch.search.cli import main as hpsearch_command
from hpsearch.studies.optuna_storage import optuna_storage
from hpsearch.studies.records import Failure, TrialState
from hpsearch.studies.schema import REVISIONS
from hpsearch.studies.store import StudyStore
from hpsearch.studies.worker import worker_name

STORES = Path(__file__).parent / "stores"
#: The command whose study is left unfinished; kept with the rows, for `tests/search/test_old_store.py` goes on with it.
SEARCH = [
    *("run", "--train-file", "data.csv", "--text-columns", "text", "--label-column", "label", "--model", "tiny"),
    *("--study", "old", "--trials", "6", "--no-retrain", "--subset", "1", "--set", "num_train_epochs=1"),
    *("--objective", "loss", "--precision", "fp32", "--store", "sqlite:///store.db"),
]
FORK = [*SEARCH, "--seed", "7", "--fork", "forked"]
FAILS, INTERRUPTED = 2, (4, 5)  #: the trainings, from 0, that do not come to their end
ODD = "Ünï \"quotes\" 'n' 日本 \N{SNOWMAN}; DROP TABLE hpsearch_studies -- <b>%s</b>"
#: What replaces who made the store and where.
WORKER, FOLDER = "host#00000000:1:1.00", ""
#: Made by whoever makes the tables, on every database.
NOT_ROWS = ("alembic_version", "hpsearch_alembic_version", "version_info", "sqlite_sequence")


def csv_text() -> str:
    """Return 80 short texts of which one word tells the label."""
    words = product(("cat", "dog", "house", "tree"), ("runs", "sleeps", "sings", "waits", "falls"), "abcd")
    lines = []
    for row, (one, other, end) in enumerate(words):
        label = ("yes", "no")[row % 2]
        lines.append(f"{one} {other} {label}{end},{label}\n")
    return "".join(["text,label\n", *lines])


def main() -> None:
    """Make the store and its rows beside this file; what is there already is never overwritten."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    database, rows = (STORES / f"{REVISIONS[-1]}.{kind}" for kind in ("db", "json"))
    if database.exists() or rows.exists():
        sys.exit(f"{database} is there: a released store never changes")
    sys.stderr.write(f"made by {hpsearch.__file__}, schema {REVISIONS[-1]}\n")
    (STORES / "data.csv").write_text(csv_text(), encoding="utf-8")
    with tempfile.TemporaryDirectory() as work, contextlib.chdir(work):
        shutil.copy(STORES / "data.csv", work)
        os.environ["HPSEARCH_CACHE"] = f"{work}/cache"
        search()
        make_odd_study("sqlite:///store.db")
        write_clean_copy("store.db", "clean.db", work)
        content = {"command": SEARCH, "rows": rows_of("clean.db")}
        rows.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        shutil.copy("clean.db", database)


def search() -> None:
    """Search until a real Ctrl-C in trial 4, after a failed trial 2; fork, until one in trial 0; retrain trial 1."""
    retrain = ["retrain", "old", "--trial", "1", "--store", "sqlite:///store.db"]
    with misfortunes():
        codes = [hpsearch_command(command) for command in (SEARCH, FORK, retrain)]
    if codes != [130, 130, 0]:
        sys.exit(f"the searches were to be interrupted, the retraining not; they ended with {codes}")


@contextlib.contextmanager
def misfortunes() -> Any:
    """Let one training raise an error at its first step and others receive a Ctrl-C."""
    real, trainings = (Trainer.train, Trainer.training_step), iter(range(1000))

    def train(self: Any, *args: Any, **options: Any) -> Any:
        self.number = next(trainings)
        return real[0](self, *args, **options)

    def training_step(self: Any, *args: Any, **options: Any) -> Any:
        if self.number == FAILS:
            raise RuntimeError("made to fail")
        if self.number in INTERRUPTED:
            signal.raise_signal(signal.SIGINT)
        return real[1](self, *args, **options)

    Trainer.train, Trainer.training_step = train, training_step
    try:
        yield
    finally:
        Trainer.train, Trainer.training_step = real


def make_odd_study(url: str) -> None:
    """Add a maximised study of a difficult name: a complete, a pruned, a failed and a running trial, and a model."""
    with StudyStore.open(url) as store:
        study = store.create_study(
            name=ODD,
            spec={"identity": {"low": 0.1 + 0.2, "名": "naïve \U0001f600"}, "notes": [1, None, True]},
            task="own",
            model="Modèle",
            backend="optuna",
            objective="eval_loss",
            direction="maximize",
            trials=4,
            folder="hpsearch-output/odd-00000000",
            forked_from="old",
        )
        for _ in range(4):
            run_odd_trial(store, store.claim(study.study_id, worker=worker_name(), lease_s=60))
        store.add_model(
            study_id=study.study_id,
            trial_number=0,
            folder=f"models/{ODD}",
            metrics={"eval_loss": None},
            seconds={"train": 1 / 3},
            fingerprint="abc",
            spec={"名": [0.1]},
        )
    storage = optuna_storage(url)
    storage.create_new_study([StudyDirection.MAXIMIZE], ODD)
    storage.remove_session()
    storage.engine.dispose()


def run_odd_trial(store: StudyStore, trial: Any) -> None:
    """Write values at the edges to a trial and end it: 0 to 2 each in another state, 3 runs on."""
    params = {"learning_rate": 1 / (3 + trial.number), "optim": ODD}
    store.record(trial.trial_id, params=params, seed=2**63 - 1, fraction=0.1, checkpoint=f"é/{trial.number}")
    store.record(trial.trial_id, curve=[{"budget": 0.5, "score": -0.0}], seconds={"train": 1 / 3})
    endings: dict[int, dict[str, Any]] = {
        0: {"state": TrialState.COMPLETE, "score": 0.25, "metrics": {"eval_loss": 0.25}},
        1: {"state": TrialState.PRUNED, "score": 5e-324},
        2: {"state": TrialState.FAILED, "failure": Failure.OOM, "failure_message": ODD},
    }
    if trial.number in endings:
        store.finish(trial.trial_id, **endings[trial.number])


def write_clean_copy(store: str, copy: str, work: str) -> None:
    """Write the store's file anew, small and without who made it and where."""
    with contextlib.closing(sqlite3.connect(store)) as database:
        database.execute("VACUUM INTO ?", (copy,))
    replaced = {f"{work}/": FOLDER, worker_name(): WORKER}
    with contextlib.closing(sqlite3.connect(copy, isolation_level=None)) as database:
        for table, column in text_columns(database):
            for old, new in replaced.items():
                database.execute(f'UPDATE "{table}" SET "{column}" = replace("{column}", ?, ?)', (old, new))  # noqa: S608
        for pragma in ("journal_mode = DELETE", "page_size = 512"):
            database.execute(f"PRAGMA {pragma}")
        database.execute("VACUUM")
        database.execute("PRAGMA journal_mode = WAL")  # as the release leaves it
    check_clean(Path(copy).read_bytes(), work)


def text_columns(database: sqlite3.Connection) -> list[tuple[str, str]]:
    """Return each (table, column) that holds text."""
    tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return [
        (table, name)
        for (table,) in tables
        for name, kind in kinds_of(database, table).items()
        if any(word in kind for word in ("CHAR", "TEXT", "JSON"))
    ]


def kinds_of(database: sqlite3.Connection, table: str) -> dict[str, str]:
    """Return the declared type of each column."""
    return {name: kind for _, name, kind, *_ in database.execute(f'PRAGMA table_info("{table}")')}


def check_clean(content: bytes, work: str) -> None:
    """Stop where something of this machine is left in the store."""
    private = (work, tempfile.gettempdir(), sys.prefix, str(Path.home()), str(STORES), f"{socket.gethostname()}#")
    left = [text for text in private if text.encode() in content]
    if left:
        sys.exit(f"left in the store: {left}")


def rows_of(path: str) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of each table, parents first; JSON columns as their text, booleans as such."""
    from sqlalchemy import create_engine, inspect

    engine = create_engine(f"sqlite:///{path}")
    names = [name for name, _ in inspect(engine).get_sorted_table_and_fkc_names() if name not in (None, *NOT_ROWS)]
    engine.dispose()
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.row_factory = sqlite3.Row
        return {name: table_rows(database, name) for name in names}


def table_rows(database: sqlite3.Connection, table: str) -> list[dict[str, Any]]:
    """Return the rows of a table in the order of its first column."""
    kinds = kinds_of(database, table)
    truths = {name for name, kind in kinds.items() if kind == "BOOLEAN"}
    found = database.execute(f'SELECT * FROM "{table}" ORDER BY 1').fetchall()  # noqa: S608
    return [{name: bool(row[name]) if name in truths else row[name] for name in kinds} for row in found]


if __name__ == "__main__":
    main()
