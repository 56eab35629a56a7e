"""What a search costs beside the same trainings run bare, and how quickly the command line answers.

    python tests/benchmarks/overhead.py [--trials 10] [--repeat 3]

A search of `--trials` trials on `demo` is timed against the same configurations trained one after another by a plain
`Trainer`, in this same warm process and alternating with it; the medians and their ratio are printed. Then the
command line: `hpsearch --help`, and `hpsearch studies` on a store of 100 studies of 10 trials.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from transformers import Trainer

from hpsearch.search.command.run import open_run, space_of
from hpsearch.search.data.splits import at_fraction
from hpsearch.search.options import RunOptions
from hpsearch.search.problem import Problem
from hpsearch.search.quiet import chatter_to
from hpsearch.search.strategy import strategy_of
from hpsearch.search.trial.configuration import Configuration
from hpsearch.search.view import View
from hpsearch.studies.records import TrialState
from hpsearch.studies.store import StudyStore


def timed(work: Callable[[], Any]) -> float:
    """Return the seconds `work` takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def new_run(folder: Path, trials: int, name: str) -> Any:
    """Return a search of `demo` in a store of its own."""
    options = RunOptions(
        trials=trials,
        store=f"sqlite:///{folder}/{name}.db",
        output_dir=folder / name,
        subset=0.3,
        study=name,
        strategy="single",
        confirm="none",
    )
    strategy = strategy_of(pruner=options.pruner, strategy=options.strategy, confirm=options.confirm)
    return open_run(options, space_of(options), View(), strategy=strategy)


def train_bare(run: Any, folder: Path) -> None:
    """Train each configuration of a finished search with a plain Trainer that evaluates as often."""
    problem = run.problem
    with chatter_to(folder / "bare.log"):
        for trial in run.store.trials(run.study.study_id):
            bare_training(problem, Configuration.from_dict(trial.config), len(trial.curve), folder / "bare")


def bare_training(problem: Problem, configuration: Configuration, looks: int, folder: Path) -> None:
    """Train one configuration as a script of its own would, with so many evaluations of the same rows."""
    making, plan = problem.making, problem.plan
    how = {"eval_strategy": "steps", "eval_steps": 1 / looks, "save_strategy": "no", "disable_tqdm": True}
    args, template = making.resolved(**configuration.handed(making, output_dir=str(folder), **how)), making.template
    Trainer(
        model_init=template.model_init,
        args=args,
        train_dataset=at_fraction(template.train_dataset, plan.fraction, plan.seed),
        eval_dataset=problem.source.splits({}).selection,
        data_collator=template.data_collator,
        processing_class=template.processing_class,
        compute_metrics=template.compute_metrics,
    ).train()


def search_against_bare(folder: Path, trials: int, repeat: int) -> None:
    """Print the wall time of a search, of the bare trainings, and their ratio."""
    warm = new_run(folder, 1, "warm")
    warm.search()
    train_bare(warm, folder)
    searches, bares = [], []
    for number in range(repeat):
        run = new_run(folder, trials, f"search-{number}")
        searches.append(timed(run.search))
        bares.append(timed(partial(train_bare, run, folder)))
    search, bare = statistics.median(searches), statistics.median(bares)
    print(f"search of {trials} trials   {search:8.2f} s   {listed(searches)}")
    print(f"same trainings bare    {bare:8.2f} s   {listed(bares)}")
    ratios = [one / other for one, other in zip(searches, bares, strict=True)]
    print(f"ratio                  {statistics.median(ratios):8.3f}     (bar: 1.05)")


def listed(seconds: list[float]) -> str:
    """Return seconds as text."""
    return " ".join(f"{value:.2f}" for value in seconds)


def fill(url: str, studies: int, trials: int) -> None:
    """Make a store of finished studies."""
    store = StudyStore.open(url, create=True)
    for number in range(studies):
        study = store.create_study(
            name=f"study-{number}",
            spec={"identity": {"space": {}, "number": number}, "notes": {}},
            task="demo",
            model="tiny",
            backend="optuna",
            objective="eval_accuracy",
            direction="maximize",
            trials=trials,
        )
        for _ in range(trials):
            trial = store.claim(study.study_id, worker="bench:1:1", lease_s=60)
            store.finish(trial.trial_id, TrialState.COMPLETE, score=0.5)


def command_line(folder: Path) -> None:
    """Print how long `--help` and `studies` take."""
    url = f"sqlite:///{folder}/hundred.db"
    fill(url, 100, 10)
    program = str(Path(sys.executable).parent / "hpsearch")
    for words, bar in ((["--help"], 0.3), (["studies", "--store", url], 1.0)):
        seconds = [
            timed(partial(subprocess.run, [program, *words], check=True, stdout=subprocess.DEVNULL)) for _ in range(7)
        ]
        print(f"hpsearch {words[0]:<14} {statistics.median(seconds):8.3f} s   (bar: {bar} s)")


def main() -> None:
    """Run both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--repeat", type=int, default=3)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        search_against_bare(Path(folder), chosen.trials, chosen.repeat)
        command_line(Path(folder))


if __name__ == "__main__":
    main()
