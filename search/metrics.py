"""Compute a task's metrics with scikit-learn and scipy, as GLUE defines them.

`evaluate.load` would fetch each metric from the hub; the subclass of `evaluate.Metric` made here needs no
network and leaves no file behind. `evaluate` imports torch, so it is imported only when a metric is made.
Which metrics a task has is said in `tasks`.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .label_sets import best_threshold, decoded, encoded, probabilities_of
from .tasks import Task

if TYPE_CHECKING:
    from transformers import EvalPrediction

#: Of several labels a row: from which probability on one is predicted.
THRESHOLD = "threshold"
Values = Sequence[int] | Sequence[float] | np.ndarray
Score = Callable[[np.ndarray, np.ndarray], float]


def scores(task: Task, predictions: Values, references: Values) -> dict[str, float]:
    """Return every metric of a task for class ids (or numbers) predicted and true.

    A correlation with a constant is 0. Predictions that are no numbers have no score: every metric is NaN
    then.
    """
    predicted, true = np.asarray(predictions), np.asarray(references)
    if not np.isfinite(predicted).all():
        return dict.fromkeys(task.metrics, float("nan"))
    return {name: score(task, name, predicted, true) for name in task.metrics}


def score(task: Task, name: str, predictions: Values, references: Values) -> float:
    """Return one metric of a task, as `scores` does."""
    predicted, true = np.asarray(predictions), np.asarray(references)
    if task.is_several:
        return float(_several(name, decoded(predicted, task.num_labels), decoded(true, task.num_labels)))
    return float(_f1(task, predicted, true) if name == "f1" else _SCORES[name](predicted, true))


def _several(name: str, told: np.ndarray, true: np.ndarray) -> float:
    """Return a metric of which labels were told of each row, and which it has."""
    from sklearn.metrics import accuracy_score, f1_score

    if name == "subset_accuracy":
        return accuracy_score(true, told)
    return f1_score(true, told, average=name.removeprefix("f1_"), zero_division=0)


def _accuracy(predicted: np.ndarray, true: np.ndarray) -> float:
    from sklearn.metrics import accuracy_score

    return accuracy_score(true, predicted)


def _f1(task: Task, predicted: np.ndarray, true: np.ndarray) -> float:
    """Return F1 of the task's positive class of two, else the mean of the F1 of each class that occurs."""
    from sklearn.metrics import f1_score

    if task.num_labels > 2:
        return f1_score(true, predicted, average="macro", zero_division=0)
    return f1_score(true, predicted, pos_label=task.positive_id, zero_division=0)


def _matthews(predicted: np.ndarray, true: np.ndarray) -> float:
    """Return Matthews' correlation coefficient, in Gorodkin's form (2004) for more than two classes."""
    from sklearn.metrics import matthews_corrcoef

    if len(np.union1d(predicted, true)) == 1:
        return 0.0  # as for any constant; scikit-learn says so too, with a warning
    return matthews_corrcoef(true, predicted)


def _pearson(predicted: np.ndarray, true: np.ndarray) -> float:
    from scipy.stats import pearsonr

    return _correlation(pearsonr, predicted, true)


def _spearman(predicted: np.ndarray, true: np.ndarray) -> float:
    from scipy.stats import spearmanr

    return _correlation(spearmanr, predicted, true)


def _correlation(correlate: Callable[..., Any], predicted: np.ndarray, true: np.ndarray) -> float:
    """Correlate in double precision; what is constant, or too nearly so to tell, correlates with nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scipy warns of constants and returns NaN
        value = correlate(predicted.astype(np.float64), true.astype(np.float64)).statistic
    return value if np.isfinite(value) else 0.0


def _mean_squared_error(predicted: np.ndarray, true: np.ndarray) -> float:
    from sklearn.metrics import mean_squared_error

    return mean_squared_error(true, predicted)


def _mean_absolute_error(predicted: np.ndarray, true: np.ndarray) -> float:
    from sklearn.metrics import mean_absolute_error

    return mean_absolute_error(true, predicted)


_SCORES: dict[str, Score] = {
    "accuracy": _accuracy,
    "matthews_correlation": _matthews,
    "pearson": _pearson,
    "spearmanr": _spearman,
    "mse": _mean_squared_error,
    "mae": _mean_absolute_error,
}


@functools.cache
def task_metric(task: Task) -> Any:
    """Return the `evaluate.Metric` that computes all metrics of a task from predictions and references."""
    import datasets
    import evaluate

    class TaskMetric(evaluate.Metric):
        """The metrics of one task, computed here and in memory."""

        def _info(self) -> Any:
            kind = datasets.Value("float64" if task.is_regression else "int64")
            return evaluate.MetricInfo(
                description=f"The metrics of task {task.name}: {', '.join(task.metrics)}.",
                citation="Wang et al., GLUE, ICLR 2019 (arXiv 1804.07461)",
                inputs_description="predictions and references: class ids in the task's order, or numbers",
                features=datasets.Features({"predictions": kind, "references": kind}),
            )

        def _build_data_dir(self) -> str:
            """Make no folder: upstream makes one in the user's cache although nothing is written to it."""
            return str(self._data_dir_root)

        def _compute(self, predictions: Values, references: Values) -> dict[str, float]:
            return scores(task, predictions, references)

    return TaskMetric(keep_in_memory=True, seed=0)


def compute_metrics(
    task: Task, threshold: float | None = None, objective: str = ""
) -> Callable[[EvalPrediction], dict[str, float]]:
    """Return what `Trainer(compute_metrics=...)` takes; it can be pickled.

    Where a row has several labels, those of a probability from the `threshold` on are predicted. None chooses one for
    the rows that are evaluated, by the metric that is the objective, or else `f1_micro`: that is for a selection split
    alone. It is among the metrics, as `threshold`.
    """
    return functools.partial(_evaluate, task, threshold, objective)


def _evaluate(task: Task, threshold: float | None, objective: str, output: EvalPrediction) -> dict[str, float]:
    logits = first_logits(output.predictions)
    if np.isnan(logits).any():
        return dict.fromkeys(task.metrics, float("nan"))
    if task.is_several:
        flags, probabilities = np.asarray(output.label_ids), probabilities_of(logits)
        chosen = best_threshold(probabilities, flags, objective) if threshold is None else threshold
        found = task_metric(task).compute(predictions=encoded(probabilities >= chosen), references=encoded(flags))
        return {**found, THRESHOLD: chosen}
    predictions = predicted(task, logits)
    return task_metric(task).compute(predictions=predictions, references=np.asarray(output.label_ids).reshape(-1))


def first_logits(output: Any) -> np.ndarray:
    """Return the logits of a model's output; T5 and its kin give a tuple that begins with them."""
    return np.asarray(output[0] if isinstance(output, tuple | list) else output)


def predicted(task: Task, logits: np.ndarray) -> np.ndarray:
    """Return the predicted class ids, or for a regression the predicted numbers."""
    return logits.reshape(-1) if task.is_regression else logits.argmax(axis=-1)
