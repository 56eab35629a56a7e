"""Exports: everything in JSON and Parquet, a flat table in CSV and Parquet, no half files and no formulas."""

from __future__ import annotations

import csv
import io
import json

import pandas
import pytest
from pyarrow import parquet

from hpsearch.spaces.errors import BadInput
from hpsearch.studies.export import FORMATS, export_document, render, write_export
from hpsearch.studies.records import Failure, TrialState
from hpsearch.studies.store import StudyStore

from .making import claimed, make_study

FORMULA = '=HYPERLINK("http://x","y")'


@pytest.fixture
def document(sqlite_url):
    """A study of three trials, with mixed types, an absent parameter and text that is a formula; and a model."""
    with StudyStore.open(sqlite_url, create=True) as store:
        study = make_study(store, "=1+1", forked_from="another")
        for params in ({"lr": 1e-5, "layers": 2, "optim": "-x"}, {"lr": 0.1 + 0.2, "layers": "all"}, None):
            trial = claimed(store, study)
            curve = [{"budget": 0.5, "score": 1}]
            store.record(trial.trial_id, params=params, curve=curve, metrics={"eval_loss": -0.5}, checkpoint="/here")
        store.finish(trial.trial_id, TrialState.FAILED, failure=Failure.CODE, failure_message=FORMULA)
        made = {"trial_number": 1, "folder": "/here", "fingerprint": "f", "spec": {"rows": 7}}
        store.add_model(study_id=study.study_id, metrics={"m": 1.5}, seconds={"train": 2.0}, **made)
        return export_document(store, study)


def test_json_holds_everything(document):
    """Nested as the store has it: the study with its specification, each trial, each model."""
    found = json.loads(render(document, "json"))

    assert document == found
    assert (1, "=1+1", "another") == (found["hpsearch_export"], found["study"]["name"], found["study"]["forked_from"])
    assert {"identity": {"task": "cola", "direction": "maximize"}, "notes": "none"} == found["study"]["spec"]
    assert ["=1+1", {"lr": 0.1 + 0.2, "layers": "all"}] == [found["trials"][1][key] for key in ("study", "params")]
    assert [(1, {"rows": 7})] == [(model["trial_number"], model["spec"]) for model in found["models"]]


def test_an_export_leaves_this_machine_out(document):
    """Keys of this database and folders of this machine are in no part of it."""
    parts = [document["study"], *document["trials"], *document["models"]]

    keys = {key for part in parts for key in part}

    assert set() == keys & {
        "study_id",
        "trial_id",
        "model_id",
        "optuna_trial_id",
        "folder",
        "checkpoint",
        "lease_until",
    }
    assert "/here" not in render(document, "json").decode()


def test_csv_is_a_table_without_formulas(document):
    """Text that a spreadsheet would run is marked as text; numbers stay numbers."""
    table = list(csv.DictReader(io.StringIO(render(document, "csv").decode())))

    assert ["'=1+1"] * 3 == [row["study"] for row in table]
    assert ["1e-05", "0.30000000000000004", ""] == [row["params.lr"] for row in table]
    assert ["'-x", "", ""] == [row["params.optim"] for row in table]
    assert (f"'{FORMULA}", "-0.5") == (table[2]["failure_message"], table[0]["metrics.eval_loss"])
    assert [{"budget": 0.5, "score": 1}] == json.loads(table[0]["curve"])


def test_parquet_is_the_same_table(document):
    """Values keep their types, text stays as it is, and a column of mixed types becomes JSON text."""
    table = pandas.read_parquet(io.BytesIO(render(document, "parquet")))

    assert [1e-5, 0.1 + 0.2] == table["params.lr"][:2].tolist()
    assert ["2", '"all"'] == table["params.layers"][:2].tolist()
    assert (FORMULA, 2) == (table["failure_message"][2], table["number"][2])


def test_parquet_holds_everything(document):
    """The whole document is in the metadata, as the same JSON."""
    schema = parquet.read_schema(io.BytesIO(render(document, "parquet")))

    assert document == json.loads(schema.metadata[b"hpsearch"])


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_study_without_trials_is_an_empty_table(format_name, sqlite_url):
    """No trial yet is not an error."""
    with StudyStore.open(sqlite_url, create=True) as store:
        document = export_document(store, make_study(store))

    assert [] == document["trials"]
    assert render(document, format_name) is not None


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_file_is_whole_or_not_there(document, tmp_path, format_name):
    """The file takes its place at once; one that cannot be written leaves what was there."""
    target = write_export(document, tmp_path / "trials", format_name)
    (tmp_path / "taken").mkdir()

    for path in (tmp_path / "taken", tmp_path / "absent" / "trials", target / "below", "/"):
        with pytest.raises(BadInput, match=str(path)):
            write_export(document, path, format_name)

    assert render(document, format_name) == target.read_bytes()
    assert ["hpsearch.db", "taken", "trials"] == sorted(path.name for path in tmp_path.iterdir())


def test_an_unknown_format_is_refused(document, tmp_path):
    """The nearest valid name is in the hint, and no file is made."""
    with pytest.raises(BadInput, match="'parket'") as caught:
        write_export(document, tmp_path / "x", "parket")

    assert "did you mean 'parquet'?" == caught.value.hint
    assert not (tmp_path / "x").exists()
