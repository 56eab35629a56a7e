"""The storage that optuna-dashboard asks: our rows in Optuna's words. Nothing can be written to it.

Studies that are Optuna's alone are shown as Optuna has them.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from bottle import HTTPError
from optuna.storages import BaseStorage, get_storage
from optuna.study import StudyDirection
from optuna.study._frozen import FrozenStudy
from optuna.trial import FrozenTrial, TrialState

from ...studies.errors import StoreFailed, StudyNotFound
from ...studies.optuna_storage import optuna_storage
from ...studies.optuna_tables import refusals_of
from ...studies.records import Study, StudySummary, Trial
from ...studies.store import StudyStore
from ...studies.url import parse_url
from .artifacts import artifacts
from .facts import Facts
from .notes import study_attributes, study_note, winner_note
from .trials import OWN_KEYS, Shown, ShownTrials

METRIC_NAMES = "study:metric_names"  # what `optuna.Study.set_metric_names` writes
#: How keys of optuna-dashboard and of Optuna begin, of those that are made here.
MADE = ("dashboard:", "artifacts:", "study:")
NO_CHANGES = "nothing can be changed here: studies are changed with the commands of hpsearch"


class DashboardStorage(BaseStorage):
    """Optuna's storage as the dashboard needs it, for the store at `store.url`.

    May be used from several threads. Where the store does not answer, the page is told so (HTTP 503).
    """

    def __init__(self, store: StudyStore) -> None:
        self._store = store
        self._address = parse_url(store.url)
        rdb = optuna_storage(store.url, read_only=True)
        self._engine = rdb.engine
        self._optunas: BaseStorage = get_storage(rdb)
        self._lock = threading.Lock()
        self._trials: dict[tuple[int, str], ShownTrials] = {}

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    # Studies

    def get_all_studies(self) -> list[FrozenStudy]:
        """Return all studies of the store, ours and others, in the order of their keys."""
        with self._answering():
            ours = self._ours()
            names = {one.study.name for one in ours.values()}
            others = [one for one in self._optunas.get_all_studies() if one.study_name not in names]
        shown = [self._frozen(key, one) for key, one in ours.items()]
        return sorted([*shown, *others], key=lambda one: one._study_id)

    def get_study_id_from_name(self, study_name: str) -> int:
        """Return the key of a study. Raises `KeyError`."""
        return self._of_name(study_name)._study_id

    def get_study_name_from_id(self, study_id: int) -> str:
        """Return the name of a study. Raises `KeyError`, as the next four do."""
        return self._of_key(study_id).study_name

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        """Return the one direction of a study; one that is not ours may have several."""
        return self._of_key(study_id).directions

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        """Return what a study is about."""
        return self._of_key(study_id).user_attrs

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """Return notes and artifacts of a study, as optuna-dashboard writes them."""
        return dict(self._of_key(study_id).system_attrs)

    def get_best_trial(self, study_id: int) -> FrozenTrial:
        """Return the winner, or who is best so far: among those that saw the most data. Raises `ValueError`."""
        study = self._ours_of_key(study_id)
        if study is None:
            return self._optunas.get_best_trial(study_id)
        with self._answering():
            best = self._store.best(study.study_id)
        found = _twins_of(best, self._shown(study))
        if not found:
            raise ValueError("no trial is complete yet")
        return found[0]

    # Trials

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """Return the trials of a study in the order of their numbers."""
        study = self._ours_of_key(study_id)
        if study is None:
            with self._answering():
                return self._optunas.get_all_trials(study_id, deepcopy=deepcopy, states=states)
        found = [one.twin for one in self._shown(study) if states is None or one.twin.state in states]
        return copy.deepcopy(found) if deepcopy else found

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """Return a trial. Raises `KeyError`."""
        with self._answering():
            studies = [one.study for one in self._ours().values()]
        for study in studies:
            for one in self._shown(study):
                if one.twin._trial_id == trial_id:
                    return one.twin
        with self._answering():
            return self._optunas.get_trial(trial_id)

    # What is ours

    def _ours(self) -> dict[int, StudySummary]:
        """Return our studies by the key that the page knows them by: Optuna's, where it has the study."""
        keys = self._store.optuna_keys()
        found = self._store.studies()
        return {keys.get(one.study.name, OWN_KEYS + one.study.study_id): one for one in found}

    def _ours_of_key(self, study_id: int) -> Study | None:
        with self._answering():
            found = self._ours().get(study_id)
        return None if found is None else found.study

    def _of_key(self, study_id: int) -> FrozenStudy:
        for one in self.get_all_studies():
            if one._study_id == study_id:
                return one
        raise KeyError(f"no study has the key {study_id}")

    def _of_name(self, study_name: str) -> FrozenStudy:
        for one in self.get_all_studies():
            if one.study_name == study_name:
                return one
        raise KeyError(f"no study named {study_name!r}")

    def _frozen(self, key: int, summary: StudySummary) -> FrozenStudy:
        study = summary.study
        made: Any = Attributes(lambda: self._made(key, summary))
        direction = StudyDirection.MAXIMIZE if study.direction == "maximize" else StudyDirection.MINIMIZE
        return FrozenStudy(study.name, direction, study_attributes(summary), made, key)

    def facts_of(self, uid: str) -> Facts | None:
        """Return what is known of our study with a uid."""
        with self._answering():
            found = [one for one in self._ours().values() if one.study.uid == uid]
        return self._facts(found[0], self._shown(found[0].study)) if found else None

    def _facts(self, summary: StudySummary, shown: Sequence[Shown]) -> Facts:
        with self._answering():
            return Facts.of(self._store, summary, [one.trial for one in shown])

    def _made(self, key: int, summary: StudySummary) -> dict[str, Any]:
        """Return the metric's name, the notes and the artifacts of a study."""
        shown = self._shown(summary.study)
        facts = self._facts(summary, shown)
        made = {METRIC_NAMES: [facts.study.objective], **artifacts(facts), **note_attributes(study_note(facts, key))}
        for twin in _twins_of(facts.best, shown):
            made |= note_attributes(winner_note(facts), twin._trial_id)
        return made

    def _shown(self, study: Study) -> list[Shown]:
        with self._lock, self._answering():
            known = self._trials.setdefault((study.study_id, study.uid), ShownTrials(study))
            return known.read(self._store)

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Tell the page why the store does not answer, and that a study is gone."""
        try:
            with refusals_of(self._address):
                yield
        except StoreFailed as error:
            raise HTTPError(503, str(error)) from None
        except StudyNotFound as error:
            raise HTTPError(404, str(error)) from None

    # What there is none of: the gate lets nobody come so far

    def _refuse(self, *_given: Any, **_named: Any) -> NoReturn:
        raise HTTPError(403, NO_CHANGES)

    create_new_study = delete_study = create_new_trial = _refuse
    set_study_user_attr = set_study_system_attr = set_trial_user_attr = set_trial_system_attr = _refuse
    set_trial_param = set_trial_state_values = set_trial_intermediate_value = _refuse


class Attributes(Mapping[str, Any]):
    """Attributes of a study that are made when they are looked at: a list of studies needs none of them."""

    def __init__(self, make: Callable[[], Mapping[str, Any]]) -> None:
        self._make = make
        self._found: Mapping[str, Any] | None = None

    def _made(self) -> Mapping[str, Any]:
        if self._found is None:
            self._found = self._make()
        return self._found

    def __getitem__(self, key: str) -> Any:
        if not key.startswith(MADE):
            raise KeyError(key)
        return self._made()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._made())

    def __len__(self) -> int:
        return len(self._made())


def _twins_of(trial: Trial | None, shown: Sequence[Shown]) -> list[FrozenTrial]:
    return [one.twin for one in shown if trial is not None and one.trial.number == trial.number]


def note_attributes(note: str, trial_id: int | None = None) -> dict[str, Any]:
    """Return a note on a study, or on one of its trials, as optuna-dashboard writes it into the study's attributes."""
    of = "dashboard:" if trial_id is None else f"dashboard:{trial_id}:"
    return {f"{of}note_ver": 1, f"{of}note_str:0": note}
