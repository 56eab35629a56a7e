"""Population based training: who goes on from whom, and that a schedule it made can be followed again."""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path
from typing import Any

import pytest
from transformers import TrainerCallback

import hpsearch
from hpsearch.search.paths import StudyPaths
from hpsearch.search.sampling.population import Population, check_changeable, scores_at
from hpsearch.search.trial.budget import LOOKS, BudgetCallback
from hpsearch.search.trial.configuration import Configuration
from hpsearch.search.trial.schedule import Change
from hpsearch.search.trial.trainer import made, scheduled
from hpsearch.spaces.errors import BadInput
from hpsearch.studies.objective import Objective
from hpsearch.studies.records import Trial, TrialState

ACCURACY = Objective("eval_accuracy", "maximize")
SPACE = {
    "learning_rate": hpsearch.Float(1e-5, 1e-2, log=True),
    "weight_decay": hpsearch.Float(0.0, 0.3),
    "per_device_train_batch_size": hpsearch.Choice([8, 16]),
}


@pytest.fixture
def population(tmp_path: Path) -> Population:
    return Population(
        space=hpsearch.Space(SPACE),
        seed=7,
        objective=ACCURACY,
        paths=StudyPaths(tmp_path),
    )


@pytest.fixture
def searched(toy: Any) -> Any:
    """Eight trials of the toy task, trained as a population."""
    trainer = toy.trainer(args={"lr_scheduler_type": "cosine", "warmup_steps": 0.1})
    return toy.search(trainer, space=SPACE, trials=8, pruner="pbt", objective="eval_loss", subset=0.7)


class Curve(TrainerCallback):
    """Notes what evaluations find."""

    def __init__(self) -> None:
        self.losses: list[float] = []

    def on_evaluate(self, *args: Any, metrics: dict[str, float], **kwargs: Any) -> None:
        self.losses.append(metrics["eval_loss"])


def at_rung(score: float, number: int, *, state: TrialState = TrialState.WAITING) -> Trial:
    """Return a trial that reached rung 1 with a score."""
    curve = [{"budget": 1 / LOOKS, "score": score, "metrics": {}}]
    made = {"trial_id": 1, "study_id": 1, "number": number, "objective": "eval_loss", "params": {}}
    return Trial(**made, state=state, curve=curve, rung=1)


def test_the_worst_quarter_goes_on_from_the_best(population: Population) -> None:
    """Of eight trials two give up, each for one of the best two that have weights to go on from."""
    trials = [at_rung(score=number / 10, number=number) for number in range(8)]
    scores = scores_at(1, trials)
    for number in scores:
        population.paths.rung(1, number).mkdir(parents=True)

    parents = [population.parent(trial, scores, random.Random(trial.number)) for trial in trials]

    assert [None] * 6 == parents[2:]
    assert set(parents[:2]) <= {6, 7}
    population.paths.rung(1, 6).rmdir()
    assert {7} == {population.parent(trials[0], scores, random.Random(seed)) for seed in range(20)}


def test_the_baseline_never_gives_up(population: Population) -> None:
    """Trial 0 stays the recommended default to its end, however bad: all others are compared with it."""
    trials = [at_rung(score=number / 10, number=number) for number in range(8)]
    baseline = dataclasses.replace(trials[0], baseline=True)

    assert population.parent(baseline, scores_at(1, trials), random.Random(0)) is None


def test_a_failed_trial_is_nobodys_parent() -> None:
    """What failed has no weights to go on from, and no score at a rung."""
    trials = [at_rung(0.9, 0, state=TrialState.FAILED), at_rung(0.1, 1)]

    assert {1: 0.1} == scores_at(1, trials)


def test_values_change_inside_the_space(population: Population) -> None:
    """Each change is another value, never outside; some are near, some are drawn anew."""
    chance = random.Random(0)
    changed = [population.changed("learning_rate", 1e-3, chance) for _ in range(200)]

    assert all(1e-5 <= value <= 1e-2 for value in changed)
    near = [value for value in changed if round(value / 1e-3, 6) in (0.8, 1.2)]
    assert 120 < len(near) < 180
    assert len(set(changed)) > 30


def test_a_space_without_anything_to_change_is_refused() -> None:
    """A population in which nothing can change is no population: one sentence, before the first trial."""
    with pytest.raises(BadInput, match=r"learning_rate and weight_decay .* searches neither") as caught:
        check_changeable(hpsearch.Space({"num_train_epochs": hpsearch.Int(1, 4), "learning_rate": 1e-3}))

    assert "num_train_epochs" in (caught.value.hint or "")


def test_a_population_is_trained(searched: Any) -> None:
    """Every trial comes to its end with a score at each rung; some go on from others, with changed values."""
    trials = searched.trials
    assert [TrialState.COMPLETE] * 8 == [trial.state for trial in trials]
    assert [[0.25, 0.5, 0.75, 1.0]] * 8 == [[point["budget"] for point in trial.curve] for trial in trials]
    changes = [Change.from_dict(change) for trial in trials for change in trial.config["schedule"]]
    assert changes
    for change in changes:
        assert change.after in range(8)
        assert {"learning_rate", "weight_decay"} == change.values.keys()
        assert change.share in (0.25, 0.5, 0.75)
    assert [] == trials[0].config["schedule"]
    assert not any(searched._run.paths.rungs.glob("*/*"))
    assert [TrialState.COMPLETE.value] * 8 == [str(one.state.name) for one in searched.optuna.trials]
    assert [{25, 50, 75, 100}] * 8 == [set(one.intermediate_values) for one in searched.optuna.trials]


def test_a_schedule_is_followed_to_the_same_scores(toy: Any, searched: Any) -> None:
    """One undisturbed training with the schedule of a trial, which several trials made in pieces, has the scores that
    were recorded after its last change, to the last bit; without the schedule it has others.
    """
    trial = max(searched.trials, key=lambda one: len(one.config["schedule"]))
    configuration = Configuration.from_dict(trial.config)
    last = configuration.schedule[-1]["share"]
    recorded = [point["score"] for point in trial.curve if point["budget"] > last]

    followed = losses(toy, searched._run, configuration)
    ignored = losses(toy, searched._run, dataclasses.replace(configuration, schedule=[]))

    assert recorded
    assert recorded == followed[-len(recorded) :]
    assert recorded != ignored[-len(recorded) :]


def test_a_retraining_follows_the_schedule(searched: Any) -> None:
    """The model that is retrained from such a trial says with which schedule, and is not the one without it."""
    trial = max(searched.trials, key=lambda one: len(one.config["schedule"]))
    model = searched.retrain(trial.number)

    assert trial.config["schedule"] == model.spec["configuration"]["schedule"]


def losses(toy: Any, run: Any, configuration: Configuration) -> list[float]:
    """Train a configuration of a study at its fraction, from the first step to the last; return the losses."""
    curve, splits = Curve(), run.loop(None).splits(configuration)
    trainer = made(
        run.problem.making,
        configuration,
        train=splits.train,
        evaluation=splits.selection,
        callbacks=[BudgetCallback(), *scheduled(configuration), curve],
        output_dir=str(toy.folder / "again"),
        eval_strategy="steps",
    )
    trainer.train()
    return curve.losses
