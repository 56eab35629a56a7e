"""Opening the study of a problem and searching it: the one road that the command line and Python share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ..spaces.errors import BadInput
from ..studies.errors import StudyNotFound
from ..studies.identity import ensure_same_problem
from ..studies.names import check_study_name, folder_name, new_uid
from ..studies.optuna_storage import optuna_storage
from ..studies.optuna_study import open_optuna_study
from ..studies.patience import PATIENCE_S, Patience
from ..studies.records import Study
from ..studies.store import StudyStore
from .backends import search_by_trainer
from .begun import as_begun, rules_kept
from .data.kept_rows import KeptRows
from .data.splits import SplitSource
from .limits import Limits
from .loop import SearchLoop
from .making.making import makers
from .objectives import kept
from .own.code import NO_CODE, OwnCode
from .own.printed import LOG
from .paths import DEFAULT_OUTPUT, StudyPaths, check_folder, writable_folder
from .problem import Problem
from .quiet import chatter_to
from .ranks.ranks import ALONE, Ranks
from .room import check_room
from .sampling.optuna_parts import NO_PARTS, OptunaParts
from .sampling.other_study import begun_with, find, taken_from
from .sampling.priors import PRIORS, Prior, priors_of
from .strategy import ONE_RUNG, Strategy
from .trackers.trackers import REPORT_TO
from .verdict.flatness import check_noise_is_known
from .view import View
from .workers.devices import Room

NO_LIMITS = Limits()
SILENT = View()


@dataclass(frozen=True, kw_only=True)
class StudyRun:
    """A problem, its study in a store, and how this process searches it."""

    problem: Problem
    study: Study
    store: StudyStore
    view: View = field(default_factory=View)
    timeout: float | None = None
    verbose: bool = False
    code: OwnCode = NO_CODE  #: the user's own, by the names that other workers find it by
    launcher: Any = None  #: who runs trials in several processes, where they are: `ranks.launch.Launcher`
    room: Room | None = None  #: of the machine, where other workers of the study are on it
    ranks: Ranks = ALONE  #: which of the processes of a trial this one is
    parts: OptunaParts = NO_PARTS  #: Optuna's own objects, where it was given any

    @property
    def paths(self) -> StudyPaths:
        """The study's folder."""
        return StudyPaths(Path(self.study.folder))

    @cached_property
    def source(self) -> SplitSource:
        """The splits of the problem; those that the Trainer's class prepares are kept in the study's folder."""
        source, making = self.problem.source, self.problem.making
        return KeptRows(source, self.paths.data / makers(type(making.users))) if making.prepares else source

    def search(self) -> None:
        """Run the trials that the study still lacks in this process; see `SearchLoop.run` for what it raises."""
        with self.quietly():
            self.store.patience = Patience(seconds=PATIENCE_S, say=self.view.say)
            storage = optuna_storage(self.store.url)
            self.enter_in_optuna(storage)
            search_by_trainer(self.problem.trainer, "optuna", self.study, self.store, self.loop(storage).run)

    def finished(self) -> int:
        """Return how many trials of the total are done."""
        return self.store.summary(self.study.study_id).done

    def loop(self, storage: Any) -> SearchLoop:
        """Return the loop over the trials."""
        return SearchLoop(
            making=self.problem.making,
            scores_predictions=self.problem.score_predictions is not None,
            source=self.source,
            plan=self.problem.plan,
            baseline=self.problem.baseline(),
            priors=self.priors(),
            study=self.study,
            store=self.store,
            storage=storage,
            view=self.view,
            timeout=self.timeout,
            launcher=self.launcher,
            room=self.room,
            ranks=self.ranks,
            parts=self.parts,
        )

    def enter_in_optuna(self, storage: Any) -> None:
        """Make Optuna's study, if it is not there."""
        open_optuna_study(
            storage,
            self.study.name,
            direction=self.problem.objective.direction,
            metric_name=self.problem.objective.name,
        )

    def priors(self) -> list[Prior]:
        """Return what is tried after the baseline: the best of the study this one was forked from, and what was given.

        All workers find the same, for it is kept with the study.
        """
        given = priors_of(self.study)
        if self.study.forked_from is None:
            return given
        try:
            parent = self.store.best(self.store.study(self.study.forked_from).study_id)
        except StudyNotFound:
            return given  # deleted since
        best = [] if parent is None or not parent.params else [Prior(parent.params, self.study.forked_from)]
        return [*best, *given]

    @contextmanager
    def quietly(self) -> Iterator[None]:
        """Send the libraries' chatter to the study's log."""
        self.paths.folder.mkdir(parents=True, exist_ok=True)
        with chatter_to(self.paths.log, also_stderr=self.verbose):
            printed = self.problem.making.printed
            while printed:
                LOG.info("%s", printed.pop(0))
            yield


def run_of(problem: Problem, study: Study, store: StudyStore, view: View, **how: Any) -> StudyRun:
    """Return the run of an opened study, by the rules it began with; says where those are not what was asked for."""
    begun = as_begun(problem, study)
    for line in rules_kept(problem, begun):
        view.say(line)
    return StudyRun(problem=begun, study=study, store=store, view=view, **how)


def open_study(
    store: StudyStore,
    problem: Problem,
    *,
    name: str,
    trials: int,
    output_dir: Path | None,
    fork: str | None = None,
    limits: Limits = NO_LIMITS,
    strategy: Strategy = ONE_RUNG,
    backend: str = "optuna",
    report_to: Sequence[str] = (),
    priors: Sequence[Prior] = (),
    from_study: str | None = None,
    retrains: bool = False,
    view: View = SILENT,
) -> Study:
    """Return the study `name` of `problem`, made if it is not there.

    Raises `StudyChanged` if the study is there and another problem; with `fork`, the changed problem becomes a new
    study of that name. `priors` are tried after the baseline, or the best of `from_study` where there are none: `view`
    says which. A study that is there keeps those that it has. Raises as `check_study`, too.
    """
    check_study(store, problem, name=name, output_dir=output_dir, fork=fork, limits=limits, retrains=retrains)
    target = find(store, fork or name)
    if target is not None and not priors:
        priors = begun_with(target, from_study)
    elif from_study is not None and not priors:
        taken = taken_from(
            store,
            from_study,
            fork or name,
            space=problem.plan.space,
            baseline=problem.baseline(),
            trials=trials,
            forks=fork is not None,
        )
        view.say(taken.words())
        priors = taken.priors
    return _open_or_make(
        store,
        problem,
        name=fork or name,
        trials=trials,
        output_dir=output_dir,
        forked_from=name if fork else None,
        limits={
            **limits.to_dict(),
            "strategy": strategy.to_dict(),
            REPORT_TO: list(report_to),
            **kept(problem.weighed, problem.plan.sampler, strategy.choose),
            **({PRIORS: [one._asdict() for one in priors]} if priors else {}),
        },
        backend=backend,
    )


def check_study(
    store: StudyStore | None,
    problem: Problem,
    *,
    name: str,
    output_dir: Path | None,
    fork: str | None = None,
    limits: Limits = NO_LIMITS,
    retrains: bool = False,
) -> None:
    """Raise what `open_study` would, with the same arguments; nothing is written. There may be no `store` yet.

    Where a winner is retrained, there must be room for its model. Raises `StudyChanged`, and `BadInput` for a fork of
    nothing, and a folder that cannot be written or has too little room.
    """
    check_study_name(name)
    if limits.stop_when_flat:
        check_noise_is_known(problem.objective.name)
    if fork is not None and find(store, name) is None:
        raise BadInput(f"no study {name!r} to fork", hint="leave --fork out to start it")
    study = find(store, fork or name)
    if study is not None:
        ensure_same_problem(study, as_begun(problem, study).identity)
    folder = check_folder(folder_of(study, output_dir))
    check_room(folder, problem, keep=limits.keep, retrains=retrains)


def folder_of(study: Study | None, output_dir: Path | None) -> Path:
    """Return the folder that the folder of a study is in, or of one to come."""
    return output_dir or (DEFAULT_OUTPUT if study is None else Path(study.folder).parent)


def _open_or_make(
    store: StudyStore,
    problem: Problem,
    *,
    name: str,
    trials: int,
    output_dir: Path | None,
    forked_from: str | None,
    limits: Mapping[str, Any],
    backend: str,
) -> Study:
    check_study_name(name)
    study = find(store, name)
    if study is None:
        uid = new_uid()
        folder = writable_folder(folder_of(None, output_dir)) / folder_name(name, uid)
        return store.create_study(
            name=name,
            spec={"identity": problem.identity, "notes": problem.notes},
            task=problem.task_name,
            model=problem.model_name,
            backend=backend,
            objective=problem.objective.name,
            direction=problem.objective.direction,
            trials=trials,
            folder=str(folder),
            uid=uid,
            forked_from=forked_from,
            limits=limits,
        )
    ensure_same_problem(study, as_begun(problem, study).identity)
    if study.checking:  # an earlier release has not come to an end with that
        store.end_checking(study.study_id, {"fraction": problem.plan.fraction, "found": True})
    folder = writable_folder(folder_of(study, output_dir)) / Path(study.folder).name
    return store.update_study(study.study_id, trials=trials, folder=str(folder), limits=limits, backend=backend)
