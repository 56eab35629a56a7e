"""Whether a script trains in a search as it does alone, and what that costs: a table, a line for each script.

    python tests/benchmarks/made_anew.py FOLDER [--only st/sts.py trl/sft.py] [--json rows.jsonl]

`FOLDER` has the scripts, each with a `build_trainer()` or a `main()`; they are run in a copy of it, for they write
beside themselves, one after the other, each in a process of its own. trl's `sft.py`, `dpo.py` and `reward.py`, as they
are installed, are run on the rows and the model of `FOLDER/trl/base.py`. What is in the JSON already is not run again.

A script is trained alone, without a look before the end, and evaluated; then `hpsearch run` searches it: the baseline
and two other values, each on all rows, judged by the last look. Trial 0 has to end with the metric of the script alone,
to six digits. The seconds alone are those of making the Trainer, training and evaluating it once; those of the search
have the trying out, three trainings with up to four evaluations each, and a checkpoint of the best.
"""

from __future__ import annotations

import argparse
import json
import runpy
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

SIX_DIGITS = 5e-7
HERE = ("--use_cpu", "--report_to", "none", "--num_train_epochs", "1", "--learning_rate", "0.01")
#: Names that are searched, the first that the script's Trainer does not refuse.
SPACES = (
    "learning_rate: {choices: [0.0025, 0.025]}",
    "per_device_train_batch_size: {choices: [4, 16]}",
    "body_learning_rate: {choices: [1.0e-5, 1.0e-2]}",
)
#: What is judged by, if an evaluation has it; else its first loss, else its first number that is not of its speed.
OBJECTIVES = ("eval_reward", "eval_loss")
SPEED = ("_runtime", "_per_second", "_time", "epoch", "_flos")


class Script(NamedTuple):
    """A script, and the words of its command line; without any it is called by its `build_trainer`."""

    path: Path
    words: Sequence[str] = ()

    @property
    def name(self) -> str:
        """What the table calls it."""
        return "/".join(self.path.parts[-2:])


def scripts_in(folder: Path) -> Iterator[Script]:
    """Yield the scripts of a folder, and trl's own."""
    for path in sorted(folder.glob("*/*.py")):
        text = path.read_text()
        if "def build_trainer" in text:
            yield Script(path)
        elif "__main__" in text:
            yield Script(path, ("--model_name_or_path", "any", "--output_dir", "trained", *HERE))
    if (folder / "trl" / "base.py").exists():
        yield from trls_own(folder)


def trls_own(folder: Path) -> Iterator[Script]:
    """Yield trl's scripts with the words that let them train on the rows beside."""
    import trl

    for name, more in (("sft", ("--use_peft", "--lora_r", "4")), ("dpo", ()), ("reward", ())):
        rows, model = str(folder / f"rows-{name}"), str(folder / "trl" / "tiny-llama")
        words = ("--model_name_or_path", model, "--dataset_name", rows, "--output_dir", "trained", "--max_length", "32",
                 "--per_device_train_batch_size", "8", "--bf16", "false", "--eval_strategy", "epoch",
                 *HERE, *more)  # fmt: skip
        yield Script(Path(trl.__file__).parent / "scripts" / f"{name}.py", words)


def write_rows(script: Script, folder: Path) -> None:
    """Write the rows that one of trl's own scripts reads."""
    base = runpy.run_path(str(folder / "trl" / "base.py"))
    make, place = base["texts" if script.path.stem == "sft" else "prefs"], folder / f"rows-{script.path.stem}"
    for split, count, seed in (("train", 96, 0), ("test", 32, 1)):
        make(count, seed).to_json(str(place / f"{split}.jsonl"))


# One script


def alone(script: Script) -> tuple[dict[str, float], float]:
    """Train as the script does, without a look before the end; return what its evaluation says, and the seconds."""
    from transformers import Trainer, set_seed

    began, found = time.perf_counter(), {}

    def trained(trainer: Any, train: Callable[[], Any]) -> None:
        trainer.args.eval_strategy = trainer.args.save_strategy = "no"
        train()
        metrics = trainer.evaluate()
        logged = getattr(getattr(trainer, "state", None), "log_history", [])[-1:]
        found.update({name: value for one in (*logged, metrics) for name, value in one.items() if is_number(value)})

    set_seed(42)
    if not script.words:
        trainer = runpy.run_path(str(script.path))["build_trainer"]()
        trained(trainer, trainer.train)
        return found, time.perf_counter() - began
    plain, sys.argv = Trainer.train, [str(script.path), *script.words]
    Trainer.train = lambda self, *args, **named: trained(self, lambda: plain(self))
    try:
        runpy.run_path(str(script.path), run_name="__main__")
    finally:
        Trainer.train = plain
    return found, time.perf_counter() - began


def is_number(value: Any) -> bool:
    """Return whether a metric is one."""
    return not isinstance(value, bool | str) and hasattr(value, "__float__") and getattr(value, "size", 1) == 1


def objective_of(metrics: Mapping[str, float]) -> str:
    """Return the name of the metric that a script is searched by."""
    names = [name for name in metrics if not name.endswith(SPEED)]
    losses = [name for name in names if name.endswith("_loss")]
    return next(name for name in (*(one for one in OBJECTIVES if one in names), *losses, *names))


def searched(script: Script, objective: str) -> tuple[list[float], float, str]:
    """Search a script; return the scores of its trials, the seconds, and the name that was searched."""
    from hpsearch.search.cli import main
    from hpsearch.studies.store import StudyStore

    named = ["--script", str(script.path)] if script.words else ["--trainer", f"{script.path}:build_trainer"]
    for number, space in enumerate(SPACES):
        Path("space.yaml").write_text(space)
        began, store = time.perf_counter(), f"sqlite:///{number}.db"
        how = ["--space", "space.yaml", "--sampler", "grid", "--trials", "3", "--subset", "1", "--confirm", "none",
               "--score", "last", "--objective", objective, "--no-retrain", "--jobs", "1", "--study", "anew",
               "--store", store]  # fmt: skip
        if main(["run", *named, *how, *(["--", *script.words] if script.words else [])]) == 0:
            taken = time.perf_counter() - began
            study = StudyStore.open(store).study("anew")
            trials = StudyStore.open(store).trials(study.study_id)
            return [trial.score for trial in trials], taken, space.partition(":")[0]
    raise SystemExit(f"{script.name} could not be searched")


def row_of(script: Script, folder: Path) -> dict[str, Any]:
    """Return the line of one script."""
    import hpsearch  # noqa: F401 - as for who searches in the process that trains

    sys.path.insert(0, str(script.path.parent))
    if script.path.parent.name == "scripts":
        write_rows(script, folder)
    metrics, taken = alone(script)
    objective = objective_of(metrics)
    scores, took, name = searched(script, objective)
    return {
        "script": script.name,
        "objective": objective,
        "alone": float(metrics[objective]),
        "scores": scores,
        "searched": name,
        "seconds": [round(taken, 1), round(took, 1)],
    }


# All of them


def line_of(row: Mapping[str, Any]) -> str:
    """Return a line of the table."""
    if "error" in row:
        return f"| {row['script']} | {row['error']} | | | | | | |"
    same = abs(row["alone"] - row["scores"][0]) <= SIX_DIGITS
    scores = ", ".join("-" if one is None else f"{one:.6f}" for one in row["scores"])
    cells = (row["objective"], row["searched"], f"{row['alone']:.6f}", "yes" if same else "NO", scores, *row["seconds"])
    return f"| {row['script']} | {' | '.join(map(str, cells))} |"


def in_its_own_process(script: Script, folder: Path, place: Path) -> dict[str, Any]:
    """Return the line of a script, or why there is none."""
    place.mkdir(parents=True)
    words = [sys.executable, str(Path(__file__).resolve()), str(folder), "--one", script.name]
    ran = subprocess.run(words, cwd=place, capture_output=True, text=True)
    (place / "said.txt").write_text(ran.stdout + ran.stderr)
    if ran.returncode == 0:
        found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
        return found
    said = [line for line in ran.stderr.splitlines() if "Error" in line] or [f"exit code {ran.returncode}"]
    return {"script": script.name, "error": said[-1].strip()[:200]}


def main() -> None:
    """Print the table, line by line as it is found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="+", help="scripts, as the table calls them")
    parser.add_argument("--json", type=Path, help="a file for the same lines as JSON")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        script = next(one for one in scripts_in(asked.folder) if one.name == asked.one)
        with redirect_stdout(sys.stderr):
            row = row_of(script, asked.folder)
        print(json.dumps(row))
        return
    print("| script | objective | searched | alone | same | trials | s alone | s search |")
    print("|---|---|---|--:|---|---|--:|--:|")
    done = [] if asked.json is None or not asked.json.exists() else asked.json.read_text().splitlines()
    known = {row["script"]: row for row in map(json.loads, done)}
    with tempfile.TemporaryDirectory(prefix="made-anew-") as scratch:
        folder = Path(shutil.copytree(asked.folder, Path(scratch, "trainers")))
        for script in scripts_in(folder):
            if asked.only and script.name not in asked.only:
                continue
            row = known.get(script.name) or in_its_own_process(script, folder, Path(scratch, "runs", script.name))
            print(line_of(row), flush=True)
            if asked.json and script.name not in known:
                with asked.json.open("a") as file:
                    file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
