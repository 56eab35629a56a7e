"""What the Ray backend costs, beside stock `hyperparameter_search(backend="ray")` and beside bare processes.

    python tests/benchmarks/on_ray.py [--trials 12] [--rows 300000] [--only overhead|throughput|memory]

- overhead: seconds of a worker from the start of one trial to that of its next, less training and evaluation, after its
  first trial; stock: seconds that its actors spend on a trial of the same task beside training and evaluation;
- throughput: trials per hour of two Ray workers, beside two bare processes that train the same configurations, each in
  one warm process; both from the start of the first training to the end of the last;
- memory: what eight workers take more (proportional set size) once each has read all of one prepared data set;
- specification: bytes of what a worker is sent.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

WORKERS = 8
JOBS = 2
#: Every trial is the same training, so that what is compared differs in nothing else.
SAME = (
    *("--set", "num_train_epochs=3", "--set", "per_device_train_batch_size=16", "--precision", "fp32"),
    *("--strategy", "single", "--confirm", "none"),
)
ENTRY = "from hpsearch.search.cli import entry; entry()"


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of what is measured: offline, one thread for each worker."""
    return {**os.environ, "HF_HUB_OFFLINE": "1", "HPSEARCH_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}


def command(folder: Path, *words: str) -> None:
    """Run a command of hpsearch."""
    quiet: Any = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([sys.executable, "-c", ENTRY, *words], cwd=folder, env=environment(folder), check=True, **quiet)


def moment(text: str | None) -> float:
    """Return a moment of the store in seconds."""
    return datetime.fromisoformat(str(text)).timestamp()


def searched(folder: Path, trials: int) -> list[Any]:
    """Search `demo` on a Ray cluster of its own; return the trials."""
    from hpsearch.studies.store import StudyStore

    name = f"ray-{trials}"
    command(
        folder, "run", "--backend", "ray", "--trials", str(trials), "--study", name, "--no-retrain", "--quiet", *SAME
    )
    with StudyStore.open(f"sqlite:///{folder}/hpsearch.db") as store:
        return store.trials(store.study(name).study_id)


def overheads(trials: list[Any]) -> list[float]:
    """Return what each trial after a worker's first took beside training and evaluation, up to the next one's start."""
    found = []
    for worker in {one.worker for one in trials}:
        mine = sorted((one for one in trials if one.worker == worker), key=lambda one: one.started_at)
        for one, following in itertools.pairwise(mine[1:]):
            span = moment(following.started_at) - moment(one.started_at)
            found.append(span - one.seconds["train"] - one.seconds["evaluate"])
    return found


STOCK = """
import json, sys, time
from pathlib import Path
from ray import tune
from transformers import TrainerCallback
from hpsearch.search.options import RunOptions
from hpsearch.search.stored_problem import problem_of, space_of

class Clock(TrainerCallback):
    notes = sys.argv[1]
    def note(self, what):
        with open(self.notes, "a") as file:
            file.write(json.dumps([what, time.time()]) + "\\n")
    def on_train_begin(self, *args, **kwargs):
        self.note("begin")
    def on_train_end(self, *args, **kwargs):
        self.note("end")

options = RunOptions(precision="fp32", set=["num_train_epochs=3", "per_device_train_batch_size=16"])
problem = problem_of(options, space_of(options))
trainer = problem.trainer
from hpsearch.search.data.splits import at_fraction
trainer.train_dataset = at_fraction(trainer.train_dataset, 0.1, 42)
trainer.args.eval_strategy = "epoch"
trainer.add_callback(Clock())
make = trainer.model_init
trainer.model_init = lambda: make({})
began = time.time()
trainer.hyperparameter_search(
    backend="ray", n_trials=int(sys.argv[2]), direction="maximize",
    hp_space=lambda trial: {"learning_rate": tune.loguniform(1e-5, 1e-3)},
    compute_objective=lambda metrics: metrics["eval_accuracy"],
    resources_per_trial={"cpu": 1, "gpu": 0}, verbose=0, storage_path=str(Path(sys.argv[1]).parent / "stock"),
)
print("SECONDS", time.time() - began)
"""


def stock_overhead(folder: Path, trials: int) -> float:
    """Return the seconds of an actor beside training, for each trial of a stock search with two actors at a time."""
    notes = folder / "stock.jsonl"
    quiet: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    words = [sys.executable, "-c", STOCK, str(notes), str(trials)]
    done = subprocess.run(words, cwd=folder, env=environment(folder), check=True, **quiet)
    took = float(next(line for line in done.stdout.splitlines() if line.startswith("SECONDS")).split()[1])
    lines = [json.loads(line) for line in notes.read_text().splitlines()]
    trained = sum(when if what == "end" else -when for what, when in lines)
    return (JOBS * took - trained) / trials


BARE = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import overhead
from hpsearch.search.trial.configuration import Configuration
from hpsearch.search.options import RunOptions
from hpsearch.search.quiet import chatter_to
from hpsearch.search.stored_problem import problem_of, space_of
from hpsearch.studies.store import StudyStore
import torch
torch.set_num_threads(1)

folder, name, part = Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
options = RunOptions(precision="fp32", set=["num_train_epochs=3", "per_device_train_batch_size=16"])
problem = problem_of(options, space_of(options))
with StudyStore.open(f"sqlite:///{folder}/hpsearch.db") as store:
    trials = store.trials(store.study(name).study_id)
mine = [Configuration.from_dict(one.config) for one in trials][part::2]
with chatter_to(folder / f"bare-{part}.log"):
    overhead.bare_training(problem.making, problem.plan, mine[0], folder / f"bare-{part}")
    began = time.time()
    for one in mine:
        overhead.bare_training(problem.making, problem.plan, one, folder / f"bare-{part}")
print(began, time.time())
"""


def bare_rate(folder: Path, trials: int) -> float:
    """Return the trials per hour of two warm processes that train the same configurations side by side."""
    here = str(Path(__file__).parent)

    def run(part: int) -> tuple[float, float]:
        words = [sys.executable, "-c", BARE, here, str(folder), f"ray-{trials}", str(part)]
        said = subprocess.run(words, env=environment(folder), check=True, capture_output=True, text=True).stdout
        began, ended = said.split()[-2:]
        return float(began), float(ended)

    with ThreadPoolExecutor(JOBS) as pool:
        spans = list(pool.map(run, range(JOBS)))
    return 3600 * sum(trials / JOBS / (ended - began) for began, ended in spans)


def warm_rate(trials: list[Any]) -> float:
    """Return the trials per hour of warm workers: from the start of each one's second trial to the end of its last."""
    rate = 0.0
    for worker in {one.worker for one in trials}:
        mine = sorted((one for one in trials if one.worker == worker), key=lambda one: one.started_at)[1:]
        rate += 3600 * len(mine) / (moment(mine[-1].finished_at) - moment(mine[0].started_at))
    return rate


def memory(folder: Path, rows: int) -> None:
    """Print what eight workers take more after each has read all of one prepared data set."""
    import ray

    from hpsearch.search.options import RunOptions
    from hpsearch.search.stored_problem import problem_of, space_of

    draw = random.Random(0)
    words = [f"w{number}" for number in range(2000)]
    with (folder / "large.csv").open("w") as file:
        file.write("text,label\n")
        for _ in range(rows):
            file.write(f"{' '.join(draw.choices(words, k=60))},{draw.choice('ab')}\n")
    os.environ.update(environment(folder))
    file = str(folder / "large.csv")
    options = RunOptions(train_file=file, text_columns="text", label_column="label", subset=1.0, precision="fp32")
    source = problem_of(options, space_of(options)).source  # prepared once, as who starts a search does
    data = source.prepared().folder / "full_train"
    size = sum(path.stat().st_size for path in data.glob("*.arrow"))
    ray.init(num_cpus=WORKERS, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    try:
        readers = [ray.remote(num_cpus=1)(Reader).remote(str(data)) for _ in range(WORKERS)]
        before = sum(ray.get([one.opened.remote() for one in readers]))
        read = ray.get([one.read.remote() for one in readers])
        after = sum(ray.get([one.size.remote() for one in readers]))
    finally:
        ray.shutdown()
    assert len(set(read)) == 1
    growth = after - before
    print(
        f"data {size / 1e6:.0f} MB, {WORKERS} workers grow by {growth / 1e6:.0f} MB: {growth / size:.2f} x (bar: 1.3)"
    )


class Reader:
    """A worker on the cluster that opens the prepared data as `prepare` does where it is there, and reads all of it."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def opened(self) -> int:
        """Open the data; return the memory of this process."""
        import datasets

        from hpsearch.search.workers import worker  # noqa: F401 - what every worker imports

        self.data = datasets.load_from_disk(self.folder)
        return self.size()

    def read(self) -> int:
        """Read every row in batches, as training does; return the number of tokens."""
        tokens = 0
        for start in range(0, len(self.data), 1000):
            tokens += sum(map(len, self.data[start : start + 1000]["input_ids"]))
        return tokens

    def size(self) -> int:
        """Return the proportional set size of this process: what is shared is counted once for all."""
        import gc

        gc.collect()
        return int(psutil.Process().memory_full_info().pss)


def main() -> None:
    """Print it all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--only", choices=["overhead", "throughput", "memory"])
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        if chosen.only in (None, "overhead", "throughput"):
            trials = searched(folder, chosen.trials)
        if chosen.only in (None, "overhead"):
            ours, stock = statistics.median(overheads(trials)), stock_overhead(folder, 6)
            print(f"overhead per trial: {ours:.2f} s (bar: 1 s); stock {stock:.2f} s", flush=True)
        if chosen.only in (None, "throughput"):
            rate, bare = warm_rate(trials), bare_rate(folder, chosen.trials)
            print(f"{rate:.0f} trials/h on Ray, {bare:.0f} bare: ratio {rate / bare:.2f} (bar: 0.9)", flush=True)
        if chosen.only in (None, "memory"):
            memory(folder, chosen.rows)
            specification()


def specification() -> None:
    """Print the size of what a worker is sent."""
    from hpsearch.search.workers.devices import Share
    from hpsearch.search.workers.orders import Orders

    orders = Orders(
        store_url="postgresql+psycopg://team:secret@db.example.org/hpsearch",
        study_name="n" * 100,
        folder="/" + "f" * 200,
        share=Share(1),
    )
    print(f"specification: {len(orders.to_json().encode())} bytes (bar: 65536)")


if __name__ == "__main__":
    main()
