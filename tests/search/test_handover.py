"""Values that change on more data: on the rungs, on all the data, and in a retraining."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from hpsearch.search.ladder import Ladder
from hpsearch.search.strategy import FULL, NONE, Strategy
from hpsearch.search.verdict.statistics import detectable_difference
from hpsearch.spaces import Float, Space
from hpsearch.studies.errors import StudyChanged
from hpsearch.studies.objective import Objective
from hpsearch.studies.promotion import Promotion
from hpsearch.studies.records import Phase, Trial, TrialState
from hpsearch.studies.store import StudyStore

from .command import COLUMNS, Said, done, hpsearch, write_word_data

RESCALED = Space(
    {
        "learning_rate": Float(1e-6, 1e-1, log=True, handover={"rescale": -0.5}),
        "weight_decay": Float(0.0, 0.1),
    }
)
BRACKETED = Space({"learning_rate": Float(1e-5, 1e-1, log=True, handover="bracket")})
ACCURACY = Objective("eval_accuracy", "maximize")
SEED = 3


def ladder(space: Space, **asked: Any) -> Ladder:
    return Ladder(
        strategy=Strategy(**{"name": "ladder", **asked}),
        fraction=0.1,
        seed=SEED,
        objective=ACCURACY,
        space=space,
    )


def trial(number: int, score: float, **changes: Any) -> Trial:
    values: dict[str, Any] = {
        "state": TrialState.COMPLETE,
        "baseline": number == 0,
        "fraction": 0.1,
        "seed": SEED,
        "params": {"learning_rate": (number + 1) / 1000, "weight_decay": 0.01},
        "objective": "eval_accuracy",
    }
    return Trial(trial_id=number, study_id=1, number=number, score=score, **{**values, **changes})


def run(promotions: list[Promotion], trials: list[Trial], *scores: float) -> list[Trial]:
    """Return all trials, with those that the promotions became."""
    asked = ("origin", "baseline", "phase", "rung", "fraction", "seed", "params")
    made = [
        trial(len(trials) + place, score, **{name: getattr(one, name) for name in asked})
        for place, (one, score) in enumerate(zip(promotions, scores, strict=True))
    ]
    return [*trials, *made]


def climbed(space: Space, **asked: Any) -> tuple[Ladder, list[Trial]]:
    """Return a study of nine of which 8, 7 and 6 have reached the second rung, where 8 is the best, then 7."""
    there = ladder(space, **asked)
    trials = [trial(number, 0.5 + number / 100) for number in range(9)]
    return there, run(there.promotions(trials), trials, 0.7, 0.6, 0.5)


def test_each_rung_rescales_by_its_own_share_of_the_data_and_the_baseline_is_kept():
    """At three tenths a value has changed by 3 to the power; on all the data by 10, whatever rungs lie between."""
    there, trials = climbed(RESCALED)
    assert [one.params["learning_rate"] for one in trials[9:]] == pytest.approx(
        [9e-3 / 3**0.5, 8e-3 / 3**0.5, 7e-3 / 3**0.5]
    )
    assert {one.params["weight_decay"] for one in trials[9:]} == {0.01}

    finals = there.promotions(trials)
    assert [(one.origin, one.params["learning_rate"]) for one in finals] == [
        (8, pytest.approx(9e-3 / 10**0.5)),
        (0, 1e-3),
    ]


def test_a_bracket_is_tried_in_one_wave_with_the_baseline_and_its_best_is_compared():
    """Half and twice the learning rate of the leader are configurations of their own; with `full` the best of the
    three is the finalist, and the others are trained no more.
    """
    there, trials = climbed(BRACKETED, confirm=FULL, finalists=2, seeds=2)
    wave = there.promotions(trials)
    assert [(one.origin, one.seed, one.params["learning_rate"]) for one in wave] == [
        (8, SEED, 9e-3),
        (0, SEED, 1e-3),
        (None, SEED, 4.5e-3),
        (None, SEED, 18e-3),
    ]

    trials = run(wave, trials, 0.80, 0.60, 0.85, 0.70)
    half = next(one for one in trials if one.params["learning_rate"] == 4.5e-3)
    assert [(one.origin, one.seed) for one in there.promotions(trials)] == [
        (7, SEED),
        (half.number, SEED + 1),
        (7, SEED + 1),
        (0, SEED + 1),
    ]
    trials = run(there.promotions(trials), trials, *[0.8] * 4)
    assert there.promotions(trials) == []


def test_a_bracket_whose_middle_failed_is_tried_around_the_next():
    """A leader without a result on all the data leaves its place, with its bracket."""
    there, trials = climbed(BRACKETED)
    wave = there.promotions(trials)
    trials = run(wave, trials, 0.8, 0.6, 0.7, 0.5)
    trials = [
        one if (one.phase, one.origin) != (Phase.FINAL, 8) else trial(one.number, 0, **_as(one, TrialState.FAILED))
        for one in trials
    ]

    again = there.promotions(trials)
    assert [(one.origin, one.params["learning_rate"]) for one in again] == [(7, 8e-3), (None, 4e-3), (None, 16e-3)]


def _as(one: Trial, state: TrialState) -> dict[str, Any]:
    names = ("origin", "baseline", "phase", "rung", "fraction", "seed", "params")
    return {"state": state, **{name: getattr(one, name) for name in names}}


def test_nothing_is_tried_beside_where_nothing_is_compared_or_all_the_data_was_searched():
    """`--confirm none` retrains; a search of all the data has nothing to hand over."""
    there, trials = climbed(BRACKETED, confirm=NONE)
    assert there.promotions(trials) == []
    whole = Ladder(strategy=Strategy(), fraction=1.0, seed=SEED, objective=ACCURACY, space=BRACKETED)
    assert whole.promotions([trial(number, number / 10, fraction=1.0) for number in range(3)]) == []


# For real


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with training and validation data of which one word tells the label."""
    monkeypatch.chdir(tmp_path)
    write_word_data(tmp_path)
    return tmp_path


def search(handover: str, *words: object) -> Said:
    """Run a search of the data beside, with a rule for the learning rate."""
    text = f"learning_rate: {{low: 0.0005, high: 0.02, log: true, default: 0.001, handover: {handover}}}\n"
    Path("space.yaml").write_text(text)
    files = ("--train-file", "train.csv", "--validation-file", "valid.csv", *COLUMNS, "--space", "space.yaml")
    small = ("--model", "tiny", "--subset", "0.2", "--precision", "fp32", "--quiet")
    values = ("--set", "per_device_train_batch_size=8", "--set", "num_train_epochs=3", "--study", "hand")
    return done("run", *files, *small, *values, "--trials", "3", "--strategy", "single", *words)


def test_neighbours_on_all_the_data_may_win_and_become_the_model(here: Path):
    """With a bracket four trainings see all the data; the best of them is the model, and its row alone replays."""
    said = search("bracket", "--json").json()
    with StudyStore.open("sqlite:///hpsearch.db") as store:
        trials = store.trials(store.study("hand").study_id)
    finals = [one for one in trials if one.phase is Phase.FINAL]
    beside = [one for one in finals if one.origin is None]
    middle = next(one for one in finals if one.origin is not None and not one.baseline)

    assert 1 <= len(beside) <= 2
    rates = sorted(one.params["learning_rate"] / middle.params["learning_rate"] for one in beside)
    assert all(rate == pytest.approx(2) or rate < 1 for rate in rates)
    best = min(finals, key=lambda one: (-one.score, one.number))
    assert said["best"]["number"] == said["model"]["trial_number"] == best.number
    assert hpsearch("replay", "hand", "--trial", str(beside[0].number), "--quiet").code == 0
    assert "4 on all of it" in done("check", *_files(), "--strategy", "single", "--trials", "3").out


def test_check_says_how_small_a_gain_could_show(here: Path):
    """D7: before anything is trained, the least gain that the 60 rows of the report split would tell from noise."""
    Path("space.yaml").write_text("learning_rate: {low: 0.0005, high: 0.02, log: true}\n")
    least = detectable_difference(0.8, 60)

    said = done("check", *_files()).out
    shown = "none" if math.isinf(least) else f"{100 * least:.1f} points of accuracy"
    assert f"{shown}, over a default at 80.0%" in " ".join(said.split())


def _files() -> tuple[str, ...]:
    return (
        *("--train-file", "train.csv", "--validation-file", "valid.csv", *COLUMNS, "--space", "space.yaml"),
        *("--model", "tiny", "--subset", "0.2", "--precision", "fp32"),
    )


def test_a_retraining_rescales(here: Path):
    """Five times the data with the power -0.5: less than half the learning rate, but never of the baseline's."""
    search("{rescale: -0.5}", "--confirm", "none", "--no-retrain")
    models = [done("retrain", "hand", "--trial", number, "--json").json()["model"] for number in (0, 2)]
    with StudyStore.open("sqlite:///hpsearch.db") as store:
        trials = store.trials(store.study("hand").study_id)
    baseline, other = (json.loads((Path(one["folder"]) / "hpsearch.json").read_text()) for one in models)

    found = (trials[2].params or {})["learning_rate"]
    assert found / 5**0.5 > 0.0005, "the end of the range hides the rule"
    assert other["params"]["learning_rate"] == pytest.approx(found / 5**0.5)
    assert other["configuration"]["args"]["learning_rate"] == pytest.approx(found / 5**0.5)
    assert baseline["params"] == trials[0].params


def test_a_study_goes_on_with_the_rules_it_began_with(toy, capsys):
    """B5: a preset that has got a rule since is no other problem, and what the study does with values stays the same,
    which is said. Another range is another problem as ever.
    """
    kept = {"learning_rate": Float(1e-4, 1e-2, log=True)}
    rescaled = {"learning_rate": Float(1e-4, 1e-2, log=True, handover={"rescale": -0.32})}
    toy.search(toy.trainer(), space=kept, trials=1)
    study = toy.search(toy.trainer(), space=rescaled, trials=2, quiet=False)

    assert 2 == len(study.trials)
    assert "learning_rate: the study goes on with the rule" in capsys.readouterr().err
    assert study._run.problem.plan.space == Space(kept)
    with pytest.raises(StudyChanged, match="high"):
        toy.search(toy.trainer(), space={"learning_rate": Float(1e-4, 1e-1, log=True)}, trials=2)
