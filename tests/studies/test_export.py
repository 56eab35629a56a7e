"""Exports: everything in JSON, a flat table in CSV and Parquet, no half files and no formulas."""

from __future__ import annotations

import csv
import io
import json

import pandas
import pytest

from hpsearch.spaces.errors import BadInput
from hpsearch.studies.export import FORMATS, export_rows, render, write_export
from hpsearch.studies.records import Failure, TrialState
from hpsearch.studies.store import StudyStore

from .making import claimed, make_study

FORMULA = '=HYPERLINK("http://x","y")'


@pytest.fixture
def rows(sqlite_url):
    """Rows of three trials, with mixed types, an absent parameter and text that is a formula."""
    with StudyStore.open(sqlite_url, create=True) as store:
        study = make_study(store, "=1+1")
        for params in ({"lr": 1e-5, "layers": 2, "optim": "-x"}, {"lr": 0.1 + 0.2, "layers": "all"}, None):
            trial = claimed(store, study)
            curve = [{"budget": 0.5, "score": 1}]
            store.record(trial.trial_id, params=params, curve=curve, metrics={"eval_loss": -0.5})
        store.finish(trial.trial_id, TrialState.FAILED, failure=Failure.CODE, failure_message=FORMULA)
        return export_rows(store, study)


def test_json_holds_everything(rows):
    """Nested as the store has it, with the name of the study."""
    found = json.loads(render(rows, "json"))

    assert rows == found
    assert ["=1+1", {"lr": 0.1 + 0.2, "layers": "all"}] == [found[1]["study"], found[1]["params"]]


def test_csv_is_a_table_without_formulas(rows):
    """Text that a spreadsheet would run is marked as text; numbers stay numbers."""
    table = list(csv.DictReader(io.StringIO(render(rows, "csv").decode())))

    assert ["'=1+1"] * 3 == [row["study"] for row in table]
    assert ["1e-05", "0.30000000000000004", ""] == [row["params.lr"] for row in table]
    assert ["'-x", "", ""] == [row["params.optim"] for row in table]
    assert (f"'{FORMULA}", "-0.5") == (table[2]["failure_message"], table[0]["metrics.eval_loss"])
    assert [{"budget": 0.5, "score": 1}] == json.loads(table[0]["curve"])


def test_parquet_is_the_same_table(rows):
    """Values keep their types, text stays as it is, and a column of mixed types becomes JSON text."""
    table = pandas.read_parquet(io.BytesIO(render(rows, "parquet")))

    assert [1e-5, 0.1 + 0.2] == table["params.lr"][:2].tolist()
    assert ["2", '"all"'] == table["params.layers"][:2].tolist()
    assert (FORMULA, 2) == (table["failure_message"][2], table["number"][2])


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_study_without_trials_is_an_empty_table(format_name):
    """No trial yet is not an error."""
    assert render([], format_name) is not None


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_file_is_whole_or_not_there(rows, tmp_path, format_name):
    """The file takes its place at once; one that cannot be written leaves what was there."""
    target = write_export(rows, tmp_path / "trials", format_name)
    (tmp_path / "taken").mkdir()

    for path in (tmp_path / "taken", tmp_path / "absent" / "trials", target / "below", "/"):
        with pytest.raises(BadInput, match=str(path)):
            write_export(rows, path, format_name)

    assert render(rows, format_name) == target.read_bytes()
    assert ["hpsearch.db", "taken", "trials"] == sorted(path.name for path in tmp_path.iterdir())


def test_an_unknown_format_is_refused(rows, tmp_path):
    """The nearest valid name is in the hint, and no file is made."""
    with pytest.raises(BadInput, match="'parket'") as caught:
        write_export(rows, tmp_path / "x", "parket")

    assert "did you mean 'parquet'?" == caught.value.hint
    assert not (tmp_path / "x").exists()
