"""A study with rungs and finals on its way to another database: nothing is lost, and it goes on there."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from optuna.storages import RDBStorage
from optuna.trial import TrialState as OptunaState

from hpsearch.studies.export import export_document, write_export
from hpsearch.studies.importing import import_study
from hpsearch.studies.promotion import Promotion
from hpsearch.studies.records import Failure, Phase, Study, Trial, TrialState
from hpsearch.studies.store import StudyStore

from .conftest import own_databases
from .making import HandClock, claimed, make_study
from .test_importing import ADAM, MYSQL, NONE, OTHER, POSTGRES, SPACE, elsewhere, exported, opened, trials_in, written

SIGNAL = {"fraction": 0.1 + 0.2, "found": True, "checks": [{"fraction": 0.1, "score": None, "\N{SNOWMAN}": 5e-324}]}
VERDICT = {"winner": 5, "gain": 1 / 3, "cost": {"hours": 0}, "ranks": [[0, 1], None]}
ENVIRONMENT = {"versions": {"torch": "2.6"}, "\N{SNOWMAN}": [0.1 + 0.2, None, True]}
#: What release 0.1 and 0.2 did not write.
NEW_OF_STUDY, NEW_OF_TRIAL = ("checking", "signal", "verdict"), ("origin", "predictions", "environment")


def climbed(store: StudyStore) -> Study:
    """A study of four trials, three of them complete, whose promotions were pruned and failed.

    Of its four finals two are complete, one runs and one waits.
    """
    spec = {"identity": {"space": SPACE.to_dict()["parameters"], "direction": "maximize"}, "notes": {}}
    study = make_study(store, spec=spec, trials=4, checking=True)
    first = claimed(store, study)
    store.end_checking(study.study_id, SIGNAL)
    for score, params, trial in ((0.5, ADAM, first), (0.9, OTHER, None), (0.1, NONE, None)):
        trial = trial or claimed(store, study)
        store.reserve(trial.trial_id, params)
        store.record(trial.trial_id, fraction=0.1 + 0.2, seed=7, baseline=trial.number == 0)
        store.finish(trial.trial_id, TrialState.COMPLETE, score=score)
    store.promote(study.study_id, [final(0, ADAM, 7), final(1, OTHER, 7), final(0, ADAM, 8), final(1, OTHER, 8)])
    store.promote(study.study_id, [climb(0, ADAM), climb(1, OTHER)])
    endings = (pruned, failed, complete(0.75), complete(0.25), running)
    for ending in endings:
        ending(store, store.claim(study.study_id, worker="me", lease_s=60, new=False))
    return store.conclude(study.study_id, VERDICT)


def climb(origin: int, params: dict[str, Any]) -> Promotion:
    return Promotion(
        origin=origin, baseline=origin == 0, params=params, phase=Phase.PROMOTION, rung=1, fraction=0.9, seed=7
    )


def final(origin: int, params: dict[str, Any], seed: int) -> Promotion:
    return Promotion(
        origin=origin, baseline=origin == 0, params=params, phase=Phase.FINAL, rung=2, fraction=1.0, seed=seed
    )


def complete(score: float) -> Any:
    def ending(store: StudyStore, trial: Trial) -> None:
        seen = {"predictions": [0, 1, 1 / 3, -5e-324, None], "environment": ENVIRONMENT}
        store.finish(trial.trial_id, TrialState.COMPLETE, score=score, **seen)

    return ending


def pruned(store: StudyStore, trial: Trial) -> None:
    store.finish(trial.trial_id, TrialState.PRUNED, score=0.5)


def failed(store: StudyStore, trial: Trial) -> None:
    store.finish(trial.trial_id, TrialState.FAILED, failure=Failure.OOM, environment={})


def running(store: StudyStore, trial: Trial) -> None:
    store.record(trial.trial_id, config={"a": 1}, predictions=[1], environment=ENVIRONMENT, progress=0.5)


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> dict[str, Any]:
    """The document of a study that climbed; do not change it."""
    url = f"sqlite:///{tmp_path_factory.mktemp('source') / 'hpsearch.db'}"
    with StudyStore.open(url, create=True, clock=HandClock()) as store:
        return export_document(store, climbed(store))


@pytest.fixture
def file(source, tmp_path) -> Path:
    """The same as a JSON file."""
    return write_export(source, tmp_path / "cola.json", "json")


class ImportRungsContract:
    """Every database passes these."""

    @pytest.fixture
    def halves(self, new_url) -> Iterator[tuple[StudyStore, RDBStorage]]:
        with opened(new_url()) as halves:
            yield halves

    @pytest.fixture
    def store(self, halves: tuple[StudyStore, RDBStorage]) -> StudyStore:
        return halves[0]

    @pytest.fixture
    def storage(self, halves: tuple[StudyStore, RDBStorage]) -> RDBStorage:
        return halves[1]

    @pytest.mark.parametrize("format_name", ["json", "parquet"])
    def test_nothing_is_lost(self, store, source, tmp_path, format_name):
        """Signal, verdict, origins, phases, predictions and environments come out as they went in."""
        study = import_study(store, write_export(source, tmp_path / "export", format_name))

        found = exported(store)
        assert elsewhere(source) == found
        assert (False, SIGNAL, VERDICT) == (study.checking, study.signal, study.verdict)
        later = found["trials"][3:]
        assert [(0, "final"), (1, "final"), (0, "final"), (1, "final"), (0, "promotion"), (1, "promotion")] == [
            (trial["origin"], trial["phase"]) for trial in later
        ]
        assert [[0, 1, 1 / 3, -5e-324, None], None] == [later[0]["predictions"], later[2]["predictions"]]

    def test_it_stands_as_it_stood(self, store, file):
        """The best is the best, and what is counted is the same, but for what ran there."""
        study = import_study(store, file)

        summary = store.summary(study.study_id)
        assert [3, 4, 1, 0, 2] == store.ranking(study.study_id, "maximize", 9)
        assert (3, 0.75) == ((best := store.best(study.study_id)).number, best.score)
        assert (3, 0, 6, 4) == (summary.complete, summary.running, summary.later, summary.later_done)

    def test_it_goes_on(self, store, storage, file):
        """First the missing trial of the search, for later ones took no slot, then what waited; and it climbs on."""
        study = import_study(store, file)

        new = claimed(store, study)
        held_up = store.claim(study.study_id, worker="me", lease_s=60)
        store.finish(new.trial_id, TrialState.PRUNED)
        back = [claimed(store, study) for _ in range(2)]
        nothing = store.claim(study.study_id, worker="me", lease_s=60)
        for trial in back:
            store.finish(trial.trial_id, TrialState.FAILED, failure=Failure.NAN)

        assert (9, Phase.SEARCH, None, None) == (new.number, new.phase, held_up, nothing)
        assert [(5, 0, 8, ADAM), (6, 1, 8, OTHER)] == [(one.number, one.origin, one.seed, one.params) for one in back]
        assert store.promote(study.study_id, [final(0, ADAM, 9)])
        assert not store.promote(study.study_id, [final(0, ADAM, 9)])
        last = claimed(store, study)
        assert (10, 0, 9) == (last.number, last.origin, last.seed)
        assert (10, OptunaState.WAITING) == ((twin := storage.get_trial(last.optuna_trial_id)).number, twin.state)

    def test_optuna_has_the_same_trials(self, store, storage, file):
        """Samplers and the dashboard see the later ones beside those of the search, under the same numbers."""
        study = import_study(store, file)

        twins, rows = trials_in(storage), store.trials(study.study_id)
        assert [(row.number, row.optuna_trial_id) for row in rows] == [(twin.number, twin._trial_id) for twin in twins]
        names = ("COMPLETE", "COMPLETE", "COMPLETE", "COMPLETE", "COMPLETE", "WAITING", "WAITING", "PRUNED", "FAIL")
        assert [OptunaState[name] for name in names] == [twin.state for twin in twins]
        assert [None, [0.75], [0.25]] == [twins[5].values, twins[3].values, twins[4].values]

    def test_an_old_export_is_read(self, store, source, tmp_path):
        """What an earlier release wrote says nothing of these: a study that checks nothing, trials of their own."""
        document = copy.deepcopy(source)
        document["trials"] = document["trials"][:3]
        for name in NEW_OF_STUDY:
            del document["study"][name]
        for trial in document["trials"]:
            for name in NEW_OF_TRIAL:
                del trial[name]

        study = import_study(store, written(document, tmp_path))

        assert (False, None, None) == (study.checking, study.signal, study.verdict)
        trials = store.trials(study.study_id)
        assert [(None, None, None)] * 3 == [(one.origin, one.predictions, one.environment) for one in trials]
        assert 3 == claimed(store, study).number

    def test_it_checks_on(self, store, source, tmp_path):
        """A study that had not found its signal yet has its first trial alone, until it has."""
        document = copy.deepcopy(source)
        document["study"] |= {"checking": True, "signal": None, "verdict": None}
        document["trials"] = [first := document["trials"][0]]
        first |= {"state": "RUNNING", "score": None, "finished_at": None}

        study = import_study(store, written(document, tmp_path))

        assert (True, None) == (study.checking, study.signal)
        assert 0 == claimed(store, study).number
        assert store.claim(study.study_id, worker="other", lease_s=60) is None
        assert store.end_checking(study.study_id, SIGNAL)
        assert 1 == claimed(store, study).number

    def test_the_first_trial_may_be_missing(self, store, source, tmp_path):
        """A later trial whose origin is not in the file, or that is all there is, does no harm."""
        document = copy.deepcopy(source)
        document["trials"] = [document["trials"][3], document["trials"][6]]

        study = import_study(store, written(document, tmp_path))

        assert [3] == store.ranking(study.study_id, "maximize", 9)
        assert [7, 8, 9, 10] == [claimed(store, study).number for _ in range(4)]
        assert store.claim(study.study_id, worker="me", lease_s=60) is None


class TestSqliteImportRungs(ImportRungsContract):
    """The contract on a SQLite file."""

    SERVER = None


class TestPostgresImportRungs(ImportRungsContract):
    """The contract on PostgreSQL."""

    SERVER = POSTGRES


class TestMysqlImportRungs(ImportRungsContract):
    """The contract on MariaDB or MySQL."""

    SERVER = MYSQL


def test_a_climb_goes_around(source, tmp_path):
    """From SQLite to PostgreSQL, to MariaDB and back: the last export is the first one."""
    with own_databases(POSTGRES) as postgres, own_databases(MYSQL) as mysql:
        path = write_export(source, tmp_path / "export.json", "json")
        for url in (postgres(), mysql(), f"sqlite:///{tmp_path / 'last.db'}"):
            with opened(url) as (store, _):
                study = import_study(store, path)
                path = write_export(export_document(store, study), tmp_path / "export.parquet", "parquet")
                last = exported(store)

    assert elsewhere(source) == last
