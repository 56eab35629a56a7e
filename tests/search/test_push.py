"""Pushing a model to the hub: what is uploaded, what is refused, and that nothing is lost when it fails.

The command runs in a process of its own, with `huggingface_hub` as it is; the hub is `hub.py` on this machine.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from .command import COLUMNS, MAIN, ONE_RUNG, TINY, Said, csv_text, done, files_below, refused, rows
from .hub import Hub, serving


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A current folder with a study `mine` and its model in `model`."""
    folder = tmp_path_factory.mktemp("push")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("HPSEARCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        (folder / "data.csv").write_text(csv_text(rows()), encoding="utf-8")
        words = ("run", "--train-file", "data.csv", *COLUMNS, *TINY, *ONE_RUNG, "--trials", "1", "--study", "mine")
        shutil.copytree(done(*words, "--quiet", "--json").json()["model"]["folder"], folder / "model")
        yield folder


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A hub."""
    with serving() as one:
        yield one


def typed(place: Path, *words: object, hub: Hub | None = None, **environment: str) -> Said:
    """Run a command line with a token and that hub, unless told otherwise."""
    own = {"HF_HUB_OFFLINE": "0", "HF_TOKEN": "hf_secret", "HF_HOME": str(place / "home")}
    address = {"HF_ENDPOINT": hub.address} if hub else {}
    ended = subprocess.run(
        [sys.executable, "-c", MAIN, *map(str, words)],
        env={**os.environ, **own, **address, **environment},
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
    )
    return Said(ended.returncode, ended.stdout, ended.stderr)


def test_a_model_folder_is_published_in_one_commit(place: Path, hub: Hub) -> None:
    """Model, tokenizer, record and card arrive byte for byte, the card's example with the new name; nothing that is
    hidden, no pickle and nobody's predictions do. stdout has the address.
    """
    mine = place / "full"
    shutil.copytree(place / "model", mine)
    for name in (".env", "training_args.bin", "predictions.tsv", "work/state.json", ".git/config", "more/vocab.txt"):
        (mine / name).parent.mkdir(exist_ok=True)
        (mine / name).write_text("x")
    said = typed(place, "push", "full", "me/x", hub=hub)

    assert (0, f"{hub.address}/me/x\n") == (said.code, said.out), said.err
    wanted = set(files_below(place / "model")) | {"more/vocab.txt"}
    assert wanted == set(hub.files)
    same = {name for name in hub.files if hub.files[name] == (mine / name).read_bytes()}
    assert wanted - same == {"README.md"}
    card = ModelCard(hub.files["README.md"].decode())
    assert 'model="me/x"' in card.text
    assert "path/to/this/folder" in (mine / "README.md").read_text(), "the folder itself stays as it was"
    assert 1 == sum("/commit/" in one for one in hub.asked)
    assert "POST /api/validate-yaml" in hub.asked
    assert {"Bearer hf_secret"} == hub.tokens
    assert not {"private", "visibility"} & set(hub.created[0]), "a new repository is as the account has it"


def test_the_library_validates_the_card(place: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """`ModelCard.validate` of huggingface_hub accepts the card, and its evaluation results survive the way there."""
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.address)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    card = ModelCard.load(place / "model" / "README.md")
    card.validate()

    assert ["POST /api/validate-yaml"] == hub.asked
    again = ModelCard(card.content)
    assert again.data.eval_results == card.data.eval_results
    assert 3 == len(again.data.eval_results)


def test_a_private_model_never_goes_to_a_public_place(place: Path, hub: Hub) -> None:
    """`--private` makes a private repository; where a public one of that name is there, nothing is uploaded."""
    assert 0 == typed(place, "push", "model", "me/x", "--private", hub=hub).code
    assert "private" == hub.created[0].get("visibility") or hub.created[0].get("private")

    hub.files, hub.is_public = {}, True
    refused(typed(place, "push", "model", "me/x", "--private", hub=hub), "everybody can read it", code=1)
    assert {} == hub.files


@pytest.mark.parametrize(
    ("part", "status", "words"),
    [
        ("/repos/create", 401, "hf auth login"),
        ("/repos/create", 403, "write permission"),
        ("/repos/create", 404, "has no place"),
        ("/commit/", 403, "write permission"),
        ("/validate-yaml", 400, "does not take this"),
        ("/repos/create", 503, "cannot answer now"),
    ],
)
def test_what_the_hub_refuses_is_one_sentence(place: Path, hub: Hub, part: str, status: int, words: str) -> None:
    """With the command that pushes later; the folder stays."""
    hub.fail = {part: status}
    before = files_below(place / "model")
    said = typed(place, "push", "model", "me/x", hub=hub)

    refused(said, words, "`hpsearch push model me/x`", code=1)
    assert before == files_below(place / "model")
    assert {} == hub.files
    assert "hf_secret" not in said.err


@pytest.mark.parametrize(
    ("words", "environment", "code", "said"),
    [
        (("model", "me/x"), {"HF_HUB_OFFLINE": "1"}, 2, "switched off by HF_HUB_OFFLINE"),
        (("model", "me/x"), {"HF_TOKEN": ""}, 2, "hf auth login"),
        (("model", "me/x"), {"HF_ENDPOINT": "http://127.0.0.1:9"}, 1, "cannot be reached"),
        (("model", "a/b/c"), {}, 2, "no name on the hub"),
        (("model", "<script>alert(1)</script>"), {}, 2, "no name on the hub"),
        (("model", "x" * 10_000), {}, 2, "no name on the hub"),
        (("model", "'; drop table"), {}, 2, "no name on the hub"),
        (("nowhere", "me/x"), {}, 2, "there is no model folder"),
        ((".", "me/x"), {}, 2, "no model of hpsearch"),
    ],
)
def test_what_cannot_be_pushed_is_refused(
    place: Path, words: tuple[str, ...], environment: dict[str, str], code: int, said: str
) -> None:
    """A name that is none, no token, a folder without a model, the hub switched off or away: one sentence."""
    refused(typed(place, "push", *words, **environment), said, code=code)


def test_pushing_imports_no_torch(run_python: object, place: Path) -> None:
    """A folder is published as files: the command need not wait for torch."""
    program = (
        "import sys\nfrom hpsearch.search.cli import main\n"
        f"assert 2 == main(['push', {str(place / 'model')!r}, 'a--b'])\n"
        "assert 'torch' not in sys.modules and 'transformers' not in sys.modules"
    )
    run_python(program)  # type: ignore[operator]


def test_a_retraining_checks_before_and_pushes_after(place: Path, hub: Hub) -> None:
    """A token that the hub does not know ends `retrain --push-to-hub` before anything is trained; with another one the
    model is trained and pushed, and both are told; where the push fails in the end, the outcome is told all the same.
    """
    words = ("retrain", "mine", "--quiet", "--json", "--push-to-hub", "me/x")
    hub.fail = {"whoami": 401}
    refused(typed(place, *words, "--output-dir", "one", hub=hub), "hf auth login", "--push-to-hub", code=1)
    refused(typed(place, *words[:-1], "a--b", hub=hub), "no name on the hub")
    refused(typed(place, "retrain", "mine", "--private", hub=hub), "--push-to-hub NAME")
    assert not (place / "one").exists()

    hub.fail = {}
    told = json.loads(typed(place, *words, "--output-dir", "one", hub=hub).out)
    assert f"{hub.address}/me/x" == told["hub"]
    assert (place / "one" / "model.safetensors").read_bytes() == hub.files["model.safetensors"]

    hub.fail = {"/commit/": 500}
    said = typed(place, *words, "--private", "--output-dir", "two", hub=hub)
    assert 1 == said.code
    assert str(place / "two") == json.loads(said.out)["model"]["folder"]
    assert f"`hpsearch push {place}/two me/x --private`" in said.err
    assert (place / "two" / "model.safetensors").is_file()


def test_what_the_hub_remarks_about_a_card_is_told(place: Path, hub: Hub) -> None:
    """A warning of the hub's is a line on stderr, and no end."""
    hub.remark = "no such language"
    said = typed(place, "push", "model", "me/x", hub=hub)

    assert 0 == said.code
    assert "the hub remarks" in said.err
    assert "no such language" in said.err
