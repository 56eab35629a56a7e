"""What a study optimizes: one named number, and the direction in which it is better.

The one table of directions is here, and whoever is told the name of a metric asks `Objective.named`: the command line,
Python, a Trainer of the user's, a function of theirs, what is weighed, a sweep.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol, TypeVar

from ..spaces.errors import BadInput, did_you_mean

Item = TypeVar("Item")

MAXIMIZE, MINIMIZE = "maximize", "minimize"
DIRECTIONS = (MAXIMIZE, MINIMIZE)
#: What people type for numbers of a trial that no evaluation returns; a metric of that name is `eval_seconds`.
SECONDS, PARAMETERS, MEMORY = "seconds", "parameters", "memory"
#: In which unit each of them is shown: how much of its own that is, and its decimals. Kept are seconds of the training,
#: parameters of the whole model (trained or not: what is deployed weighs them all), and the bytes that the training
#: took on a GPU at its peak.
UNITS = {SECONDS: (1, 2, ""), PARAMETERS: (1, 0, ""), MEMORY: (1_000_000, 1, " MB")}
#: The kind of work that these are of, among a trial's seconds.
TRAIN = "train"

_HIGHER = """
    acc accuracies accuracy ap auc auprc auroc average_precision balanced_accuracy bertscore bleu bleurt chrf cider
    cohen_kappa comet corr correlation dcg dice em exact_match explained_variance f1 f_beta fbeta gleu hits iou jaccard
    kappa kendall kendalltau likelihood log_likelihood map margin margins matthews matthews_correlation mauve mcc
    mean_iou meteor mrr ndcg pearson pearsonr pr_auc precision r2 r_squared recall reward rewards roc_auc rouge rougel
    rougelsum sacrebleu sensitivity spearman spearmanr specificity spice squad true_negative_rate true_positive_rate
    f1_macro f1_micro subset_accuracy win_rate
"""
_LOWER = """
    bits_per_byte bits_per_character bpb bpc brier cer cross_entropy distance divergence duration ece edit_distance
    err error errors false_negative_rate false_positive_rate fid fnr fpr hamming hinge kl kld latency levenshtein
    log_loss loss losses mae mape mase mce medae memory mse msle neg_log_likelihood negative_log_likelihood nll
    parameters perplexity ppl regret rmse rmsle seconds smape ter time wer
"""
#: Every metric whose direction is known, by the words of its name.
METRICS = dict.fromkeys(_HIGHER.split(), MAXIMIZE) | dict.fromkeys(_LOWER.split(), MINIMIZE)
_LONGEST = max(name.count("_") + 1 for name in METRICS)
#: What `Trainer.evaluate` adds to the metrics of its own; none of it says how good a model is (pains A3).
NOT_METRICS = ("runtime", "samples_per_second", "steps_per_second", "model_preparation_time", "epoch")
#: A loss whose name begins so is a score: scikit-learn and sentence-transformers negate errors to maximize them.
_NEGATED = ("neg", "negative", "negated")
#: Words that make another number of a metric, whose direction its name does not tell.
_OTHER_NUMBER = """
    change decrease delta deviation diff difference drop gain gap improvement increase inv inverse minus ratio reduction
    rejected relative std stddev stdev threshold var variance without
"""
_OTHERWISE = frozenset(_OTHER_NUMBER.split())


class UntoldDirection(BadInput):
    """Neither the name of a metric nor the user says which way it is better."""


class Searched(Protocol):
    """What a study says of its objective; `records.Study` does."""

    @property
    def objective(self) -> str:
        """Key of the metric."""

    @property
    def direction(self) -> str:
        """`maximize` or `minimize`."""


class Scored(Protocol):
    """What a trial says of its numbers; `records.Trial` does."""

    @property
    def objective(self) -> str:
        """Key of the metric that is the score."""

    @property
    def score(self) -> float | None:
        """The score."""

    @property
    def metrics(self) -> Mapping[str, Any]:
        """The metrics of the evaluation that gave it."""

    @property
    def seconds(self) -> Mapping[str, float]:
        """Seconds by kind of work."""

    @property
    def environment(self) -> Mapping[str, Any] | None:
        """What was measured of the training."""


@dataclass(frozen=True)
class Objective:
    """A number of a trial, and in which direction it is better."""

    name: str  #: key of the evaluation's metrics, such as `eval_accuracy`, or one of `UNITS`
    direction: str  #: `maximize` or `minimize`

    @classmethod
    def named(cls, name: str, direction: str | None = None) -> Objective:
        """Return the objective of a metric, `accuracy` or `eval_accuracy`, in its own direction or the one given.

        Raises `BadInput` for a timing, for a direction that is none or is not the metric's, and where neither the name
        nor the user says it.
        """
        key = key_of(name)
        if typed(key) in NOT_METRICS:
            raise BadInput(f"{name!r} is no metric: it does not say how good a model is", hint="name a metric")
        if direction not in (None, *DIRECTIONS):
            raise BadInput(f"unknown direction {direction!r}", hint=did_you_mean(str(direction), DIRECTIONS))
        told = direction_of(key)
        if direction is None and told is None:
            raise UntoldDirection(
                f"nothing says whether {typed(key)!r} is better when it is higher or when it is lower",
                hint=_which_way(typed(key)),
            )
        if direction is not None and is_known(key) and direction != told:
            better = "higher: maximize it" if told == MAXIMIZE else "lower: minimize it"
            raise BadInput(
                f"metric {name!r} and direction {direction!r} clash", hint=f"{typed(key)} is better when {better}"
            )
        return cls(key, direction or told or "")

    @classmethod
    def asked(cls, name: str, direction: str | None = None) -> tuple[Objective, UntoldDirection | None]:
        """Return what `named` does; or a guess and what it raises, if there may be no such metric at all."""
        try:
            return cls.named(name, direction), None
        except UntoldDirection as untold:
            return cls(key_of(name), MINIMIZE), untold

    @classmethod
    def of(cls, study: Searched) -> Objective:
        """Return the objective that a study is searched by."""
        return cls(study.objective, study.direction)

    @property
    def maximizes(self) -> bool:
        """Whether higher is better."""
        return self.direction == MAXIMIZE

    @property
    def sign(self) -> float:
        """What a value is multiplied by to make higher the better: 1 or -1."""
        return 1.0 if self.maximizes else -1.0

    @property
    def is_loss(self) -> bool:
        """Whether it is the loss of the evaluation set, and no metric that is called one, such as `hamming_loss`."""
        return self.name == "eval_loss"

    def better(self, one: float, other: float) -> bool:
        """Return whether `one` is better than `other`."""
        return self.sign * one > self.sign * other

    def best(self, items: Iterable[Item], value: Callable[[Item], float]) -> Item:
        """Return the item of the best value, the first of equals. Raises `ValueError` for none."""
        return max(items, key=lambda one: self.sign * value(one))

    @property
    def typed(self) -> str:
        """What people type for it."""
        return typed(self.name)

    @property
    def argument(self) -> str:
        """What has to be typed for it beside another objective: its direction, too, where its name does not say it."""
        return self.typed if self.direction == direction_of(self.name) else f"{self.typed}:{self.direction}"

    @property
    def words(self) -> str:
        """What people read, such as `accuracy (maximize)`."""
        return f"{self.typed} ({self.direction})"

    def value(self, trial: Scored) -> float | None:
        """Return the trial's number, as of the evaluation that gave it its score; None where it has none.

        `seconds` are those of its training: neither evaluations nor checkpoints, and no signal check. Neither its
        `parameters` nor its `memory` (bytes) are known of every trial.
        """
        found: Any
        if self.name == SECONDS:
            found = trial.seconds.get(TRAIN)
        elif self.name in UNITS:
            found = (trial.environment or {}).get(self.name)
        else:
            found = trial.score if self.name == trial.objective else trial.metrics.get(self.name)
        if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
            return None
        return float(found)

    def text(self, trial: Scored) -> str:
        """Return the trial's number as people read it."""
        found = self.value(trial)
        if found is None:
            return "-"
        unit, decimals, name = UNITS.get(self.name, (1, 4, ""))
        return f"{found / unit:.{decimals}f}{name}"

    def to_json(self) -> dict[str, Any]:
        """Return name and direction."""
        return asdict(self)


def key_of(name: str) -> str:
    """Return what a number is kept under: a metric has the prefix `eval_`."""
    return name if name in UNITS or name.startswith("eval_") else f"eval_{name}"


def typed(key: str) -> str:
    """Return what people type for a number that is kept under `key`."""
    short = key.removeprefix("eval_")
    return key if short in UNITS else short


def _which_way(name: str) -> str:
    """Return how a direction is said, after the known metric that may have been meant."""
    near = difflib.get_close_matches(name, METRICS, n=1, cutoff=0.8)
    meant = f"did you mean {near[0]!r}? otherwise " if near else ""
    return f"{meant}--direction {MAXIMIZE} or {MINIMIZE}; direction= in Python; {name}:{MINIMIZE} in a list"


def is_known(key: str) -> bool:
    """Return whether a metric is one of the table, or a loss: its direction is no guess."""
    short = key.removeprefix("eval_").lower()
    return short in METRICS or (short.endswith("loss") and direction_of(key) == MINIMIZE)


def direction_of(key: str) -> str | None:
    """Return the direction that the name of a metric says; None where it says none, or two.

    Known metrics are looked for among its words: `f1_macro`, `sts-dev_spearman_cosine`, `ndcg@10`, `word_error_rate`.
    What ends in a loss or an error is one, of whatever. An error that is called negative is a score.
    """
    words = [word for word in re.split(r"[^a-z0-9]+", key.removeprefix("eval_").lower()) if word]
    found = list(_known_in(words))
    others = {word for place, word in enumerate(words) if not any(begin <= place < end for begin, end, _ in found)}
    if not words or others & _OTHERWISE:
        return None
    if not found:
        return MINIMIZE if words[-1].endswith(("loss", "error")) else None
    if found[-1][1] == len(words) and words[-1] in ("loss", "error"):
        found = found[-1:]
    directions = {direction for _, _, direction in found}
    if len(directions) > 1:
        return None
    direction = directions.pop()
    if any(word in _NEGATED for word in words[: found[0][0]]):
        return MAXIMIZE if direction == MINIMIZE else None  # the class that is called negative, or what is negated
    return direction


def _known_in(words: list[str]) -> Iterable[tuple[int, int, str]]:
    """Yield where each known metric begins and ends among the words, and its direction: the longest name first."""
    place = 0
    while place < len(words):
        for end in range(min(place + _LONGEST, len(words)), place, -1):
            name = "_".join(words[place:end])
            direction = METRICS.get(name) or METRICS.get(name.rstrip("0123456789"))
            if direction is not None:
                yield place, end, direction
                place = end
                break
        else:
            place += 1
