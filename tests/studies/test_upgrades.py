"""Stores that released code made, upgraded and gone on with: on SQLite, and on the configured servers.

The stores are in `tests/data/stores/`, and `tests/data/README.md` says what is in them; another one is only two files.
On SQLite it is the released file itself; on a server its rows, in tables made by the steps of that release.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
from optuna import create_study, load_study, logging
from optuna.storages import RDBStorage
from optuna.trial import TrialState as OptunaState
from sqlalchemy import Engine, create_engine, text

from hpsearch.studies.errors import ConfigurationTaken, StoreOutdated
from hpsearch.studies.identity import fingerprint
from hpsearch.studies.leases import LeaseWatch
from hpsearch.studies.optuna_storage import optuna_storage
from hpsearch.studies.records import Study, Trial, TrialState
from hpsearch.studies.schema import REVISIONS, SchemaState, schema_status, upgrade
from hpsearch.studies.store import StudyStore
from hpsearch.studies.tables import VERSION_TABLE

from .making import differences, listening, said_by
from .old_stores import (
    OUTDATED,
    RELEASED,
    STORES,
    WITHOUT_RESERVATIONS,
    OldStore,
    all_of,
    change_trials,
    everything,
    put_old_store,
    rows_of,
)

#: Columns that no record shows: how a study counts its trials, and what a trial has reserved.
HIDDEN = {"slots", "next_number", "params_key"}
CHANGES = ("ALTER", "CREATE", "INSERT", "UPDATE", "DELETE")
LONG_AFTER = datetime(2100, 1, 1, tzinfo=UTC)  #: no lease of an old store lasts until then
UPGRADE = "import sys; from hpsearch.studies.schema import upgrade; upgrade(sys.argv[1])"
WAITING = OptunaState.WAITING


def test_there_are_released_stores():
    """These schemas were released, so a store of each is kept for good."""
    assert {"0001", "0002"} <= set(RELEASED) <= set(REVISIONS)
    assert set(RELEASED) == {path.stem for path in STORES.glob("*.db")}


@pytest.mark.parametrize("revision", RELEASED)
def test_file_and_rows_are_the_same_store(revision, tmp_path):
    """What the servers are given is what the released code wrote; nothing of the machine that ran it is in it."""
    path = shutil.copy(STORES / f"{revision}.db", tmp_path)
    engine = create_engine(f"sqlite:///{path}")

    with engine.connect() as connection:
        found = {name: all_of(connection, name) for name in rows_of(revision)}
        kept = connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608 - ours
    engine.dispose()

    assert (revision, rows_of(revision)) == (kept, found)
    content = (STORES / f"{revision}.db").read_bytes()
    assert [] == [word for word in (b"/tmp", b"/home", b"/root", b"/Users", b"/work") if word in content]


class UpgradeContract:
    """Every database passes these, with each of the `OUTDATED` stores."""

    @pytest.fixture(autouse=True)
    def quiet(self) -> None:
        logging.set_verbosity(logging.ERROR)

    @pytest.fixture(params=OUTDATED)
    def old(self, request, new_url) -> OldStore:
        """A store as the old release left it."""
        return put_old_store(new_url(), request.param)

    @pytest.fixture
    def store(self, old) -> Iterator[StudyStore]:
        """The same store, upgraded and open."""
        upgrade(old.url)
        with StudyStore.open(old.url) as store:
            yield store

    @pytest.fixture
    def storage(self, store) -> Iterator[RDBStorage]:
        """Optuna's half of the upgraded store."""
        storage = optuna_storage(store.url)
        yield storage
        storage.remove_session()
        storage.engine.dispose()

    def test_an_old_store_says_what_to_do(self, old):
        """B13: it is refused with the command to run, whoever opens it, and looking changes nothing."""
        before = schema_status(old.url)

        for create in (True, False):
            with pytest.raises(StoreOutdated, match=f"schema {old.revision}, this release needs") as caught:
                StudyStore.open(old.url, create=create)

        assert "`hpsearch db upgrade --store " in caught.value.hint
        assert (SchemaState.OUTDATED, old.revision) == (before.state, before.revision)
        assert before == schema_status(old.url)

    def test_an_upgrade_makes_the_newest_tables(self, old):
        """B13: after it there is no difference to what this release makes anew, to the type and index."""
        status = upgrade(old.url)

        assert (SchemaState.CURRENT, REVISIONS[-1]) == (status.state, status.revision)
        assert [] == differences(old.url)

    def test_everything_is_read_as_it_was(self, old, store):
        """Every study, trial and model has the values it was stored with, to the last bit of a float."""
        check_read(old, store)

    def test_a_study_is_the_problem_it_was(self, store):
        """No release of ours is in its identity, whose fingerprint is the one that this release computes."""
        studies = studies_of(store)

        assert [] == [study.name for study in studies if "hpsearch" in study.spec["identity"].get("versions", {})]
        assert [study.identity for study in studies] == [fingerprint(study.spec["identity"]) for study in studies]

    def test_a_study_goes_on(self, store):
        """B3, B4: what was not finished comes first, with its configuration, then new trials up to the total."""
        for study in studies_of(store):
            before = store.trials(study.study_id)
            unfinished = [trial for trial in before if not trial.state.is_finished]

            claimed = claim_all(store, study)

            first, new = claimed[: len(unfinished)], claimed[len(unfinished) :]
            assert [(one.number, one.params) for one in unfinished] == [(one.number, one.params) for one in first]
            assert [len(before) + place for place in range(len(new))] == [trial.number for trial in new]
            trials = store.trials(study.study_id)
            assert study.trials == len([trial for trial in trials if trial.state is not TrialState.FAILED])

    def test_the_best_is_right(self, store):
        """It is the old one, until a new trial that saw as much data is better."""
        for study in studies_of(store):
            old = store.best(study.study_id)
            assert best_of(study, store.trials(study.study_id)) == old

            *_, hasty, thorough = claim_all(store, study)
            better = 1e9 if study.direction == "maximize" else -1e9
            most = old.fraction if old else 1.0
            first = store.finish(hasty.trial_id, TrialState.COMPLETE, score=2 * better, fraction=most / 2)
            assert (old or first) == store.best(study.study_id)
            done = store.finish(thorough.trial_id, TrialState.COMPLETE, score=better, fraction=most)

            assert done == store.best(study.study_id)

    def test_no_old_configuration_is_tried_again(self, old, store):
        """What a trial had reserved stays its own; before there were reservations, whatever it had is taken."""
        tried = 0
        for study in studies_of(store):
            *_, new = claim_all(store, study)

            for params in old.taken(study.study_id):
                with pytest.raises(ConfigurationTaken):
                    store.reserve(new.trial_id, params)
                tried += 1

        assert tried >= 6

    @pytest.mark.parametrize("old", WITHOUT_RESERVATIONS, indirect=True)
    def test_old_trials_may_be_alike(self, old):
        """Before, two trials could have one configuration: that is no reason to refuse, and it is not tried again."""
        change_trials(old, params=old.rows["hpsearch_trials"][0]["params"])

        upgrade(old.url)

        with StudyStore.open(old.url) as store:
            for study in studies_of(store):
                *same, new = claim_all(store, study)
                assert 1 == len({json.dumps(trial.params) for trial in same if trial.params})
                with pytest.raises(ConfigurationTaken):
                    store.reserve(new.trial_id, store.trial(study.study_id, 0).params)

    def test_optuna_goes_on_with_it(self, store, storage):
        """Samplers have what the old trials taught, and each claimed trial is the only one of its number there."""
        for study in studies_of(store):
            before = [trial for trial in store.trials(study.study_id) if trial.optuna_trial_id is not None]
            learnt = [(trial, storage.get_trial(trial.optuna_trial_id)) for trial in before]
            assert [] == [one.number for one, other in learnt if (one.number, one.score) != (other.number, other.value)]
            assert [] == [one.number for one, other in learnt if not other.params.items() <= one.params.items()]

            claimed = claim_all(store, study)

            waiting = [storage.get_trial(trial.optuna_trial_id) for trial in claimed]
            assert [(one.number, one.state) for one in waiting] == [(one.number, WAITING) for one in claimed]
            numbers = [trial.number for trial in storage.get_all_trials(storage.get_study_id_from_name(study.name))]
            assert sorted(set(numbers)) == sorted(numbers)

    def test_what_plain_optuna_queued_stays(self, old):
        """A trial that waits in a study of Optuna's own is not ours to remove."""
        storage = RDBStorage(old.url)
        create_study(storage=storage, study_name="plain").enqueue_trial({"x": 0.5})

        upgrade(old.url)

        assert [WAITING] == [trial.state for trial in load_study(study_name="plain", storage=storage).trials]
        storage.remove_session()
        storage.engine.dispose()

    def test_upgrading_twice_is_harmless(self, old):
        """The second time changes no row."""
        upgrade(old.url)
        once = everything(old.url)

        assert SchemaState.CURRENT is upgrade(old.url).state
        assert once == everything(old.url)

    def test_processes_upgrade_together(self, old):
        """Three workers told to upgrade at the same moment leave what one would have left."""
        command = [sys.executable, "-W", "error", "-c", UPGRADE, old.url]
        said_by([subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)])

        assert (SchemaState.CURRENT, []) == (schema_status(old.url).state, differences(old.url))
        with StudyStore.open(old.url) as store:
            check_read(old, store)

    def test_an_upgrade_that_was_killed_is_repeated(self, old):
        """Whichever of its changes it died after, the same command finishes it: MariaDB keeps half a step."""
        for changes in count(1):
            try:
                with dying_after(changes):
                    upgrade(old.url)
                break
            except Killed:
                assert SchemaState.OUTDATED is schema_status(old.url).state

        assert changes > 2
        assert (SchemaState.CURRENT, []) == (schema_status(old.url).state, differences(old.url))
        with StudyStore.open(old.url) as store:
            check_read(old, store)


class TestSqliteUpgrades(UpgradeContract):
    """Released files, as they are."""

    SERVER = None


class TestPostgresUpgrades(UpgradeContract):
    """Released rows on PostgreSQL."""

    SERVER = "HPSEARCH_TEST_POSTGRES_URL"


class TestMysqlUpgrades(UpgradeContract):
    """Released rows on MariaDB or MySQL."""

    SERVER = "HPSEARCH_TEST_MYSQL_URL"


def check_read(old: OldStore, store: StudyStore) -> None:
    """Check that a store gives what the old one had, each column of it."""
    studies = studies_of(store)
    trials = [trial for study in studies for trial in store.trials(study.study_id)]
    models = [model for study in studies for model in store.models(study.study_id)]
    for name, records in {"studies": studies, "trials": trials, "models": models}.items():
        expected, found = old.expected(name), [record.to_dict() for record in records]
        assert [without(row, HIDDEN) for row in expected] == [
            {key: record[key] for key in without(row, HIDDEN)} for row, record in zip(expected, found, strict=True)
        ]


def without(row: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in names}


def studies_of(store: StudyStore) -> list[Study]:
    return [summary.study for summary in store.studies()]


def claim_all(store: StudyStore, study: Study) -> list[Trial]:
    """Claim all that is left of a study, for one worker, after those who are gone."""
    store.recover(study.study_id, LeaseWatch().is_lost, now=LONG_AFTER)
    return list(iter(lambda: store.claim(study.study_id, worker="me", lease_s=60), None))


def best_of(study: Study, trials: list[Trial]) -> Trial | None:
    """Return the trial with the best score among those with most data; old releases ran each with one seed."""
    complete = [trial for trial in trials if trial.state is TrialState.COMPLETE]
    sign = 1 if study.direction == "maximize" else -1
    return max(complete, key=lambda trial: (trial.fraction or 0.0, sign * trial.score), default=None)


class Killed(BaseException):
    """The process ended here."""


@contextmanager
def dying_after(changes: int) -> Iterator[None]:
    """Raise `Killed` after so many statements that change something."""
    left = count(changes - 1, -1)

    def executed(connection, cursor, statement, parameters, context, executemany) -> None:
        if statement.lstrip().startswith(CHANGES) and next(left) == 0:
            raise Killed

    with listening(Engine, "after_cursor_execute", executed):
        yield
