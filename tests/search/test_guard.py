"""Searches of programs without `if __name__ == "__main__"`: workers import a function, never the program."""

from __future__ import annotations

import importlib
import json
import re
import runpy
import subprocess
import sys
import threading
from collections.abc import Iterator
from multiprocessing import Process, spawn
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from hpsearch.search.cli import main
from hpsearch.search.ranks.launch import nothing
from hpsearch.search.workers import processes, workers
from hpsearch.spaces.errors import BadInput

#: A module of a user's, with a function that makes a small Trainer.
MADE = """
import random
import datasets
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments


def model():
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    return BertForSequenceClassification(BertConfig(vocab_size=40, max_position_embeddings=8, **sizes))


def rows(count, seed):
    draw = random.Random(seed)
    ids = [[draw.randrange(5, 40) for _ in range(6)] for _ in range(count)]
    return datasets.Dataset.from_dict({"input_ids": ids, "labels": [int(sum(row) > 132) for row in ids]})


def make_trainer():
    args = TrainingArguments("unused", use_cpu=True, report_to=[], disable_tqdm=True, num_train_epochs=1)
    return Trainer(model_init=model, args=args, train_dataset=rows(48, 0), eval_dataset=rows(24, 1))
"""

#: What a program of these tests searches with.
OPTIONS = {"trials": 2, "store": "sqlite:///store.db", "output_dir": "out", "confirm": "none", "quiet": True}
FOUND = "print(json.dumps([one.state.value for one in study.trials]), flush=True)\n"


def search_of(function: str, **options: Any) -> str:
    """Return the line of a program that searches a function."""
    return f"study = hpsearch.search({function}, **{ ({**OPTIONS, **options})!r})\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of programs: the current one, on the path of this process and of those it starts, with the module."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "made.py").write_text(MADE)
    yield tmp_path
    for name in ("made", "searching", "hpsearch_script_searching"):
        sys.modules.pop(name, None)


def run(path: Path, text: str) -> subprocess.CompletedProcess[str]:
    """Write a program and run it in a process of its own."""
    path.write_text(f"import json, hpsearch\n{text}")
    command = [sys.executable, path.name]
    return subprocess.run(command, cwd=path.parent, capture_output=True, text=True, check=False, timeout=300)


def test_a_program_needs_no_guard(folder: Path) -> None:
    """C2: a script that searches at its top, with workers and with several processes for a trial, is run once: none of
    these begins it anew, and all trials end.
    """
    searches = [
        search_of("made.make_trainer", jobs=2),
        search_of("made.make_trainer", processes_per_trial=2, study="x"),
    ]
    ran = run(folder / "script.py", f"import made\nprint('begins', flush=True)\n{FOUND.join([*searches, ''])}")

    assert 0 == ran.returncode, ran.stderr
    begins, *states = ran.stdout.splitlines()
    assert ("begins", [["COMPLETE"] * 2] * 2) == (begins, [json.loads(line) for line in states])
    assert "Traceback" not in ran.stderr


def test_a_module_that_searches_at_its_top_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """C2: its workers would import it and search again, without end: it is one sentence with the line and the guard,
    before a store is made or a process started.
    """
    monkeypatch.setattr(workers, "warm_up", lambda: pytest.fail("a process is started"))
    text = f"import hpsearch\n{MADE}\n{search_of('make_trainer', jobs=2)}"
    (folder / "searching.py").write_text(text)
    line = len(text.splitlines())
    with pytest.raises(BadInput, match=rf'searching\.py, line {line}, begins .*`if __name__ == "__main__":`') as caught:
        importlib.import_module("searching")

    assert "\n" not in str(caught.value)
    assert "put it there" in (caught.value.hint or "")
    assert not list(folder.glob("*.db"))


def test_a_search_that_only_its_workers_begin_anew_is_refused(folder: Path) -> None:
    """C2: a module may search at its top in the process that imports it; where workers import it, too, these refuse in
    one sentence, which is bad input here as well.
    """
    (folder / "searching.py").write_text(f"import hpsearch\n{MADE}\n{search_of('make_trainer', trials=1)}")
    ran = run(folder / "script.py", f"import searching\n{search_of('searching.make_trainer', jobs=2)}")

    assert 1 == ran.returncode
    assert 1 == ran.stderr.count("Traceback")
    assert re.search(r"BadInput: the search in searching\.py, line \d+, begins wherever", ran.stderr.splitlines()[-1])


def test_a_script_that_searches_at_its_top_is_no_script_of_a_trainer(folder: Path, capsys: Any) -> None:
    """C2: `--trainer` imports a script; one that searches its own function at its top would search within the search,
    and its workers, too: one sentence and the hint, exit code 2.
    """
    (folder / "searching.py").write_text(f"import hpsearch\n{MADE}\n{search_of('make_trainer')}")
    code = main(["run", "--trainer", "searching.py:make_trainer", "--store", "sqlite:///store.db", "--trials", "2"])
    *_, sentence, hint = capsys.readouterr().err.splitlines()

    assert 2 == code
    assert sentence.startswith("hpsearch: the search in searching.py, line ")
    assert '`if __name__ == "__main__":`' in sentence
    assert hint.startswith("hint: put it there")
    assert not list(folder.glob("*.db"))


def test_a_process_of_somebody_elses_does_not_search_either(folder: Path) -> None:
    """C2: what a program starts itself, such as workers that load data, imports the program by another name: it does
    not search there once more.
    """
    (folder / "script.py").write_text(f"import hpsearch, made\n{search_of('made.make_trainer')}")
    with pytest.raises(BadInput, match=r"script\.py, line 2, begins wherever"):
        runpy.run_path("script.py", run_name="__mp_main__")


def test_a_function_of_the_program_itself_is_refused(folder: Path) -> None:
    """C2: no worker finds it, with a guard or without: one sentence, and nothing is started for it."""
    ran = run(folder / "script.py", f"{MADE}\n{search_of('make_trainer', jobs=2)}")

    assert 1 == ran.returncode
    assert 1 == ran.stderr.count("Traceback")
    assert "BadInput: 'make_trainer' is in a script, where no other worker finds it" in ran.stderr.splitlines()[-1]
    assert not list(folder.glob("*.db"))


def test_a_search_by_an_imported_module_is_fine_where_no_worker_imports_it(toy: Any, folder: Path) -> None:
    """A module that searches at its top may be imported where all is done in this process."""
    (folder / "searching.py").write_text(f"import hpsearch\n{MADE}\n{search_of('make_trainer', trials=1)}")

    assert 1 == len(importlib.import_module("searching").study.trials)


def test_processes_of_the_programs_own_get_its_main_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only processes of hpsearch do without: one that another thread starts meanwhile finds what it always found."""
    told: dict[str, dict[str, Any]] = {}
    program = ModuleType("__main__")
    program.__file__ = "program.py"  # that of the tests is whoever runs them
    monkeypatch.setitem(sys.modules, "__main__", program)

    def start(process: Process) -> None:
        told["ours"] = spawn.get_preparation_data("ours")
        other = threading.Thread(target=lambda: told.update(other=spawn.get_preparation_data("other")))
        other.start()
        other.join()

    monkeypatch.setattr(type(processes.worker_context().Process(target=nothing)), "start", start)
    processes.started(nothing)
    told["after"] = spawn.get_preparation_data("after")

    has_main = {name: any(key.startswith("init_main") for key in one) for name, one in told.items()}
    assert {"ours": False, "other": True, "after": True} == has_main
