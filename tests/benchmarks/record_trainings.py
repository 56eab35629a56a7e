"""Train a grid of configurations on nested subsets of many tasks, and keep how each went in `trainings.csv`.

    python tests/benchmarks/record_trainings.py --data-dir ../shared/data [--processes 1] [--stages 1,2] [--status]

The second edition of `record.py`. Thousands of trainings, once; what is in the file already is not trained again, so
that it may be stopped and started at any time. Pairs of tasks and models, and their rows: `training_tasks.py`. bf16
where the processor has it, one thread a process, no network.

A row is one training by transformers' own Trainer, with hpsearch's arguments, subsets and metrics. `fraction` is the
share of the training part (what the selection split leaves), seen for all its epochs; `score` and `loss` are of the
selection split, `report` and `report_loss` of the report split, at the end. The same with a number, `score_1`, is what
they were at that quarter of the steps, of the schedule that goes on to the end: what is known where it is stopped there
(`report` for trainings on all the data alone). `seconds` are the process's seconds of computing for the training itself
up to there, so that other work on the machine does not count much, `evaluating` those for all evaluations.
`chance_score` and `chance_loss` are of the best constant prediction for the selection split.

For trainings on all the data, `hits_1` to `hits_4` say at each quarter which rows of the selection split were predicted
rightly, `report_hits_1` to `report_hits_4` those of the report split, in an order that all trainings of the pair share:
what a paired test needs. `unpacked` reads them; of numbers to predict they are the errors.

The grid: learning rates by factors of two around the 5e-5 of everybody's defaults, epochs, and batch sizes. The
recommended recipe (3 epochs, batches of 16) meets all rates. Of the other five recipes there is half, as the black
squares of a chessboard: what is an odd number of steps away from 5e-5 and the recommended recipe. So every recipe has
every second rate: those that change one thing, 5e-5 and 2e-4 among them, those that change both, the rates between.
"""

from __future__ import annotations

import argparse
import base64
import csv
import io
import itertools
import multiprocessing
import os
import platform
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hpsearch.tests.benchmarks.training_tasks import ROWS, Pair, Prepared, by_chance, prepared

TABLE = Path(__file__).with_name("trainings.csv")
FRACTIONS = (1 / 27, 1 / 9, 1 / 3, 1.0)
LEARNING_RATES = (1.25e-5, 2.5e-5, 5e-5, 1e-4, 2e-4, 4e-4, 8e-4, 1.6e-3)
EPOCHS, BATCHES = (2, 3, 5), (16, 32)
#: Epochs and batch size that are recommended.
MIDDLE = (3, 16)
QUARTERS = 4
#: Of an error in `hits`, where numbers are predicted.
ERROR_STEP = 0.04
#: Trainings of a process before it makes room for a fresh one.
TRAININGS = 200


class Job(NamedTuple):
    """One training."""

    task: str
    model: str
    seed: int
    fraction: str  #: as in the file
    learning_rate: float
    epochs: int
    batch: int

    @property
    def pair(self) -> Pair:
        """What is trained."""
        return Pair(self.task, self.model)

    @property
    def share(self) -> float:
        """The fraction as it is, not as it is written."""
        return min(FRACTIONS, key=lambda one: abs(one - float(self.fraction)))


Trial = tuple[float, int, int]  # learning rate, epochs, batch size


def middle() -> list[Trial]:
    """Return the recommended recipe with all rates."""
    return [(rate, *MIDDLE) for rate in LEARNING_RATES]


def others(changes: int) -> list[Trial]:
    """Return the recipes that differ from the recommended one in so many things, 1 or 2, with every second rate."""
    return [
        (rate, epochs, batch)
        for epochs, batch in itertools.product(EPOCHS, BATCHES)
        if (epochs != MIDDLE[0]) + (batch != MIDDLE[1]) == changes
        for rate in LEARNING_RATES[(changes + 1) % 2 :: 2]
    ]


#: What is trained, the most useful first: the configurations, and the seed.
STAGES = {
    1: (middle(), 0),
    2: (others(1), 0),
    3: (others(2), 0),
    4: (middle(), 1),
    5: (others(1), 1),
    6: (middle(), 2),
    7: (others(2), 1),
}


def jobs(stages: Sequence[int] = tuple(STAGES), pairs: Sequence[Pair] = tuple(ROWS)) -> Iterator[Job]:
    """Yield the trainings: stage by stage, and in each the cheapest pair first, so that most pairs are complete."""
    for stage, pair, fraction in itertools.product(stages, pairs, FRACTIONS):
        trials, seed = STAGES[stage]
        for trial in trials:
            yield Job(*pair, seed, f"{fraction:.4g}", *trial)


# The file


def recorded(table: Path) -> dict[Job, dict[str, str]]:
    """Return the trainings that are in the file, and their rows."""
    if not table.is_file():
        return {}
    with table.open(newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    return {job_of(row): row for row in rows}


def job_of(row: Mapping[str, str]) -> Job:
    """Return the training that a row of the file is of."""
    numbers = (float(row["learning_rate"]), int(row["epochs"]), int(row["batch"]))
    return Job(row["task"], row["model"], int(row["seed"]), row["fraction"], *numbers)


def mend(table: Path) -> None:
    """Cut off a last line that was not written to its end."""
    if table.is_file():
        data = table.read_bytes()
        if not data.endswith(b"\n"):
            os.truncate(table, data.rfind(b"\n") + 1)


def append(table: Path, row: Mapping[str, Any], circumstances: str) -> None:
    """Add a row to the file, at once; before it how it was computed, where the rows above were computed otherwise."""
    text = table.read_text() if table.is_file() else ""
    remarks = [line for line in text.splitlines() if line.startswith("#")]
    lines = io.StringIO(newline="")
    if remarks[-1:] != [f"# {circumstances}"]:
        lines.write(f"# {circumstances}\n")
    writer = csv.DictWriter(lines, list(row), lineterminator="\n")
    if len(text.splitlines()) == len(remarks):
        writer.writeheader()
    writer.writerow(row)
    with table.open("a", newline="") as file:
        file.write(lines.getvalue())
        file.flush()


def circumstances() -> str:
    """Return what numbers and seconds depend on, in one line."""
    from hpsearch.search.model.precision import resolve_precision

    libraries = ", ".join(f"{name} {version(name)}" for name in ("transformers", "torch", "datasets"))
    precision, _ = resolve_precision("auto")
    return f"all-MiniLM-L6-v2 (tiny for demo), {precision}, one thread of {processor()}; {libraries}"


def processor() -> str:
    """Return what the machine calls its processor."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.is_file() else []
    known = dict(line.replace("\t", "").split(": ", 1) for line in lines if ": " in line)
    named = (known.get("model name", platform.machine()), known.get("cpu family"), known.get("model"))
    return "{}, family {}, model {}".format(*named)


def packed(task: Any, predictions: np.ndarray, labels: np.ndarray) -> str:
    """Return as text which rows were predicted rightly, or by how much a number was missed, see `unpacked`."""
    if task.is_regression:
        errors = np.round((predictions - labels) / ERROR_STEP)
        data = np.clip(np.nan_to_num(errors, nan=127), -127, 127).astype(np.int8).tobytes()
    else:
        data = np.packbits(predictions == labels).tobytes()
    return base64.b64encode(data).decode()


def unpacked(text: str, rows: int, *, regression: bool) -> np.ndarray:
    """Return a true or false a row of a split, or of numbers the errors, at most 5, in steps of 0.04."""
    data = np.frombuffer(base64.b64decode(text), np.int8 if regression else np.uint8)
    return data * ERROR_STEP if regression else np.unpackbits(data, count=rows).astype(bool)


# A training


class Look(NamedTuple):
    """What is known of a model at a quarter of its training."""

    seconds: float  #: of computing for the training up to there
    evaluating: float  #: seconds of computing for this look
    selection: dict[str, Any]
    report: dict[str, Any]  #: empty where it was not looked at


def train(given: tuple[Job, Path]) -> dict[str, Any]:
    """Run one training and return its row."""
    import transformers

    from hpsearch.search.data.splits import at_fraction

    job, data_dir = given
    made = prepared(job.pair, data_dir)
    subset = at_fraction(made.rows.train, job.share, job.seed)
    with tempfile.TemporaryDirectory() as folder:
        transformers.set_seed(job.seed)
        trainer = trainer_of(made, arguments(job, folder), subset)
        watch = looking(trainer, made, report_always=job.share == 1)
        trainer.add_callback(watch)
        trainer.train()
    return row_of(job, made, len(subset), watch.looks)


def begin_process() -> None:
    """Prepare a process for trainings."""
    import torch
    import transformers
    from datasets.utils.logging import disable_progress_bar

    from hpsearch.search.allocator import keep_freed_memory

    keep_freed_memory()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    disable_progress_bar()


def arguments(job: Job, folder: str) -> Any:
    """Return the arguments of a training: those of hpsearch's trials but for what a trial writes and when it looks."""
    from transformers import TrainingArguments

    from hpsearch.search.model.precision import precision_arguments, resolve_precision
    from hpsearch.search.task_problem import RECOMMENDED

    precision, _ = resolve_precision("auto")
    given = {
        "learning_rate": job.learning_rate,
        "num_train_epochs": job.epochs,
        "per_device_train_batch_size": job.batch,
    }
    return TrainingArguments(
        output_dir=folder,
        save_strategy="no",
        logging_strategy="no",
        **{**RECOMMENDED, **given},
        per_device_eval_batch_size=64,
        train_sampling_strategy="group_by_length",
        remove_unused_columns=False,
        report_to=[],
        disable_tqdm=True,
        seed=job.seed,
        **precision_arguments(precision),
    )


def trainer_of(made: Prepared, args: Any, subset: Any) -> Any:
    """Return a Trainer that predicts rows in the order in which they are, prints nothing, and is stock otherwise."""
    from torch.utils.data import SequentialSampler
    from transformers import PrinterCallback, Trainer

    from hpsearch.search.data.collator import TaskCollator
    from hpsearch.search.data.lengths import with_lengths_read
    from hpsearch.search.metrics import compute_metrics

    class Ordered(Trainer):
        def _get_train_sampler(self, *given: Any, **named: Any) -> Any:
            return with_lengths_read(super()._get_train_sampler(*given, **named))

        def _get_eval_sampler(self, eval_dataset: Any) -> Any:
            return SequentialSampler(eval_dataset)

    trainer = Ordered(
        model=made.model_init(),
        args=args,
        data_collator=TaskCollator(made.tokenizer),
        train_dataset=subset,
        processing_class=made.tokenizer,
        compute_metrics=compute_metrics(made.task),
    )
    trainer.pop_callback(PrinterCallback)
    return trainer


def looking(trainer: Any, made: Prepared, *, report_always: bool) -> Any:
    """Return a callback that evaluates at each quarter of the steps and keeps what it saw in `looks`."""
    from transformers import TrainerCallback

    class Looking(TrainerCallback):
        def __init__(self) -> None:
            self.looks: list[Look] = []
            self.began = 0.0

        def on_train_begin(self, args: Any, state: Any, control: Any, **named: Any) -> None:
            self.began = time.process_time()

        def on_step_end(self, args: Any, state: Any, control: Any, **named: Any) -> None:
            while state.global_step >= ceil(state.max_steps * (len(self.looks) + 1) / QUARTERS):
                self.looks.append(self.look())
                if len(self.looks) == QUARTERS:
                    break

        def look(self) -> Look:
            began = time.process_time()
            seconds = began - self.began - sum(look.evaluating for look in self.looks)
            with_report = report_always or len(self.looks) == QUARTERS - 1
            selection = seen(trainer, made, made.rows.selection)
            report = seen(trainer, made, made.rows.report) if with_report else {}
            return Look(seconds, time.process_time() - began, selection, report)

    return Looking()


def seen(trainer: Any, made: Prepared, part: Any) -> dict[str, Any]:
    """Return score and loss of a split, whether all predictions are one, and which rows were predicted rightly."""
    from hpsearch.search.metrics import first_logits, predicted

    output = trainer.predict(part, metric_key_prefix="eval")
    predictions = predicted(made.task, first_logits(output.predictions))
    return {
        "score": f"{output.metrics[made.task.objective]:.5f}",
        "loss": f"{output.metrics['eval_loss']:.5f}",
        "collapsed": int(np.all(predictions == predictions[0])),
        "hits": packed(made.task, predictions, output.label_ids),
    }


def row_of(job: Job, made: Prepared, rows: int, looks: Sequence[Look]) -> dict[str, Any]:
    """Return what is written of a training."""
    last = looks[-1]
    chance = by_chance(made.task, made.rows.selection["labels"][:])
    row = {
        **job._asdict(),
        "objective": made.task.objective.removeprefix("eval_"),
        "rows": rows,
        "selection_rows": len(made.rows.selection),
        "report_rows": len(made.rows.report),
        "chance_score": f"{chance[0]:.5f}",
        "chance_loss": f"{chance[1]:.5f}",
        "score": last.selection["score"],
        "loss": last.selection["loss"],
        "report": last.report["score"],
        "report_loss": last.report["loss"],
        "collapsed": last.selection["collapsed"],
        "seconds": f"{last.seconds:.2f}",
        "evaluating": f"{sum(look.evaluating for look in looks):.2f}",
    }
    for quarter, look in enumerate(looks[:-1], 1):
        row[f"score_{quarter}"], row[f"loss_{quarter}"] = look.selection["score"], look.selection["loss"]
        row[f"report_{quarter}"], row[f"seconds_{quarter}"] = look.report.get("score", ""), f"{look.seconds:.2f}"
    for quarter, look in enumerate(looks, 1):
        row[f"hits_{quarter}"] = look.selection["hits"] if job.share == 1 else ""
        row[f"report_hits_{quarter}"] = look.report["hits"] if job.share == 1 else ""
    return row


# What is left


def price(rows: Sequence[Mapping[str, str]]) -> Any:
    """Return a function that estimates the core seconds of a training from rows of the same pair."""
    spent = sum(float(row["seconds"]) for row in rows)
    per_row = spent / sum(int(row["rows"]) * int(row["epochs"]) for row in rows)
    most = max(int(row["rows"]) / float(row["fraction"]) for row in rows)
    evaluating = defaultdict(list)
    for row in rows:
        evaluating[row["fraction"]].append(float(row["evaluating"]))
    means = {fraction: float(np.mean(those)) for fraction, those in evaluating.items()}

    def seconds(job: Job) -> float:
        usual = means.get(job.fraction, max(means.values()))
        return per_row * most * job.share * job.epochs + usual

    return seconds


def status(stages: Sequence[int], pairs: Sequence[Pair], there: Mapping[Job, Mapping[str, str]]) -> Iterator[str]:
    """Yield a line a stage: trainings that are recorded, and core hours spent and left, as far as pairs are known."""
    of_pair = defaultdict(list)
    for job, row in there.items():
        of_pair[job.pair].append(row)
    prices = {pair: price(rows) for pair, rows in of_pair.items()}
    for stage in stages:
        wanted = list(jobs([stage], pairs))
        done = [there[job] for job in wanted if job in there]
        spent = sum(float(row["seconds"]) + float(row["evaluating"]) for row in done)
        left = sum(prices[job.pair](job) for job in wanted if job not in there and job.pair in prices)
        yield (
            f"stage {stage}: {len(done)} of {len(wanted)} trainings, "
            f"{spent / 3600:.2f} core hours spent, {left / 3600:.2f} left"
        )


def parsed() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", required=True, type=Path, help="the folder that holds glue_data, TREC, MR, ...")
    parser.add_argument("--processes", type=int, choices=(1, 2), default=1)
    parser.add_argument("--stages", default=",".join(map(str, STAGES)), help="in the order given")
    parser.add_argument("--pairs", default="", help="task:model,..., instead of all")
    parser.add_argument("--table", type=Path, default=TABLE)
    parser.add_argument("--status", action="store_true", help="train nothing, say what is left")
    return parser.parse_args()


def main() -> None:
    """Train what is missing."""
    asked = parsed()
    os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    stages = [int(one) for one in asked.stages.split(",")]
    pairs = [Pair(*one.split(":")) for one in asked.pairs.split(",") if one] or list(ROWS)
    mend(asked.table)
    there = recorded(asked.table)
    print("\n".join(status(stages, pairs, there)), flush=True)
    if asked.status:
        return
    missing = [(job, asked.data_dir.absolute()) for job in jobs(stages, pairs) if job not in there]
    record(asked.table, missing, asked.processes)


def record(table: Path, missing: Sequence[tuple[Job, Path]], processes: int) -> None:
    """Train, and append a row when a training ends."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # else the processes would train on for nobody
    where = circumstances()
    pool = multiprocessing.get_context("spawn").Pool(processes, begin_process, maxtasksperchild=TRAININGS)
    with pool:
        for count, row in enumerate(pool.imap_unordered(train, missing), 1):
            append(table, row, where)
            told = {name: value for name, value in row.items() if "hits" not in name}
            print(f"{count}/{len(missing)}", *told.values(), flush=True)


if __name__ == "__main__":
    main()
