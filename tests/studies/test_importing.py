"""Imports: nothing of a study is lost on the way to another database, it goes on there, and no file can do harm."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import optuna
import pandas
import pytest
from optuna.storages import RDBStorage
from optuna.trial import TrialState as OptunaState
from sqlalchemy import text

from hpsearch.spaces.errors import BadInput
from hpsearch.spaces.optuna_space import suggest
from hpsearch.spaces.parameters import Choice, Float, Int
from hpsearch.spaces.space import Space
from hpsearch.studies.claimed_storage import ClaimedStorage
from hpsearch.studies.clock import utc_text
from hpsearch.studies.engine import transaction
from hpsearch.studies.errors import StoreFailed, StudyExists
from hpsearch.studies.export import export_document, write_export
from hpsearch.studies.importing import import_study
from hpsearch.studies.optuna_storage import optuna_storage
from hpsearch.studies.patience import Patience
from hpsearch.studies.records import Failure, Study, Trial, TrialState
from hpsearch.studies.store import StudyStore

from .conftest import own_databases
from .making import HandClock, claimed, make_study

POSTGRES = "HPSEARCH_TEST_POSTGRES_URL"
MYSQL = "HPSEARCH_TEST_MYSQL_URL"

SPACE = Space(
    {
        "learning_rate": Float(1e-5, 1e-1, log=True),
        "layers": Int(1, 9, step=2),
        "optim": Choice(["adam", "<b>'; DROP TABLE trials; --", None]),
        "momentum": Float(0, 1, when={"optim": "adam"}),
        "weight_decay": 0.01,
    }
)
NASTY = "Robert'); DROP TABLE hpsearch_studies; -- \N{SNOWMAN} <script>alert(1)</script> \N{GRINNING FACE}"
ESCAPES = f"\x1b[2J\x1b]0;owned\x07 {NASTY}"
ADAM = {"learning_rate": 1 / 300, "layers": 3, "optim": "adam", "momentum": 0.1 + 0.2, "weight_decay": 0.01}
OTHER = {"learning_rate": 1e-5, "layers": 9, "optim": "<b>'; DROP TABLE trials; --", "weight_decay": 0.01}
NONE = {"learning_rate": 0.1, "layers": 1, "optim": None, "weight_decay": 0.01}


def searched(store: StudyStore, name: str = "cola") -> Study:
    """A study of eight trials of which two are complete, one is pruned, one failed, one runs and one waits."""
    identity = {
        "space": SPACE.to_dict()["parameters"],
        "direction": "maximize",
        "low": 5e-324,
        "\N{SNOWMAN}": [1, 1.0, None, True],
    }
    spec = {"identity": identity, "notes": {"rows": {"train": 100}, "said": ESCAPES}}
    study = make_study(store, name, spec=spec, trials=8, forked_from="another", limits={"timeout": 60.5})
    for ending in (complete(0.5, ADAM), pruned, failed, complete(0.9, OTHER), running, put_back):
        trial = claimed(store, study)
        store.record(trial.trial_id, seed=2**63 - 1 - trial.number, fraction=0.1, device="cuda:0", progress=0.5)
        ending(store, trial)
    about = {"metrics": {"eval_loss": 1 / 3}, "seconds": {"train": 9.5}, "fingerprint": "f" * 64}
    store.add_model(
        study_id=study.study_id, trial_number=3, folder="/here", spec={"rows": {"train": 7}, "task": None}, **about
    )
    return study


def complete(score: float, params: dict[str, Any]) -> Callable[[StudyStore, Trial], None]:
    def ending(store: StudyStore, trial: Trial) -> None:
        curve = [{"budget": share, "score": score - 1 + share, "metrics": {"m": 5e-324}} for share in (0.25, 0.5, 1)]
        store.record(trial.trial_id, params=params, config={"args": {"x": [1, {"y": None}]}}, curve=curve)
        seconds = {"train": 1.25, "evaluate": 1}
        store.finish(trial.trial_id, TrialState.COMPLETE, score=score, metrics={"m": None, "n": 2}, seconds=seconds)

    return ending


def pruned(store: StudyStore, trial: Trial) -> None:
    store.record(trial.trial_id, params=NONE, curve=[{"budget": 0.25, "score": -1.5}, {"budget": 0.5, "score": None}])
    store.finish(trial.trial_id, TrialState.PRUNED, score=-1.5)


def failed(store: StudyStore, trial: Trial) -> None:
    store.record(trial.trial_id, params={**ADAM, "layers": 5}, baseline=True)
    store.finish(trial.trial_id, TrialState.FAILED, failure=Failure.OOM, failure_message=ESCAPES)


def running(store: StudyStore, trial: Trial) -> None:
    store.record(trial.trial_id, params={**ADAM, "layers": 7}, config={"a": 1}, curve=[{"budget": 0.25, "score": 9.0}])


def put_back(store: StudyStore, trial: Trial) -> None:
    store.record(trial.trial_id, params={**ADAM, "layers": 9})
    store.release(trial.trial_id)


def elsewhere(document: dict[str, Any], **study: Any) -> dict[str, Any]:
    """Return what an import makes of a document: another uid, and what ran there waits here."""
    found = copy.deepcopy(document)
    found["study"].update({"uid": None, **study})
    for trial in found["trials"]:
        trial["study"] = found["study"]["name"]
        if trial["state"] == "RUNNING":
            trial |= {"state": "WAITING", "worker": None, "started_at": None, "curve": [], "metrics": {}, "seconds": {}}
            trial |= {"total_seconds": 0.0, "progress": None, "device": None, "predictions": None, "environment": None}
    return found


def exported(store: StudyStore, name: str = "cola") -> dict[str, Any]:
    """Return the export of a study without its uid, which is never the same."""
    document = export_document(store, store.study(name))
    document["study"]["uid"] = None
    return document


@contextmanager
def opened(url: str) -> Iterator[tuple[StudyStore, RDBStorage]]:
    """Open both halves of a store, which is made where there is none."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with StudyStore.open(url, create=True) as store:
        storage = optuna_storage(url)
        yield store, storage
        storage.remove_session()
        storage.engine.dispose()


def trials_in(storage: RDBStorage) -> list[optuna.trial.FrozenTrial]:
    return optuna.load_study(study_name="cola", storage=storage).trials


def run(store: StudyStore, storage: RDBStorage, trial: Trial) -> dict[str, Any]:
    """Let Optuna run a claimed trial as a worker does, and return the configuration it had."""
    found: dict[str, Any] = {}

    def objective(running: optuna.Trial) -> float:
        found.update(suggest(SPACE, running))
        return 0.1

    mine = ClaimedStorage(storage, trial.optuna_trial_id, Patience())
    study = optuna.load_study(study_name="cola", storage=mine, sampler=optuna.samplers.TPESampler(seed=1))
    study.optimize(objective, n_trials=1)
    store.finish(trial.trial_id, TrialState.COMPLETE, score=0.1)
    return found


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> dict[str, Any]:
    """The document of a searched study; do not change it."""
    url = f"sqlite:///{tmp_path_factory.mktemp('source') / 'hpsearch.db'}"
    with StudyStore.open(url, create=True, clock=HandClock()) as store:
        return export_document(store, searched(store))


@pytest.fixture
def file(source, tmp_path) -> Path:
    """The searched study as a JSON file."""
    return write_export(source, tmp_path / "cola.json", "json")


class ImportContract:
    """Every database passes these."""

    @pytest.fixture
    def halves(self, url: str) -> Iterator[tuple[StudyStore, RDBStorage]]:
        with opened(url) as (store, storage):
            for name in optuna.get_all_study_names(storage):
                optuna.delete_study(study_name=name, storage=storage)
            for summary in store.studies():
                store.delete_study(summary.study.study_id)
            yield store, storage

    @pytest.fixture
    def store(self, halves: tuple[StudyStore, RDBStorage]) -> StudyStore:
        return halves[0]

    @pytest.fixture
    def storage(self, halves: tuple[StudyStore, RDBStorage]) -> RDBStorage:
        return halves[1]

    @pytest.mark.parametrize("format_name", ["json", "parquet"])
    def test_nothing_is_lost(self, store, source, tmp_path, format_name):
        """What an imported study exports is what was exported, but for its uid and for what ran there."""
        path = write_export(source, tmp_path / "export", format_name)

        study = import_study(store, path)

        assert elsewhere(source) == exported(store)
        assert store.study("cola") == study
        assert source["study"]["uid"] != study.uid

    def test_it_is_the_same_problem(self, store, source, file):
        """Its fingerprint is that of its specification, so that the command that began it goes on with it."""
        assert source["study"]["identity"] == import_study(store, file).identity

    def test_an_imported_study_goes_on(self, store, storage, file):
        """What ran or waited comes first, with number, attempt and configuration, then exactly the missing ones."""
        study = import_study(store, file)
        best = store.best(study.study_id)

        back = [claimed(store, study) for _ in range(2)]
        configurations = [run(store, storage, trial) for trial in back]
        new = [claimed(store, study) for _ in range(3)]
        for trial in new:
            run(store, storage, trial)

        assert [(4, 1, {"a": 1}), (5, 1, {})] == [(trial.number, trial.attempt, trial.config) for trial in back]
        assert [{**ADAM, "layers": 7}, {**ADAM, "layers": 9}] == configurations == [trial.params for trial in back]
        assert [6, 7, 8] == [trial.number for trial in new]
        assert store.claim(study.study_id, worker="me", lease_s=60) is None
        assert (3, 0.9, OTHER) == (best.number, best.score, best.params)
        assert best == store.best(study.study_id)

    def test_optuna_has_the_same_trials(self, store, storage, file):
        """Samplers and the dashboard see them with numbers, states, values, parameters, curves and moments."""
        import_study(store, file)

        study = optuna.load_study(study_name="cola", storage=storage)
        twins, rows = study.trials, store.trials(store.study("cola").study_id)
        names = ("COMPLETE", "PRUNED", "FAIL", "COMPLETE", "WAITING", "WAITING")
        assert [OptunaState[name] for name in names] == [twin.state for twin in twins]
        assert [(row.number, row.optuna_trial_id) for row in rows] == [(twin.number, twin._trial_id) for twin in twins]
        assert [[0.5], [-1.5], None, [0.9], None, None] == [twin.values for twin in twins]
        assert [{25: -0.25, 50: 0.0, 100: 0.5}, {25: -1.5}, {}] == [twin.intermediate_values for twin in twins[:3]]
        searched = [{name: value for name, value in row.params.items() if name != "weight_decay"} for row in rows]
        assert searched == [twin.params for twin in twins]
        assert (0.9, searched[3]) == (study.best_value, study.best_params)
        assert ("MAXIMIZE", ["eval_matthews_correlation"]) == (study.direction.name, study.metric_names)
        assert ({"failure": "oom"}, {}) == (twins[2].user_attrs, twins[4].intermediate_values)
        times = [(row.started_at, row.finished_at) for row in rows[:4]]
        assert times == [(utc(twin.datetime_start), utc(twin.datetime_complete)) for twin in twins[:4]]

    def test_numbers_may_have_gaps(self, store, storage, source, tmp_path):
        """A study of which trials are missing keeps the others' numbers, on both sides, and goes on behind the last."""
        document = copy.deepcopy(source)
        document["trials"] = [document["trials"][number] for number in (5, 3)]

        study = import_study(store, written(document, tmp_path))

        assert [3, 5] == [twin.number for twin in trials_in(storage)]
        assert [5, 6, 7, 8, 9, 10, 11] == [claimed(store, study).number for _ in range(7)]
        assert store.claim(study.study_id, worker="me", lease_s=60) is None
        assert [3, *range(5, 12)] == [twin.number for twin in trials_in(storage)]

    def test_a_value_outside_the_space_is_not_for_optuna(self, store, storage, source, tmp_path):
        """Ours keeps every parameter that was tried; Optuna gets those that its distributions hold."""
        document = copy.deepcopy(source)
        document["trials"][0]["params"] = {"learning_rate": 2.0, "layers": True, "optim": "adam", "gone": 1}
        document["trials"][1] |= {"state": "COMPLETE", "score": None}

        study = import_study(store, written(document, tmp_path))

        first, unscored = trials_in(storage)[:2]
        assert ({"optim": "adam"}, [0.5]) == (first.params, first.values)
        assert (OptunaState.FAIL, None) == (unscored.state, unscored.values)
        assert document["trials"][0]["params"] == store.trial(study.study_id, 0).params

    @pytest.mark.parametrize("trials", [[], [4]])
    def test_a_study_may_have_just_begun(self, store, storage, source, tmp_path, trials):
        """Without trials, or with one that has no configuration yet, it begins here."""
        document = copy.deepcopy(source)
        document |= {"trials": [document["trials"][number] | {"params": None} for number in trials], "models": []}

        study = import_study(store, written(document, tmp_path))

        assert len(trials) == len(trials_in(storage))
        assert {"learning_rate", "layers", "optim"} <= run(store, storage, claimed(store, study)).keys()
        assert 7 == sum(1 for _ in iter(lambda: store.claim(study.study_id, worker="me", lease_s=60), None))

    def test_the_extremes_are_kept(self, store, source, tmp_path):
        """Whatever a document may say, every database keeps as it is."""
        document = copy.deepcopy(source)
        document["study"] |= {"name": "\N{GRINNING FACE}" * 100, "task": "\N{SNOWMAN}" * 21845, "trials": 2**31 - 1}
        trial = document["trials"][0]
        trial |= {"score": -1.7976931348623157e308, "fraction": 5e-324, "progress": 1.0, "seed": -(2**63), "rung": 9}
        trial |= {"number": 2**31 - 2, "worker": "\N{GRINNING FACE}" * 255, "config": {"a": nested(26), "b": 2**63 - 1}}
        trial["curve"] = [{"budget": 1, "score": 1.7976931348623157e308, "more": {"": "\x01\u2028"}}]
        document["trials"] = [*document["trials"][1:], trial]

        study = import_study(store, written(document, tmp_path))

        assert elsewhere(document) == exported(store, study.name)

    def test_its_folder_is_its_own(self, store, file, tmp_path):
        """The folder is named after the study and its new uid; models have none, for theirs are elsewhere."""
        study = import_study(store, file, name="../x", folder=str(tmp_path))

        assert str(tmp_path / f"x-{study.uid}") == study.folder
        assert [""] == [model.folder for model in store.models(study.study_id)]
        assert not Path(study.folder).exists()

    def test_a_name_is_taken_once(self, store, source, file):
        """A study of that name stays what it is; under another name both are there."""
        import_study(store, file)
        before = exported(store)

        with pytest.raises(StudyExists, match="'cola' exists"):
            import_study(store, file)
        import_study(store, file, name=NASTY)

        assert before == exported(store)
        assert elsewhere(source, name=NASTY) == exported(store, NASTY)
        assert ["cola", NASTY] == [summary.study.name for summary in store.studies()]

    def test_optunas_own_studies_stay(self, store, storage, file):
        """A study that somebody keeps with Optuna alone is not mixed with an imported one, and nothing is left."""
        optuna.create_study(study_name="cola", storage=storage).add_trial(optuna.trial.create_trial(value=1.0))

        with pytest.raises(BadInput, match="'cola'") as caught:
            import_study(store, file)

        assert "--study" in caught.value.hint
        assert [] == store.studies()
        assert [1.0] == [trial.value for trial in trials_in(storage)]

    @pytest.mark.parametrize("name", ["\x1b[31mred", "", "..", "x" * 101, " cola"])
    def test_a_name_is_a_name(self, store, storage, file, name):
        """What cannot be a study's name is refused, and nothing is written."""
        with pytest.raises(BadInput, match="is not a study name"):
            import_study(store, file, name=name)

        assert ([], []) == left(store, storage)

    def test_half_a_study_is_none(self, new_url, file):
        """Where Optuna's half breaks in the middle, both are gone; mended, the same import succeeds."""
        with opened(new_url()) as (store, storage):
            command(store, "CREATE UNIQUE INDEX broken ON trial_params (param_name)")

            with pytest.raises(StoreFailed):
                import_study(store, file)
            broken = left(store, storage)
            command(store, f"DROP INDEX broken{' ON trial_params' if self.SERVER == MYSQL else ''}")
            import_study(store, file)

            assert ([], []) == broken
            assert (["cola"], ["cola"]) == left(store, storage)
            assert 6 == len(trials_in(storage))


class TestSqliteImport(ImportContract):
    """The contract on a SQLite file."""

    SERVER = None


class TestPostgresImport(ImportContract):
    """The contract on PostgreSQL."""

    SERVER = POSTGRES


class TestMysqlImport(ImportContract):
    """The contract on MariaDB or MySQL."""

    SERVER = MYSQL


def test_a_study_goes_around(source, tmp_path):
    """From SQLite to PostgreSQL, to MariaDB and back: the last export is the first one."""
    with own_databases(POSTGRES) as postgres, own_databases(MYSQL) as mysql:
        path, names = write_export(source, tmp_path / "export.json", "json"), []
        for url in (postgres(), mysql(), f"sqlite:///{tmp_path / 'last.db'}"):
            with opened(url) as (store, storage):
                study = import_study(store, path)
                names.append((storage.engine.name, store.best(study.study_id).score, len(trials_in(storage))))
                path = write_export(export_document(store, study), tmp_path / "export.parquet", "parquet")
                last = exported(store)

    assert [(name, 0.9, 6) for name in ("postgresql", "mysql", "sqlite")] == names
    assert elsewhere(source) == last


def test_an_import_is_silent(file, target, capfd):
    """Optuna announces no study on the screen meanwhile, and as before afterwards."""
    optuna.logging.set_verbosity(optuna.logging.INFO)

    study = import_study(target[0], file)
    said, level = capfd.readouterr(), optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    target[0].delete_study(study.study_id)

    assert (("", ""), optuna.logging.INFO) == (tuple(said), level)


def test_importing_waits_for_optuna(run_python):
    """The module is imported without Optuna, pyarrow and torch: only an import needs them."""
    program = (
        "import sys, hpsearch.studies.importing\n"
        "print([name for name in ('optuna', 'pyarrow', 'torch') if name in sys.modules])"
    )

    assert "[]" == run_python(program).stdout.strip()


# Files that anybody may have written


def changed(*place: Any, to: Any) -> Callable[[dict[str, Any]], None]:
    """Return what sets the value at a place of a document."""

    def change(document: dict[str, Any]) -> None:
        for part in place[:-1]:
            document = document[part]
        document[place[-1]] = to

    return change


def without(*place: Any) -> Callable[[dict[str, Any]], None]:
    """Return what removes a key of a document."""

    def change(document: dict[str, Any]) -> None:
        for part in place[:-1]:
            document = document[part]
        del document[place[-1]]

    return change


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


HOSTILE = {
    "no version": (without("hpsearch_export"), "no 'hpsearch_export'"),
    "a later version": (changed("hpsearch_export", to=2), "version 2"),
    "true as version": (changed("hpsearch_export", to=True), "no 'hpsearch_export'"),
    "a foreign part": (changed("drop", to=[]), "drop is unknown"),
    "no trials": (without("trials"), "trials is missing"),
    "trials that are none": (changed("trials", to={}), "trials: input should be a valid list"),
    "a trial that is none": (changed("trials", 1, to="x"), r"trials\[1\]: "),
    "no name": (without("study", "name"), "study.name is missing"),
    "a database key": (changed("study", "study_id", to=1), "study.study_id is unknown"),
    "a folder": (changed("study", "folder", to="/etc"), "study.folder is unknown"),
    "a key to terminals": (changed("study", "\x1b[31m", to=1), r'study."\\u001b\[31m" is unknown'),
    "no identity": (changed("study", "spec", to={"notes": {}}), "study.spec: must have"),
    "no notes": (without("study", "spec", "notes"), "study.spec: must have"),
    "no space": (without("study", "spec", "identity", "space"), "study.spec: a space maps"),
    "a space that is none": (
        changed("study", "spec", "identity", "space", "layers", to={"low": 3, "high": 1}),
        "study.spec: layers: .*low=3",
    ),
    "a searched seed": (changed("study", "spec", "identity", "space", "seed", to=1), "study.spec: seed cannot"),
    "another direction": (changed("study", "direction", to="up"), "study.direction: .*'up'"),
    "two directions": (changed("study", "direction", to="minimize"), "its `direction` is 'minimize'"),
    "a name with an escape": (changed("study", "name", to="\x1b[31mred"), "study.name: .*cannot be printed"),
    "a name that is a folder": (changed("study", "name", to=".."), "study.name: .*means a folder"),
    "a long name": (changed("study", "name", to="x" * 101), "study.name: .*101 characters"),
    "a parent with an escape": (changed("study", "forked_from", to="\x07"), "study.forked_from: "),
    "no total": (changed("study", "trials", to=0), "study.trials: .*got 0"),
    "a huge total": (changed("study", "trials", to=2**31), "study: its `trials` has more than 32 bits"),
    "a moment that is none": (changed("study", "created_at", to="yesterday"), "study.created_at: must be a moment"),
    "a moment elsewhere": (changed("study", "created_at", to="2026-03-01T09:30:00.000000+01:00"), "created_at"),
    "a moment without end": (changed("study", "created_at", to="9999-12-31T23:59:59.999999+00:00"), "created_at"),
    "a long backend": (changed("study", "backend", to="x" * 33), "`backend` has more than 32 characters"),
    "a long task": (changed("study", "task", to="\N{SNOWMAN}" * 22000), "`task` has more than 65535 bytes"),
    "limits that are none": (changed("study", "limits", to=[1]), "study.limits: "),
    "a truth that is none": (changed("study", "checking", to=1), "study.checking: .*got 1"),
    "a signal that is none": (changed("study", "signal", to=0.1), "study.signal: "),
    "a verdict that is none": (changed("study", "verdict", to=[]), "study.verdict: "),
    "a number twice": (changed("trials", 1, "number", to=0), "2 trials have the number 0"),
    "a negative number": (changed("trials", 0, "number", to=-1), r"trials\[0\].number: .*got -1"),
    "a number at the end": (changed("trials", 0, "number", to=2**31 - 1), r"trials\[0\].number: "),
    "a number as text": (changed("trials", 0, "number", to="0"), r"trials\[0\].number: .*got '0'"),
    "a truth as number": (changed("trials", 0, "attempt", to=True), r"trials\[0\].attempt: .*got True"),
    "a broken number": (changed("trials", 0, "rung", to=0.5), r"trials\[0\].rung: .*got 0.5"),
    "an unknown phase": (changed("trials", 0, "phase", to="victory"), r"trials\[0\].phase: .*'victory'"),
    "no phase": (changed("trials", 0, "phase", to=None), r"trials\[0\].phase: "),
    "a negative origin": (changed("trials", 0, "origin", to=-1), r"trials\[0\].origin: .*got -1"),
    "an origin at the end": (changed("trials", 0, "origin", to=2**31 - 1), r"trials\[0\].origin: "),
    "a broken origin": (changed("trials", 0, "origin", to=0.5), r"trials\[0\].origin: .*got 0.5"),
    "words as predictions": (changed("trials", 0, "predictions", to="1, 2"), r"trials\[0\].predictions: "),
    "a word as prediction": (changed("trials", 0, "predictions", to=["yes"]), r"predictions\[0\]: must be a number"),
    "an infinite prediction": (changed("trials", 0, "predictions", to=[float("inf")]), "is not a finite"),
    "an environment that is none": (changed("trials", 0, "environment", to="linux"), r"trials\[0\].environment: "),
    "an unknown state": (changed("trials", 0, "state", to="DONE"), r"trials\[0\].state: .*'DONE'"),
    "an unknown failure": (changed("trials", 2, "failure", to="bad luck"), r"trials\[2\].failure: .*'bad luck'"),
    "a failure of a success": (changed("trials", 0, "failure", to="oom"), r"trials\[0\]: a `failure` belongs"),
    "a failed one without": (changed("trials", 2, "failure", to=None), r"trials\[2\]: a `failure` belongs"),
    "an end that is none": (changed("trials", 0, "finished_at", to=None), r"trials\[0\]: .*needs"),
    "an end before the end": (changed("trials", 4, "score", to=0.5), r"trials\[4\]: .*has no `score`"),
    "no fraction": (changed("trials", 0, "fraction", to=0), r"trials\[0\].fraction: .*got 0"),
    "a fraction above one": (changed("trials", 0, "fraction", to=1.5), r"trials\[0\].fraction: .*got 1.5"),
    "a score as text": (changed("trials", 0, "score", to="0.5"), r"trials\[0\].score: "),
    "no finite score": (changed("trials", 0, "score", to=float("inf")), r"trials\[0\].score is not a finite"),
    "no number as metric": (changed("trials", 0, "metrics", "m", to=float("nan")), r"metrics.m is not a finite"),
    "a list as metric": (changed("trials", 0, "metrics", "m", to=[]), r"metrics.m: must be a number"),
    "a list as parameter": (changed("trials", 0, "params", "layers", to=[1]), r"params.layers: must be text"),
    "a huge parameter": (changed("trials", 0, "params", "layers", to=2**63), r"layers is a whole number of more"),
    "a huge seed": (changed("trials", 0, "seed", to=-(2**63) - 1), r"seed is a whole number of more"),
    "a budget above one": (changed("trials", 0, "curve", 1, "budget", to=2), r"trials\[0\].curve\[1\]: must have"),
    "a point without score": (without("trials", 0, "curve", 1, "score"), r"trials\[0\].curve\[1\]: must have"),
    "seconds before": (changed("trials", 0, "seconds", "train", to=-1), r"seconds.train: .*got -1"),
    "a long worker": (changed("trials", 0, "worker", to="x" * 256), "`worker` has more than 255 characters"),
    "a long message": (changed("trials", 2, "failure_message", to="x" * 2**16), "`failure_message` has more"),
    "a NUL": (changed("trials", 2, "failure_message", to="a\0b"), "failure_message holds a character"),
    "half a character": (changed("study", "spec", "notes", "\udcff", to=1), "study.spec.notes.key holds a character"),
    "a model of nothing": (changed("models", 0, "trial_number", to=77), "made with trial 77"),
    "a model with a folder": (changed("models", 0, "folder", to="/etc"), r"models\[0\].folder is unknown"),
    "a deep hole": (changed("trials", 0, "config", "a", to=nested(27)), "nested deeper than 30"),
}


@pytest.fixture(scope="module")
def target(tmp_path_factory) -> Iterator[tuple[StudyStore, RDBStorage]]:
    """A store that has nothing, and keeps nothing, of what is refused."""
    with opened(f"sqlite:///{tmp_path_factory.mktemp('target') / 'hpsearch.db'}") as halves:
        yield halves


def refused(target: tuple[StudyStore, RDBStorage], path: Path, why: str) -> None:
    """Check that an import is refused in one printable sentence with the file, and leaves nothing."""
    with pytest.raises(BadInput, match=why) as caught:
        import_study(target[0], path)

    said = str(caught.value)
    assert said.startswith(f"{str(path)!r} cannot be imported: ")
    assert said.isprintable()
    assert len(said) < 600
    assert ([], []) == left(*target)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_document_is_refused(name, source, target, tmp_path):
    """Whatever is wrong in it, the sentence says where, and nothing is written."""
    change, why = HOSTILE[name]
    document = copy.deepcopy(source)
    change(document)

    refused(target, written(document, tmp_path), why)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param(b"", "not JSON", id="empty"),
        pytest.param(b"number,state\n0,COMPLETE\n", "not JSON", id="a table"),
        pytest.param(b"[]", "list of trials without a specification", id="rows"),
        pytest.param(b"null", "no 'hpsearch_export'", id="null"),
        pytest.param(b"\xff\xfe", "not JSON", id="bytes"),
        pytest.param(b"[" * 100_000, "nested deeper", id="a hole"),
        pytest.param(b'{"hpsearch_export": 1, "hpsearch_export": 1}', "'hpsearch_export' is there twice", id="doubles"),
        pytest.param(b'{"hpsearch_export": 1e999}', "hpsearch_export is not a finite", id="infinity"),
        pytest.param(b"9" * 5000, "not JSON", id="digits"),
        pytest.param(b"PAR1", "Parquet", id="a short parquet"),
        pytest.param(b"PAR1" + b"\xff" * 60 + b"\x28\0\0\0PAR1", "Parquet", id="a broken parquet"),
    ],
)
def test_a_file_that_is_none_is_refused(content, why, target, tmp_path):
    """What is neither JSON nor Parquet, or only seems to be, is a sentence and no traceback."""
    (tmp_path / "export.json").write_bytes(content)

    refused(target, tmp_path / "export.json", why)


def test_a_foreign_parquet_file_is_refused(target, tmp_path):
    """A table of somebody else has no study in its metadata."""
    pandas.DataFrame({"number": [1]}).to_parquet(tmp_path / "x.parquet")

    refused(target, tmp_path / "x.parquet", "did not write")


def test_a_table_is_refused(source, target, tmp_path):
    """CSV has rows and no specification: the sentence says which formats have one."""
    refused(target, write_export(source, tmp_path / "x.csv", "csv"), "export the study as json or parquet")


@pytest.mark.parametrize("name", ["absent.json", "\x1b[31m.json", "."])
def test_a_path_without_a_file_is_refused(name, target, tmp_path):
    """No file, a folder or a name that disturbs a terminal: one sentence."""
    refused(target, tmp_path / name, "no such file|is a directory")


def written(document: Any, folder: Path, name: str = "export.json") -> Path:
    """Write a document as somebody does who has an editor."""
    path = folder / name
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def command(store: StudyStore, statement: str) -> None:
    """Run SQL that none of ours is."""
    with transaction(store._engine) as connection:
        connection.execute(text(statement))


def utc(moment: datetime | None) -> str:
    """Return a moment of Optuna's, which is local time, as ours are written."""
    return utc_text(moment.astimezone())


def left(store: StudyStore, storage: RDBStorage) -> tuple[list[str], list[str]]:
    """Return the names of the studies in the store, ours and Optuna's."""
    ours = [summary.study.name for summary in store.studies()]
    return ours, optuna.get_all_study_names(storage)
