"""What came out of a study: the winner against the baseline, whether the ranking held on more data, and the price.

Made once, when nothing is left to run, and kept in the study's row, so that looking at it costs no data and no model.
How it is said is `verdict.words`; the statistics are `statistics`.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...studies.records import Trial, TrialState
from ..data.splits import groups_of, row_count
from ..errors import NoComparison
from ..problem import Problem
from ..study_run import StudyRun
from ..tasks import SEVERAL
from .own_metric import compared_by_rows
from .statistics import Comparison, RankAgreement, paired_difference, rank_agreement, tied


def conclude(run: StudyRun) -> dict[str, Any] | None:
    """Write down what came out of a study and return it; None while there is nothing to compare."""
    trials = run.store.trials(run.study.study_id)
    best = run.store.best(run.study.study_id)
    if best is None:
        return None
    found = gain(run, best, trials)
    verdict = {
        "winner": best.first_number,
        "trial": best.number,
        "gain": found,
        "classes": classes(run.problem, best) if found and found["split"] == "report" else None,
        "finalists": finalists(trials, run.problem.objective.sign),
        "transfer": transfer(trials),
        "looks": looks(trials, found),
        "cost": cost(trials),
    }
    run.store.conclude(run.study.study_id, verdict)
    return verdict


# The winner against the baseline


def gain(run: StudyRun, best: Trial, trials: Sequence[Trial]) -> dict[str, Any] | None:
    """Return how much better the winner is than the baseline, on the rows that nobody chose by where there are any.

    None where the baseline has no score at the winner's fraction.
    """
    rows = at_full_size(trials, best)
    theirs, baseline = rows.get(best.first_number, {}), baseline_rows(rows)
    seeds = sorted(theirs.keys() & baseline.keys(), key=lambda seed: theirs[seed].number)
    if not seeds:
        return None
    problem = run.problem
    sign = problem.objective.sign
    pairs = [(theirs[seed], baseline[seed]) for seed in seeds]
    found = compared(problem, pairs, sign)
    if found is not None:
        return found
    by_rows = compared_by_rows(run, pairs, sign)
    scores = [[one.score or 0.0 for one in side] for side in zip(*pairs, strict=True)]
    winner, default = by_rows.means or (float(np.mean(side)) for side in scores)
    report = {} if by_rows.means is None else {"rows": row_count(problem.source.splits({}).report)}
    return {
        "split": "selection" if by_rows.means is None else "report",
        "metric": problem.objective.name,
        "winner": winner,
        "baseline": default,
        "difference": sign * (winner - default),
        "interval": None,
        "seeds": len(seeds),
        **report,
        **({} if by_rows.comparison is None else comparison(by_rows.comparison)),
        **({} if by_rows.why is None else {"why": by_rows.why}),
    }


def at_full_size(trials: Sequence[Trial], best: Trial) -> dict[int, dict[int, Trial]]:
    """Return configuration -> seed -> the complete trial at the fraction of the best one."""
    found: dict[int, dict[int, Trial]] = defaultdict(dict)
    for one in trials:
        if one.state.ran_through and one.fraction == best.fraction and one.seed is not None:
            found[one.first_number].setdefault(one.seed, one)
    return dict(found)


def baseline_rows(rows: Mapping[int, Mapping[int, Trial]]) -> Mapping[int, Trial]:
    """Return the baseline's trials by seed."""
    return next((seeds for seeds in rows.values() if any(one.baseline for one in seeds.values())), {})


def compared(problem: Problem, pairs: Sequence[tuple[Trial, Trial]], sign: float) -> dict[str, Any] | None:
    """Return the comparison on the report split; None where somebody predicted nothing for it.

    This is the one look at its labels: for the winner and for the baseline.
    """
    score, report = problem.score_predictions, problem.source.splits({}).report
    if score is None or report is None or any(one.predictions is None for pair in pairs for one in pair):
        return None
    labels = np.asarray(report["labels"])
    predicted = [[np.asarray(one.predictions) for one in side] for side in zip(*pairs, strict=True)]
    if any(one.shape != labels.shape for side in predicted for one in side):
        return None  # written for other rows

    def better_is_higher(predictions: Any, references: Any) -> float:
        return sign * score(predictions, references)

    winner, default = (float(np.mean([score(one, labels) for one in side])) for side in predicted)
    known = {"split": "report", "metric": problem.objective.name, "winner": winner, "baseline": default}
    known["rows"], groups = len(labels), groups_of(report)
    sides, seed = (predicted[0], predicted[1]), problem.plan.seed
    try:
        found = paired_difference(*sides, labels, better_is_higher, seed=seed, groups=groups)
    except NoComparison as error:
        difference = {"difference": sign * (winner - default), "interval": None, "seeds": len(pairs)}
        return {**known, **difference, "why": str(error)}
    return {**known, **comparison(found)}


def classes(problem: Problem, best: Trial) -> dict[str, Any] | None:
    """Return how the winner's model does on each class of the report split; None where a row has several, or a number.

    `matrix` has a row for each true class and a column for each predicted one, in the order of `labels`.
    """
    task = problem.notes.get("task", {})
    names = None if task.get("label_kind") == SEVERAL else task.get("labels")
    report = problem.source.splits({}).report
    if not names or report is None or best.predictions is None:
        return None
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    true, places = np.asarray(report["labels"]), list(range(len(names)))
    matrix = confusion_matrix(true, best.predictions, labels=places)
    scores = precision_recall_fscore_support(true, best.predictions, labels=places, zero_division=0.0)
    parts = ("precision", "recall", "f1", "rows")
    return {"labels": list(names), "matrix": matrix.tolist()} | {
        part: values.tolist() for part, values in zip(parts, scores, strict=True)
    }


def comparison(found: Comparison) -> dict[str, Any]:
    """Return a comparison as JSON; `detectable` is the difference this split would find in four of five cases."""
    return {
        "difference": found.difference,
        "interval": [found.interval.low, found.interval.high],
        "level": found.interval.level,
        "standard_error": found.standard_error,
        "detectable": found.detectable(),
        "seeds": found.seeds,
    }


def finalists(trials: Sequence[Trial], sign: float) -> list[dict[str, Any]]:
    """Return what was compared at full size over the most seeds, the best mean first, on the selection split.

    `tied` says of each whether the seeds cannot tell it from the first.
    """
    rows: dict[int, dict[int, float]] = defaultdict(dict)
    named: dict[int, Trial] = {}
    for one in trials:
        if one.state is TrialState.COMPLETE and one.fraction == 1.0 and one.score is not None and one.seed is not None:
            rows[one.first_number].setdefault(one.seed, one.score)
            named.setdefault(one.first_number, one)
    most = max((len(scores) for scores in rows.values()), default=0)
    whole = {number: scores for number, scores in rows.items() if len(scores) == most}
    seeds = sorted(set.intersection(*(set(scores) for scores in whole.values()))) if whole else []
    signed = {number: [sign * scores[seed] for seed in seeds] for number, scores in whole.items()} if seeds else {}
    level = tied(signed) if signed else set()
    ranking = sorted(signed, key=lambda number: (-float(np.mean(signed[number])), number))
    return [
        {
            "configuration": number,
            "baseline": named[number].baseline,
            "scores": [whole[number][seed] for seed in seeds],
            "mean": float(np.mean([whole[number][seed] for seed in seeds])),
            "tied": number in level,
        }
        for number in ranking
    ]


# Whether the ranking held


def transfer(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """Return Kendall's tau between each fraction and the next, over the configurations that were run at both."""
    scores: dict[float, dict[int, float]] = defaultdict(dict)
    for one in sorted(trials, key=lambda trial: trial.number):
        if one.state is TrialState.COMPLETE and one.score is not None and one.fraction is not None:
            scores[one.fraction].setdefault(one.first_number, one.score)
    fractions = sorted(scores)
    return [
        {"from": low, "to": high, **agreement(scores[low], scores[high])} for low, high in itertools.pairwise(fractions)
    ]


def agreement(lower: Mapping[int, float], higher: Mapping[int, float]) -> dict[str, Any]:
    """Return how the ranking at one fraction agrees with that at another, as JSON."""
    both = sorted(lower.keys() & higher.keys())
    found: RankAgreement = rank_agreement([lower[one] for one in both], [higher[one] for one in both])
    interval = None if found.interval is None else [found.interval.low, found.interval.high]
    return {"tau": found.tau, "interval": interval, "configurations": found.count, "verdict": found.verdict}


def looks(trials: Sequence[Trial], gain: Mapping[str, Any] | None) -> dict[str, int]:
    """Return how often models were scored on each split: whoever looks often finds something by chance.

    On the report split that is the winner and the baseline, once for each seed, by the comparison that is `gain`.
    """
    compared = gain is not None and gain["split"] == "report"
    return {"selection": sum(len(one.curve) for one in trials), "report": 2 * gain["seeds"] if gain and compared else 0}


# The price


def cost(trials: Sequence[Trial]) -> dict[str, Any]:
    """Return the seconds of all trials by kind of work, and what that is in trainings of the baseline on all the data.

    A training that was never done on all the data is taken for as much longer as its data is more.
    """
    kinds: dict[str, float] = defaultdict(float)
    for one in trials:
        for kind, seconds in one.seconds.items():
            kinds[kind] += seconds
    stopped = (TrialState.FAILED, TrialState.PRUNED)
    thrown_away = sum(one.total_seconds for one in trials if one.state in stopped)
    total = sum(kinds.values())
    full = full_training(trials)
    return {
        "seconds": total,
        "seconds_by_kind": dict(kinds),
        "thrown_away": thrown_away,
        "full_training": full,
        "trainings": total / full if full else None,
    }


def full_training(trials: Sequence[Trial]) -> float | None:
    """Return the seconds of one training of the baseline on all the data, from the largest share it was trained on."""
    runs = [one for one in trials if one.baseline and one.state.ran_through and one.fraction]
    if not runs:
        return None
    largest = max(runs, key=lambda one: (one.fraction or 0.0, -one.number))
    scaled = largest.seconds.get("train", 0.0) / (largest.fraction or 1.0)
    return scaled + sum(seconds for kind, seconds in largest.seconds.items() if kind != "train")
