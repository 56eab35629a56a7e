"""A hint is given for the cause that it names, and for no other: each with that cause, and with a neighbour."""

from __future__ import annotations

import errno
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from huggingface_hub import errors as hub
from transformers import BertConfig, BertForSequenceClassification

from hpsearch.search.command.report import write_report
from hpsearch.search.data import prepared
from hpsearch.search.model.adapter_check import check_adapters
from hpsearch.search.model.models import NO_HUB, explained
from hpsearch.search.own.blame import ALONE, COMMAND_LINE
from hpsearch.search.own.call import called
from hpsearch.search.own.main_script import OWN_WORDS, MainScript
from hpsearch.search.own.report_data import NAMES, report_rows
from hpsearch.search.sampling.population import CONFIGURATION, stored_configuration
from hpsearch.search.tasks import custom_task
from hpsearch.search.winner import submission
from hpsearch.search.winner.push import explained as pushing
from hpsearch.search.workers.crew import memory_hint
from hpsearch.search.workers.ray_cluster import NO_CLUSTER, unreachable
from hpsearch.spaces.errors import BadInput, HpsearchError, place_hint
from hpsearch.spaces.space import Space
from hpsearch.studies.engine import refusal
from hpsearch.studies.errors import StoreFailed
from hpsearch.studies.url import missing_driver, parse_url

ANSWER: Any = SimpleNamespace(headers={}, request=None, status_code=404)


def raised_from(error: Exception, cause: Exception) -> Exception:
    """An error as libraries wrap it."""
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "hint", "told"),
    [
        (raised_from(OSError("no"), hub.LocalEntryNotFoundError("no such entry")), NO_HUB, "cannot be fetched"),
        (raised_from(OSError("no"), hub.OfflineModeIsEnabled("offline")), NO_HUB, "cannot be fetched"),
        (raised_from(OSError("no"), hub.RepositoryNotFoundError("404", response=ANSWER)), "check the name", "fetched"),
        (raised_from(OSError("no"), hub.HFValidationError("bad name")), "check the name", "fetched"),
        (raised_from(OSError("no"), hub.GatedRepoError("gated", response=ANSWER)), "ask for access", "fetched"),
        (ImportError("this tokenizer needs sentencepiece"), None, "cannot be loaded: this tokenizer needs"),
        (ValueError("the model type `newest` is not known"), None, "cannot be loaded: the model type"),
        (RuntimeError("size mismatch for head"), None, "cannot be loaded: size mismatch"),
    ],
)
def test_a_model_that_is_not_fetched(error, hint, told):
    """The hub is spoken of where it did not give a model, and not where what it gave cannot be used."""
    with pytest.raises(BadInput, match=told) as caught, explained("somebody/something"):
        raise error

    assert (hint is None) == (caught.value.hint is None)
    assert hint is None or hint in caught.value.hint


@pytest.mark.parametrize(
    ("values", "hinted"),
    [({"peft.target_modules": "LayerNorm"}, True), ({"peft.r": -1}, False), ({"peft.lora_dropout": 3.0}, False)],
)
def test_adapters_that_cannot_be_made(values, hinted):
    """The modules there are help who named others, and nobody who gave a rank below nothing."""
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    model = BertForSequenceClassification(BertConfig(vocab_size=20, **sizes))

    with pytest.raises(BadInput) as caught:
        check_adapters(model, Space({"peft.r": 4, **values}))

    assert hinted == ("peft.target_modules can be" in str(caught.value.hint)), caught.value


def parses():
    """Read a command line that is not there."""
    import argparse

    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.parse_args([])


def gives_up():
    """End the program for a reason of its own."""
    raise SystemExit("no licence key")


def leaves():
    """End the program with the code that argparse has, too."""
    raise SystemExit(2)


@pytest.mark.parametrize(("function", "hint"), [(parses, COMMAND_LINE), (gives_up, None), (leaves, None)])
def test_code_that_ends_the_program(function, hint, capsys):
    """A command line is spoken of where one was read."""
    with pytest.raises(BadInput, match="ends the program") as caught:
        called(function, "mine", "which makes the Trainer")

    assert hint == caught.value.hint


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("import argparse\np = argparse.ArgumentParser()\np.add_argument('data')\np.parse_args()\n", OWN_WORDS),
        ("import argparse\nargparse.ArgumentParser(prog='x').parse_args(['--help'])\n", None),
        ("import sys\nsys.exit('set DATA first')\n", None),
    ],
)
def test_a_script_that_ends_before_it_trains(text, hint, tmp_path):
    """Its own words are asked for where it did not understand those it got."""
    (tmp_path / "mine.py").write_text(text)

    with pytest.raises(BadInput, match="before a training") as caught:
        MainScript(tmp_path / "mine.py", []).trainer()

    assert hint == caught.value.hint


def test_an_error_of_the_users_own_is_no_promise():
    """How it would be without hpsearch nobody has tried."""
    assert "same" not in ALONE
    with pytest.raises(BadInput) as caught:
        called(lambda: 1 / 0, "mine", "which makes the Trainer")
    assert caught.value.hint in (None, ALONE)


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.ENOSPC, "make room on that disk"),
        (errno.EDQUOT, "make room on that disk"),
        (errno.EACCES, "elsewhere"),
        (errno.EROFS, "elsewhere"),
        (errno.ENOENT, "elsewhere"),
        (errno.EIO, None),
        (errno.EMFILE, None),
    ],
)
@pytest.mark.parametrize("who", ["itself", "predictions", "a report", "prepared data"])
def test_a_file_that_cannot_be_written(who, number, hint, tmp_path, monkeypatch):
    """Another place helps where this one refuses, room where there is none, and neither against a broken disk."""
    error = OSError(number, "no")

    def refuses(*_: object) -> None:
        raise error

    monkeypatch.setattr(submission, "write_whole", refuses)
    monkeypatch.setattr("hpsearch.search.command.report.write_whole", refuses)
    if who == "itself":
        found = place_hint(error, "elsewhere")
    else:
        with pytest.raises(HpsearchError) as caught:
            writes(who, tmp_path, monkeypatch, refuses)
        found = caught.value.hint
        found = "elsewhere" if found is not None and "another" in found else found

    assert hint == found


def writes(who: str, folder: Path, monkeypatch: pytest.MonkeyPatch, refuses: object) -> None:
    """Write something that cannot be written."""
    if who == "predictions":
        submission.write_predictions(custom_task(["a"], "b").with_labels(["x"]), ["0"], ["x"], folder / "out.tsv")
    elif who == "a report":
        write_report("text", folder / "out.md", default=None, open_it=False)
    else:
        monkeypatch.setattr(prepared, "check_length", lambda *_, **__: None)
        monkeypatch.setattr(prepared, "prepared_fingerprint", lambda *_, **__: "0")
        monkeypatch.setattr(prepared, "split", refuses)
        raw = SimpleNamespace(task=None, train=SimpleNamespace(column_names=[]))
        prepared.prepare(raw, None, max_length=8, seed=0, cache=folder)


def test_rows_that_cannot_be_loaded(tmp_path):
    """Names are listed for who named nothing that is there, and not for who named a broken file."""
    broken = tmp_path / "data"
    broken.mkdir()
    (broken / "rows.parquet").write_bytes(b"no parquet")

    with pytest.raises(BadInput) as missing:
        report_rows(str(tmp_path / "nowhere"))
    with pytest.raises(BadInput) as unreadable:
        report_rows(str(broken))

    assert (NAMES, None) == (missing.value.hint, unreadable.value.hint)


def test_weights_that_are_not_here(tmp_path):
    """A folder that others reach is for who lacks the folder; a broken one is said."""
    with pytest.raises(BadInput, match="are not here") as missing:
        stored_configuration(tmp_path)
    (tmp_path / CONFIGURATION).mkdir()
    with pytest.raises(BadInput, match="cannot be read") as unreadable:
        stored_configuration(tmp_path)

    assert "every worker reaches" in missing.value.hint
    assert unreadable.value.hint is None


@pytest.mark.parametrize(
    ("error", "told", "hint"),
    [
        (ConnectionError("refused"), "the hub cannot be reached", "later: push it"),
        (FileNotFoundError(errno.ENOENT, "no such file", "model.safetensors"), "the model cannot be read", None),
        (PermissionError(errno.EACCES, "not allowed", "config.json"), "the model cannot be read", None),
    ],
)
def test_a_model_that_is_not_pushed(error, told, hint):
    """Later is soon enough for a hub that cannot be reached, and never for a file that cannot be read."""
    with pytest.raises(HpsearchError, match=told) as caught, pushing("me/mine", again="push it"):
        raise error

    assert hint == caught.value.hint


@pytest.mark.parametrize(
    ("why", "hint"),
    [
        ("no answer", NO_CLUSTER),
        (ConnectionError("nobody there"), NO_CLUSTER),
        (RuntimeError("Version mismatch: the cluster has Ray 2.9"), None),
        (ValueError("this option is not known"), None),
    ],
)
def test_a_cluster_that_cannot_be_joined(why, hint):
    """One that does not answer can be started; one that refuses is there."""
    assert hint == unreachable("10.0.0.1:6379", why).hint


@pytest.mark.parametrize(
    ("cause", "hinted"),
    [
        ("the last with signal 9", True),
        ("Task was killed due to the node running low on memory.", True),
        ("the last with signal 11", False),
        ("the last with exit code 19", False),
    ],
)
def test_workers_that_were_killed(cause, hinted):
    """Memory is spoken of where a system has killed, and not where a library has crashed."""
    assert hinted == (memory_hint(cause) is not None)


@pytest.mark.parametrize(
    ("url", "extra"),
    [
        ("postgresql+psycopg://me@host/db", "hpsearch[postgres]"),
        ("mysql+pymysql://me@host/db", "hpsearch[mysql]"),
        ("mariadb+pymysql://me@host/db", "hpsearch[mysql]"),
        ("mysql+mysqldb://me@host/db", None),
        ("postgresql+pg8000://me@host/db", None),
    ],
)
def test_a_driver_that_is_not_installed(url, extra):
    """Ours are in an extra; what to install for another is not known, and the form with ours is shown."""
    hint = missing_driver(url, ImportError("no module")).hint

    assert (extra is not None) == ("pip install" in hint)
    assert extra is None or extra in hint
    assert "postgresql+psycopg://" in hint


@pytest.mark.parametrize(
    ("number", "kind", "hinted"),
    [(2013, "StoreAway", True), (1213, "StoreAway", True), (1114, "StoreFull", True), (1142, "StoreFailed", False)],
)
def test_a_store_that_refuses(number, kind, hinted):
    """The same command again helps against a lost connection, and not against a right that is lacking."""
    error = refusal(parse_url("mysql+pymysql://me@host/db"), SimpleError(number, "no"))

    assert isinstance(error, StoreFailed)
    assert kind == type(error).__name__
    assert hinted == (error.hint is not None)


class SimpleError(Exception):
    """An error of a driver."""
