"""Optuna's own objects in a search: samplers, pruners, callbacks, and names of trials."""

from __future__ import annotations

from typing import Any

import mlflow
import optuna
import pytest
from optuna.pruners import PercentilePruner, ThresholdPruner
from optuna.samplers import RandomSampler, TPESampler

from hpsearch.search.sampling.optuna_parts import OptunaParts
from hpsearch.spaces.errors import BadInput
from hpsearch.studies.records import TrialState

RANGE = optuna.distributions.FloatDistribution(1e-4, 1e-2, log=True)


def test_a_sampler_of_optunas_proposes(toy):
    """What it would propose to Optuna's own study, after the baseline; nothing is tried twice."""
    study = toy.search(toy.trainer(), sampler=RandomSampler(seed=5), trials=4)

    plain, sampler = optuna.create_study(sampler=RandomSampler(seed=5)), RandomSampler(seed=5)
    drawn = [sampler.sample_independent(plain, None, "learning_rate", RANGE) for _ in range(3)]
    assert drawn == [one.params["learning_rate"] for one in study.trials[1:]]
    assert "RandomSampler" == study._run.study.spec["identity"]["sampler"]


def test_a_pruner_of_optunas_prunes(toy):
    """It is told of each evaluation at its percent of the budget, as pruners by name are."""
    study = toy.search(toy.trainer(), pruner=ThresholdPruner(upper=0.0, n_warmup_steps=50), trials=2)

    assert [TrialState.PRUNED] * 2 == [one.state for one in study.trials]
    assert [[25, 50]] * 2 == [[round(100 * point["budget"]) for point in one.curve] for one in study.trials]


def test_callbacks_see_the_study_and_may_stop_it(toy):
    """After each trial they are handed Optuna's study and trial; `study.stop()` ends the search."""
    seen: list[tuple[int, float]] = []

    def look(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        seen.append((trial.number, study.best_value))
        if trial.number == 1:
            study.stop()

    study = toy.search(toy.trainer(), callbacks=[look], trials=5)

    assert [0, 1] == [number for number, _ in seen] == [one.number for one in study.trials]
    assert min(one.score for one in study.trials) == seen[-1][1]
    assert 5 == len(toy.search(toy.trainer(), trials=5).trials)


# MLflow declares its tables in a way that SQLAlchemy 2.1 calls deprecated, and so is not ours to change.
@pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")
def test_a_trials_run_has_the_name_that_the_user_gives_it(toy):
    """`hp_name(trial)` is what trackers call it."""
    named: list[str] = []

    def hp_name(trial: Any) -> str:
        named.append(f"lr{trial.params['learning_rate']:.5f}-{trial.number}")
        return named[-1]

    study = toy.search(toy.trainer(), hp_name=hp_name, report_to="mlflow")

    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{study._run.study.folder}/mlflow.db")
    experiments = [one.experiment_id for one in client.search_experiments()]
    runs = client.search_runs(experiments)
    assert sorted(named) == sorted(run.info.run_name for run in runs)
    assert len(named) == len(study.trials)


def test_a_name_that_fails_ends_nothing(toy):
    """The trial then has its usual one."""

    def hp_name(trial: Any) -> str:
        raise KeyError(trial.number)

    study = toy.search(toy.trainer(), hp_name=hp_name, report_to="tensorboard")

    assert [TrialState.COMPLETE] * 2 == [one.state for one in study.trials]


@pytest.mark.parametrize(
    "objects",
    [{"sampler": TPESampler()}, {"pruner": PercentilePruner(25.0)}, {"callbacks": [print]}, {"hp_name": str}],
)
def test_objects_stay_in_their_process(toy, objects):
    """Before anything is made: other workers could not have them."""
    with pytest.raises(BadInput, match=f"{next(iter(objects))} is an object of this process"):
        toy.search(toy.trainer, jobs=2, **objects)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"sampler": TPESampler}, "a sampler is a name or an object of Optuna's"),
        ({"pruner": 5}, "a pruner is a name or an object of Optuna's, got 5"),
        ({"sampler": "tpf"}, "unknown sampler 'tpf'"),
        ({"callbacks": [5]}, "a callback is a function"),
    ],
)
def test_what_is_no_part_of_optunas_is_refused(given, words):
    """With the value, before anything is made."""
    with pytest.raises(BadInput, match=words):
        OptunaParts.of(**{"sampler": "tpe", "pruner": "none", **given})
