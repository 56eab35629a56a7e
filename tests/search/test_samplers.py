"""Samplers and pruners by name, each remembered by the store alone."""

from __future__ import annotations

import pytest

from hpsearch import BadInput, Choice, Float, Int, Space
from hpsearch.search.sampling.samplers import PRUNERS, SAMPLERS, check_pruner, check_sampler, grid, seed_of
from hpsearch.search.sampling.steering import steers_by_all
from hpsearch.search.trial.budget import look_steps, percent

SPACE = {
    "learning_rate": Float(1e-4, 1e-2, log=True),
    "num_train_epochs": Int(1, 2),
    "optim": Choice(["adamw_torch", "sgd"]),
    "adam_beta2": {"low": 0.9, "high": 0.99, "when": {"optim": "adamw_torch"}},
}


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize("sampler", [one for one in SAMPLERS if not steers_by_all(one)])
def test_a_search_cut_in_two_proposes_what_a_whole_one_does(sampler, toy):
    """B6: with each sampler, 4 trials and then 3 more are the 7 of an undisturbed search, conditions included."""
    whole = toy.search(toy.trainer(), space=SPACE, sampler=sampler, trials=7, study="whole", subset=0.5)
    for trials in (4, 7):
        cut = toy.search(toy.trainer(), space=SPACE, sampler=sampler, trials=trials, study="cut", subset=0.5)

    assert [trial.params for trial in whole.trials] == [trial.params for trial in cut.trials]
    assert [trial.score for trial in whole.trials] == [trial.score for trial in cut.trials]
    assert all(("adam_beta2" in t.params) == (t.params["optim"] == "adamw_torch") for t in whole.trials[1:])


@pytest.mark.parametrize("pruner", PRUNERS)
def test_each_pruner_runs_and_a_pruned_trial_counts(pruner, toy):
    """With each pruner, the total is reached by complete and pruned trials together, and the baseline completes."""
    space = {"learning_rate": Float(1e-5, 1e-1, log=True)}
    study = toy.search(toy.trainer(), space=space, pruner=pruner, trials=8)

    assert 8 == len(study.trials)
    assert {"COMPLETE", "PRUNED"} >= {trial.state.value for trial in study.trials}
    assert "COMPLETE" == study.trials[0].state.value
    assert [t.state.name for t in study.trials] == [t.state.name for t in study.optuna.trials]
    assert all(trial.score is not None for trial in study.trials)


def test_a_pruner_that_can_fire_does(toy):
    """E1: successive halving over the same trials prunes some of them, at a look and never at a step between."""
    space = {"learning_rate": Float(1e-5, 1e-1, log=True)}
    study = toy.search(toy.trainer(), space=space, pruner="asha", trials=10)

    pruned = [trial for trial in study.trials if trial.state.value == "PRUNED"]
    assert pruned
    assert {0.25, 0.5} >= {trial.curve[-1]["budget"] for trial in pruned}


def test_a_grid_ends_when_all_its_points_were_tried(toy):
    """A grid of four points is four trials, whatever was asked for; the baseline is one of them and not repeated."""
    space = {"learning_rate": Choice([1e-4, 1e-3]), "per_device_train_batch_size": Choice([8, 16])}
    study = toy.search(toy.trainer(), space=space, sampler="grid", trials=20)

    configurations = [tuple(sorted(trial.params.items())) for trial in study.trials]
    assert 4 == len(configurations) == len(set(configurations))


def test_a_grid_is_shuffled_by_the_studys_seed_alone():
    """The same seed gives the same order, another seed another, and a range is cut into four."""
    space = Space({"learning_rate": Float(1e-4, 1e-1, log=True), "num_train_epochs": Int(1, 3)})

    assert 12 == len(grid(space, 1))
    assert grid(space, 1) == grid(space, 1)
    assert grid(space, 1) != grid(space, 2)
    assert [1e-4, 1e-3, 1e-2, 1e-1] == pytest.approx(sorted({one["learning_rate"] for one in grid(space, 1)}))


def test_a_samplers_seed_depends_on_study_and_trial():
    """B6: no two trials of a study share a seed, nor the same trial of two studies."""
    seeds = {seed_of(study, number) for study in (1, 2, 3) for number in range(100)}

    assert 300 == len(seeds)
    assert seed_of(1, 1) == seed_of(1, 1)


@pytest.mark.parametrize(("check", "name", "near"), [(check_sampler, "tpee", "tpe"), (check_pruner, "ahsa", "asha")])
def test_an_unknown_name_is_refused_with_the_nearest(check, name, near):
    """A misspelt sampler or pruner names the nearest one."""
    with pytest.raises(BadInput, match=name) as caught:
        check(name)

    assert near in caught.value.hint


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5, 13, 1000])
def test_looks_are_at_equal_shares_and_the_last_at_the_end(steps):
    """A13: each look is at the first step that completes its share; a short training has several at one step."""
    due = look_steps(steps)

    assert [1, 2, 3, 4] == sorted(look for looks in due.values() for look in looks)
    assert 4 in due[steps]
    assert all(step / steps >= look / 4 > (step - 1) / steps for step, looks in due.items() for look in looks)
    assert [25, 50, 75, 100] == [percent(look) for look in (1, 2, 3, 4)]
