"""What is wrong with data, names and numbers is said in one sentence, with exit code 2, and leaves nothing behind.

Stores and folders are in `test_bad_places.py`, study names in `test_study_names.py`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from .command import COLUMNS, TINY, csv_text, files_below, hpsearch, refused, rows

GOOD = csv_text(rows())
OWN = ("--train-file", "data.csv", *COLUMNS)


class Bad(NamedTuple):
    """A mistake: its name, the options of `run` that make it, what the message must hold, the files it needs."""

    what: str
    argv: tuple[str, ...]
    words: tuple[str, ...]
    files: dict[str, str | bytes] = {"data.csv": GOOD}  # noqa: RUF012 - never changed
    hint: bool = True


def data(what: str, content: str | bytes, *words: str, name: str = "data.csv", hint: bool = True) -> Bad:
    """A mistake in the training file."""
    return Bad(what, ("--train-file", name, *COLUMNS), (name, *words), {name: content}, hint)


def space(what: str, content: str, *words: str, hint: bool = True) -> Bad:
    """A mistake in a file with a space."""
    files: dict[str, str | bytes] = {"data.csv": GOOD, "mine.yaml": content}
    return Bad(what, (*OWN, "--space", "mine.yaml"), ("mine.yaml", *words), files, hint)


def config(what: str, content: str, *words: str, hint: bool = True) -> Bad:
    """A mistake in a configuration file."""
    files: dict[str, str | bytes] = {"data.csv": GOOD, "mine.yaml": content}
    return Bad(what, (*OWN, "--config", "mine.yaml"), ("mine.yaml", *words), files, hint)


def option(what: str, argv: str, *words: str, hint: bool = True) -> Bad:
    """A mistake among the options of a search whose data is right."""
    return Bad(what, (*OWN, *argv.split()), words, hint=hint)


FILES = [
    Bad("missing file", ("--train-file", "dat.csv", *COLUMNS), ("no file dat.csv", "'data.csv'")),
    data("empty file", "", "is empty"),
    data("header without rows", "text,label\n", "has no rows"),
    data("truncated in a quote", GOOD + '"a text that goes on', "line 82", "never closed", "cut off"),
    data("truncated JSON", '{"text": "a", "label": "no"}\n{"text": "b", "la', "line 2", "cut off", name="data.jsonl"),
    data("truncated Parquet", b"PAR1\x15\x04\x15", "no readable Parquet", "cut off", name="data.parquet"),
    data("binary file", b"\x00\x01\x02\xff" * 20, "binary"),
    data("compressed file", b"\x1f\x8b\x08\x00" + bytes(40), "binary", "unpack", "data.csv.gz"),
    data("damaged archive", b"\x1f\x8b\x08\x00" + bytes(40), "cannot be unpacked", "cut off", name="data.csv.gz"),
    data("Latin-1", (GOOD + "un caf\xe9,no\n").encode("latin1"), "0xe9", "line 82", "iconv"),
    data("UTF-16", GOOD.encode("utf-16"), "UTF-16", "iconv"),
    data("too few columns", GOOD.replace("\n", "\nalone\n", 3).replace("\nalone", "", 2), "line 4"),
    data("too many columns", GOOD + "a,no,b\n", "line 82", "3"),
    data("unknown suffix", GOOD, "'.txt'", ".csv", name="data.txt"),
    Bad(
        "misspelt text column",
        ("--train-file", "data.csv", "--text-columns", "txt", "--label-column", "label"),
        ("'txt'", "did you mean 'text'?"),
    ),
    Bad(
        "misspelt label column",
        ("--train-file", "data.csv", "--text-columns", "text", "--label-column", "lable"),
        ("'lable'", "did you mean 'label'?"),
    ),
    Bad(
        "label column as text",
        ("--train-file", "data.csv", "--text-columns", "text", "--label-column", "text"),
        ("'text'", "different"),
        hint=False,
    ),
    Bad(
        "three text columns",
        ("--train-file", "data.csv", "--text-columns", "a,b,c", "--label-column", "label"),
        ("got 3", "a, b, c"),
    ),
    data("one class", "text,label\n" + "a,no\n" * 40, "one class", "'no'"),
    data("empty labels", GOOD + "a,\nb,\n", "2 empty cells", "line 82"),
    data("fewer rows than classes", "text,label\n" + "".join(f"t{i},c{i}\n" for i in range(5)), "5 rows for 5"),
    data("empty texts", "text,label\n" + ",no\n,yes\n" * 20, "'text'", "empty in all 40 rows", hint=False),
    Bad(
        "validation label that train lacks",
        (*OWN, "--validation-file", "dev.csv"),
        ("dev.csv", "line 3", "'maybe'", "no, yes"),
        {"data.csv": GOOD, "dev.csv": "text,label\na,no\nb,maybe\n"},
    ),
    Bad("validation without training file", ("--validation-file", "data.csv"), ("--validation-file", "--train-file")),
    Bad(
        "test file without the text column",
        (*OWN, "--test-file", "test.csv"),
        ("test.csv", "text"),
        {"data.csv": GOOD, "test.csv": "id,txt\n1,a\n"},
    ),
    Bad("missing test file", (*OWN, "--test-file", "none.csv"), ("none.csv",), {"data.csv": GOOD}),
    Bad(
        "test file and no retraining",
        (*OWN, "--test-file", "data.csv", "--no-retrain"),
        ("--test-file", "--no-retrain"),
        {"data.csv": GOOD},
    ),
    Bad("columns without training file", COLUMNS, ("--text-columns", "--train-file")),
    Bad("training file without columns", ("--train-file", "data.csv"), ("--text-columns", "--label-column")),
    Bad("training file and task", (*OWN, "--task", "sst2"), ("--task",), hint=False),
    Bad("data folder that is missing", ("--task", "sst2", "--data-dir", "nowhere"), ("nowhere",), hint=False),
    Bad("data folder without the task", ("--task", "sst2", "--data-dir", "."), ("'sst2'", "train.tsv")),
]

NAMES = [
    Bad("unknown task", ("--task", "colla"), ("'colla'", "did you mean 'cola'?")),
    option("model folder that is missing", "--model ./nowhere", "'./nowhere'", "does not exist"),
    option("model that is a file", "--model ./data.csv", "'./data.csv'", "file"),
    Bad(
        "model folder without configuration",
        (*OWN, "--model", "./empty"),
        ("'./empty'", "config.json"),
        {"data.csv": GOOD, "empty/note.txt": "nothing"},
        hint=False,
    ),
    Bad(
        "model folder without weights",
        (*OWN, "--model", "./bare"),
        ("'./bare'", "no weights", "model.safetensors"),
        {"data.csv": GOOD, "bare/config.json": '{"model_type": "bert"}'},
    ),
    option(
        "unknown key of the model", "--model-config num_hiden_layers=2", "'num_hiden_layers'", "'num_hidden_layers'"
    ),
    option("value the model refuses", "--model-config num_hidden_layers=many", "num_hidden_layers='many'", hint=False),
    option("model that cannot be built", "--model-config hidden_size=7", "'tiny' cannot be built", "7"),
    option("no room for text", "--set data.max_length=2", "max_length=2", "2 tokens are special"),
    option("longer than the model", "--set data.max_length=1000", "1000", "128 tokens"),
    option("length that is no number", "--set data.max_length=abc", "'abc'", "whole number"),
    option("unknown space", "--space defalt", "'defalt'", "did you mean 'default'?"),
    option("space file that is missing", "--space nowhere.yaml", "nowhere.yaml", hint=False),
    option("unknown metric", "--objective acuracy", "'acuracy'", "did you mean 'accuracy'?"),
    option("timing as metric", "--objective eval_runtime", "'eval_runtime'", "accuracy"),
    option("unknown sampler", "--sampler tpee", "'tpee'", "did you mean 'tpe'?"),
    option("unknown pruner", "--pruner hyperbands", "'hyperbands'", "did you mean 'hyperband'?"),
    option("unknown precision", "--precision fp31", "'fp31'", "did you mean 'fp32'?"),
    option("unknown score", "--score lst", "'lst'", "did you mean 'last'?"),
    option("unknown part to select on", "--select-on validaton", "'validaton'", "did you mean 'validation'?"),
    option("study to begin with that is not there", "--from nobody", "'nobody'", "`hpsearch studies`"),
    space(
        "prior outside",
        "learning_rate: {low: 1.0e-6, high: 1.0e-3, prior: 1}\n",
        "learning_rate",
        "prior=1",
        hint=False,
    ),
    space("prior of a constant", "learning_rate: {value: 1.0e-6, prior: 1.0e-6}\n", "learning_rate", "'prior'"),
    Bad(
        "prior in a grid",
        (*OWN, "--space", "mine.yaml", "--sampler", "grid"),
        ("grid", "prior of learning_rate", "--sampler"),
        {"data.csv": GOOD, "mine.yaml": "learning_rate: {low: 1.0e-6, high: 1.0e-3, prior: 1.0e-5}\n"},
    ),
    option("unknown direction", "--direction maximise", "'maximise'", "maximize"),
    option("metric and direction that clash", "--objective accuracy --direction minimize", "'minimize'", "higher"),
    option("loss to maximize", "--objective loss --direction maximize", "'maximize'", "lower"),
    option("unknown hyperparameter", "--set learing_rate=1e-4", "learing_rate", "did you mean 'learning_rate'?"),
    option("hyperparameter of transformers 4", "--set warmup_ratio=0.1", "warmup_ratio", "warmup_steps"),
    option("seed in the space", "--set seed=3", "seed", "luckiest"),
    option("--set without =", "--set learning_rate", "--set", "'learning_rate'", "NAME=VALUE", hint=False),
    option("--model-config without =", "--model-config layers", "--model-config", "'layers'", hint=False),
    option("value that does not fit", "--set num_train_epochs=many", "num_train_epochs", "many"),
    option("negative learning rate", "--set learning_rate=-1", "learning_rate", "-1"),
    option("unknown option", "--trails 3", "--trails", "--trials"),
]

SPACES = [
    space("low above high", "learning_rate: {low: 1.0e-3, high: 1.0e-5}", "learning_rate", "low=0.001", "high=1e-05"),
    space("low equal to high", "learning_rate: {low: 0.1, high: 0.1}", "low=0.1", "high=0.1"),
    space("log from 0", "learning_rate: {low: 0, high: 1.0e-3, log: true}", "log range", "low=0", hint=False),
    space("empty choice", "per_device_train_batch_size: {choices: []}", "per_device_train_batch_size", hint=False),
    space("misspelt key", "learning_rate: {low: 1.0e-5, hihg: 1.0e-3}", "'hihg'", "'high'"),
    space("no YAML", "learning_rate: {low: 1.0e-5,\n  high: ]", "line 2", hint=False),
    space("empty", "", "is empty"),
    space("list", "- learning_rate", "list", hint=False),
    Bad(
        "misspelt name",
        (*OWN, "--space", "mine.yaml"),
        ("learing_rate", "did you mean 'learning_rate'?"),
        {"data.csv": GOOD, "mine.yaml": "learing_rate: {low: 1.0e-5, high: 1.0e-3}"},
    ),
    space("condition on a stranger", "adam_beta2: {low: 0.9, high: 0.99, when: {optm: adamw_torch}}", "optm"),
]

CONFIGS = [
    config("unknown key", "trails: 3", "'trails'", "did you mean 'trials'?"),
    config("key of Optuna", "n_trials: 3", "'n_trials'", "it is called `trials` here"),
    config("wrong type", "trials: many", "trials", "'many'", hint=False),
    config("no YAML", "trials: [3", "line", hint=False),
    Bad("configuration file that is missing", (*OWN, "--config", "nowhere.yaml"), ("nowhere.yaml",), hint=False),
    Bad(
        "value that is checked later",
        (*OWN, "--config", "mine.yaml"),
        ("'tpee'", "did you mean 'tpe'?"),
        {"data.csv": GOOD, "mine.yaml": "sampler: tpee"},
    ),
]

NUMBERS = [
    option("no trials", "--trials 0", "0", "--trials 10"),
    option("more trials than there are numbers", f"--trials {2**64}", f"{2**64}", hint=False),
    option("negative trials", "--trials -3", "-3"),
    option("a word for a number", "--trials ten", "--trials", "'ten'"),
    option("empty subset", "--subset 0", "0", "--subset 0.1"),
    option("subset above 1", "--subset 1.5", "1.5"),
    option("subset that is no number", "--subset nan", "nan"),
    option("subset below a batch", "--subset 0.1 --set per_device_train_batch_size=32", "6 rows", "batch of 32"),
    Bad(
        "subset below two a class",
        ("--train-file", "data.csv", *COLUMNS, "--subset", "0.1"),
        ("two for each of 5 classes", "--subset"),
        {"data.csv": csv_text(rows(100, labels=tuple("abcde")))},
    ),
    option("negative seed", "--seed -1", "-1", hint=False),
    option("seed too large", "--seed 4294967296", "4294967296", hint=False),
    option("no time", "--timeout 0", "0", hint=False),
    option("time that is no number", "--timeout nan", "nan", hint=False),
    option("no failures allowed", "--max-failures 0", "0"),
]


@pytest.fixture(autouse=True)
def here(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An empty current folder, and a cache elsewhere."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HPSEARCH_CACHE", str(tmp_path / "cache"))
    return folder


@pytest.mark.parametrize("bad", [*FILES, *NAMES, *SPACES, *CONFIGS, *NUMBERS], ids=lambda bad: bad.what)
def test_bad_input_is_refused(bad, here):
    """One sentence that names what is wrong, a hint where one helps, exit code 2, and not a file written."""
    for name, content in bad.files.items():
        (here / name).parent.mkdir(exist_ok=True)
        (here / name).write_bytes(content.encode() if isinstance(content, str) else content)
    before = files_below(here)

    said = hpsearch("run", *TINY, "--trials", "1", "--no-retrain", *bad.argv)

    refused(said, *bad.words)
    assert not bad.hint or "\nhint: " in said.err
    assert before == files_below(here)
