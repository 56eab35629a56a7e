"""The model card: what the hub reads of it, what people read, and that nothing in it is anything but text."""

from __future__ import annotations

import html
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import EvalResult, ModelCard
from markdown_it import MarkdownIt

from hpsearch.search.markdown import code, table, text
from hpsearch.search.verdict.words import summary_lines
from hpsearch.search.winner.places import without_places
from hpsearch.studies.store import StudyStore

from .command import COLUMNS, MAIN, ONE_RUNG, TINY, done, rows, write_word_data

HOSTILE = [
    "<script>alert(1)</script>",
    "'; drop table hpsearch_trials; --",
    "x" * 10_000,
    "שלום עולם",
    "\N{PARTY POPPER}",
    "| a | **b** `c` [d](https://e.example) ~~f~~ $g$ &amp; \\|",
]
SPACE = "learning_rate: {low: 0.001, high: 0.01, log: true, default: 0.002}\n"
FILES = ("--train-file", "train.csv", "--validation-file", "valid.csv")
CLIMB = (*FILES, *COLUMNS, "--space", "space.yaml", "--model", "tiny", "--subset", "0.1", "--precision", "fp32")
FIXED = ("--set", "per_device_train_batch_size=8", "--set", "num_train_epochs=2")


def card_of(model: dict[str, Any]) -> ModelCard:
    """Return the card in a model's folder; the library reads it."""
    return ModelCard.load(Path(model["folder"]) / "README.md")


def shown(card: ModelCard) -> str:
    """Return the words that a browser would show of a card, and check that there is no markup but ours."""
    page = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(card.text)
    tags = set(re.findall(r"</?([a-zA-Z0-9]+)", page))
    assert tags <= {"h1", "h2", "p", "ul", "li", "pre", "code", "table", "thead", "tbody", "tr", "th", "td"}
    return html.unescape(re.sub(r"<[^>]+>", " ", page))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A current folder with data of which one word tells the label."""
    folder = tmp_path_factory.mktemp("cards")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("HPSEARCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        write_word_data(folder)
        (folder / "space.yaml").write_text(SPACE)
        yield folder


@pytest.fixture(scope="module")
def outcome(place: Path) -> dict[str, Any]:
    """What a search with finals over two seeds said."""
    finals = ("--confirm", "full", "--finalists", "1", "--seeds", "2")
    words = ("run", *CLIMB, *FIXED, *finals, "--trials", "3", "--study", "climb", "--quiet", "--json")
    return done(*words).json()


@pytest.fixture(scope="module")
def hostile(place: Path) -> dict[str, Any]:
    """The model of a study whose name, file, columns and labels are hostile."""
    labels = tuple(HOSTILE)
    name = HOSTILE[0].replace("/", "\N{FRACTION SLASH}")
    lines = ["\t".join(("<b>text</b>", "'; drop table"))]
    lines += ["\t".join(row).replace('"', "") for row in rows(120, labels)]
    Path(f"{name}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    columns = ("--text-columns", "<b>text</b>", "--label-column", "'; drop table")
    words = ("run", "--train-file", f"{name}.tsv", *columns, *TINY, *ONE_RUNG, "--trials", "1")
    return done(*words, "--study", HOSTILE[5], "--quiet", "--json").json()["model"]


def test_the_hub_reads_task_data_metric_and_result(outcome: dict[str, Any]) -> None:
    """The card's metadata are those of a text classifier, its metrics those of the report split."""
    model, card = outcome["model"], card_of(outcome["model"])
    about, results = card.data.to_dict(), card.data.eval_results

    assert "transformers" == about["library_name"]
    assert "text-classification" == about["pipeline_tag"]
    assert "hpsearch" in about["tags"]
    assert ["accuracy", "f1", "matthews_correlation"] == about["metrics"]
    assert all(isinstance(one, EvalResult) for one in results)
    assert {("text-classification", "train", "validation")} == {
        (one.task_type, one.dataset_name, one.dataset_split) for one in results
    }
    found = {f"eval_{one.metric_type}": one.metric_value for one in results}
    assert model["metrics"] == found
    assert "climb" == about["model-index"][0]["name"]
    unknown = ("base_model", "datasets", "language", "license")  # of one's own files, and a model made from nothing
    assert [] == [name for name in unknown if name in about]


def test_people_read_how_it_was_found(outcome: dict[str, Any]) -> None:
    """The card says what the study said: the answer, the finalists with mean, deviation and number, the values."""
    words, verdict = shown(card_of(outcome["model"])), outcome["verdict"]

    with StudyStore.open("sqlite:///hpsearch.db") as store:
        study = store.study("climb")
        told = summary_lines(study, store.trials(study.study_id), otherwise="")
    assert len(told) > 2
    assert [] == [line for line in told if line[1:] not in words]
    for one in verdict["finalists"]:
        assert f"{one['mean']:.4f}" in words
    assert "standard deviation" in words
    assert f"{verdict['cost']['trainings']:.1f} x one full training" in words
    assert "learning_rate" in words
    assert "2 labels: no, yes" in words
    assert f"{study.spec['notes']['rows']['train']} rows" in words
    assert "scored 4 times to compare" in words


def test_the_example_runs(outcome: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    """The program in the card uses the model, once the folder is filled in."""
    program = re.search(r"```python\n(.*?)```", card_of(outcome["model"]).text, re.DOTALL)
    assert program is not None

    exec(program[1].replace("path/to/this/folder", outcome["model"]["folder"]), {})  # noqa: S102 - that is the test

    assert "label" in capsys.readouterr().out


def test_the_command_is_that_of_the_same_study(place: Path, outcome: dict[str, Any]) -> None:
    """What the card says to type, with the file of the space that it has, is the same search: nothing is left to do."""
    card = card_of(outcome["model"])
    command, space = (re.search(rf"```{name}\n(.*?)```", card.text, re.DOTALL)[1] for name in ("bash", "yaml"))
    before = done("trials", "climb", "--json").out
    (place / "space.yaml").write_text(space)
    done(*shlex.split(command.splitlines()[0])[1:], "--quiet")

    assert before == done("trials", "climb", "--json").out
    assert "hpsearch retrain" not in command


def test_no_place_of_this_machine_is_published(place: Path, outcome: dict[str, Any]) -> None:
    """Neither the card nor any other text in the folder has a path of this machine, or where the store is."""
    private = (str(place), os.path.expanduser("~/"), "sqlite:")
    texts = {path: path.read_text() for path in Path(outcome["model"]["folder"]).iterdir() if path.suffix in TEXTS}

    assert {"README.md", "config.json", "hpsearch.json"} <= {path.name for path in texts}
    assert [] == [(path.name, word) for path, found in texts.items() for word in private if word in found]


TEXTS = (".json", ".md", ".txt")


def test_absolute_paths_in_a_configuration_lose_their_folders() -> None:
    """A value such as a DeepSpeed file is published by its name; everything else stays."""
    before = {"args": {"deepspeed": "/home/me/secret/ds.json", "optim": "adamw_torch", "list": ["C:\\me\\x.json", 3]}}
    assert {"args": {"deepspeed": "ds.json", "optim": "adamw_torch", "list": ["x.json", 3]}} == without_places(before)


def test_hostile_words_are_text(hostile: dict[str, Any]) -> None:
    """Names, columns and labels with markup, quotes, right-to-left text or 10,000 characters are shown as they are."""
    card = card_of(hostile)
    words = shown(card)

    for label in HOSTILE:
        seen = label if len(label) < 100 else f"{label[:60]}... (10000 characters)"
        assert seen in words
    assert "<b>text</b>" in words
    assert HOSTILE[5] == card.data.to_dict()["model-index"][0]["name"]
    assert "'; drop table" in words
    assert len(card.content) < 20_000


@pytest.mark.parametrize("word", [*HOSTILE, "# x #", "1. x", "---", "a\nb", "\x1b[31m", "```", "", "  ", "<!-- x"])
def test_any_word_stays_in_its_cell(word: str) -> None:
    """In a table, a heading and a list, a word is text and nothing else."""
    page = (
        MarkdownIt("commonmark")
        .enable(["table"])
        .render(f"# {text(word)}\n\n{table(('a', text(word)), [(text(word), 'end')])}\n\n- so {text(word)}\n")
    )

    assert set(re.findall(r"</?([a-zA-Z0-9]+)", page)) <= {
        *("h1", "table", "thead", "tbody", "tr", "th", "td", "ul", "li")
    }
    assert 2 == page.count("<td>") == page.count("<th>")
    assert "<td>end</td>" in page


def test_code_cannot_end_its_block() -> None:
    """A fence in a block of code is text."""
    page = MarkdownIt("commonmark").render(code("a\n```\n<b>\n````", "bash"))
    assert 1 == page.count("<pre>")
    assert "<b>" not in page


def test_a_retrained_model_says_so(place: Path, outcome: dict[str, Any]) -> None:
    """`hpsearch retrain` writes the card of its own training: all the rows, another look, and no seeds to compare."""
    model = done("retrain", "climb", "--trial", "1", "--output-dir", "again", "--quiet", "--json").json()["model"]
    words = shown(card_of(model))

    assert "trained on 300 rows" in words
    assert "other seeds give other scores" in words
    assert "1 time for a retrained model" in words
    assert "hpsearch retrain --trial 1 climb" in words
    assert model["metrics"]["eval_accuracy"] == card_of(model).data.eval_results[0].metric_value


def test_without_a_report_split_there_is_no_result_to_index(place: Path) -> None:
    """Where trials were chosen by the rows that the model is scored on, the card says so and the hub is not told."""
    words = ("run", *FILES, *COLUMNS, *TINY, *ONE_RUNG, "--select-on", "validation", "--trials", "1", "--study", "same")
    card = card_of(done(*words, "--quiet", "--json").json()["model"])

    assert "model-index" not in card.data.to_dict()
    assert "it is optimistic" in shown(card)


def test_a_regression_on_pairs(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A number for two texts: the card's metrics are correlations by the hub's names; its example takes pairs."""
    lines = [f"{one},{two},{number % 7 / 2 + 0.25}" for number, ((one, _), (two, _)) in enumerate(PAIRS)]
    Path("pairs.csv").write_text("\n".join(["one,two,how near", *lines]))
    own = ("--train-file", "pairs.csv", "--text-columns", "one,two", "--label-column", "how near")
    said = done("run", *own, *TINY, *ONE_RUNG, "--trials", "1", "--quiet", "--json").json()
    card = card_of(said["model"])
    program = re.search(r"```python\n(.*?)```", card.text, re.DOTALL)[1]
    exec(program.replace("path/to/this/folder", said["model"]["folder"]), {})  # noqa: S102 - that is the test

    assert ["pearsonr", "spearmanr", "mse", "mae"] == card.data.metrics
    assert "regression" in card.data.tags
    assert {"held out of train"} == {one.dataset_split for one in card.data.eval_results}
    assert "predict the number how near" in shown(card)
    assert "who always says so" not in shown(card)
    assert "score" in capsys.readouterr().out


PAIRS = list(zip(rows(80), rows(160)[80:], strict=True))


def test_a_study_made_in_python_says_what_is_known(toy: Any) -> None:
    """No task and no options: the card names the class of the model and its metrics, and claims nothing else."""
    study = toy.search(toy.trainer(), study="mine")
    model = study.retrain()
    card = ModelCard.load(Path(model.folder) / "README.md")
    words, about = shown(card), card.data.to_dict()

    assert "A fine-tuned BertForSequenceClassification" in words
    assert "from transformers import BertForSequenceClassification" in words
    assert "made in Python" in words
    assert "model-index" not in about
    assert "base_model" not in about
    assert "it is optimistic" in words
    assert "runtime" not in words
    assert f"{model.metrics['eval_accuracy']:.4f}" in words


def test_the_built_in_corpus_is_english_and_of_no_other_use(place: Path) -> None:
    """The demo's card says what it was made for."""
    model = done("run", *TINY, "--subset", "0.02", *ONE_RUNG, "--trials", "1", "--quiet", "--json").json()["model"]
    card = card_of(model)

    assert "en" == card.data.language
    assert "made by a grammar" in shown(card)
    assert "demo" == card.data.eval_results[0].dataset_type


def test_names_on_the_hub_are_linked(place: Path, outcome: dict[str, Any], tmp_path: Path) -> None:
    """A GLUE task and a model of the hub's cache are named as they are there, so that the hub links them."""
    cached = tmp_path / "home" / "hub" / "models--someone--small-bert"
    shutil.copytree(outcome["model"]["folder"], cached / "snapshots" / "abc")
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text("abc")
    (tmp_path / "CoLA").mkdir()
    for name, part in (("train", rows(120)[:80]), ("dev", rows(120)[80:])):
        lines = [f"x\t{int(label == 'yes')}\t\t{words}" for words, label in part]
        (tmp_path / "CoLA" / f"{name}.tsv").write_text("\n".join(lines) + "\n")
    words = ("run", "--task", "cola", "--data-dir", ".", "--model", "someone/small-bert", *TINY[2:], *ONE_RUNG)
    said = subprocess.run(
        [sys.executable, "-c", MAIN, *words, "--trials", "1", "--quiet", "--json"],
        env={**os.environ, "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == said.returncode, said.stderr
    card = card_of(json.loads(said.stdout)["model"])
    result = card.data.eval_results[0]

    assert "someone/small-bert" == card.data.base_model
    assert ["nyu-mll/glue"] == card.data.datasets
    assert "en" == card.data.language
    assert ("nyu-mll/glue", "cola", "validation") == (result.dataset_type, result.dataset_config, result.dataset_split)
    assert "matthews_correlation" == result.metric_type
