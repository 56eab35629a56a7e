"""How quick the store is as it fills, beside plain Optuna, and how quickly it answers when it is full.

    python tests/benchmarks/store.py [--database sqlite --database postgresql --database mysql]
        [--trials 100 1000 10000] [--samples 200] [--big 20000]

Two studies of the same trials lie in one database: ours, with Optuna's study of the same name as a search makes it, and
one that only plain Optuna knows. They are filled to each size of `--trials`; from there on one trial of ours and one of
Optuna's are run and timed in turn, so that noise meets both. Each is stored, so a size is where its samples begin.

- ours: `claim`, `record` with parameters and configuration, `finish` with metrics and a curve of four evaluations
- plain Optuna: `ask` for five parameters (`RandomSampler`), four `report`, `tell`

Ours is what a search pays on top of Optuna, not in its place. Then, at `--big` trials, what people ask a store is timed
five times, in this process and as commands. It prints one Markdown table a database, where "growth" is the p95 over the
p95 at the smallest size, and ends with exit code 1 where a bar is missed.

Servers are at `HPSEARCH_TEST_POSTGRES_URL` and `HPSEARCH_TEST_MYSQL_URL`: on each, a database is made and dropped.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import os
import random
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution, distribution_to_json
from optuna.storages import RDBStorage
from sqlalchemy import Connection, Engine, MetaData, create_engine, insert, make_url, select, update
from transformers import TrainingArguments

from hpsearch.search.trial.configuration import Configuration
from hpsearch.studies import tables
from hpsearch.studies.clock import utc_now, utc_text
from hpsearch.studies.engine import make_engine, transaction
from hpsearch.studies.identity import fingerprint
from hpsearch.studies.optuna_storage import optuna_storage
from hpsearch.studies.optuna_study import open_optuna_study
from hpsearch.studies.records import Study, TrialState
from hpsearch.studies.store import StudyStore

SERVERS = {"sqlite": None, "postgresql": "HPSEARCH_TEST_POSTGRES_URL", "mysql": "HPSEARCH_TEST_MYSQL_URL"}

OBJECTIVE = "eval_matthews_correlation"
OURS, PLAIN = "ours", "plain"  # names of the two studies
WORKER = "bench:1:1"

WARM_UP = 10  # rounds that are not counted
ASKED = 5  # times each question is asked
BATCH = 1000  # trials that are added in one transaction
GROWTH = 1.5  # bar: a trial of ours in a full store, against one in an empty one
BEST_S = 1.0  # bar: seconds until the best trial of a full store is there
HEAD = "| what | trials stored | p50 ms | p95 ms | growth | bar |\n|---|--:|--:|--:|--:|---|"


# What is stored: each trial as a search on `cola` would leave it

SPACE = {
    "learning_rate": FloatDistribution(1e-5, 1e-3, log=True),
    "per_device_train_batch_size": CategoricalDistribution((8, 16, 32)),
    "num_train_epochs": IntDistribution(1, 4),
    "weight_decay": FloatDistribution(0.0, 0.3),
    "warmup_steps": FloatDistribution(0.0, 0.2),
}


def some_params(chance: random.Random) -> dict[str, Any]:
    """Draw a value of each parameter in `SPACE`."""
    return {
        "learning_rate": 10 ** chance.uniform(-5, -3),
        "per_device_train_batch_size": chance.choice((8, 16, 32)),
        "num_train_epochs": chance.randint(1, 4),
        "weight_decay": chance.uniform(0.0, 0.3),
        "warmup_steps": chance.uniform(0.0, 0.2),
    }


def some_evaluation(chance: random.Random, share: float) -> dict[str, Any]:
    """Draw what one evaluation returns, as a point of the learning curve."""
    names = (OBJECTIVE, "eval_loss", "eval_runtime", "eval_samples_per_second", "eval_steps_per_second", "epoch")
    metrics = {name: chance.random() for name in names}
    return {"budget": share, "score": metrics[OBJECTIVE], "metrics": metrics}


def endless_trials() -> Iterator[dict[str, Any]]:
    """Give finished trials, by column name, without end."""
    chance = random.Random(17)
    config = Configuration.resolve(TrainingArguments(), {}, fraction=0.3, seed=42).to_dict()  # 80 arguments
    while True:
        params = some_params(chance)
        curve = [some_evaluation(chance, share) for share in (0.25, 0.5, 0.75, 1.0)]
        yield {
            "params": params,
            "config": {**config, "args": {**config["args"], **params}},
            "fraction": config["fraction"],
            "seed": config["seed"],
            "curve": curve,
            "metrics": curve[-1]["metrics"],
            "score": curve[-1]["score"],
            "seconds": {"setup": 0.5, "train": 41.7, "evaluate": 3.2},
        }


# One trial, run


def run_ours(store: StudyStore, study: Study, new: Mapping[str, Any]) -> None:
    """Claim a trial, write it and finish it, as a worker does."""
    trial = store.claim(study.study_id, worker=WORKER, lease_s=60)
    store.reserve(trial.trial_id, new["params"], worker=WORKER)
    store.record(trial.trial_id, worker=WORKER, **{name: new[name] for name in ("config", "fraction", "seed")})
    ending = {name: new[name] for name in ("score", "metrics", "curve", "seconds")}
    store.finish(trial.trial_id, TrialState.COMPLETE, worker=WORKER, **ending)


def run_plain(study: optuna.Study, new: Mapping[str, Any]) -> None:
    """Ask Optuna for a trial with five parameters, report to it and tell it."""
    trial = study.ask(SPACE)
    for step, point in enumerate(new["curve"]):
        trial.report(point["score"], step)
    study.tell(trial, new["score"])


# Many trials, added


class OptunaTables:
    """Optuna's tables as they are in the database: its own way to add trials takes milliseconds each."""

    def __init__(self, engine: Engine) -> None:
        names = ("studies", "trials", "trial_params", "trial_values", "trial_intermediate_values")
        metadata = MetaData()
        metadata.reflect(engine, only=names)
        self.studies, self.trials, self.params, self.values, self.curves = (metadata.tables[name] for name in names)

    def add(self, connection: Connection, study: str, numbers: range, new: Sequence[Mapping[str, Any]]) -> list[int]:
        """Add complete trials to Optuna's study of that name; return their keys."""
        ids = self._add_trials(connection, study, numbers)
        keyed = list(zip(ids, new, strict=True))
        connection.execute(insert(self.params), [row for key, trial in keyed for row in param_rows(key, trial)])
        value = {"objective": 0, "value_type": "FINITE"}
        connection.execute(
            insert(self.values), [{**value, "trial_id": key, "value": trial["score"]} for key, trial in keyed]
        )
        connection.execute(insert(self.curves), [row for key, trial in keyed for row in curve_rows(key, trial)])
        return ids

    def _add_trials(self, connection: Connection, study: str, numbers: range) -> list[int]:
        study_id = connection.scalar(select(self.studies.c.study_id).where(self.studies.c.study_name == study))
        now = datetime.now(UTC).replace(tzinfo=None)
        row = {"study_id": study_id, "state": "COMPLETE", "datetime_start": now, "datetime_complete": now}
        connection.execute(insert(self.trials), [{**row, "number": number} for number in numbers])
        mine = self.trials.c.study_id == study_id, self.trials.c.number.between(numbers[0], numbers[-1])
        return list(connection.scalars(select(self.trials.c.trial_id).where(*mine).order_by(self.trials.c.number)))


def param_rows(key: int, trial: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Give a trial's rows in `trial_params`."""
    for name, distribution in SPACE.items():
        value, text = distribution.to_internal_repr(trial["params"][name]), distribution_to_json(distribution)
        yield {"trial_id": key, "param_name": name, "param_value": value, "distribution_json": text}


def curve_rows(key: int, trial: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Give a trial's rows in `trial_intermediate_values`."""
    finite = {"trial_id": key, "intermediate_value_type": "FINITE"}
    return ({**finite, "step": step, "intermediate_value": it["score"]} for step, it in enumerate(trial["curve"]))


def add_ours(connection: Connection, study: Study, numbers: range, new: Sequence[Mapping[str, Any]]) -> None:
    """Add complete trials to our tables, and take the study's slots for them."""
    now = utc_text(utc_now())
    row = {"study_id": study.study_id, "objective": study.objective, "state": TrialState.COMPLETE.value, "attempt": 1}
    row |= {"baseline": False, "phase": "search", "rung": 0, "worker": WORKER, "started_at": now, "finished_at": now}
    each = [{**row, **trial, "number": n, "params_key": key_of(trial)} for n, trial in zip(numbers, new, strict=True)]
    connection.execute(insert(tables.trials), each)
    mine = tables.studies.c.study_id == study.study_id
    taken = {"slots": numbers[-1] + 1, "next_number": numbers[-1] + 1}
    connection.execute(update(tables.studies).where(mine).values(**taken))


def key_of(trial: Mapping[str, Any]) -> str:
    """Return what `StudyStore.reserve` would write beside the configuration."""
    return fingerprint({"params": trial["params"], "replicate": ""})


def settle(engine: Engine) -> None:
    """Let a server look at what was added in bulk: with a store that grew trial by trial, it has done so by itself."""
    looks = {"postgresql": "VACUUM ANALYZE", "mysql": f"ANALYZE TABLE {tables.trials}, trials, trial_params"}
    if (look := looks.get(engine.dialect.name)) is not None:
        run_sql(engine, look)


class Bench:
    """A database with our study, Optuna's of the same name, and a plain one of Optuna's."""

    def __init__(self, url: str) -> None:
        self.store = StudyStore.open(url, create=True)
        self.study = make_ours(self.store)
        self.storage = RDBStorage(url)
        sampler = optuna.samplers.RandomSampler(seed=17)
        self.plain = optuna.create_study(storage=self.storage, study_name=PLAIN, direction="maximize", sampler=sampler)
        self.engine = make_engine(url)
        self.optuna_tables = OptunaTables(self.engine)
        self.trials = endless_trials()

    def grow(self, size: int) -> int:
        """Add trials to both studies until each has `size`; return how many they have, for they may have more."""
        stored = self.store.summary(self.study.study_id).complete
        for first in range(stored, size, BATCH):
            numbers = range(first, min(first + BATCH, size))
            new = list(itertools.islice(self.trials, len(numbers)))
            with transaction(self.engine) as connection:
                ids = self.optuna_tables.add(connection, OURS, numbers, new)
                keyed = [{**trial, "optuna_trial_id": key} for key, trial in zip(ids, new, strict=True)]
                add_ours(connection, self.study, numbers, keyed)
                self.optuna_tables.add(connection, PLAIN, numbers, new)
        settle(self.engine)
        return max(stored, size)

    def run_in_turn(self, samples: int) -> tuple[list[float], list[float]]:
        """Return the seconds of trials of ours and of plain Optuna's, run one after the other."""
        ours, plain = [], []
        for new in itertools.islice(self.trials, WARM_UP + samples):
            ours.append(timed(partial(run_ours, self.store, self.study, new)))
            plain.append(timed(partial(run_plain, self.plain, new)))
        return ours[WARM_UP:], plain[WARM_UP:]

    def close(self) -> None:
        """Let go of the database, which may be dropped then."""
        self.storage.remove_session()
        self.storage.engine.dispose()
        self.store.close()
        self.engine.dispose()


def make_ours(store: StudyStore) -> Study:
    """Make a study of ours, and Optuna's of the same name."""
    about = {"task": "cola", "model": "tiny", "backend": "optuna", "objective": OBJECTIVE, "direction": "maximize"}
    study = store.create_study(name=OURS, spec={"identity": {}, "notes": {}}, trials=10**6, **about)
    storage = optuna_storage(store.url)
    open_optuna_study(storage, OURS, direction="maximize", metric_name=OBJECTIVE)
    storage.engine.dispose()
    return study


def timed(work: Callable[[], Any]) -> float:
    """Return the seconds `work` takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a table: seconds of the same thing, done again and again with so many trials in the store."""

    what: str
    stored: int
    seconds: list[float]
    growth: float | None = None
    bar: str = ""
    missed: bool = False

    @property
    def p50(self) -> float:
        """The median."""
        return statistics.median(self.seconds)

    @property
    def p95(self) -> float:
        """What 95 of 100 stay below."""
        return statistics.quantiles(self.seconds, n=20, method="inclusive")[-1]

    def __str__(self) -> str:
        growth = "" if self.growth is None else f"{self.growth:.2f}"
        bar = f"{self.bar}: **missed**" if self.missed else self.bar
        return f"| {self.what} | {self.stored:,} | {self.p50 * 1e3:,.1f} | {self.p95 * 1e3:,.1f} | {growth} | {bar} |"


def lines_of_trials(bench: Bench, sizes: Sequence[int], samples: int) -> list[Line]:
    """Time trials at each size; the bar is at the last line of ours."""
    ours, plain = [], []
    for size in sorted(sizes):
        stored = bench.grow(size)
        seconds = bench.run_in_turn(samples)
        ours.append(Line(what="a trial of ours", stored=stored, seconds=seconds[0]))
        plain.append(Line(what="a trial of plain Optuna's", stored=stored, seconds=seconds[1]))
    last = replace(with_growth(ours)[-1], bar=f"growth at most {GROWTH}", missed=ours[-1].p95 > GROWTH * ours[0].p95)
    return [*with_growth(ours)[:-1], last, *with_growth(plain)]


def with_growth(lines: list[Line]) -> list[Line]:
    """Say in each line how much slower it is than the first."""
    return [replace(line, growth=line.p95 / lines[0].p95) for line in lines]


def lines_of_questions(bench: Bench, size: int) -> Iterator[Line]:
    """Time what people ask a store that is full."""
    stored, store, study_id = bench.grow(size), bench.store, bench.study.study_id
    questions = {
        "`store.best`": partial(store.best, study_id),
        "`store.studies`": store.studies,
        "`store.trials`": partial(store.trials, study_id),
        "`hpsearch best --json`": partial(command, store.url, "best", OURS),
        "`hpsearch studies --json`": partial(command, store.url, "studies"),
        "`hpsearch trials --json`": partial(command, store.url, "trials", OURS),
    }
    for what, ask in questions.items():
        line = Line(what=what, stored=stored, seconds=[timed(ask) for _ in range(ASKED)])
        if "best" in what:
            line = replace(line, bar=f"p50 under {BEST_S * 1e3:,.0f} ms", missed=line.p50 >= BEST_S)
        yield line


def command(url: str, *words: str) -> None:
    """Run a command of hpsearch on the store at `url`."""
    program = str(Path(sys.executable).parent / "hpsearch")
    environment = {**os.environ, "HPSEARCH_STORE": url}  # not among the words: a URL may hold a password
    subprocess.run([program, *words, "--json"], check=True, stdout=subprocess.DEVNULL, env=environment)


@contextmanager
def new_database(server: str | None) -> Iterator[str]:
    """Give the URL of an empty database, on a server or (None) in a SQLite file; it is gone afterwards."""
    if server is None:
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{folder}/hpsearch.db"
        return
    admin = create_engine(server)
    name = f"hpsearch_bench_{secrets.token_hex(4)}"
    run_sql(admin, f"CREATE DATABASE {name}")
    try:
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        run_sql(admin, f"DROP DATABASE {name}")
        admin.dispose()


def run_sql(engine: Engine, statement: str) -> None:
    """Run one statement outside a transaction."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(statement)


def version_of(engine: Engine) -> str:
    """Return what the database calls itself, after a connection was made."""
    name = "mariadb" if getattr(engine.dialect, "is_mariadb", False) else engine.dialect.name
    return f"{name} {'.'.join(str(part) for part in engine.dialect.server_version_info)}"


def report(url: str, chosen: argparse.Namespace) -> bool:
    """Print the table of one database; return whether every bar was met."""
    bench = Bench(url)
    try:
        lines = [*lines_of_trials(bench, chosen.trials, chosen.samples), *lines_of_questions(bench, chosen.big)]
        print(f"### {version_of(bench.engine)}\n", HEAD, *lines, sep="\n", end="\n\n", flush=True)
        return not any(line.missed for line in lines)
    finally:
        bench.close()


def main() -> int:
    """Print a table for each database; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", action="append", choices=SERVERS)
    parser.add_argument("--trials", type=int, nargs="+", default=[100, 1000, 10000])
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--big", type=int, default=20000)
    chosen = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    gc.freeze()  # what is imported is never looked at again; a search does the same
    met = [on_database(name, chosen) for name in chosen.database or SERVERS]
    return 0 if all(met) else 1


def on_database(name: str, chosen: argparse.Namespace) -> bool:
    """Measure a database where there is one; return whether no bar was missed."""
    variable = SERVERS[name]
    server = os.environ.get(variable) if variable else None
    if variable and not server:
        print(f"### {name}\n\nskipped: {variable} is not set\n")
        return True
    with new_database(server) as url:
        return report(url, chosen)


if __name__ == "__main__":
    sys.exit(main())
