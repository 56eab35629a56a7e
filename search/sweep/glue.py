"""The average over the tasks of GLUE, as its leaderboard has it: one number for a model, beside published ones.

A task's score is the mean of its metrics (F1 and accuracy, Pearson and Spearman), or of its two halves (MNLI, matched
and mismatched); the average is that of the tasks, each with the same weight (Wang et al., ICLR 2019, section 3.4).
Tables differ in two ways: most leave WNLI out, and some count MNLI's halves as two tasks (Devlin et al., NAACL 2019).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

WNLI = "WNLI"
#: Each task of GLUE, and of which tasks here its score is made, with the metrics of each.
GLUE: Mapping[str, Mapping[str, Sequence[str]]] = {
    "CoLA": {"cola": ["matthews_correlation"]},
    "SST-2": {"sst2": ["accuracy"]},
    "MRPC": {"mrpc": ["f1", "accuracy"]},
    "STS-B": {"stsb": ["pearson", "spearmanr"]},
    "QQP": {"qqp": ["f1", "accuracy"]},
    "MNLI": {"mnli": ["accuracy"], "mnli-mm": ["accuracy"]},
    "QNLI": {"qnli": ["accuracy"]},
    "RTE": {"rte": ["accuracy"]},
    WNLI: {"wnli": ["accuracy"]},
}


@dataclass(frozen=True, kw_only=True)
class GlueAverage:
    """The average of a model, and what is in it; all scores are times 100."""

    scores: Mapping[str, float]  #: of the tasks that are in it, by their names in tables
    lacking: Mapping[str, Sequence[str]]  #: of tasks that are in it, the parts of their scores that are not there

    @property
    def average(self) -> float | None:
        """The mean over the tasks that are there; None without any."""
        return fmean(self.scores.values()) if self.scores else None

    @property
    def without_wnli(self) -> float | None:
        """The same as most published tables have it; None where WNLI is the one task."""
        scores = [score for name, score in self.scores.items() if name != WNLI]
        return fmean(scores) if scores else None

    @property
    def missing(self) -> list[str]:
        """The tasks that are not in it."""
        return [name for name in GLUE if name not in self.scores]

    @property
    def words(self) -> str:
        """What is in the average and what is not: `average of 2 of 9 tasks: CoLA, MNLI (no mnli-mm); without ...`."""
        absent = {name: f" (no {', '.join(parts)})" for name, parts in self.lacking.items()}
        there = [f"{name}{absent.get(name, '')}" for name in self.scores]
        without = f"; without {', '.join(self.missing)}" if self.missing else ""
        return f"average of {len(there)} of {len(GLUE)} tasks: {', '.join(there) or 'none'}{without}"


def glue_average(scores: Mapping[str, Mapping[str, float]]) -> GlueAverage:
    """Return the average over the tasks of GLUE that have scores (task, metric, score from 0 to 1); others are ignored.

    A task counts with what is there of its score, and the record says what is not.
    """
    found, lacking = {}, {}
    for name, parts in GLUE.items():
        wanted = [(task, metric) for task, metrics in parts.items() for metric in metrics]
        there = {one: scores[one[0]][one[1]] for one in wanted if one[1] in scores.get(one[0], {})}
        if not there:
            continue
        found[name] = 100 * fmean(there.values())
        absent = [task if len(parts) > 1 else metric for task, metric in wanted if (task, metric) not in there]
        if absent:
            lacking[name] = absent
    return GlueAverage(scores=found, lacking=lacking)
