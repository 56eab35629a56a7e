"""What a report tells of a study, from its rows alone: no data, no model, no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from ...studies.front import NOBODY, Front, choice_of, front_of
from ...studies.objective import Objective
from ...studies.plain import mapping_of
from ...studies.records import Failure, Model, Phase, Study, Trial, TrialState
from ...studies.store import StudyStore
from ..constraints import none_feasible
from ..verdict.pareto import front_sentence
from ..verdict.words import summary_lines
from ..words import baseline_of, gain_words, shown_params

#: Fewer complete trials than this say little about which hyperparameter mattered.
ENOUGH_FOR_IMPORTANCE = 30


class Step(NamedTuple):
    """A finished trial in the order of time."""

    cost: float  #: seconds of all trials up to and with this one
    trial: Trial
    best: float | None  #: the best score so far among trials of its share of the data


class Stage(NamedTuple):
    """Trials that saw the same share of the data."""

    fraction: float
    trials: list[Trial]

    @property
    def words(self) -> str:
        """How people name it."""
        return "all the data" if self.fraction == 1.0 else f"{self.fraction:.3g} of the data"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """A study, its trials in order of their numbers, its models, and the best trial."""

    study: Study
    trials: Sequence[Trial]
    models: Sequence[Model]
    best: Trial | None

    @classmethod
    def of(cls, store: StudyStore, name: str) -> Facts:
        """Read a study. Raises `StudyNotFound`."""
        study = store.study(name)
        return cls(
            study=study,
            trials=store.trials(study.study_id),
            models=store.models(study.study_id),
            best=store.best(study.study_id),
        )

    @property
    def maximize(self) -> bool:
        """Whether higher scores are better."""
        return Objective.of(self.study).maximizes

    @property
    def metric(self) -> str:
        """The objective as people name it."""
        return self.study.objective.removeprefix("eval_").replace("_", " ")

    @property
    def verdict(self) -> Mapping[str, Any]:
        """What came out; empty while it has not been concluded."""
        return self.study.verdict or {}

    @cached_property
    def notes(self) -> Mapping[str, Any]:
        """What is worth knowing of the study; empty where another program has written something else."""
        return mapping_of(self.study.spec.get("notes"))

    @cached_property
    def identity(self) -> Mapping[str, Any]:
        """What the study is known by."""
        return mapping_of(self.study.spec.get("identity"))

    @cached_property
    def space(self) -> Mapping[str, Any]:
        """The written form of the space."""
        return mapping_of(self.identity.get("space"))

    @cached_property
    def searched(self) -> list[Trial]:
        """The trials that were proposed, without those that run a configuration again."""
        return [one for one in self.trials if one.phase is Phase.SEARCH]

    @cached_property
    def counts(self) -> Counter[TrialState]:
        """How many trials are in which state."""
        return Counter(one.state for one in self.trials)

    @property
    def standing(self) -> str:
        """Return one sentence: how far the study is."""
        study, states = self.study, Counter(one.state for one in self.searched)
        done = sum(count for state, count in states.items() if state.is_done)
        if not self.trials:
            return f"No trial has started yet: {study.trials} were asked for."
        if self.counts[TrialState.RUNNING]:
            return f"The search is running: {done} of {study.trials} trials have ended, {_running(self.counts)}."
        if self.counts[TrialState.COMPLETE]:
            return f"{done} of {study.trials} trials have ended."
        if none := none_feasible(study, self.trials):
            return f"There is no winner: {none}."
        if states[TrialState.PRUNED]:
            return f"Every trial that ended was stopped early ({states[TrialState.PRUNED]} pruned): there is no winner."
        if states[TrialState.FAILED]:
            return f"All {states[TrialState.FAILED]} trials that ran failed: there is no winner."
        return f"No trial has ended yet: {study.trials} were asked for."

    @cached_property
    def answer(self) -> list[str]:
        """What a person should know, one line each, the answer first."""
        return summary_lines(self.study, self.trials, otherwise=self._otherwise())

    def _otherwise(self) -> str:
        """Return the answer where nothing was compared."""
        if self.best is None and self.front is not None and self.front.trials and choice_of(self.study) == NOBODY:
            return f"{front_sentence(self.front)}; no winner is chosen from it. {self.standing}"
        if self.best is None or self.best.score is None:
            return self.standing
        if self.best.failure is Failure.COLLAPSED:
            return "No trial learned anything: the best one predicts the same for every row."
        score = f"trial {self.best.number} is the best: {self.metric} {self.best.score:.4f} on the selection split"
        if not self.verdict:
            return f"{score}. {self.standing}"
        return f"{score}; {gain_words(self.study, baseline_of(self.trials, self.best), self.best)}."

    @cached_property
    def stages(self) -> list[Stage]:
        """The complete trials by the share of the data that they saw, the smallest first."""
        seen: dict[float, list[Trial]] = {}
        for one in self.trials:
            if one.fraction is not None and one.score is not None:
                seen.setdefault(one.fraction, []).append(one)
        return [Stage(fraction, seen[fraction]) for fraction in sorted(seen)]

    @cached_property
    def history(self) -> list[Step]:
        """The finished trials in the order in which they ended."""
        ended = sorted((one for one in self.trials if one.state.is_finished), key=lambda one: one.finished_at or "")
        steps: list[Step] = []
        cost, best = 0.0, dict[float | None, float]()
        for one in ended:
            cost += one.total_seconds
            known = best.get(one.fraction)
            if one.state is TrialState.COMPLETE and one.score is not None and self.is_better(one.score, known):
                known = best[one.fraction] = one.score
            steps.append(Step(cost, one, known))
        return steps

    def is_better(self, score: float, than: float | None) -> bool:
        """Return whether a score is better than another, or there is no other."""
        return than is None or (score > than if self.maximize else score < than)

    @cached_property
    def front(self) -> Front | None:
        """The configurations that no other beats; None for a study of one objective."""
        return front_of(self.study, self.trials)

    @property
    def full_training(self) -> float | None:
        """Seconds of one training of the baseline on all the data; None while it is not known."""
        seconds = self.verdict.get("cost", {}).get("full_training")
        return float(seconds) if seconds else None

    @cached_property
    def winner_values(self) -> dict[str, Any]:
        """Names and values of the best configuration."""
        return shown_params(self.best) if self.best is not None else {}

    @property
    def baseline(self) -> Trial | None:
        """The baseline on as much data as the best trial saw, or else its first trial."""
        return None if self.best is None else baseline_of(self.trials, self.best)

    @cached_property
    def failures(self) -> list[tuple[str, int, str]]:
        """Class, count and a message of the trials that failed or collapsed, the most frequent first."""
        failed = [one for one in self.trials if one.failure is not None]
        counts = Counter(one.failure.value for one in failed if one.failure)
        first = {one.failure.value: one.failure_message or "" for one in reversed(failed) if one.failure}
        return [(kind, count, first[kind]) for kind, count in counts.most_common()]

    @cached_property
    def seconds_by_kind(self) -> dict[str, dict[str, float]]:
        """Seconds by phase, then by kind of work; kinds without any are left out."""
        spent: dict[str, dict[str, float]] = {}
        for one in self.trials:
            for kind, seconds in one.seconds.items():
                there = spent.setdefault(one.phase.value, {})
                there[kind] = there.get(kind, 0.0) + seconds
        return {phase: {kind: value for kind, value in kinds.items() if value} for phase, kinds in spent.items()}

    @cached_property
    def parameters(self) -> list[str]:
        """Names of the hyperparameters that took more than one value, those of the space first."""
        names = dict.fromkeys([*self.space, *(name for one in self.searched for name in one.params or {})])
        return [name for name in names if len({str((one.params or {}).get(name)) for one in self.searched}) > 1]


def _running(counts: Mapping[TrialState, int]) -> str:
    running, waiting = counts[TrialState.RUNNING], counts[TrialState.WAITING]
    return f"{running} running" + (f" and {waiting} waiting" if waiting else "")
