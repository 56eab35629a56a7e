"""Constraints: a trial that breaks one is a row like any other, and is never the best, the winner, or promoted."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest

from hpsearch import BadInput, Float, HpsearchError
from hpsearch.search.constraints import check_constraints, constraints_asked, none_feasible
from hpsearch.search.ladder import Ladder
from hpsearch.search.strategy import Strategy
from hpsearch.studies.constraint import Constraint, constraints_of, constraints_to_json, violations
from hpsearch.studies.front import front_of
from hpsearch.studies.objective import SECONDS, TRAIN
from hpsearch.studies.optuna_storage import optuna_storage
from hpsearch.studies.optuna_study import open_optuna_study, reconcile
from hpsearch.studies.records import Study, Trial, TrialState
from hpsearch.studies.store import StudyStore

from .command import COLUMNS, TINY, csv_text, done, hpsearch, refused, rows
from .told_studies import SPACE, URL, climbed, ended, told_study

FAST = Constraint("eval_latency_ms", most=30.0)
BROKEN = {"state": TrialState.INFEASIBLE, "failure_message": "latency_ms is 41, not latency_ms <= 30"}


# How they are asked for


@pytest.mark.parametrize(
    "asked",
    [
        {"eval_latency_ms": {"max": 30}},
        {"latency_ms": {"max": 30.0}},
        "eval_latency_ms<=30",
        ["latency_ms <= 3e1"],
    ],
)
def test_a_mapping_and_a_text_say_the_same(asked):
    """In Python, in YAML and on the command line; what is kept of it is the mapping."""
    assert (FAST,) == constraints_asked(asked)
    assert {"eval_latency_ms": {"max": 30.0}} == constraints_to_json(constraints_asked(asked))
    assert (FAST,) == constraints_asked(FAST.texts)


def test_two_bounds_of_one_number_are_one_constraint():
    """Both ends, in any order, said in one line."""
    both = constraints_asked(["loss>=0.1", "seconds<=9", "loss<=0.5"])

    assert (Constraint("eval_loss", 0.1, 0.5), Constraint(SECONDS, most=9.0)) == both
    assert "loss >= 0.1 and loss <= 0.5" == both[0].words
    assert both == constraints_asked([text for one in both for text in one.texts])


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("latency_ms<30", "NAME<=NUMBER"),
        ("latency_ms", "NAME<=NUMBER"),
        ("<=30", "NAME<=NUMBER"),
        ("latency_ms<=fast", "no number"),
        ("latency_ms<=nan", "no number"),
        (["loss<=1", "loss<=2"], "'loss<=2' is the second"),
        (["loss<=1", "eval_loss>=0"], "two constraints"),
        (["loss<=1", "loss>=2"], "at least 2 and at most 1"),
        ({"loss": {}}, "'loss' is {}"),
        ({"loss": {"maximum": 1}}, "'loss' is"),
        ({"loss": {"max": "1"}}, "no number: '1'"),
        ({"loss": {"max": True}}, "no number"),
        ({"loss": 3}, "'loss' is 3"),
        (5, "got 5"),
        ([None], "got None"),
    ],
)
def test_what_is_no_constraint_is_refused(asked, words):
    """In one sentence with the value."""
    with pytest.raises(BadInput, match=words):
        constraints_asked(asked)


@pytest.mark.parametrize(
    ("constraint", "value", "outside"),
    [
        (FAST, 30.0, 0.0),
        (FAST, 45.0, 0.5),
        (FAST, 15.0, -0.5),
        (Constraint("eval_f1", least=0.8), 0.6, 0.25),
        (Constraint("eval_margin", most=0.0), 2.0, 2.0),
        (Constraint("eval_loss", 0.1, 0.5), 0.05, 0.5),
    ],
)
def test_a_violation_is_in_units_of_the_bound(constraint, value, outside):
    """So that those of several constraints can be added; at the bound, nothing is broken."""
    assert outside == pytest.approx(constraint.violation(value))
    assert (outside > 0) is (constraint.broken(value) is not None)


def test_constraints_that_mean_nothing_are_refused():
    """A population goes by scores; seconds on a part of the data say nothing of a final's."""
    check_constraints([FAST], pruner="none", fraction=0.1, finals=True)
    seconds = constraints_asked("seconds<=3")
    check_constraints(seconds, pruner="none", fraction=1.0, finals=True)
    check_constraints(seconds, pruner="none", fraction=0.1, finals=False)
    with pytest.raises(BadInput, match="all the data one takes longer"):
        check_constraints(seconds, pruner="none", fraction=0.1, finals=True)
    with pytest.raises(BadInput, match="--pruner pbt"):
        check_constraints([FAST], pruner="pbt", fraction=1.0, finals=False)


# In a store


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StudyStore]:
    """A store in the current folder."""
    monkeypatch.chdir(tmp_path)
    with StudyStore.open(URL, create=True) as opened:
        yield opened


def bounded(store: StudyStore, trials: int = 4, **changes: Any) -> Study:
    """Return a new study whose winner has to be fast."""
    identity = {"objective": "eval_accuracy", "direction": "maximize", "space": SPACE, "fraction": 0.1, "seed": 42}
    spec = {"identity": {**identity, "constraints": constraints_to_json([FAST])}, "notes": {}}
    return told_study(store, spec=spec, trials=trials, **changes)


def latency(value: float) -> dict[str, Any]:
    """Return what a trial's row has of its latency."""
    return {"metrics": {"eval_latency_ms": value}, **({} if value <= 30 else BROKEN)}


def test_the_best_is_the_best_of_those_that_keep_to_it(store):
    """Its score is the study's best one, the infeasible one keeps its own, and no trial is lost to the total."""
    study = bounded(store)
    scores = [(0.5, 10.0), (0.9, 41.0), (0.7, 29.0), (0.6, 30.0)]
    found = [ended(store, study, score, **latency(value)) for score, value in scores]
    summary = store.summary(study.study_id)

    assert 2 == getattr(store.best(study.study_id), "number", None)
    assert [2, 3, 0] == store.ranking(study.study_id, "maximize", 9)
    assert (3, 1, 4, 0.7) == (summary.complete, summary.infeasible, summary.done, summary.best_score)
    assert (0.9, TrialState.INFEASIBLE) == (found[1].score, found[1].state)
    assert None is store.claim(study.study_id, worker="w", lease_s=9)
    assert 0 == store.consecutive_failures(study.study_id)


def ladder_of(study: Study, **strategy: Any) -> Ladder:
    """Return the ladder of a study."""
    values = {"strategy": Strategy(**strategy), "fraction": 0.1, "seed": 42}
    return Ladder(objective=ladder_objective(study), **values)


def ladder_objective(study: Study) -> Any:
    """Return the study's objective."""
    from hpsearch.studies.objective import Objective

    return Objective.of(study)


def test_the_infeasible_are_not_promoted_and_a_final_may_turn_out_so(store):
    """The next in the ranking is followed instead; the configuration is not the best by its other trial, either."""
    study = bounded(store)
    for score, value in [(0.5, 10.0), (0.9, 41.0), (0.7, 29.0), (0.6, 30.0)]:
        ended(store, study, score, **latency(value))
    ladder = ladder_of(study)

    assert [2, 0] == [one.origin for one in ladder.promotions(store.trials(study.study_id))]
    climbed(store, study, 2, 0.95, **latency(35.0))
    climbed(store, study, 0, 0.55, **latency(10.0))
    assert [3] == [one.origin for one in ladder.promotions(store.trials(study.study_id))]
    climbed(store, study, 3, 0.65, **latency(28.0))
    assert [] == ladder.promotions(store.trials(study.study_id))
    assert (6, 3) == ((best := store.best(study.study_id)) and (best.number, best.first_number))
    assert 2 not in [
        store.trial(study.study_id, one).first_number for one in store.ranking(study.study_id, "maximize", 9)
    ]


def test_the_infeasible_are_on_no_front(store):
    """However good they are in every objective."""
    weighed = {"weighed": [{"name": SECONDS, "direction": "minimize"}]}
    study = bounded(store, limits=weighed)
    ended(store, study, 0.5, **latency(10.0))
    ended(store, study, 0.9, seconds={TRAIN: 1.0}, **latency(41.0))
    front = front_of(study, store.trials(study.study_id))

    assert [0] == [one.number for one in front.trials] if front else False


def test_where_nothing_keeps_to_it_that_is_said(store):
    """With the nearest, by `best`, `report` and whoever asks for the winner; no exit code is 0 that shows a winner."""
    study = bounded(store, trials=2)
    ended(store, study, 0.5, **latency(90.0))
    ended(store, study, 0.4, **latency(41.0))
    said = none_feasible(study, store.trials(study.study_id)) or ""

    assert said.startswith("no trial keeps to latency_ms <= 30: the nearest is trial 1")
    assert None is store.best(study.study_id)
    refused(hpsearch("best", "told"), "no trial keeps to latency_ms <= 30", code=3)
    assert "There is no winner: no trial keeps to" in done("report", "told", "--format", "md").out


def test_people_see_who_is_infeasible_and_why(store):
    """In the table, in JSON, in the counts, and what was asked for in `show`."""
    study = bounded(store, trials=2)
    ended(store, study, 0.5, **latency(10.0))
    ended(store, study, 0.9, **latency(41.0))
    table = " ".join(done("trials", "told").out.split())
    shown = " ".join(done("show", "told").out.split())

    assert "1 infeasible 0.9000" in table
    assert "latency_ms is 41, not latency_ms <= 30" in table
    assert [None, BROKEN["failure_message"]] == [
        one["failure_message"] for one in done("trials", "told", "--json").json()
    ]
    assert ["COMPLETE", "INFEASIBLE"] == [one["state"] for one in done("trials", "told", "--json").json()]
    assert "constraints latency_ms <= 30" in shown
    assert "infeasible 1" in shown
    assert {"eval_latency_ms": {"max": 30.0}} == done("show", "told", "--json").json()["constraints"]
    page = done("report", "told", "--format", "md").out
    assert "infeasible" in page.lower()


def test_it_travels_and_optuna_knows_it(store):
    """Exported and imported, the same is infeasible; Optuna has the trial complete, with its constraint."""
    study = bounded(store, trials=2)
    ended(store, study, 0.5, **latency(10.0))
    ended(store, study, 0.9, **latency(41.0))
    done("export", "told", "-o", "told.json")
    done("import", "told.json", "--store", "sqlite:///elsewhere.db")
    storage = optuna_storage("sqlite:///elsewhere.db")
    there = optuna.load_study(study_name="told", storage=storage)

    with StudyStore.open("sqlite:///elsewhere.db") as other:
        found = other.study("told")
        assert 0 == getattr(other.best(found.study_id), "number", None)
        assert (FAST,) == constraints_of(found)
    assert ["COMPLETE", "COMPLETE"] == [one.state.name for one in there.trials]
    assert [{"eval_latency_ms": pytest.approx(value / 30 - 1)} for value in (10, 41)] == [
        one.constraints for one in there.trials
    ]
    assert 0 == there.best_trial.number
    storage.remove_session()
    storage.engine.dispose()


def test_optuna_hears_of_it_when_the_worker_died(store):
    """Whoever tells Optuna of a trial that a dead worker finished tells its constraint, too."""
    study = bounded(store, trials=1)
    storage = optuna_storage(URL)
    open_optuna_study(storage, "told", direction="maximize", metric_name="eval_accuracy")
    ended(store, study, 0.9, **latency(41.0))
    reconcile(storage, store, study.study_id, alive=lambda worker: False)
    trials = optuna.load_study(study_name="told", storage=storage).trials

    assert [({"eval_latency_ms": pytest.approx(11 / 30)}, 0.9)] == [(one.constraints, one.value) for one in trials]
    storage.remove_session()
    storage.engine.dispose()


def test_what_did_not_run_through_has_no_violation():
    """A pruned or a failed trial was not measured to its end."""
    about: dict[str, Any] = {"trial_id": 1, "study_id": 1, "number": 0, "objective": "eval_accuracy"}
    metrics = {"eval_latency_ms": 60.0}
    trials = {state: Trial(state=state, metrics=metrics, **about) for state in TrialState}

    assert {"eval_latency_ms": 1.0} == violations([FAST], trials[TrialState.INFEASIBLE])
    assert {} == violations([FAST], trials[TrialState.PRUNED])


# Real searches


FILES = ("--train-file", "data.csv", *COLUMNS, *TINY, "--quiet", "--precision", "fp32", "--jobs", "1")


def test_a_search_by_nsga2_with_a_constraint(tmp_path, monkeypatch):
    """On the command line: what breaks it is infeasible with its reason, and never chosen; it is part of the study."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HPSEARCH_CACHE", str(tmp_path / "cache"))
    Path("data.csv").write_text(csv_text(rows()))
    Path("c.yaml").write_text("constraint: {f1: {min: 0.01, max: 0.99}}\n")
    search = ("run", *FILES, "--trials", "4", "--study", "mine", "--no-retrain", "--sampler", "nsga2")
    both = ("--objective", "accuracy", "--objective", "seconds")
    said = hpsearch(*search, *both, "--choose", "first", "--config", "c.yaml", "--json")
    trials = done("trials", "mine", "--json").json()

    for one in trials:
        inside = 0.01 <= one["metrics"]["eval_f1"] <= 0.99
        assert ("COMPLETE" if inside else "INFEASIBLE") == one["state"]
        assert inside is (one["failure_message"] is None)
    feasible = {one["number"] for one in trials if one["state"] == "COMPLETE"}
    assert (0 if feasible else 1) == said.code
    if feasible:
        assert said.json()["best"]["number"] in feasible
    refused(hpsearch(*search, *both, "--choose", "first"), "constraints: ", "f1")
    refused(hpsearch(*search, *both, "--constraint", "latency_ms<=3"), "no metric 'latency_ms'")


def test_a_trainers_own_number_is_bounded(toy):
    """What its function returns; what it does not return is refused before the first trial; a search may find none."""
    calls = iter(range(99))

    def measured(prediction: Any) -> dict[str, float]:
        return {"latency_ms": 10.0 * next(calls), **toy.accuracy(prediction)}

    how = {"space": {"learning_rate": Float(1e-4, 1e-2, log=True)}, "trials": 3, "score": "last", "sampler": "tpe"}
    study = toy.search(toy.trainer(compute_metrics=measured), constraint={"eval_latency_ms": {"max": 65}}, **how)
    values = [trial.metrics["eval_latency_ms"] for trial in study.trials]
    states = [TrialState.COMPLETE if value <= 65 else TrialState.INFEASIBLE for value in values]

    assert {TrialState.COMPLETE, TrialState.INFEASIBLE} == set(states)
    assert states == [trial.state for trial in study.trials]
    assert study.best.metrics["eval_latency_ms"] <= 65
    assert [max(0.0, value / 65 - 1) for value in values] == pytest.approx(
        [max(0.0, *one.constraints.values()) for one in study.optuna.trials]
    )
    with pytest.raises(BadInput, match="no 'eval_latncy_ms'"):
        toy.search(toy.trainer(compute_metrics=measured), constraint="latncy_ms<=3", study="other")
    with pytest.raises(HpsearchError, match="no trial keeps to loss <= 0"):
        _ = toy.search(toy.trainer(), constraint="loss<=0", study="none").best
    assert math.isfinite(values[0])
