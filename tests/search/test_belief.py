"""`prior` in a space: what is proposed because of it, what it may cost, and that it is a part of the problem."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import fmean
from types import SimpleNamespace
from typing import Any

import optuna
import pytest

from hpsearch import BadInput, Choice, Float, Int, Space
from hpsearch.search.sampling.around_prior import AroundPrior
from hpsearch.search.sampling.belief import CHOSEN, WIDTH, Belief, at, check_belief, position, turn
from hpsearch.search.sampling.chooser import Chooser
from hpsearch.search.sampling.priors import SHARE, Prior
from hpsearch.search.sampling.proposals import Proposals
from hpsearch.search.sampling.samplers import SAMPLERS
from hpsearch.search.sampling.steering import SEVERAL
from hpsearch.spaces.optuna_space import suggest
from hpsearch.studies.errors import ConfigurationTaken
from hpsearch.studies.records import Phase, TrialState, Tried

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")

TRIALS = 10
FOLLOWING = [name for name in SAMPLERS if name not in ("grid", *SEVERAL)]


def space(prior: float | None = None) -> Space:
    """Return a space of four decades with a prior, a range and a list."""
    return Space(
        {
            "learning_rate": Float(1e-6, 1e-2, log=True, default=1e-3, prior=prior),
            "weight_decay": Float(0.0, 0.1),
            "per_device_train_batch_size": Choice([8, 16, 32]),
        }
    )


def loss(params: Mapping[str, Any]) -> float:
    """Return a loss that is least at a learning rate of 3e-5."""
    batch = 0.0 if params["per_device_train_batch_size"] == 16 else 0.1
    return (math.log10(params["learning_rate"] / 3e-5)) ** 2 + 40 * (params["weight_decay"] - 0.03) ** 2 + batch


def rate_alone(params: Mapping[str, Any]) -> float:
    """Return a loss that a learning rate of 3e-5 makes least, whatever else there is."""
    return abs(math.log(params["learning_rate"] / 3e-5))


def ended(number: int, params: dict[str, Any], score: float | None, **how: Any) -> Tried:
    """Return a trial as the store lists it: complete where it has a score."""
    state = TrialState.FAILED if score is None else TrialState.COMPLETE
    return Tried(number=number, params=params, score=score, **{"state": state, "failure": None, **how})


@dataclass
class Remembering:
    """The part of a store that a chooser asks, in memory."""

    direction: str = "minimize"
    rows: list[Tried] = field(default_factory=list)

    def summary(self, study_id: int) -> Any:
        return SimpleNamespace(later=0, study=SimpleNamespace(direction=self.direction))

    def tried(self, study_id: int) -> list[Tried]:
        return self.rows

    def failed_with(self, study_id: int, failure: Any) -> list[Any]:
        return []

    def reserve(self, trial_id: int, params: Mapping[str, Any], **how: Any) -> None:
        if dict(params) in [one.params for one in self.rows]:
            raise ConfigurationTaken


@dataclass
class Search:
    """A search over a function in place of trainings."""

    space: Space
    seed: int
    sampler: str = "tpe"
    score: Callable[[Mapping[str, Any]], float] = loss
    direction: str = "minimize"
    priors: tuple[Prior, ...] = ()
    followed: list[int] = field(default_factory=list)  #: numbers of the trials that the belief has cost

    def run(self, trials: int = TRIALS) -> list[dict[str, Any]]:
        """Return the configurations of so many trials."""
        store: Any = Remembering(self.direction)
        study = optuna.create_study(direction=self.direction)
        chooser = Chooser(
            space=self.space, sampler=self.sampler, seed=self.seed, baseline=self.space.baseline({}), store=store,
            study_id=1, priors=self.priors,
        )  # fmt: skip
        for number in range(trials):
            claimed: Any = SimpleNamespace(number=number, params=None, trial_id=1, worker="w")
            study.sampler = chosen = chooser.proposals(claimed)
            params = suggest(self.space, trial := study.ask())
            study.tell(trial, value := self.score(params))
            store.rows.append(ended(number, params, value))
            self.note(number, chosen, params)
        return [one.params for one in store.rows]

    def note(self, number: int, chosen: Proposals, params: Mapping[str, Any]) -> None:
        """Note whether a trial was the belief's."""
        exact = Belief(self.space).exact(self.space.baseline({}))
        if self.space.priors and number and (params == exact or isinstance((chosen.drew or [None])[-1], AroundPrior)):
            self.followed.append(number)


def best_after(prior: float | None, trials: int, seeds: int = 30) -> float:
    """Return the mean of the best loss after so many trials."""
    return fmean(min(map(loss, Search(space(prior), seed).run(trials))) for seed in range(seeds))


# What it is worth, and what it may cost


def test_a_good_prior_finds_better_sooner():
    """Over thirty seeds: with a prior at the best value the best of two trials is better than that of six without, with
    one that is a factor of three off the best of four than that of four.
    """
    assert best_after(3e-5, 2) < best_after(None, 6)
    assert best_after(1e-4, 4) < best_after(None, 4)


def test_a_bad_prior_costs_little():
    """Over thirty seeds: a prior at the worst end costs a trial or two, and the search ends about where one with fewer
    trials does.
    """
    searches = [Search(space(9e-3), seed) for seed in range(30)]
    found = fmean(min(map(loss, one.run())) for one in searches)

    assert fmean(len(one.followed) for one in searches) < 2
    assert found <= best_after(None, TRIALS - TRIALS // SHARE)


@pytest.mark.parametrize("sampler", FOLLOWING)
@pytest.mark.parametrize("given", [0, 1, 3])
def test_a_belief_is_a_third_of_the_trials_at_most(sampler, given):
    """With each sampler, one that always holds has the trials of its turns and no more, those that were taken from
    another study counted, at whatever trial from the third on a search is stopped.
    """
    priors = tuple(Prior(space().nearest({"learning_rate": 1e-5 * (1 + one)}), "other") for one in range(given))
    search = Search(space(3e-5), 1, sampler, priors=priors, score=rate_alone)
    found = search.run(15)

    assert [number for number in range(1, 15) if turn(number, given)] == search.followed
    assert [one.params for one in priors] == found[1 : 1 + given]
    for stopped in range(max(3, 3 * given), 16):
        assert given + sum(number < stopped for number in search.followed) <= stopped / 3


def test_the_first_turns_are_every_third_trial():
    """The first is right after the baseline, where nothing else was given; after three they get rarer."""
    assert [1, 5, 8, 17, 35, 71] == [place for place in range(100) if turn(place, 0)]
    assert [1, 2, 3] == [turn(place, 0) for place in (1, 5, 8)]
    assert [8, 11, 14, 23] == [place for place in range(40) if turn(place, 2)]


# What is proposed


def test_the_priors_are_tried_first_all_else_as_in_the_baseline():
    """Trial 0 is the baseline, not the prior; trial 1 has the priors, also of a name that only now counts."""
    conditional = Space(
        {
            "optim": Choice(["sgd", "adamw_torch"], prior="adamw_torch"),
            "adam_beta2": {"low": 0.9, "high": 0.999, "prior": 0.95, "when": {"optim": "adamw_torch"}},
            "num_train_epochs": Int(1, 4, default=3),
        }
    )
    found = Search(conditional, 1, score=lambda params: 0.0).run(2)

    assert {"optim": "sgd", "num_train_epochs": 3} == found[0]
    assert {"optim": "adamw_torch", "adam_beta2": 0.95, "num_train_epochs": 3} == found[1]


def test_a_prior_that_is_the_baseline_is_drawn_around_at_once():
    """Nothing is tried twice: trial 1 has another value near the prior."""
    search = Search(space(1e-3), 3)
    found = search.run(2)

    assert 1 in search.followed
    assert 0 < abs(math.log10(found[1]["learning_rate"] / 1e-3)) < 2


def test_a_wrong_belief_loses_its_turns_and_may_have_them_back():
    """Of the best third, what is likelier under it than under a uniform draw speaks for it, in either direction."""
    belief, near, far = Belief(space(3e-5)), {"learning_rate": 4e-5}, {"learning_rate": 5e-3}

    def rows(*scores: tuple[Mapping[str, float], float]) -> list[Tried]:
        full = [(space().nearest(params), score) for params, score in scores]
        return [ended(number, *one) for number, one in enumerate(full)]

    good, bad = rows((near, 0.1), (far, 0.5), (far, 0.6)), rows((far, 0.1), (near, 0.5), (near, 0.6))
    assert belief.holds([], "minimize")
    assert [True, False] == [belief.holds(one, "minimize") for one in (good, bad)]
    assert [False, True] == [belief.holds(one[:2], "maximize") for one in (good, bad)]
    assert belief.holds([*bad, *rows((near, 0.05))], "minimize")


def test_what_has_not_ended_well_or_was_promoted_is_no_evidence():
    """A failed trial ended, and is none of the best; a final's score on more data is not compared with a subset's."""
    belief, params = Belief(space(3e-5)), space().nearest({"learning_rate": 5e-3})
    failed, running = ended(0, params, None), ended(1, params, None, state=TrialState.RUNNING)
    final = ended(2, params, 0.0, phase=Phase.FINAL)

    assert belief.holds([failed, running, final], "minimize")
    assert not belief.holds([failed, running, final, ended(3, params, 1.0)], "minimize")


@pytest.mark.parametrize(
    "parameter",
    [
        Float(1e-6, 1e-3, log=True, prior=3e-5),
        Float(-1.0, 1.0, prior=1.0),
        Int(1, 9, step=2, prior=3),
        Int(1, 1000, log=True, prior=1),
    ],
    ids=str,
)
def test_draws_are_inside_and_near_the_prior(parameter):
    """Half of them within one width of it where that much is to be had, all of them values of the parameter."""
    belief, chance = Belief(Space({"a": parameter})), random.Random(1)
    drawn = [belief.draw("a", chance) for _ in range(400)]
    middle = position(parameter, parameter.prior)

    assert all(parameter.contains(value) for value in drawn)
    assert fmean(abs(position(parameter, value) - middle) <= WIDTH * 1.25 for value in drawn) > 0.6
    assert len(set(drawn)) > 3


def test_a_choice_is_the_prior_more_often_than_not():
    """And any other now and then."""
    belief, chance = Belief(Space({"a": Choice([8, 16, 32], prior=16)})), random.Random(1)
    drawn = [belief.draw("a", chance) for _ in range(600)]

    assert pytest.approx(CHOSEN + (1 - CHOSEN) / 3, abs=0.06) == drawn.count(16) / 600
    assert {8, 16, 32} == set(drawn)


@pytest.mark.parametrize(
    "parameter",
    [Float(1e-6, 1e-3, log=True, prior=1e-6), Float(0.0, 1.0, prior=0.4), Choice([1, 2, 3, 4], prior=3)],
    ids=str,
)
def test_likelihoods_of_a_uniform_draw_have_a_mean_of_one(parameter):
    """So that the belief and a uniform draw are compared on one scale."""
    values = parameter.values or [at(parameter, (one + 0.5) / 500) for one in range(500)]

    assert pytest.approx(1, rel=1e-3) == fmean(Belief(Space({"a": parameter})).likelihood({"a": one}) for one in values)


@pytest.mark.parametrize("sampler", FOLLOWING)
def test_names_without_a_prior_are_the_samplers(sampler):
    """A draw around a prior takes all other values from the sampler, which sees how the trial ended."""
    found, seen = [], []

    class Rest(optuna.samplers.RandomSampler):
        def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: Any) -> Any:
            found.append(param_name)
            return super().sample_independent(study, trial, param_name, param_distribution)

        def after_trial(self, study: Any, trial: Any, state: Any, values: Any) -> None:
            seen.append(state)

    around = AroundPrior(Belief(space(3e-5)), Rest(seed=1), seed=1)
    one = Proposals(space=space(3e-5), seed=1, make=lambda draw: around)
    study = optuna.create_study(sampler=one)
    suggest(space(3e-5), trial := study.ask())
    study.tell(trial, 1.0)

    assert ["per_device_train_batch_size", "weight_decay"] == sorted(found)
    assert [optuna.trial.TrialState.COMPLETE] == seen


# A part of the problem, and nothing that a restart changes


@pytest.mark.parametrize("sampler", ["tpe", "qmc"])
def test_a_search_cut_in_two_proposes_what_a_whole_one_does(sampler, drawing):
    """B6: 3 trials and then 6 more, by another chooser on the same rows, are the 9 of an undisturbed search."""
    whole, cut = (drawing(space(3e-5), sampler, score=loss) for _ in range(2))
    undisturbed = [whole.draw() for _ in range(9)]
    begun = [cut.draw() for _ in range(3)]
    had = cut.propose(lost := cut.claim())  # its worker is killed
    cut.store.recover(cut.study.study_id, lambda row, now: True)
    again = cut.claim("another")
    assert (lost.trial_id, had) == (again.trial_id, cut.propose(again))
    cut.end(again, had)

    assert undisturbed == [*begun, had, *(cut.draw() for _ in range(5))]
    assert 3e-5 == undisturbed[1]["learning_rate"]


def test_a_prior_makes_another_space():
    """It is in the written form, which is a study's identity, and is read back; YAML's text is a number."""
    with_prior, without = space(3e-5), space()
    written = Space({"learning_rate": {"low": 1e-6, "high": 1e-3, "prior": "3e-5"}})

    assert with_prior != without
    assert with_prior == Space.from_dict(with_prior.to_dict())
    assert {"learning_rate": 3e-5} == with_prior.priors == written.priors
    assert "prior 3e-05" in str(with_prior)
    assert without.baseline({}) == with_prior.baseline({})


def test_a_grid_refuses_a_prior():
    """It would do nothing there."""
    with pytest.raises(BadInput, match="learning_rate"):
        check_belief(space(3e-5), "grid")

    check_belief(space(), "grid")
    check_belief(space(3e-5), "tpe")
