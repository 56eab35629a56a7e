"""How long looking at a large study takes, as commands, with their imports.

    python tests/benchmarks/report.py [--trials 10000] [--store URL]

The study is written without training: copies of one trial with other values. Prints seconds a command, and the size of
the page; the peer in the same run is `hpsearch --version`, the price of starting at all.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sqlalchemy import insert, select

from hpsearch.studies.engine import make_engine
from hpsearch.studies.store import StudyStore
from hpsearch.studies.tables import trials as table
from hpsearch.tests.search.told_studies import concluded

COMMANDS = (
    "--version",
    "report big -o page.html",
    "report big --format md",
    "trials big",
    "show big",
    "compare big big",
)


def fill(store: StudyStore, url: str, count: int) -> None:
    """Add a concluded study with about `count` trials."""
    study = concluded(store, "big", trials=count)
    chance = random.Random(0)
    with make_engine(url).begin() as connection:
        like = select(table).where(table.c.study_id == study.study_id, table.c.number == 4)
        row = dict(connection.execute(like).mappings().one())
        del row["trial_id"]
        added = [
            {
                **row,
                "number": number,
                "optuna_trial_id": None,
                "params_key": f"made-{number}",
                "params": {"learning_rate": 10 ** chance.uniform(-6, -2), "num_train_epochs": chance.randint(1, 5)},
                "score": chance.gauss(0.6, 0.05),
            }
            for number in range(100, 100 + count)
        ]
        for begin in range(0, count, 1000):
            connection.execute(insert(table), added[begin : begin + 1000])


def main() -> None:
    """Print a line a command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--store")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        url = options.store or "sqlite:///hpsearch.db"
        with StudyStore.open(url, create=True) as store:
            fill(store, url, options.trials)
        for words in COMMANDS:
            began = time.perf_counter()
            argv = [sys.executable, "-c", "from hpsearch.search.cli import entry; entry()", *words.split()]
            subprocess.run(argv, env={**os.environ, "HPSEARCH_STORE": url}, check=True, stdout=subprocess.DEVNULL)
            print(f"{time.perf_counter() - began:6.2f} s  hpsearch {words}", flush=True)
        print(f"{Path('page.html').stat().st_size / 1e6:.2f} MB in the page of {options.trials} trials")


if __name__ == "__main__":
    main()
