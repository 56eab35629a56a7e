"""`hpsearch run --script train.py -- its own words`: a script is searched as it is, with not a line changed.

It runs as its author runs it, until its Trainer would train; that Trainer is what is searched.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .command import MAIN, Said, refused
from .trainer_scripts import FOLDER

SPACE = "learning_rate: {low: 0.001, high: 0.03, log: true}\n"
STORE = "sqlite:///store.db"
FAST = ("--subset", "1", "--strategy", "single", "--confirm", "none", "--no-retrain", "--space", "space.yaml",
        "--score", "last", "--objective", "loss", "--store", STORE, "--output-dir", "out", "--quiet")  # fmt: skip
#: A script as the examples are, and what its author types after its name.
EXAMPLE = FOLDER / "main_words.py"
OWN_WORDS = ("--output_dir", "trained", "--learning_rate", "0.01", "--num_train_epochs", "2", "--use_cpu",
             "--report_to", "none", "--freeze_embeddings", "--max_train_samples", "120")  # fmt: skip
SIX_DIGITS = 5e-7
#: What every script below begins with.
BEGIN = """import sys
import toys
from transformers import BertForSequenceClassification, Trainer, TrainingArguments

def trainer():
    model = BertForSequenceClassification(toys.bert(num_labels=2))
    args = TrainingArguments("trained", num_train_epochs=1, learning_rate=0.01, **toys.HERE)
    return Trainer(model, args, **toys.data())

"""
#: What is said of the line after that.
HERE = f"line {BEGIN.count(chr(10)) + 1}"


@pytest.fixture(scope="module", autouse=True)
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The current folder, with a space; the scripts' own modules are found, and nothing is asked of the network."""
    folder = tmp_path_factory.mktemp("script")
    (folder / "space.yaml").write_text(SPACE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, value in {
            "HPSEARCH_CACHE": folder / "cache",
            "HF_HOME": folder / "hub",
            "HF_HUB_OFFLINE": 1,
            "TOY_MODELS": folder / "models",
            "PYTHONPATH": os.pathsep.join([str(FOLDER), *filter(None, [os.environ.get("PYTHONPATH")])]),
        }.items():
            patch.setenv(name, str(value))
        yield folder


def program(*words: object, stdin: int = subprocess.DEVNULL) -> Said:
    """Run Python in a process of its own."""
    argv = [sys.executable, *map(str, words)]
    ran = subprocess.run(argv, stdin=stdin, capture_output=True, text=True, check=False)
    return Said(ran.returncode, ran.stdout, ran.stderr)


def hpsearch(*words: object) -> Said:
    """Run a command line of hpsearch in a process of its own."""
    return program("-c", MAIN, *words)


def searched(script: Path, *own: object, trials: int = 2, more: tuple[object, ...] = ()) -> Any:
    """Search a script with `own` words of its own; return what is said as JSON."""
    return hpsearch("run", "--script", script, "--trials", trials, *FAST, *more, "--json", "--", *own).json()


def trials_of(study: str) -> list[dict[str, Any]]:
    """Return the trials of a study, by number."""
    return hpsearch("trials", study, "--store", STORE, "--json").json()


@pytest.fixture(scope="module")
def encoder(place: Path) -> str:
    """The folder of a tiny model, made in a process of its own."""
    said = program("-c", "import toys; print(toys.encoder())")
    return said.out.splitlines()[-1]


@pytest.fixture(scope="module")
def example(encoder: str) -> Any:
    """What is said of a search of the example: three trials."""
    return searched(EXAMPLE, "--model_name_or_path", encoder, *OWN_WORDS, trials=3)


def test_a_script_with_a_main_is_searched(example: Any, encoder: str) -> None:
    """`main()`, `HfArgumentParser`, a model that is an object, no function to name: its first trial is what the script
    trains when it is run alone with the same words, to six digits; it saves and measures nothing itself.
    """
    assert {} == example["failures"]
    assert not Path("trained", "eval_results.json").exists()
    found = trials_of("main_words")
    assert ["COMPLETE"] * 3 == [one["state"] for one in found]
    assert 3 == len({one["score"] for one in found})

    alone = program(EXAMPLE, "--model_name_or_path", encoder, *OWN_WORDS)

    assert 0 == alone.code, alone.err
    measured = json.loads(Path("trained", "eval_results.json").read_text())
    assert pytest.approx(measured["eval_loss"], abs=SIX_DIGITS) == found[0]["score"]


def test_the_words_of_a_script_are_shown_and_never_run(example: Any, encoder: str) -> None:
    """A study is replayed by whoever gives the script and its words; the store alone runs nothing."""
    again = ("replay", "main_words", "--trial", 1, "--store", STORE)

    refused(hpsearch(*again), "--script")
    given = ("--script", EXAMPLE, "--", "--model_name_or_path", encoder, *OWN_WORDS)
    assert hpsearch(*again, "--json", *given).json()["identical"]
    report = hpsearch("report", "main_words", "--store", STORE, "--format", "md").out
    assert "--freeze_embeddings" in report


def test_other_words_are_another_problem(example: Any, encoder: str) -> None:
    """The same study with other words of the script's own would compare what cannot be compared."""
    other = ("--model_name_or_path", encoder, *OWN_WORDS[:-1], "100")

    refused(hpsearch("run", "--script", EXAMPLE, "--trials", 4, *FAST, "--", *other), "study", "main_words")


def test_two_workers_run_the_script(encoder: str) -> None:
    """Each process runs it for itself, with its words, as the first one did."""
    jobs = ("--jobs", 2, "--study", "crew")
    ran = searched(EXAMPLE, "--model_name_or_path", encoder, *OWN_WORDS, trials=4, more=jobs)

    assert {} == ran["failures"]
    found = trials_of("crew")
    assert ["COMPLETE"] * 4 == [one["state"] for one in found]
    assert 4 == len({one["score"] for one in found})


def test_a_killed_worker_of_a_script_loses_nothing(encoder: str, place: Path) -> None:
    """B3: kill -9 in the middle of a trial: it is run again by a worker that runs the script, the total is exact, and
    the scores are those of a search that nobody disturbed.
    """
    own = ("--model_name_or_path", encoder, *OWN_WORDS[:4], "--num_train_epochs", "15", *OWN_WORDS[6:])
    words = ("run", "--script", EXAMPLE, "--trials", 3, "--jobs", 2, *FAST)
    calm = hpsearch(*words, "--study", "calm", "--", *own)
    assert 0 == calm.code, calm.err
    argv = [sys.executable, "-c", MAIN, *map(str, words), "--study", "killed", "--", *map(str, own)]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as search:
        os.kill(held_by("killed", place), signal.SIGKILL)
        _, said = search.communicate(timeout=300)

    assert 0 == search.returncode, said
    found, undisturbed = trials_of("killed"), trials_of("calm")
    assert ["COMPLETE"] * 3 == [one["state"] for one in found]
    assert max(one["attempt"] for one in found) == 2
    assert [one["score"] for one in undisturbed] == [one["score"] for one in found]


def held_by(study: str, place: Path) -> int:
    """The process that has a trial under way, once there is one that trains."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        time.sleep(0.2)
        with (
            contextlib.suppress(sqlite3.OperationalError),
            contextlib.closing(sqlite3.connect(place / "store.db")) as db,
        ):
            rows = db.execute(
                "select t.worker from hpsearch_trials t join hpsearch_studies s using (study_id)"
                " where s.name = ? and t.state = 'RUNNING' and t.config is not null",
                (study,),
            ).fetchall()
            if rows:
                return int(rows[0][0].split(":")[1])
    raise TimeoutError("no trial has begun")


@pytest.mark.slow
def test_workers_on_ray_run_the_script(example: Any, encoder: str) -> None:
    """C1: the same trials, with the same scores, as in processes of this machine."""
    words = ("--study", "cluster", "--backend", "ray")
    ran = searched(EXAMPLE, "--model_name_or_path", encoder, *OWN_WORDS, trials=3, more=words)

    assert {} == ran["failures"]
    assert [one["score"] for one in trials_of("main_words")] == [one["score"] for one in trials_of("cluster")]


@pytest.mark.parametrize(
    ("name", "body", "told"),
    [
        ("ends", "trainer()", ("ends.py", "train")),
        ("asks", "rate = input('which rate? ')\ntrainer().train()", ("asks.py", HERE, "stdin")),
        ("leaves", "sys.exit(3)\ntrainer().train()", ("leaves.py", HERE, "3")),
        ("fails", "raise LookupError('no such corpus')\ntrainer().train()", ("fails.py", HERE, "no such corpus")),
        ("measures", "trainer().evaluate()", ("measures.py", "train")),
        ("has_no_rows", "found = trainer()\nfound.eval_dataset = None\nfound.train()", ("eval_dataset",)),
    ],
)
def test_a_script_that_comes_to_no_training_is_told_in_one_sentence(
    name: str, body: str, told: tuple[str, ...], place: Path
) -> None:
    """It makes a Trainer and ends, waits for somebody who types, exits, fails, only evaluates, has nothing to be judged
    by: exit code 2, and one sentence that names the script and what it did; nothing waits, no study is made.
    """
    script = place / f"{name}.py"
    script.write_text(BEGIN + body + "\n")

    refused(hpsearch("run", "--script", script, "--trials", 2, *FAST), *told)

    assert 3 == hpsearch("trials", name, "--store", STORE).code


def test_a_script_that_is_not_there_and_words_it_does_not_know(place: Path) -> None:
    """What is typed wrongly is told before anything is trained: the script's name, or a word that is its own."""
    refused(hpsearch("run", "--script", "nowhere.py", "--trials", 2, *FAST), "nowhere.py")
    refused(hpsearch("run", "--script", EXAMPLE, "--trials", 2, *FAST, "--", "--no_such_word", "1"), "main_words.py")
    both = ("--script", EXAMPLE, "--trainer", f"{FOLDER / 'own_class.py'}:build_trainer")
    refused(hpsearch("run", *both, "--trials", 2, *FAST), "--script", "--trainer")


@pytest.mark.parametrize(
    "body",
    [
        "first, second = trainer(), trainer()\nfirst.train()\nsecond.train()\n",
        "for seed in range(2):\n    trainer().train()\n",
        "found = trainer()\nfound.train()\nother = Trainer(found.model, found.args)\nother.train()\n",
    ],
)
def test_a_script_that_trains_twice_is_told_so(body: str, place: Path) -> None:
    """Which of its trainings is meant, nobody knows: it is refused in one sentence, with the lines."""
    script = place / "twice.py"
    script.write_text(f"{BEGIN}{body}")

    refused(hpsearch("run", "--script", script, "--trials", 2, *FAST), "twice.py trains", "line", "--trainer")


def test_a_model_that_is_put_into_its_mode_is_no_second_training(place: Path) -> None:
    """`model.train()` trains nothing."""
    script = place / "mode.py"
    script.write_text(f"{BEGIN}found = trainer()\nmodel = found.model\nfound.train()\nmodel.train()\n")

    assert 0 == hpsearch("run", "--script", script, "--trials", 1, *FAST).code


def test_what_a_script_prints_goes_to_the_log(place: Path) -> None:
    """Stdout belongs to data: a script that prints much, in Python or by a program that it starts, leaves it clean."""
    script = place / "talks.py"
    talk = "for line in range(1000):\n    print('talk', line)\nimport os\nos.system('echo louder talk')\n"
    script.write_text(f"{BEGIN}{talk}trainer().train()\n")

    said = hpsearch("run", "--script", script, "--trials", 2, *FAST, "--json")

    assert 2 == said.json()["trials"]
    assert "talk 999" not in said.err
    (log,) = Path("out").glob("talks*/log.txt")
    assert {"talk 999", "louder talk"} <= {line.rpartition(": ")[2] for line in log.read_text().splitlines()}


def test_a_script_is_run_as_its_author_runs_it(place: Path) -> None:
    """It is `__main__`, its folder comes first on the path, its words are in `sys.argv`, and classes that it defines
    are its own: they are found wherever something is unpickled.
    """
    folder = place / "theirs"
    folder.mkdir()
    (folder / "beside.py").write_text("RATE = 0.01\n")
    looks = (
        "import os, pickle\nfrom beside import RATE\nclass Kept:\n    rate = RATE\n"
        "assert __name__ == '__main__' and sys.argv[1:] == ['--a', '-b', 'c d'], sys.argv\n"
        "assert sys.argv[0] == __file__ and sys.path[0] == os.path.dirname(os.path.abspath(__file__)), sys.path\n"
        "assert pickle.loads(pickle.dumps(Kept())).rate == RATE\n"
    )
    (folder / "looks.py").write_text(f"{BEGIN}{looks}if __name__ == '__main__':\n    trainer().train()\n")

    assert 2 == searched(folder / "looks.py", "--a", "-b", "c d")["trials"]


# trl's own scripts


def trl_script(name: str) -> Path:
    """Return where one of trl's own scripts lies."""
    trl = pytest.importorskip("trl")
    return Path(trl.__file__).parent / "scripts" / f"{name}.py"


def write_rows(folder: Path, maker: str) -> None:
    """Write a folder that `load_dataset` reads, with rows of one of the scripts here."""
    write = (
        f"import json, pathlib\nfrom {maker} as make\n"
        f"for split, count, seed in (('train', 96, 0), ('test', 32, 1)):\n"
        f"    rows = ''.join(json.dumps(row) + '\\n' for row in make(count, seed))\n"
        f"    pathlib.Path({str(folder)!r}, f'{{split}}.jsonl').write_text(rows)\n"
        f"import toys; print(toys.llama())"
    )
    folder.mkdir()
    said = program("-c", write)
    assert 0 == said.code, said.err


@pytest.mark.parametrize(
    ("name", "maker", "more"),
    [
        ("sft", "trl_sft_lora import texts", ("--use_peft", "--lora_r", "4")),
        pytest.param("dpo", "trl_dpo import preferences", (), marks=pytest.mark.slow),
        pytest.param("reward", "trl_dpo import preferences", (), marks=pytest.mark.slow),
    ],
)
def test_trls_own_scripts_are_searched(name: str, maker: str, more: tuple[str, ...], place: Path) -> None:
    """As they are installed, with the words of their docstrings: the first trial is what the script trains alone."""
    script = trl_script(name)
    write_rows(place / f"rows-{name}", maker)
    words = ("--model_name_or_path", place / "models" / "llama", "--dataset_name", place / f"rows-{name}",
             "--learning_rate", "0.01", "--num_train_epochs", "1", "--per_device_train_batch_size", "8",
             "--eval_strategy", "epoch", "--save_strategy", "epoch",
             "--max_length", "32", "--bf16", "false", "--use_cpu", "--report_to", "none",
             "--output_dir", place / f"trained-{name}", *more)  # fmt: skip

    ran = searched(script, *words)
    alone = program(script, *words)

    assert {} == ran["failures"]
    assert 0 == alone.code, alone.err
    (state,) = (place / f"trained-{name}").glob("checkpoint-*/trainer_state.json")
    (measured,) = [one["eval_loss"] for one in json.loads(state.read_text())["log_history"] if "eval_loss" in one]
    found = trials_of(name)
    assert pytest.approx(measured, abs=SIX_DIGITS) == found[0]["score"]
    assert found[0]["score"] != found[1]["score"]
