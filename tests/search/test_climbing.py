"""From the subset to full size, through the real command line: rungs, finals, the verdict, the model that is kept."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path
from typing import Any

import pytest

from hpsearch.search.verdict.words import summary_lines
from hpsearch.studies.records import Phase, Study, Trial, TrialState
from hpsearch.studies.store import StudyStore

from .command import COLUMNS, Said, csv_text, distinct, done, hpsearch, refused, rows, write_word_data

#: Learns the word that tells the label on a tenth of the rows, with any of these learning rates.
SPACE = "learning_rate: {low: 0.001, high: 0.01, log: true, default: 0.002}\n"
SEARCH = (
    *("--space", "space.yaml"),
    *("--model", "tiny", "--subset", "0.1", "--precision", "fp32", "--quiet"),
    *(
        "--set",
        "per_device_train_batch_size=8",
        "--set",
        "num_train_epochs=3",
        "--study",
        "climb",
        "--strategy",
        "ladder",
    ),
)

#: Rows of which none has the text of another, so that splits are what a draw makes them.
TABLE = distinct(rows(360))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with training and validation data of which one word tells the label."""
    monkeypatch.chdir(tmp_path)
    write_word_data(tmp_path, TABLE)
    (tmp_path / "space.yaml").write_text(SPACE)
    return tmp_path


def run(*words: object) -> Said:
    """Run a search of the data beside."""
    files = ("--train-file", "train.csv", "--validation-file", "valid.csv")
    return done("run", *files, *COLUMNS, *SEARCH, *words)


def found(name: str = "climb") -> tuple[Study, list[Trial]]:
    """Return the study and its trials."""
    with StudyStore.open("sqlite:///hpsearch.db") as store:
        study = store.study(name)
        return study, store.trials(study.study_id)


def standing(trial: Trial) -> tuple[float, float]:
    """Return what trials are ranked by: the score, and where that is the same the loss."""
    return -(trial.score or 0.0), trial.metrics["eval_loss"]


def climbs(trials: list[Trial]) -> list[tuple[Any, ...]]:
    """Return what must not depend on who ran what."""
    told = [(one.phase, one.fraction, one.seed, one.first_number, one.params, one.score) for one in trials]
    return sorted(told, key=repr)


def test_the_best_third_goes_on_and_two_are_compared_on_all_the_data(here: Path) -> None:
    """Six trials on a tenth, two of them on three tenths, then the best one and the baseline on all the data; the
    winner's final is the model, and no training is done twice.
    """
    said = run("--trials", "6", "--json").json()
    study, trials = found()
    waves = {phase: [one for one in trials if one.phase is phase] for phase in Phase}

    assert [0.1] * 6 == [one.fraction for one in waves[Phase.SEARCH]]
    assert [0.3] * 2 == [one.fraction for one in waves[Phase.PROMOTION]]
    ladder = sorted(waves[Phase.SEARCH], key=standing)
    assert {one.first_number for one in waves[Phase.PROMOTION]} == {one.number for one in ladder[:2]}
    winner = min(waves[Phase.PROMOTION], key=standing).first_number
    assert {winner, 0} == {one.first_number for one in waves[Phase.FINAL]}
    assert {(1.0, 42)} == {(one.fraction, one.seed) for one in waves[Phase.FINAL]}
    assert all(one.state is TrialState.COMPLETE for one in trials)
    assert said["best"]["phase"] == "final"
    assert said["model"]["trial_number"] == said["best"]["number"]
    assert said["verdict"] == study.verdict
    assert 60 == study.verdict["gain"]["rows"]


def test_the_report_split_is_scored_row_by_row_with_the_model_that_is_kept(here: Path) -> None:
    """What a final predicted for the report split is what its model predicts for the same rows, in their order."""
    model = run("--trials", "2", "--json").json()["model"]
    study, trials = found()
    final = next(one for one in trials if one.number == model["trial_number"])
    (here / "texts.csv").write_text("".join(f"{text}\n" for text, _ in [("text", ""), *TABLE[300:]]))
    done("predict", model["folder"], "--file", "texts.csv", "--output", "said.csv")
    with open("said.csv", newline="") as file:
        said = [line["prediction"] for line in csv.DictReader(file)]

    labels = ["no", "yes"]
    assert [labels[one] for one in final.predictions or []] == said
    right = [label == guess for (_, label), guess in zip(TABLE[300:], said, strict=True)]
    assert model["metrics"]["eval_accuracy"] == pytest.approx(sum(right) / 60)
    assert not list(Path(model["folder"]).glob("*.bin"))
    kept = json.loads((Path(model["folder"]) / "hpsearch.json").read_text())
    assert (study.spec["notes"]["rows"]["train"], 60) == (kept["rows"]["train"], kept["rows"]["evaluated"])


def test_two_workers_climb_as_one_does(here: Path) -> None:
    """Neither who is promoted nor what a promotion scores depends on the number of workers."""
    (here / "space.yaml").write_text(
        "learning_rate: {choices: [0.0001, 0.001, 0.003]}\nweight_decay: {choices: [0.0, 0.1]}\n"
    )
    common = ("--trials", "6", "--sampler", "grid", "--no-retrain")
    run(*common, "--confirm", "quick")
    alone = climbs(found()[1])
    run(*common, "--confirm", "quick", "--study", "two", "--jobs", "2")

    assert alone == climbs(found("two")[1])


def test_a_continued_search_proposes_what_an_undisturbed_one_would(here: Path) -> None:
    """A search of three trials that becomes one of six tries what a search of six tries, though three were promoted in
    between; what is there already is not run again.
    """
    for trials in ("3", "6"):
        run("--trials", trials, "--no-retrain")
    run("--trials", "6", "--no-retrain", "--study", "undisturbed")
    continued, undisturbed = (
        [one for one in found(name)[1] if one.phase is Phase.SEARCH] for name in ("climb", "undisturbed")
    )
    again = [(one.first_number, one.fraction, one.seed) for one in found()[1] if one.origin is not None]

    assert [one.params for one in undisturbed] == [one.params for one in continued]
    assert [one.score for one in undisturbed] == [one.score for one in continued]
    assert len(again) == len(set(again))


def test_finals_can_be_asked_for_later(here: Path) -> None:
    """`--confirm full` on a finished study adds the seeds that are missing, and nothing else."""
    run("--trials", "6")
    before = found()[1]
    said = run("--trials", "6", "--confirm", "full", "--finalists", "1", "--seeds", "2")
    study, after = found()
    added = [one for one in after if one.number >= len(before)]

    assert before == after[: len(before)]
    assert [(Phase.FINAL, 1.0, 43)] * len(added) == [(one.phase, one.fraction, one.seed) for one in added]
    assert 2 == len({one.first_number for one in added})
    assert 2 == study.verdict["gain"]["seeds"]
    assert "over 2 seeds" in said.out


def test_noise_is_no_gain(here: Path) -> None:
    """Labels that nothing can tell: it is said that the metric is flat, the search goes on on the share that was asked
    for all the same, and its closing line says that nothing was gained.
    """
    draw = random.Random(3)
    noise = [(text, draw.choice(["no", "yes"])) for text, _ in TABLE]
    (here / "train.csv").write_text(csv_text(noise[:300]))
    (here / "valid.csv").write_text(csv_text(noise[300:]))
    said = run("--trials", "4")
    study, trials = found()

    assert "no gain over the defaults" in said.out
    assert study.signal is not None
    assert (False, 0.1) == (study.signal["found"], study.signal["fraction"])
    assert {0.1} == {one.fraction for one in trials if one.phase is Phase.SEARCH}
    assert "no better than chance on 0.1 of the data" in said.out
    assert "no better than chance on 0.1 of the data" in done("show", "climb").out


def test_a_signal_is_not_spoken_of(here: Path) -> None:
    """Where the baseline tells the rows apart, that is kept, and nobody is bothered with it."""
    said = run("--trials", "1", "--no-retrain", "--subset", "0.8")
    study = found()[0]

    assert study.signal is not None
    assert study.signal["found"]
    assert "chance" not in said.out + said.err


def test_retraining_afterwards_takes_all_rows(here: Path) -> None:
    """`hpsearch retrain` makes a model that also learns from the rows that trials were chosen by."""
    run("--trials", "2")
    model = done("retrain", "climb", "--quiet", "--json").json()["model"]

    assert 300 == model["spec"]["rows"]["train"]
    assert "final" not in model["spec"]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--strategy", "ladde"), "ladder"),
        (("--confirm", "all"), "full, none, quick"),
        (("--seeds", "1"), "--seeds"),
        (("--finalists", "0"), "--finalists"),
        (("--pruner", "pbt", "--strategy", "ladder"), "--strategy single"),
        (("--stop-when-flat", "--objective", "loss"), "noise"),
    ],
)
def test_what_is_no_strategy_is_refused(here: Path, words: tuple[str, ...], named: str) -> None:
    """Bad input about strategies is one sentence, before anything is written."""
    files = ("--train-file", "train.csv", "--validation-file", "valid.csv")
    refused(hpsearch("run", *files, *COLUMNS, *SEARCH, *words), named)


def test_a_flat_search_ends_early_where_asked(here: Path) -> None:
    """`--stop-when-flat`: of a space in which everything scores the same, not all trials are run, and it is said."""
    common = ("--trials", "14", "--no-retrain", "--strategy", "single")
    words = [word for word in SEARCH if word != "--quiet"]
    (here / "space.yaml").write_text("learning_rate: {low: 1.0e-9, high: 2.0e-9}\n")
    files = ("--train-file", "train.csv", "--validation-file", "valid.csv")
    said = done("run", *files, *COLUMNS, *words, *common, "--stop-when-flat")

    assert 8 == len(found()[1])
    assert "flat after 8 trials" in said.err


def test_a_verdict_says_what_to_do() -> None:
    """Default against winner, on one line that a person can act on, whatever came out."""
    assert "better than the defaults: default 0.2610, winner 0.3190" in line(0.058, [0.01, 0.105])
    assert "worse than the defaults" in line(-0.058, [-0.105, -0.01])
    assert "no gain over the defaults that could be told from noise" in line(0.058, [-0.01, 0.105])
    assert "finds differences of 0.0500 and more" in line(0.058, [-0.01, 0.105])


def line(difference: float, interval: list[float]) -> str:
    """Return the first line about a gain."""
    gain = {
        "split": "report",
        "metric": "eval_matthews_correlation",
        "baseline": 0.261,
        "winner": 0.261 + difference,
        "difference": difference,
        "interval": interval,
        "level": 0.95,
        "detectable": 0.05,
        "rows": 1043,
        "seeds": 1,
    }
    verdict = {"winner": 4, "trial": 9, "gain": gain, "transfer": [], "finalists": [], "cost": {"trainings": 2.44}}
    study = Study(
        study_id=1,
        uid="00000000",
        name="s",
        created_at="",
        identity="",
        spec={"identity": {}, "notes": {}},
        task="t",
        model="m",
        backend="optuna",
        objective="eval_matthews_correlation",
        direction="maximize",
        trials=9,
        folder="",
        verdict=verdict,
    )
    lines = summary_lines(study, [], otherwise="nothing")
    assert "this search cost 2.4 x one full training" == lines[-1]
    return lines[0]
