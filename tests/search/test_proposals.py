"""What a trial tries: nothing twice, the baseline first, and not again where it failed."""

from __future__ import annotations

import dataclasses
import math
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import optuna
import pytest
from optuna.samplers import RandomSampler, TPESampler
from transformers import Trainer

from hpsearch import Choice, Float, Space
from hpsearch.search.sampling.priors import Prior
from hpsearch.search.sampling.proposals import DRAWS, Proposals, SpaceExhausted, Wanted, left, shuffled
from hpsearch.search.sampling.samplers import SAMPLERS, STARTUP
from hpsearch.search.sampling.steering import steers_by_all
from hpsearch.search.view import View
from hpsearch.spaces.optuna_space import suggest
from hpsearch.studies.records import Trial, TrialState

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")

PLAIN = Space(
    {"per_device_train_batch_size": Choice([8, 16, 24, 48]), "optim": Choice(["adamw_torch", "sgd", "adagrad"])}
)
CONDITIONAL = Space(
    {
        "optim": Choice(["adamw_torch", "sgd"]),
        "adam_beta2": {"choices": [0.9, 0.95, 0.98, 0.99, 0.999], "when": {"optim": "adamw_torch"}},
        "per_device_train_batch_size": Choice([8, 16]),
    }
)
SPACES = {"plain": PLAIN, "conditional": CONDITIONAL}
ALL_TRIED = "all 12 configurations of the space were tried"


def distinct(configurations: Any) -> int:
    """Return how many different configurations there are."""
    return len({tuple(sorted(params.items())) for params in configurations})


@pytest.mark.parametrize(
    ("sampler", "kind"),
    [
        *(("tpe", "plain"), ("tpe", "conditional"), ("random", "plain"), ("random", "conditional")),
        *(("grid", "plain"), ("grid", "conditional"), ("gp", "plain"), ("qmc", "conditional")),
    ],
)
def test_twelve_trials_try_all_twelve_configurations(sampler, kind, drawing):
    """B8: each sampler goes through a space of twelve in twelve trials, conditions or not, the baseline first."""
    space = SPACES[kind]
    study = drawing(space, sampler)
    found = []
    while study.chooser.exhausted() is None:
        found.append(study.draw())

    assert 12 == len(found) == distinct(found) == space.size()
    assert space.baseline({}) == found[0]
    assert all(space.contains(params) for params in found)
    with pytest.raises(SpaceExhausted):
        study.propose(study.claim())


@pytest.mark.parametrize(
    ("sampler", "space", "size", "why"),
    [
        ("tpe", PLAIN, 12, ALL_TRIED),
        ("random", CONDITIONAL, 12, ALL_TRIED),
        ("grid", Space({"learning_rate": Choice([1e-4, 1e-3, 1e-2])}), 3, "every point of the grid was tried"),
    ],
)
def test_a_search_ends_when_its_space_is_exhausted(sampler, space, size, why, toy, capsys):
    """B8: asked for 20 trials of 12 or fewer, a search does each once, after a baseline that is none of them; it says
    why it ends, and Optuna agrees; asked once more, it says so at once.
    """
    trainer = toy.trainer(train_dataset=toy.rows(8), eval_dataset=toy.rows(8, seed=1))
    study = toy.search(trainer, space=space, sampler=sampler, trials=20, quiet=False)

    size += not space.contains(study.trials[0].params)
    assert size == len(study.trials) == len(study.optuna.trials) == distinct(trial.params for trial in study.trials)
    assert {TrialState.COMPLETE} == {trial.state for trial in study.trials}
    assert [why] == [line for line in capsys.readouterr().err.splitlines() if "tried" in line]

    again = toy.search(trainer, space=space, sampler=sampler, trials=20, quiet=False)
    assert study.trials == again.trials
    assert 1 == capsys.readouterr().err.count(why)


def test_two_workers_race_for_the_last_configuration(drawing):
    """B8: of two workers that ask at the same moment one gets it; the other is told, and its claim leaves no trace."""
    last = {"per_device_train_batch_size": 24, "optim": "sgd"}
    study, together = drawing(PLAIN), threading.Barrier(2)
    study.all_but(last)

    def propose(trial: Trial) -> dict[str, Any] | None:
        together.wait()
        try:
            return study.propose(trial)
        except SpaceExhausted:
            assert study.store.withdraw(trial.trial_id, worker=trial.worker)
            return None

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(propose, [study.claim("one"), study.claim("other")]))

    assert 1 == found.count(None)
    assert last in found
    rows = study.store.trials(study.study.study_id)
    assert 12 == len(rows) == len(study.storage.get_all_trials(study.storage.get_study_id_from_name("drawn")))
    assert [last] == [trial.params for trial in rows if trial.state is TrialState.RUNNING]


class Quicker(View):
    """Lets another worker take what is left of the space as soon as trial 1 has begun."""

    def __init__(self, study: Any) -> None:
        self.run, self.said = study._run, []

    def say(self, text: str) -> None:
        self.said.append(text)

    def trial_started(self, trial: Trial) -> None:
        store, space = self.run.store, self.run.problem.plan.space
        tried = [one.params for one in store.tried(trial.study_id)]
        for params in space.configurations():
            if trial.number == 1 and params not in tried:
                other = store.claim(trial.study_id, worker="elsewhere", lease_s=60)
                store.reserve(other.trial_id, params, worker="elsewhere")
                store.finish(other.trial_id, TrialState.COMPLETE, score=0.5)


def test_a_search_that_comes_too_late_for_the_last_configuration_ends(toy):
    """B8: its last claim is withdrawn, with us and with Optuna, and it ends as any exhausted one."""
    study = toy.search(toy.trainer(), space={"learning_rate": Choice([1e-4, 1e-3])}, trials=1)
    asked = study._run.store.update_study(study._run.study.study_id, trials=9)
    view = Quicker(study)
    dataclasses.replace(study._run, study=asked, view=view).search()

    assert ["all 2 configurations of the space were tried"] == view.said
    assert [1e-3, 1e-4] == [(trial.params or {})["learning_rate"] for trial in study.trials]
    assert [0, 2] == [trial.number for trial in study.trials]
    assert [0, 2] == [trial.number for trial in study.optuna.trials]


@pytest.mark.parametrize("sampler", [one for one in SAMPLERS if not steers_by_all(one)])
def test_a_fork_begins_with_the_best_of_its_parent(sampler, drawing):
    """B7: after the baseline comes what the parent found, with every sampler, and it is not tried again."""
    best = {"per_device_train_batch_size": 48, "optim": "adagrad"}
    study = drawing(PLAIN, sampler, priors=[Prior(best, "parent")])
    found = [study.draw() for _ in range(5)]

    assert [PLAIN.baseline({}), best] == found[:2]
    assert 5 == distinct(found)


@pytest.mark.parametrize(
    "inherited", [PLAIN.baseline({}), {"per_device_train_batch_size": 64, "optim": "sgd"}, {"optim": "sgd"}]
)
def test_what_a_fork_cannot_begin_with_is_left_out(inherited, drawing):
    """A parent's best that is the baseline is not tried twice, one outside the fork's space not at all."""
    study = drawing(PLAIN, priors=[Prior(inherited, "parent")])
    found = [study.draw() for _ in range(3)]

    assert 3 == distinct(found)
    assert inherited not in found[1:]


def test_a_lost_trial_tries_what_it_had(drawing):
    """B6: the second attempt of a trial has the configuration of the first, and takes no other from the space."""
    study = drawing(PLAIN, "random")
    study.draw()
    had = study.propose(lost := study.claim())
    study.store.recover(study.study.study_id, lambda row, now: True)
    again = study.claim("another")

    assert (lost.trial_id, 2) == (again.trial_id, again.attempt)
    assert had == study.propose(again)
    study.end(again, had)
    assert 12 == 2 + distinct(study.draw() for _ in range(10))


def test_configurations_of_an_older_release_are_not_tried_again(drawing):
    """Trials that hold no reservation, because 0.1 made none, count as tried all the same."""
    last = {"optim": "sgd", "per_device_train_batch_size": 16}
    study = drawing(CONDITIONAL)
    study.all_but(last)

    assert last == study.draw()
    assert ALL_TRIED == study.chooser.exhausted()


def proposals(space: Space, **changes: Any) -> Proposals:
    """Return proposals drawn at random."""
    return Proposals(space=space, seed=1, make=lambda draw: RandomSampler(seed=draw), **changes)


def choose(one: Proposals) -> dict[str, Any]:
    """Let a new study ask for a configuration."""
    return suggest(one.space, optuna.create_study(sampler=one).ask())


def test_a_sampler_that_draws_what_is_taken_is_asked_again():
    """B8: with another seed each time, so that it can draw something else; what was refused is not chosen."""
    draws, refused = [], []

    def make(draw: int) -> RandomSampler:
        draws.append(draw)
        return RandomSampler(seed=draw)

    def reserve(wanted: Wanted) -> bool:
        if len(refused) == 3:
            return True
        refused.append(dict(wanted.values))
        return False

    space = Space({"learning_rate": Float(1e-5, 1e-3, log=True)})
    found = choose(Proposals(space=space, seed=1, make=make, reserve=reserve))

    assert [0, 1, 2, 3] == draws
    assert 3 == distinct(refused)
    assert found not in refused


def test_a_sampler_that_only_draws_what_is_taken_does_not_stop_a_search():
    """B8: after twenty draws the configurations that are left are gone through, in an order of the study's seed."""
    last, asked = {"per_device_train_batch_size": 24, "optim": "sgd"}, []

    def reserve(wanted: Wanted) -> bool:
        asked.append(wanted.values)
        return wanted.values == last

    one = Proposals(space=PLAIN, seed=1, make=lambda draw: RandomSampler(seed=1), reserve=reserve)

    assert last == choose(one)
    assert 1 == distinct(asked[:DRAWS])
    assert DRAWS < len(asked) <= DRAWS + 12


def test_nothing_is_left_where_everything_is_refused():
    """A space without end is given up after twenty draws: it may be as good as exhausted, and a search must end."""
    for space in (PLAIN, Space({"learning_rate": Float(1e-5, 1e-3)})):
        with pytest.raises(SpaceExhausted):
            choose(proposals(space, reserve=lambda wanted: False))


def test_the_rest_of_a_space_is_gone_through_in_an_order_of_its_own():
    """Every configuration once, in the same order for the same seed; a space too large to list has no such order."""
    once, other = list(shuffled(CONDITIONAL, 1)), list(shuffled(CONDITIONAL, 2))

    assert 12 == distinct(once)
    assert once == list(shuffled(CONDITIONAL, 1))
    assert once != other
    assert [] == list(shuffled(Space({f"model.{name}": Choice(list(range(100))) for name in "abc"}), 1))
    assert [] == list(shuffled(Space({"learning_rate": Float(1e-5, 1e-3)}), 1))


def test_what_is_left_of_a_space_is_counted():
    """A configuration counts once, however often it was tried, and not at all where it is outside the space."""
    sgd = {"optim": "sgd", "per_device_train_batch_size": 8}
    tried: list[Mapping[str, Any]] = [sgd, dict(reversed(sgd.items())), {"optim": "lion"}]

    assert 11 == left(CONDITIONAL, tried)
    assert 0 == left(CONDITIONAL, list(CONDITIONAL.configurations()))
    assert left(Space({"learning_rate": Float(1e-5, 1e-3)}), tried) is None


def too_high(learning_rate: float) -> bool:
    """Return whether a trial fails: in the upper half of the space below."""
    return learning_rate > 1e-3


def distance(learning_rate: float) -> float:
    """Return a score whose best, 2e-4, is nearer to where trials fail than to the other end."""
    return abs(math.log10(learning_rate / 2e-4))


class Fragile(Trainer):
    """Fails where the learning rate is too high; else its score depends on that alone."""

    def training_step(self, *args: Any, **kwargs: Any) -> Any:
        if too_high(self.args.learning_rate):
            raise ValueError(f"the loss explodes at {self.args.learning_rate}")
        return super().training_step(*args, **kwargs)

    def evaluation_loop(self, *args: Any, **kwargs: Any) -> Any:
        output = super().evaluation_loop(*args, **kwargs)
        return output._replace(metrics={**output.metrics, "eval_distance": distance(self.args.learning_rate)})


def test_tpe_learns_where_trials_fail(toy):
    """B9: where half of the learning rates fail, few are proposed there by trial 20; plain Optuna, which does not show
    its samplers what failed, ends up proposing nothing else.
    """
    space = {"learning_rate": Float(1e-5, 1e-1, log=True)}
    rows = {"train_dataset": toy.rows(8), "eval_dataset": toy.rows(4, seed=1)}
    trainer = toy.trainer(kind=Fragile, args={"learning_rate": 1e-4}, **rows)
    study = toy.search(
        trainer, space=space, trials=34, max_failures=30, objective="eval_distance", direction="minimize"
    )

    trials = study.trials
    failed = [trial.failure == "code" for trial in trials]
    assert [too_high(trial.params["learning_rate"]) for trial in trials] == failed
    assert 34 == failed.count(False)
    assert sum(failed[:20]) > 0
    assert sum(failed[20:40]) <= 6, failed
    assert sum(failures_of_plain_optuna()[20:40]) > 15


def failures_of_plain_optuna() -> list[bool]:
    """Return which of 40 trials fail where Optuna is told FAIL, as `study.optimize(catch=...)` does."""
    study, failed = optuna.create_study(sampler=TPESampler(seed=42, n_startup_trials=STARTUP)), []
    for _ in range(40):
        trial = study.ask()
        rate = trial.suggest_float("learning_rate", 1e-5, 1e-1, log=True)
        failed.append(too_high(rate))
        study.tell(trial, None if failed[-1] else distance(rate), optuna.trial.TrialState.FAIL if failed[-1] else None)
    return failed
