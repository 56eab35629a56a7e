"""Records, their JSON, and what a trial may be told."""

from __future__ import annotations

import dataclasses
import json

import pytest

from hpsearch.studies.clock import utc_text
from hpsearch.studies.records import Failure, Trial, TrialState
from hpsearch.studies.store import StudyStore

from .contract import add_model
from .making import HandClock, claimed, completed, make_study


def test_only_the_enum_knows_the_last_states():
    """Four states are last; nobody else lists them."""
    assert ["COMPLETE", "INFEASIBLE", "PRUNED", "FAILED"] == [state.value for state in TrialState if state.is_finished]


def test_records_cannot_be_changed():
    """A record is what the store said at one moment."""
    trial = Trial(trial_id=1, study_id=1, number=0, state=TrialState.RUNNING, objective="eval_loss")

    with pytest.raises(dataclasses.FrozenInstanceError):
        trial.score = 1.0

    assert ({}, 0.0) == (trial.config, trial.total_seconds)


def test_records_become_json(sqlite_url):
    """Every record is strict JSON with plain words for states and failures."""
    with StudyStore.open(sqlite_url, create=True, clock=HandClock()) as store:
        study = make_study(store)
        trial = claimed(store, study)
        store.record(trial.trial_id, seconds={"train": 2.0, "evaluate": 0.5})
        failed = store.finish(trial.trial_id, TrialState.FAILED, failure=Failure.OOM, failure_message="full")
        completed(store, study, 0.5)
        summary = store.studies()[0].to_dict()
        model = add_model(store, study).to_dict()

    record = json.loads(json.dumps(failed.to_dict(), allow_nan=False))
    found = {name: record[name] for name in ("number", "state", "failure", "failure_message", "total_seconds")}
    assert [0, "FAILED", "oom", "full", 2.5] == list(found.values())
    assert "2026-03-01T09:30:00.000000+00:00" == record["started_at"] == record["finished_at"]
    assert {"study", "task", "model", "backend", "direction", "objective", "trials"} <= summary.keys()
    assert [
        "cola",
        1,
        0,
        1,
        0,
        0.5,
    ] == [summary[name] for name in ("study", "complete", "pruned", "failed", "running", "best_score")]
    assert ("/model", study.to_dict()["spec"]["notes"]) == (json.loads(json.dumps(model))["folder"], "none")


@pytest.mark.parametrize(
    ("state", "failure"),
    [(TrialState.RUNNING, None), (TrialState.FAILED, None), (TrialState.COMPLETE, Failure.NAN)],
)
def test_an_ending_must_make_sense(sqlite_url, state, failure):
    """A trial ends in a last state, and a failure class goes with FAILED alone."""
    with StudyStore.open(sqlite_url, create=True) as store:
        trial = claimed(store, make_study(store))

        with pytest.raises(ValueError, match=state.value):
            store.finish(trial.trial_id, state, failure=failure)

        assert "RUNNING" == store.trials(trial.study_id)[0].state


def test_unknown_fields_are_refused(sqlite_url):
    """A misspelt field is an error at once, not a value that is nowhere."""
    with StudyStore.open(sqlite_url, create=True) as store:
        trial = claimed(store, make_study(store))

        with pytest.raises(TypeError, match="no field parms"):
            store.record(trial.trial_id, parms={})


def test_a_moment_needs_its_zone():
    """A moment without a zone could be any of a day's."""
    with pytest.raises(ValueError, match="time zone"):
        utc_text(HandClock().moment.replace(tzinfo=None))
