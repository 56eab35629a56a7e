"""`--from STUDY`: what is taken of another study, what it may cost, and what is refused."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import pytest

import hpsearch
from hpsearch import BadInput, Choice, Float, Space
from hpsearch.search.sampling.other_study import check_from, taken_from
from hpsearch.search.sampling.priors import Prior
from hpsearch.search.words import from_where
from hpsearch.studies.records import Failure, TrialState
from hpsearch.studies.store import StudyStore

SPACE = Space(
    {
        "learning_rate": Float(1e-6, 1e-2, log=True),
        "optim": Choice(["adamw_torch", "sgd"]),
        "warmup_steps": Float(0.0, 0.2, prior=0.1),
    }
)
BASELINE = {"learning_rate": 5e-5, "optim": "adamw_torch", "warmup_steps": 0.0}
COUNT = itertools.count()
RATES = [5e-5, 1e-4, 2e-4, 3e-4, 4e-4]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A store for all tests, each of which adds studies of its own."""
    url = f"sqlite:///{tmp_path_factory.mktemp('other')}/store.db"
    with StudyStore.open(url, create=True) as opened:
        yield opened


def searched(store: StudyStore, *trials: Mapping[str, Any], direction: str = "minimize") -> str:
    """Add a study with trials that ended as they say, `score` and parameters; return its name."""
    about = {"task": "t", "model": "m", "backend": "optuna", "objective": "eval_loss", "direction": direction}
    study = store.create_study(name=f"other {next(COUNT)}", spec={"identity": {}}, trials=100, **about)
    for one in trials:
        params = {key: value for key, value in one.items() if key not in ("score", "failure")}
        trial = store.claim(study.study_id, worker="w", lease_s=60)
        assert trial is not None
        store.record(trial.trial_id, params=params, fraction=0.1)
        failure = one.get("failure")
        state = TrialState.COMPLETE if failure in (None, Failure.COLLAPSED) else TrialState.FAILED
        store.finish(trial.trial_id, state, score=one.get("score"), failure=failure)
    return study.name


def rated(*scores: float, **more: Any) -> list[dict[str, Any]]:
    """Return trials of the rates in their order, with these scores."""
    return [{"learning_rate": rate, "score": score, **more} for rate, score in zip(RATES, scores, strict=False)]


def take(store: StudyStore, other: str, trials: int = 12, space: Space = SPACE, name: str = "mine", **how: Any) -> Any:
    """Return what a study takes of another one."""
    return taken_from(store, other, name, space=space, baseline=BASELINE, trials=trials, **how)


# What is taken


@pytest.mark.parametrize(("direction", "numbers"), [("minimize", [2, 4, 1]), ("maximize", [3, 1, 4])])
def test_the_best_of_it_are_taken_by_its_own_direction(direction, numbers, store):
    """Three at most, not its baseline where that is ours, too; names that it has not are at their priors, else ours."""
    other = searched(store, {**BASELINE, "score": 0.9}, *rated(0.5, 0.1, 0.7, 0.3), direction=direction)
    taken = take(store, other)

    assert numbers == taken.numbers
    assert [
        Prior({"learning_rate": RATES[number - 1], "optim": "adamw_torch", "warmup_steps": 0.1}, other)
        for number in numbers
    ] == taken.priors
    assert f"3 configurations of study {other!r}: trials {', '.join(map(str, numbers))}" == taken.words()


def test_names_that_the_space_does_not_search_are_dropped_and_said(store):
    """Also one that is fixed here: the other study's value of it counts for nothing."""
    other = searched(store, *rated(0.9, 0.1, weight_decay=0.3, adam_beta2=0.9))
    space = Space({**SPACE.parameters, "weight_decay": 0.01})
    taken = take(store, other, space=space)

    fixed = {"optim": "adamw_torch", "warmup_steps": 0.1, "weight_decay": 0.01}
    assert [{"learning_rate": rate, **fixed} for rate in (1e-4, 5e-5)] == [one.params for one in taken.priors]
    assert "without adam_beta2, weight_decay, which this space does not search" in taken.words()


def test_what_is_outside_of_the_space_or_taught_nothing_is_passed_over(store):
    """Nothing is clipped: the next best is taken, each once; a trial that failed or collapsed is none."""
    other = searched(
        store,
        {"learning_rate": 0.5, "score": 0.0},
        {"learning_rate": 1e-4, "optim": "lion_32bit", "score": 0.1},
        {"learning_rate": 2e-4, "score": 0.2, "failure": Failure.COLLAPSED},
        {"learning_rate": 3e-4, "failure": Failure.NAN},
        {"learning_rate": 4e-4, "weight_decay": 0.1, "score": 0.3},
        {"learning_rate": 4e-4, "weight_decay": 0.2, "score": 0.4},
    )
    taken = take(store, other)

    assert [4] == taken.numbers
    words = f"1 configuration of study {other!r}: trial 4; without weight_decay, which this space does not search"
    assert words == taken.words()


@pytest.mark.parametrize(
    ("trials", "forks", "prior", "count"),
    [
        *((3, False, None, 1), (6, False, None, 2), (9, False, None, 3), (90, False, None, 3), (9, True, None, 2)),
        *((6, False, 1e-4, 1), (12, False, 1e-4, 3), (9, True, 1e-4, 1)),
    ],
)
def test_a_third_of_the_trials_at_most(trials, forks, prior, count, store):
    """A fork's parent and a space's own priors have their share of that third."""
    other = searched(store, *rated(0.9, 0.5, 0.1, 0.7, 0.3))
    space = Space({"learning_rate": Float(1e-6, 1e-2, log=True, prior=prior)})
    assert count == len(take(store, other, trials, space, forks=forks).priors)
    with pytest.raises(BadInput, match="third of the trials") as refusal:
        take(store, other, 2 + 3 * forks + 3 * bool(prior), space, forks=forks)
    assert f"--trials {3 + 3 * forks + 3 * bool(prior)}" in refusal.value.hint


# What is refused


@pytest.mark.parametrize(
    ("trials", "said"),
    [
        ([], "has no complete trial"),
        ([{"learning_rate": 1e-4, "failure": Failure.NAN}], "has no complete trial"),
        ([{"weight_decay": 0.1, "score": 1.0}], "no hyperparameter that this space searches: it has weight_decay"),
        ([{"learning_rate": 0.5, "score": 1.0}], "no configuration of study .* is inside"),
    ],
)
def test_what_cannot_be_begun_with_is_refused(trials, said, store):
    """One sentence with the study's name, exit code 2."""
    other = searched(store, *trials)

    with pytest.raises(BadInput, match=said) as refusal:
        take(store, other)
    assert 2 == refusal.value.exit_code
    assert other in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_study_cannot_begin_with_itself(store):
    """Nor can a fork with what it will be called."""
    with pytest.raises(BadInput, match="study 'mine' cannot begin with itself"):
        take(store, "mine")


def test_a_study_that_is_not_there_is_refused_before_anything_is_loaded(store, tmp_path):
    """Where the store lacks it, and where there is no store yet, which is not made."""
    for url in (store.url, f"sqlite:///{tmp_path}/none.db"):
        with pytest.raises(BadInput, match="no study 'nobody' to begin with"):
            check_from(url, "nobody", "mine", space=SPACE, trials=9, fork=None)
    assert not (tmp_path / "none.db").exists()
    check_from(store.url, None, "mine", space=SPACE, trials=9, fork=None)


# A whole search


def test_a_search_begins_with_another_studys_best(toy, capsys):
    """After the baseline come its configurations, and what was taken is said once; the rows say whose they were. It is
    no part of the identity: the same call without it goes on, with it, too, and with another study it is refused.
    """
    space = {"learning_rate": Float(1e-4, 1e-2, log=True)}
    first = toy.search(toy.trainer(), space=space, study="first", trials=3)
    best = sorted(first.trials[1:], key=lambda one: one.score)
    capsys.readouterr()

    more = {"space": {**space, "weight_decay": Float(0.0, 0.1)}, "study": "second", "quiet": False}
    begun = toy.search(toy.trainer(), **more, from_study="first", trials=6).trials
    said = capsys.readouterr().err

    assert ["first", "first"] == [one.prior for one in begun[1:3]]
    assert [None] * 4 == [one.prior for one in (begun[0], *begun[3:])]
    assert "from first" == from_where(begun[1])
    assert best[0].params["learning_rate"] in [one.params["learning_rate"] for one in begun[1:3]]
    assert 1 == said.count("2 configurations of study 'first': trials")

    toy.search(toy.trainer(), **more, trials=7)
    again = toy.search(toy.trainer(), **more, from_study="first", trials=7).trials
    assert begun == again[:6]
    assert [None] == [one.prior for one in again[6:]]
    assert "configurations of study" not in capsys.readouterr().err
    with pytest.raises(BadInput, match="'second' is there already, and did not begin with 'third'"):
        toy.search(toy.trainer(), **more, from_study="third", trials=7)
    with pytest.raises(hpsearch.BadInput, match="no study 'nobody'"):
        toy.search(toy.trainer(), study="fourth", from_study="nobody")
