"""Metrics that `coverage.py` scores: of all selections of rows at once, as sums over rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

#: Scores of selections of rows, from how often each (a row of a matrix) takes each row, predictions and labels.
Metric = Callable[[np.ndarray, Any, np.ndarray], np.ndarray]


def accuracy(counts: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return the share that is right."""
    return np.asarray(counts @ (predicted == true)) / counts.sum(1)


def f1_of(both: np.ndarray, said: np.ndarray, are: np.ndarray) -> np.ndarray:
    """Return F1 of numbers of rows; 0 where none is of the class and none said to be."""
    return np.asarray(2 * both / np.maximum(said + are, 1))


def f1(counts: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return F1 of class 1."""
    return f1_of(counts @ (predicted * true), counts @ predicted, counts @ true)


def f1_or_nothing(counts: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return F1 of class 1, NaN where no row is of that class."""
    return np.where(counts @ true, f1(counts, predicted, true), math.nan)


def f1_of_tokens(counts: np.ndarray, predicted: tuple[np.ndarray, Any], true: np.ndarray) -> np.ndarray:
    """Return F1 of class 1 over all tokens that are not padding."""
    said, are, real = predicted[0].argmax(-1), true == 1, true >= 0
    return f1_of(counts @ (said * are).sum(1), counts @ (said * real).sum(1), counts @ are.sum(1))


def matthews(counts: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return Matthews' correlation coefficient of zeros and ones, 0 for a constant."""
    n, both, said, are = counts.sum(1), counts @ (predicted * true), counts @ predicted, counts @ true
    spread = np.sqrt(said * (n - said) * are * (n - are))
    return np.where(spread > 0, (n * both - said * are) / np.maximum(spread, 1), 0.0)


def pearson(counts: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return the correlation coefficient."""
    powers = np.stack([predicted, true, predicted * true, predicted**2, true**2], axis=1)
    one, other, both, squared, other_squared = (counts @ powers / counts.sum(1)[:, None]).T
    return np.asarray((both - one * other) / np.sqrt((squared - one**2) * (other_squared - other**2)))


def auc(counts: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return the area under the ROC curve of predictions of which no two are equal."""
    order = np.argsort(predicted)
    positive, negative = counts[:, order] * true[order], counts[:, order] * (1 - true[order])
    return np.asarray((positive * negative.cumsum(1)).sum(1) / (positive.sum(1) * negative.sum(1)))


def minus_mean(counts: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return minus the mean of the losses that stand for predictions."""
    return np.asarray(-counts @ predicted / counts.sum(1))


def minus_rmse(counts: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return minus the root of the mean squared error."""
    return -np.sqrt(counts @ (predicted - true) ** 2 / counts.sum(1))


def minus_median_error(counts: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return minus the median absolute error, which jumps."""
    errors = np.abs(predicted - true)
    order = np.argsort(errors)
    below, half = counts[:, order].cumsum(1), counts.sum(1)[:, None] / 2
    middle = errors[order][(below >= half).argmax(1)], errors[order][(below > half).argmax(1)]
    return -(middle[0] + middle[1]) / 2
