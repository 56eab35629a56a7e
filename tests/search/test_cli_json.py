"""What scripts read: the JSON of every command that shows something, its keys and its types.

How commands behave is `test_cli.py`; what they do to a study is `test_cli_study.py`.
"""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hpsearch.search.tasks import TASKS
from hpsearch.spaces.presets import PRESETS
from hpsearch.spaces.space import Space

from .command import COLUMNS, CONTROL, csv_text, done, hpsearch, rows

#: A baseline that learns next to nothing, so that another trial is the best; all the data is for the finals.
SPACE = "learning_rate: {low: 1.0e-6, high: 1.0e-2, log: true, default: 1.0e-6}\nper_device_train_batch_size: 8\n"
OWN = (
    *("--train-file", "data.csv", *COLUMNS, "--model", "tiny", "--space", "mine.yaml"),
    *("--set", "num_train_epochs=2", "--subset", "0.5"),
)
SEARCH = ("run", *OWN, "--trials", "3", "--study", "mine", "--json")
NUMBER = (int, float)
TEXT_OR_NOTHING = (str, type(None))
TRIAL: dict[str, Any] = {
    "number": int,
    "state": str,
    "failure": TEXT_OR_NOTHING,
    "objective": str,
    "score": float,
    "fraction": float,
    "seed": int,
    "params": dict,
    "metrics": dict,
    "seconds": NUMBER,
    "attempt": int,
    "phase": str,
    "rung": int,
    "origin": (int, type(None)),
    "predictions": (list, type(None)),
    "environment": dict,
    "progress": NUMBER,
    "device": str,
    "worker": str,
    "started_at": str,
    "finished_at": str,
}
STUDY: dict[str, Any] = {
    **dict.fromkeys(("study", "task", "model", "backend", "direction", "objective"), str),
    **dict.fromkeys(("trials", "complete", "pruned", "failed", "later", "later_done"), int),
    "best_score": float,
}
GAIN: dict[str, Any] = {
    **dict.fromkeys(("split", "metric"), str),
    **dict.fromkeys(("winner", "baseline", "difference", "level", "standard_error", "detectable"), NUMBER),
    **dict.fromkeys(("rows", "seeds"), int),
    "interval": list,
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A current folder with a study named `mine`, searched to its finals; gives what `run --json` printed."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("HPSEARCH_CACHE", str(folder / "cache"))
        Path("data.csv").write_text(csv_text(rows()))
        Path("mine.yaml").write_text(SPACE)
        yield done(*SEARCH).json()


def has(shape: dict[str, Any], found: dict[str, Any]) -> None:
    """Check that each key of `shape` is there with that type; no number is a bool."""
    wrong = [key for key, kind in shape.items() if not isinstance(found[key], kind) or isinstance(found[key], bool)]
    assert [] == wrong, {key: found[key] for key in wrong}


def test_trials_are_a_list_in_order(finished):
    """Every trial has the promised keys; the baseline is trial 0 and says so."""
    trials = done("trials", "mine", "--json").json()

    for trial in trials:
        has(TRIAL, trial)
    assert [(0, True), (1, False), (2, False)] == [(trial["number"], trial["baseline"]) for trial in trials[:3]]
    assert {("COMPLETE", None, "eval_accuracy", 42)} == {
        (one["state"], one["failure"], one["objective"], one["seed"]) for one in trials
    }
    assert [trial["score"] for trial in trials] == [trial["metrics"]["eval_accuracy"] for trial in trials]
    assert all(trial["params"]["num_train_epochs"] == 2 for trial in trials)
    assert all(trial["started_at"] < trial["finished_at"] for trial in trials)
    assert {(1, 1.0)} == {(trial["attempt"], trial["progress"]) for trial in trials}
    (worker,) = {trial["worker"] for trial in trials}
    assert str(os.getpid()) == worker.split(":")[1]


def test_finals_are_trials_of_a_phase_of_their_own(finished):
    """The best of the search and the baseline are run again on all the data, and predict the report split; each names
    the trial whose configuration it has.
    """
    trials = done("trials", "mine", "--json").json()
    searched, finals = trials[:3], trials[3:]
    first = max(searched, key=lambda trial: (trial["score"], -trial["metrics"]["eval_loss"]))

    about = ("phase", "rung", "fraction", "origin", "predictions")
    assert [["search", 0, 0.5, None, None]] * 3 == [[trial[name] for name in about] for trial in searched]
    assert [["final", 1, 1.0]] * 2 == [[trial[name] for name in about[:3]] for trial in finals]
    assert [first["number"], 0] == [trial["origin"] for trial in finals]
    assert [8, 8] == [len(trial["predictions"]) for trial in finals]
    for trial in finals:
        same = trials[trial["origin"]]
        assert [same["params"], same["baseline"]] == [trial["params"], trial["baseline"]]


def test_best_is_one_of_the_trials(finished):
    """With the name of its study: of those that saw the most data, the first of those with the best score."""
    trials = done("trials", "mine", "--json").json()

    best = done("best", "mine", "--json").json()

    kept = Path(best.pop("checkpoint"))
    assert (kept / "model.safetensors").is_file()
    assert {"study": "mine", **max(trials, key=lambda trial: (trial["fraction"], trial["score"]))} == best


def test_studies_are_a_list(finished):
    """With the promised keys and counts."""
    (study,) = done("studies", "--json").json()

    has(STUDY, study)
    assert ("mine", "data", "tiny", "optuna", "maximize", "eval_accuracy") == tuple(
        study[key] for key in list(STUDY)[:6]
    )
    counts = ("trials", "complete", "pruned", "failed", "later", "later_done")
    assert (3, 3, 0, 0, 2, 2) == tuple(study[key] for key in counts)
    assert done("best", "mine", "--json").json()["score"] == study["best_score"]


def test_show_is_the_whole_specification(finished):
    """The counts of `studies`, the identity, and the models; the space reads back as one."""
    shown = done("show", "mine", "--json").json()

    assert done("studies", "--json").json()[0].items() <= shown.items()
    identity = shown["spec"]["identity"]
    assert {
        "task",
        "data",
        "model",
        "space",
        "objective",
        "direction",
        "fraction",
        "seed",
        "versions",
    } <= identity.keys()
    assert 2 == Space(identity["space"]).parameters["num_train_epochs"].value
    assert {"train", "selection", "report", "full_train"} == shown["spec"]["notes"]["rows"].keys()
    assert [finished["model"]] == shown["models"]


def test_show_says_where_the_search_stands(finished):
    """Failures by class, the limits of the search, who works on it, what its checkpoints take on the disk, and what
    came out.
    """
    shown = done("show", "mine", "--json").json()

    assert ({}, []) == (shown["failures"], shown["workers"])
    assert {"max_failures": None, "trial_timeout": None, "keep": 1, "stop_when_flat": False} == shown["limits"]
    assert {"name": "single", "confirm": "quick", "finalists": 2, "seeds": 3} == shown["strategy"]
    assert {"fraction", "found", "checks"} == shown["signal"].keys()
    assert finished["verdict"] == shown["verdict"]
    kept = Path(done("best", "mine", "--json").json()["checkpoint"])
    assert sum(path.stat().st_size for path in kept.rglob("*")) == shown["checkpoint_bytes"]


def test_run_says_how_it_ended(finished):
    """Study, total, baseline on as much data as the best, best and model, each as the other commands give it."""
    trials = done("trials", "mine", "--json").json()

    assert ("mine", 3, trials[4]) == (finished["study"], finished["trials"], finished["baseline"])
    assert {} == finished["failures"]
    best = done("best", "mine", "--json").json()
    assert {"study": "mine", **finished["best"], "checkpoint": best["checkpoint"]} == best
    assert Path(finished["model"]["folder"]).is_dir()


def test_run_says_what_came_out(finished):
    """The winner against the baseline on the report split, all finalists, whether the ranking held, and the price."""
    verdict, best = finished["verdict"], finished["best"]

    assert (best["origin"], best["number"]) == (verdict["winner"], verdict["trial"])
    has(GAIN, verdict["gain"])
    assert ("report", 8, 1) == tuple(verdict["gain"][name] for name in ("split", "rows", "seeds"))
    assert finished["model"]["metrics"]["eval_accuracy"] == verdict["gain"]["winner"]
    low, high = verdict["gain"]["interval"]
    assert low <= verdict["gain"]["difference"] <= high
    origins = [trial["origin"] for trial in done("trials", "mine", "--json").json()[3:]]
    assert sorted(origins) == sorted(one["configuration"] for one in verdict["finalists"])
    assert [(0.5, 1.0, 2)] == [(one["from"], one["to"], one["configurations"]) for one in verdict["transfer"]]
    assert 2 == verdict["looks"]["report"]
    assert 2.0 < verdict["cost"]["trainings"]
    assert verdict["cost"]["seconds"] == pytest.approx(sum(verdict["cost"]["seconds_by_kind"].values()))


def test_people_read_the_same_in_words(finished):
    """At the end of a search and in `show`: default against winner, whether the ranking held, and the price."""
    gain, cost = (finished["verdict"][part] for part in ("gain", "cost"))
    values = f"default {gain['baseline']:.4f}, winner {gain['winner']:.4f} on the report split"
    if len(set(gain["interval"])) == 1:
        values = "no gain over the defaults: both predict the same for each of the 8 rows"
    ended, shown = (" ".join(done(*words).out.split()) for words in (SEARCH[:-1], ("show", "mine")))

    for said in (ended, shown):
        assert re.search(r"(better than|worse than|no gain over) the defaults", said)
        assert values in said
        assert "the ranking at 0.5 of the data: 2 configurations are too few to say" in said
        assert f"this search cost {cost['trainings']:.1f} x one full training" in said
    assert "3 trials: 3 complete; 2 more on more data" in ended


def test_the_winners_final_is_the_model(finished):
    """It has seen all the data that trials may see, and is not trained again."""
    model = finished["model"]

    assert finished["best"]["number"] == model["trial_number"]
    assert {"train": 64, "evaluated": 8} == model["spec"]["rows"]
    assert finished["best"]["seconds_by_kind"] == model["seconds"]


def test_the_same_run_again_says_the_same(finished):
    """Nothing is left to search, to compare or to keep, so nothing changes."""
    assert finished == done(*SEARCH).json()


def test_check_is_a_summary_and_the_identity(finished):
    """The identity is the one that the study of these options has."""
    said = done("check", *OWN, "--json")

    assert done("show", "mine", "--json").json()["spec"]["identity"] == said.json()["identity"]
    assert "32 rows" in said.json()["summary"]["a trial trains on"]


def test_compare_has_both_sides(finished):
    """A study compared with itself differs in nothing."""
    both = done("compare", "mine", "mine", "--json").json()

    assert [] == both["differences"]
    assert ["mine", "mine"] == [side["study"] for side in both["studies"]]
    assert both["studies"][0]["best_score"] == done("best", "mine", "--json").json()["score"]


def test_tasks_spaces_and_the_schema(finished):
    """What is built in, and which schema the store has."""
    assert list(TASKS) == [task["name"] for task in done("tasks", "--json").json()]
    assert dict(PRESETS) == {name: Space.from_dict(one) for name, one in done("spaces", "--json").json().items()}
    status = done("db", "status", "--json").json()
    assert ("current", status["newest"]) == (status["state"], status["revision"])


def test_an_export_has_a_row_a_trial(finished, tmp_path):
    """JSON, CSV and Parquet hold the same trials; the file's ending or `--format` decides."""
    pandas = pytest.importorskip("pandas")
    for name in ("x.json", "x.csv", "x.parquet"):
        done("export", "mine", "-o", tmp_path / name)
    done("export", "mine", "-o", tmp_path / "other", "--format", "csv")

    scores = [trial["score"] for trial in done("trials", "mine", "--json").json()]
    assert scores == [trial["score"] for trial in json.loads((tmp_path / "x.json").read_text())["trials"]]
    with (tmp_path / "x.csv").open(newline="") as file:
        assert scores == [float(row["score"]) for row in csv.DictReader(file)]
    assert scores == list(pandas.read_parquet(tmp_path / "x.parquet")["score"])
    assert (tmp_path / "x.csv").read_text() == (tmp_path / "other").read_text()


SHOWN = ["studies", "show mine", "trials mine", "best mine", "compare mine mine", "tasks", "spaces", "db status"]


@pytest.mark.parametrize("command", SHOWN)
def test_people_get_a_table_and_scripts_get_json(command, finished):
    """Data goes to stdout, with nothing on stderr; without a terminal no control character is in it."""
    table, data = hpsearch(*command.split()), hpsearch(*command.split(), "--json")

    assert [0, 0] == [table.code, data.code]
    assert ["", ""] == [table.err, data.err]
    assert table.out.strip()
    assert not CONTROL & set(table.out)
    assert isinstance(data.json(), list | dict)
