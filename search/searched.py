"""The Python face: `hpsearch.search(trainer, ...)` and the study it returns."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack, get_type_hints

from ..spaces.errors import BadInput
from ..spaces.hp_space import space_of
from ..spaces.loading import load_space
from ..spaces.space import Space
from ..studies.front import front_of, objectives_of
from ..studies.records import Model, Trial
from ..studies.store import StudyStore
from .checks import (
    check_fraction,
    check_places,
    check_score,
    check_seed,
    check_timeout,
    check_trials,
)
from .constraints import check_constraints, constraints_asked
from .keywords import check_keywords
from .limits import Limits
from .making.making import Making
from .objectives import first_and_weighed
from .options import DEFAULT_STORE
from .own.code import OwnCode
from .own.factory import factory_name
from .own.guard import check_guarded
from .own.made_by import making_by
from .own.objective import ComputeObjective, asked_for
from .own.problem import LOSS
from .plan import Plan
from .protocol.protocol_making import making_of as any_making
from .protocol.table import is_trainer
from .ranks.batch import check_shareable
from .replay import Replay, replay
from .sampling.belief import check_belief
from .sampling.optuna_parts import OptunaParts
from .sampling.other_study import check_from
from .sampling.population import score_from
from .sampling.steering import check_steering
from .strategy import NONE, Strategy, StrategyOptions, kept_for, strategy_of
from .study_run import StudyRun, open_study, run_of
from .talk import tell
from .trackers.trackers import check_trackers
from .trackers.tracking import prepare_trackers
from .trainer_problem import check_trainer, checked_problem, trainer_seed
from .verdict.pareto import unchosen_lines
from .verdict.verdict import conclude
from .verdict.words import summary_lines
from .view import view_for
from .winner.retrain import retrain, winner
from .workers.workers import WorkerOptions, Workers

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler

    from .sampling.optuna_parts import Callback


class HowOptions(WorkerOptions, StrategyOptions, total=False):
    """Who runs the trials, and how far the best ones are followed."""


class SearchedStudy:
    """A study that was searched, with the Trainer it belongs to."""

    def __init__(self, run: StudyRun) -> None:
        self._run = run

    @property
    def name(self) -> str:
        """The study's name in the store."""
        return self._run.study.name

    @property
    def trials(self) -> list[Trial]:
        """All trials, by number."""
        return self._run.store.trials(self._run.study.study_id)

    @property
    def verdict(self) -> dict[str, Any] | None:
        """What came out: `gain` over the baseline with its interval, `finalists`, `transfer` of the ranking, `cost`."""
        return self._run.store.study(self.name).verdict

    @property
    def best(self) -> Trial:
        """The best complete trial of those that saw the most data; of a front, what `choose` has chosen.

        Raises `HpsearchError` if there is none.
        """
        return winner(self._run)

    @property
    def front(self) -> list[Trial]:
        """The trials of the search that no other beats in all of several objectives, the best in the first one first.

        Empty for a study of one objective.
        """
        found = front_of(self._run.store.study(self.name), self.trials)
        return [] if found is None else list(found.trials)

    def values(self, trial: Trial) -> list[float | None]:
        """Return the numbers that a trial has for the objectives, the first one first."""
        return [one.value(trial) for one in objectives_of(self._run.study)]

    @property
    def best_checkpoint(self) -> Path:
        """The folder with the best trial's model, as it was at the evaluation that gave the score.

        Of a trial with adapters it has these and the head alone: `peft.PeftModel.from_pretrained(model, folder)`.
        """
        found = self._run.paths.checkpoint(self.best.number)
        if found is None:
            raise BadInput(f"the checkpoint of trial {self.best.number} is gone from {self._run.study.folder!r}")
        return found

    @property
    def optuna(self) -> Any:
        """The `optuna.Study` behind it, for plots and samplers of your own."""
        import optuna

        from ..studies.optuna_storage import optuna_storage

        return optuna.load_study(study_name=self.name, storage=optuna_storage(self._run.store.url))

    def retrain(self, trial: int | None = None, folder: str | Path | None = None) -> Model:
        """Train with the best trial's configuration (or trial `trial`'s) on all the training data.

        Returns the model's record; `.folder` holds model and tokenizer.
        """
        chosen = self.best if trial is None else self._run.store.trial(self._run.study.study_id, trial)
        return retrain(self._run, chosen, None if folder is None else Path(folder))

    def replay(self, trial: int) -> Replay:
        """Run a trial again from its row; `.identical` says whether it is the same, to the last bit."""
        return replay(self._run, self._run.store.trial(self._run.study.study_id, trial))


def search_trainer(
    trainer: Any,
    *,
    space: Space | Mapping[str, Any] | str | Callable[[Any], Mapping[str, Any]] = "default",
    trials: int = 10,
    subset: float = 1.0,
    study: str = "study",
    store: str = DEFAULT_STORE,
    objective: str | Sequence[str] | ComputeObjective | None = LOSS,
    direction: str | Sequence[str] | None = None,
    constraint: Mapping[str, Mapping[str, float]] | Sequence[str] | str = (),
    score: str = "best",
    sampler: str | BaseSampler = "tpe",
    pruner: str | BasePruner = "none",
    callbacks: Sequence[Callback] = (),
    hp_name: Callable[[Any], str] | None = None,
    seed: int | None = None,
    timeout: float | None = None,
    trial_timeout: float | None = None,
    max_failures: int | None = None,
    keep: int = 1,
    output_dir: str | Path | None = None,
    fork: str | None = None,
    from_study: str | None = None,
    stop_when_flat: bool = False,
    report_to: str | Sequence[str] = (),
    report_dataset: Any = None,
    quiet: bool = False,
    **how: Unpack[HowOptions],
) -> SearchedStudy:
    """Search the hyperparameters of a Trainer, whatever its class and library; the Trainer itself stays as it is.

    `trainer` may also be a function that makes the Trainer. It has to be one, at the top of a module that can be
    imported, where the trials are to run in other processes (`jobs=2`) or on a Ray cluster (`backend="ray"`, with
    `ray_address`, `cpus_per_trial`, `gpus_per_trial` and `max_concurrent`), or each trial in several
    (`processes_per_trial=2`, which share the batches of a step): a Trainer cannot travel.

    It may have models, data sets, collators, losses and callbacks of its own. A training set that is a stream needs
    `max_steps`, and a subset of it is the first share of these. A callback that stops early begins anew in each trial,
    which is then complete, and its retraining ends at the same share of the budget.

    `space` is a space, what `Space` takes, the name of a preset, a YAML file, or a function `hp_space(trial)` as Optuna
    and `trainer.hyperparameter_search` know it, which is read once, see `spaces.hp_space`.

    `trials` is a total: the same call again continues the study. `subset` is the share of the training set that trials
    see. `objective` is one key of the evaluation's metrics, `direction` the one that its name says unless given (see
    `studies.objective`), `seed` the Trainer's own. `score` is the `best` or `last` evaluation of a trial (of four; of
    two or one where more would take longer than the training, unless there is a pruner). The baseline, trial 0, is what
    the Trainer would train with.

    The objective may also be a function of an evaluation's metrics (stock's `compute_objective`) that returns a number
    or several, and None stands for the one metric that the evaluation returns, or else the loss.

    Of a list of objectives the first is the one that steers the search, and the one that `direction` is of. The others
    (`seconds` of a trial's training, `parameters` of its model, peak `memory` of its GPU in bytes, or another metric;
    `wer:minimize` says which way) are weighed against it afterwards:
    `SearchedStudy.front`, `hpsearch best` and `hpsearch report` have the Pareto front, which is the configurations
    that no other beats in all of them. With the sampler `nsga2` or `motpe` all of them steer, and nothing is the winner
    of the front unless `choose` says which: `first`, the best in the first objective, or `knee`, the nearest to the
    best of each.

    The winner keeps to each `constraint`, `{"eval_latency_ms": {"max": 30}}` or `"eval_latency_ms<=30"`, on a metric of
    the evaluation, `seconds`, `parameters` or `memory`: a trial that does not is `INFEASIBLE`, whatever its score.

    On a subset, the best configuration and the baseline are trained again on all the data and compared there
    (`confirm`: `quick`; `full` compares `finalists` of them over `seeds` seeds, `none` nobody). With the `strategy`
    `ladder` the best third is first run again on three times the data, and so on. What came out is `verdict`.

    With `stop_when_flat` nothing more is proposed once another trial could gain no more than noise.

    Winner and baseline are compared on `report_dataset`, of which nothing else is chosen; unless it is given, on half
    of what the Trainer evaluates on, where that can be halved.

    Each trial is a run in the trackers that `report_to` names (`tensorboard`, `mlflow`, `wandb`, `trackio`), and not in
    those that the Trainer's own arguments name.

    A new study tries the best configurations of the study `from_study` of the same store right after the baseline:
    three at most, and a third of the trials.

    A trial fails after `trial_timeout` seconds, as soon as a step or a batch of an evaluation is done. The checkpoints
    of the `keep` best trials stay on the disk.

    Raises `BadInput` for what cannot be searched, before anything is trained, and `SearchFailed` after
    `max_failures` failed trials in a row (as many as `trials` unless given).
    """
    wanted = asked_for(objective, direction)
    steering, weighed = first_and_weighed(wanted.names)
    parts = OptunaParts.of(sampler, pruner, callbacks, hp_name, several=bool(weighed))
    who, climbs = workers_and_strategy(how, parts.pruner_name, parts.sampler_name)
    if who.travels:
        parts.check_stays()
    who.check_store(store)
    if report_dataset is not None and who.travels:
        raise BadInput(
            "a report_dataset cannot travel to other workers",
            hint="search with one worker here, or with `hpsearch run --trainer FILE.py:FUNCTION --report-data NAME`",
        )
    if wanted.own is not None and who.travels:
        raise BadInput(
            f"the function that is {wanted.own.names[0].removeprefix('eval_')!r} cannot travel to other workers",
            hint="let compute_metrics return the number, and name it as the objective; or search with one worker here",
        )
    searched = _space(space)
    check_belief(searched, parts.sampler_name)
    making, code = making_of(trainer, searched, travels=who.travels, seed=seed, quiet=quiet)
    plan = Plan(
        space=searched,
        fraction=check_fraction(subset),
        seed=check_seed(trainer_seed(making.template) if seed is None else seed),
        score_from=score_from(parts.pruner_name, check_score(score)),
        sampler=parts.sampler_name,
        pruner=parts.pruner_name,
        constraints=constraints_asked(constraint),
    )
    finals = climbs.confirm != NONE
    check_constraints(plan.constraints, pruner=plan.pruner, fraction=plan.fraction, finals=finals)
    check_steering(plan.sampler, plan.pruner, weighed, stop_when_flat=stop_when_flat)
    making = dataclasses.replace(making, own_objective=wanted.own)
    check_trials(trials)
    check_timeout(timeout)
    limits = Limits.checked(
        max_failures=max_failures, trial_timeout=trial_timeout, keep=keep, stop_when_flat=stop_when_flat
    )
    folder = None if output_dir is None else Path(output_dir)
    check_places(store, study, fork=fork, output_dir=folder)
    check_from(store, from_study, study, space=searched, trials=trials, fork=fork)
    confirm = kept_for(climbs, plan.sampler, how.get("confirm"))
    problem = checked_problem(making, plan, steering, wanted.direction, weighed, confirm=confirm, report=report_dataset)
    check_shareable(problem, who.processes_per_trial)
    asked: dict[str, Any] = {
        "name": study,
        "trials": trials,
        "output_dir": folder,
        "fork": fork,
        "from_study": from_study,
        "limits": limits,
        "strategy": climbs,
        "report_to": check_trackers(report_to),
    }
    with view_for(quiet=quiet) as view, who.searching(trials=trials, killable=False) as search_study:
        opened = StudyStore.open(store, create=True)
        record = open_study(opened, problem, backend=who.backend, view=view, **asked)
        prepare_trackers(record, view.say)
        for remark in problem.remarks:
            view.say(remark)
        run = run_of(problem, record, opened, view, timeout=timeout, code=code, parts=parts)
        search_study(run)
        say_verdict(run)
    return SearchedStudy(run)


def workers_and_strategy(how: Mapping[str, Any], pruner: str, sampler: str = "tpe") -> tuple[Workers, Strategy]:
    """Return who runs the trials and how far the best are followed. Raises `UnknownKeyword` for one of neither."""
    check_keywords(how, known_keywords())
    climbing = {name: value for name, value in how.items() if name in StrategyOptions.__annotations__}
    working = {name: value for name, value in how.items() if name not in climbing}
    return Workers(**working), strategy_of(pruner=pruner, sampler=sampler, **climbing)


def known_keywords() -> set[str]:
    """Return every keyword of `search_trainer`."""
    own = inspect.signature(search_trainer).parameters.values()
    return {one.name for one in own if one.kind is one.KEYWORD_ONLY} | get_type_hints(HowOptions).keys()


def say_verdict(run: StudyRun) -> None:
    """Conclude a study, and tell what came out."""
    conclude(run)
    study = run.store.study(run.study.name)
    trials = run.store.trials(study.study_id)
    for line in [*summary_lines(study, trials, otherwise=""), *unchosen_lines(study, trials, run.store.url)]:
        if line:
            run.view.say(line)


def making_of(
    trainer: Any, space: Space, *, travels: bool, seed: int | None = None, quiet: bool = False
) -> tuple[Making, OwnCode]:
    """Return how the Trainer comes to be, and the name by which others make it if it `travels`.

    Raises `BadInput` for a search that would begin again wherever it travels, and as `factory_name` and `making_by`.
    """
    check_guarded(trainer if travels else None)
    code = OwnCode(trainer=factory_name(trainer) if travels else None)
    if is_trainer(trainer) or not callable(trainer):
        check_trainer(trainer)
        return any_making(trainer), code
    shown = f"the function {getattr(trainer, '__qualname__', type(trainer).__qualname__)!r}"
    say = (lambda line: None) if quiet else tell
    return making_by(trainer, shown, space, seed=seed, say=say), code


def _space(given: Any) -> Space:
    if isinstance(given, Space):
        return given
    if callable(given):
        return space_of(given)
    return load_space(given) if isinstance(given, str) else Space(given)
