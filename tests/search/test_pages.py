"""The pages for people who fine-tune with trl or sentence-transformers: what they show runs as it stands."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from .command import MAIN, Said

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
#: What the libraries here say of each other.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.(is_)?gradient_checkpointing:FutureWarning"),
    pytest.mark.filterwarnings("ignore:'pin_memory' argument"),  # the scripts are for whatever device there is
]
#: Of each page: its script, the libraries that it needs, and what it says is the objective.
PAGES = {"trl": ("sft_lora", ("trl", "peft")), "sentence-transformers": ("sentences", ("sentence_transformers",))}
STOPS = "hpsearch-output/.../models/trial-"


def program(*words: object) -> Said:
    """Run Python in a process of its own."""
    ran = subprocess.run([sys.executable, *map(str, words)], capture_output=True, text=True, check=False)
    return Said(ran.returncode, ran.stdout, ran.stderr)


def searched(script: str, *more: object) -> dict[str, Any]:
    """Run the command of a page, with three trials on half of the data; return what it says as JSON."""
    words = ("--script", f"{script}.py", "--space", f"{script}.yaml", "--trials", 3, "--subset", 0.5, "--jobs", 1)
    return program("-c", MAIN, "run", *words, "--quiet", "--json", *more).json()


def blocks(page: str, language: str) -> list[str]:
    """Return the blocks of a page that are written in a language."""
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / f"{page}.md").read_text(encoding="utf-8"), flags=re.DOTALL)


def run_block(text: str, folder: str = "") -> dict[str, Any]:
    """Run a program of a page, on the folder of a search that was made; return its names."""
    names: dict[str, Any] = {}
    exec(re.sub(re.escape(STOPS) + r"\d+", folder, text), names)  # noqa: S102 - the page's own
    return names


@pytest.fixture(scope="module", autouse=True)
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The current folder, with the examples in it, as somebody has it who starts from them."""
    folder = tmp_path_factory.mktemp("pages")
    for script, _ in PAGES.values():
        for end in ("py", "yaml"):
            shutil.copy(DOCS / "examples" / f"{script}.{end}", folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(str(folder))
        for name, value in {"HPSEARCH_CACHE": folder / "cache", "HF_HOME": folder / "hub", "HF_HUB_OFFLINE": 1}.items():
            patch.setenv(name, str(value))
        patch.delenv("MODEL", raising=False)
        yield folder


@pytest.fixture(scope="module")
def tuned(place: Path) -> dict[str, Any]:
    """What is said of a search of trl's page."""
    for library in PAGES["trl"][1]:
        pytest.importorskip(library)
    return searched("sft_lora")


@pytest.fixture(scope="module")
def embedded(place: Path) -> dict[str, Any]:
    """What is said of a search of the page for sentence-transformers."""
    pytest.importorskip("sentence_transformers")
    return searched("sentences")


@pytest.mark.parametrize("page", PAGES)
def test_a_script_is_one_without_hpsearch(page: str) -> None:
    """It trains, evaluates and saves by itself, and does not know of a search."""
    script, libraries = PAGES[page]
    for library in libraries:
        pytest.importorskip(library)

    ran = program(f"{script}.py")

    assert 0 == ran.code, ran.err
    assert "eval_loss" in ran.out
    assert "import hpsearch" not in Path(f"{script}.py").read_text(encoding="utf-8")


def test_adapters_of_a_script_are_searched(tuned: dict[str, Any]) -> None:
    """Its learning rate and its rank are the baseline's; the winner's adapters have the rank that was found, and are
    what peft opens; half of the evaluation set says how sure that is.
    """
    import peft

    assert ("sft_lora", {}) == (tuned["study"], tuned["failures"])
    assert {"learning_rate": 0.001, "peft.r": 4}.items() <= baseline(tuned["study"]).items()
    assert 2 == len(tuned["verdict"]["gain"]["interval"])
    (text,) = blocks("trl", "python")

    model = run_block(text, tuned["model"]["folder"])["model"]

    assert isinstance(model, peft.PeftModel)
    assert tuned["best"]["params"]["peft.r"] == model.peft_config["default"].r


def baseline(study: str) -> dict[str, Any]:
    """Return the values of trial 0."""
    return program("-c", MAIN, "trials", study, "--json").json()[0]["params"]


def test_sentences_are_searched_by_their_loss(embedded: dict[str, Any]) -> None:
    """The winner opens as the library's own model, and half of the evaluation set says how sure the gain is."""
    assert ("sentences", {}) == (embedded["study"], embedded["failures"])
    assert 2 == len(embedded["verdict"]["gain"]["interval"])

    model = run_block(blocks("sentence-transformers", "python")[0], embedded["model"]["folder"])["model"]

    assert (1, 32) == model.encode(["the old sofa stands here"]).shape
    card = Path(embedded["model"]["folder"], "README.md").read_text(encoding="utf-8")
    assert "MultipleNegativesRankingLoss" in card
    assert "hpsearch" in card


def test_sentences_are_searched_by_an_evaluator() -> None:
    """An evaluator's sentences cannot be halved: no interval is made up."""
    pytest.importorskip("sentence_transformers")

    ran = searched("sentences", "--objective", "things_cosine_accuracy", "--study", "judged")

    assert {} == ran["failures"]
    assert "eval_things_cosine_accuracy" in ran["best"]["metrics"]
    assert ran["verdict"]["gain"].get("interval") is None


def test_the_program_in_python_runs() -> None:
    """What somebody copies from the page works as it stands."""
    pytest.importorskip("sentence_transformers")
    text = blocks("sentence-transformers", "python")[1]
    few = text.replace("trials=10", "trials=2, subset=0.5, confirm='none', study='few', quiet=True")
    assert few != text

    names = run_block(few)

    assert 2 == len(names["study"].trials)


def test_every_program_and_space_of_the_pages_is_one_of_these() -> None:
    """A program that no test runs is not on a page, and a space that a page shows is the one beside the script."""
    assert (1, 2) == tuple(len(blocks(page, "python")) for page in PAGES)
    for page, (script, _) in PAGES.items():
        (shown,) = blocks(page, "yaml")
        assert yaml.safe_load((DOCS / "examples" / f"{script}.yaml").read_text(encoding="utf-8")) == yaml.safe_load(
            shown
        )
