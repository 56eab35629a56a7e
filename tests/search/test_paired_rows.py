"""A difference of any function of rows: intervals that cover, scores that are not always defined, rows of any nest."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats
from transformers import EvalPrediction

from hpsearch.search.rows import take_rows
from hpsearch.search.verdict.paired_rows import CALLS, paired_rows
from hpsearch.search.verdict.statistics import Interval, paired_difference

Score = Callable[[np.ndarray], float]


def mean_of(values: np.ndarray) -> Score:
    return lambda rows: float(values[rows].mean())


def f1_of(predicted: np.ndarray, true: np.ndarray) -> Score:
    """Raises for rows without class 1, as a metric of one's own may."""

    def score(rows: np.ndarray) -> float:
        said, are = predicted[rows], true[rows]
        return 2 * int((said * are).sum()) / (int(said.sum() + are.sum()) if are.any() else 0)

    return score


def root_of(errors: np.ndarray) -> Score:
    return lambda rows: -math.sqrt(float(np.square(errors[rows]).mean()))


def right(draw: np.random.Generator, rows: int, rate: float) -> np.ndarray:
    return (draw.random(rows) < rate).astype(float)


@pytest.fixture
def draw() -> np.random.Generator:
    return np.random.default_rng(5)


def accurate(draw: np.random.Generator, rows: int) -> list[Score]:
    return [mean_of(right(draw, rows, 0.8)) for _ in range(2)]


def of_a_rare_class(draw: np.random.Generator, rows: int) -> list[Score]:
    true = (draw.random(rows) < 0.15).astype(int)
    true[:2] = 1
    return [f1_of((draw.random(rows) < np.where(true == 1, 0.6, 0.05)).astype(int), true) for _ in range(2)]


def of_errors(draw: np.random.Generator, rows: int) -> list[Score]:
    shared = draw.normal(size=rows)
    return [root_of(shared + draw.normal(size=rows)) for _ in range(2)]


def of_losses(draw: np.random.Generator, rows: int) -> list[Score]:
    return [mean_of(-np.exp(1.2 * draw.normal(size=rows))) for _ in range(2)]


@pytest.mark.parametrize("models", [accurate, of_a_rare_class, of_errors, of_losses])
def test_noise_is_no_gain(models):
    """Of two models that are equally good the interval of 95 % covers 0 in at least 95 % of cases, of few rows too."""
    draw, covered = np.random.default_rng(3), []
    for rows, _ in itertools.product((30, 150), range(100)):
        better, worse = models(draw, rows)
        covered.append(paired_rows([better], [worse], rows, seed=0, calls=240).interval.covers(0))

    assert 0.95 <= np.mean(covered)


def test_a_true_gain_is_covered_and_found(draw):
    """Nine of ten against seven of ten: of 150 rows the interval has the difference, and mostly leaves out 0."""
    found = [
        paired_rows([mean_of(right(draw, 150, 0.9))], [mean_of(right(draw, 150, 0.7))], 150, seed=0, calls=240).interval
        for _ in range(100)
    ]

    assert 0.95 <= np.mean([one.covers(0.2) for one in found])
    assert 0.9 <= np.mean([one.low > 0 for one in found])


def test_few_rows_that_differ_say_nothing():
    """Four rows that one model alone has right are a coin's four heads, however surely resamples contain them."""
    worse = np.ones(500)
    better = worse.copy()
    worse[:4] = 0

    assert paired_rows([mean_of(better)], [mean_of(worse)], 500, seed=0).interval.covers(0)


@pytest.mark.parametrize("seeds", [1, 3])
def test_equal_models_do_not_differ(draw, seeds):
    """No difference, and no doubt about it."""
    models = [mean_of(right(draw, 60, 0.8)) for _ in range(seeds)]

    found = paired_rows(models, models, 60, seed=0)

    assert (0, Interval(0, 0), 0, seeds, 60) == tuple(vars(found).values())


def test_equal_scores_of_other_rows_are_in_doubt(draw):
    """Models that are right equally often, on other rows: no difference, but an interval around it."""
    found = paired_rows([mean_of(np.arange(60) % 2)], [mean_of(1 - np.arange(60) % 2)], 60, seed=0)

    assert found.difference == 0
    assert found.interval.low < -0.1 < 0.1 < found.interval.high


@pytest.mark.parametrize("rows", [60, 3000])
def test_the_error_of_a_mean_is_the_textbook_one(draw, rows):
    """The standard error of the mean of the paired differences, within the bootstrap's own noise."""
    better, worse = draw.normal(size=(2, rows))

    found = paired_rows([mean_of(better)], [mean_of(worse)], rows, seed=0, calls=4000)

    assert found.standard_error == pytest.approx(stats.sem(better - worse), rel=0.05)
    assert found.difference == pytest.approx(np.mean(better - worse))


@pytest.mark.parametrize("seeds", [1, 3])
def test_it_says_what_paired_difference_says(draw, seeds):
    """Where both can be had, as of classes, the interval is as wide within a tenth, with several seeds as well."""
    labels = draw.integers(0, 2, 200)
    runs = [
        [np.where(draw.random(200) < rate + vary, labels, 1 - labels) for vary in (-0.02, 0.0, 0.02)[:seeds]]
        for rate in (0.85, 0.75)
    ]
    known = paired_difference(*runs, labels, lambda said, are: float((said == are).mean()), seed=0).interval

    found = paired_rows(*[[mean_of(one == labels) for one in side] for side in runs], 200, seed=0).interval

    assert found.high - found.low == pytest.approx(known.high - known.low, rel=0.1)


def test_many_rows_leave_the_noise_of_seeds():
    """Where rows tell all, the interval is Student's of the seeds' differences."""
    better = [mean_of(np.arange(20_000) < share * 20_000) for share in (0.80, 0.90, 0.85)]

    found = paired_rows(better, [mean_of(np.zeros(20_000))] * 3, 20_000, seed=0)

    assert found.interval.high - found.difference == pytest.approx(
        stats.t.ppf(0.975, 2) * 0.05 / math.sqrt(3), rel=0.05
    )


def test_a_score_that_jumps_has_the_right_error(draw):
    """Of a median the jackknife's error is wrong even in the long run; here it is that of the formula, within a fifth.

    That is sqrt(pi / (2 n)) for normal numbers, times sqrt(2) for two independent models.
    """
    values = draw.normal(size=(2, 401))

    found = paired_rows(*[[lambda rows, one=one: float(np.median(one[rows]))] for one in values], 401, seed=0)

    assert found.standard_error == pytest.approx(math.sqrt(math.pi / 401), rel=0.2)


def test_both_models_are_scored_on_the_same_rows():
    """The rows are what they share: a model that is better by the same in every row is better without doubt."""
    values = np.exp(np.random.default_rng(0).normal(size=80))

    found = paired_rows([mean_of(values + 0.125)], [mean_of(values)], 80, seed=0)

    assert found.interval.low == pytest.approx(0.125)


def test_the_seed_alone_decides(draw):
    """The same seed gives the same interval, another one nearly the same."""
    better, worse = accurate(draw, 400)
    first, again, other = (paired_rows([better], [worse], 400, seed=seed) for seed in (1, 1, 2))

    assert first == again != other
    assert first.standard_error == pytest.approx(other.standard_error, rel=0.2)


@pytest.mark.parametrize(("rows", "seeds"), [(20, 1), (1000, 1), (1000, 3), (100_000, 5)])
def test_scores_are_computed_a_thousand_times(rows, seeds):
    """However many rows and seeds there are: a metric of 0.05 s takes less than a minute."""
    calls = []

    def slow(chosen: np.ndarray) -> float:
        calls.append(len(chosen))
        return 0.5

    paired_rows([slow] * seeds, [slow] * seeds, rows, seed=0)

    assert len(calls) <= CALLS + 2 * seeds
    assert 0.05 * len(calls) < 60


def test_a_sample_without_a_score_is_drawn_again(draw):
    """Two rows of class 1: one resample of seven has none, where F1 divides by zero, and its like is not counted."""
    true = np.arange(60) < 2
    better, worse = (f1_of((draw.random(60) < 0.1) | true, true) for _ in range(2))

    assert math.isfinite(paired_rows([better], [worse], 60, seed=0).standard_error)


@pytest.mark.parametrize("wrong", [math.nan, math.inf, ZeroDivisionError, ValueError])
def test_what_no_score_is_takes_many_forms(draw, wrong):
    """Not a number, infinite, or raised."""
    values = right(draw, 60, 0.8)

    def score(rows: np.ndarray) -> float:
        if 7 in rows or 8 in rows:
            return float(values[rows].mean())
        if isinstance(wrong, float):
            return wrong
        raise wrong("no class")

    assert paired_rows([score], [mean_of(values)], 60, seed=0).difference == 0


def test_too_few_rows_with_a_score_are_an_error():
    """One row of class 1 of sixty is said to be too few, as are two of which one alone is never enough."""
    true = (np.arange(60) < 1).astype(int)
    with pytest.raises(ValueError, match=r"60 rows are too few: without 1 of them there is no score \(division by"):
        paired_rows([f1_of(true, true)], [f1_of(true, true)], 60, seed=0)

    def needs_many(rows: np.ndarray) -> float:
        return 1.0 if len(set(rows)) > 40 else math.nan

    with pytest.raises(ValueError, match=r"60 rows are too few: many samples of them have no score \(the score of 60"):
        paired_rows([needs_many], [needs_many], 60, seed=0)


def test_a_metric_that_warns_does_so_once(draw):
    """Of all rows a warning is shown; of a thousand samples it would be noise."""

    def warning(rows: np.ndarray) -> float:
        warnings.warn(f"a class is missing from {rows[:3]}", UserWarning, stacklevel=2)
        return 0.5

    with pytest.warns(UserWarning, match="missing") as seen:
        paired_rows([warning], [warning], 30, seed=0)

    assert len(seen) == 2


def test_an_error_of_the_metric_is_its_own():
    """What is not about missing values is a defect of the function, and is not drawn away."""

    def broken(rows: np.ndarray) -> float:
        raise KeyError("logits")

    with pytest.raises(KeyError, match="logits"):
        paired_rows([broken], [broken], 30, seed=0)


@pytest.mark.parametrize("whole", [math.nan, -math.inf])
def test_a_score_that_is_no_number_is_refused(whole):
    """Nothing can be compared with it."""
    with pytest.raises(ValueError, match=f"of 30 rows is not a finite number: {whole}"):
        paired_rows([lambda rows: whole], [lambda rows: 0.5], 30, seed=0)


@pytest.mark.parametrize(("better", "worse", "rows"), [(0, 0, 30), (1, 2, 30), (1, 1, 1), (1, 1, 0)])
def test_what_does_not_fit_is_refused(better, worse, rows):
    """No seeds, other seeds, or less than two rows."""
    with pytest.raises(ValueError, match=r"a seed and two rows|shorter|longer"):
        paired_rows([lambda _: 0.5] * better, [lambda _: 0.5] * worse, rows, seed=0)


@pytest.mark.parametrize("rows", [2, 3])
def test_two_rows_are_enough_to_say_little(rows):
    """An interval that holds what was seen and nothing near certainty."""
    found = paired_rows([mean_of(np.ones(rows))], [mean_of(np.arange(rows) % 2)], rows, seed=0)

    assert found.interval.low < 0 < found.difference < found.interval.high


def test_importing_it_is_quick(run_python):
    """As `statistics`: neither torch nor scipy.stats is loaded."""
    program = (
        "import sys, hpsearch.search.verdict.paired_rows, hpsearch.search.rows\n"
        "print([name for name in ('torch', 'transformers', 'sklearn', 'scipy.stats') if name in sys.modules])"
    )

    assert "[]" == run_python(program).stdout.strip()


# Rows of a nest


def test_rows_are_taken_from_every_array():
    """Of any rank, in tuples, lists and dictionaries; with repeats, in the order asked for; None stays None."""
    logits, tokens = np.arange(24).reshape(4, 3, 2), np.array([[1, -100], [2, 3], [4, -100], [5, 6]])
    nest = (logits, [tokens, None], {"label": np.arange(4), "none": None})

    taken = take_rows(nest, np.array([3, 0, 3]))

    assert isinstance(taken, tuple)
    np.testing.assert_array_equal(taken[0], logits[[3, 0, 3]])
    np.testing.assert_array_equal(taken[1][0], [[5, 6], [1, -100], [5, 6]])
    np.testing.assert_array_equal(taken[2]["label"], [3, 0, 3])
    assert [None, None] == [taken[1][1], taken[2]["none"]]
    assert take_rows(None, np.array([0])) is None


@pytest.mark.parametrize(
    "nest",
    [
        (np.zeros((4, 2)), np.zeros(3)),
        {"logits": np.zeros(4), "loss": np.float64(0.5)},
        [np.zeros((8, 2)), np.zeros((5, 2))],
        (np.zeros(4), 0.5),
    ],
)
def test_what_is_no_rows_is_refused(nest):
    """A number for a batch, a loss of all, or batches that were never put together."""
    with pytest.raises(ValueError, match="no rows in common"):
        take_rows(nest, np.array([0, 1]))


def test_a_row_that_is_not_there_is_refused():
    """By numpy."""
    with pytest.raises(IndexError):
        take_rows((np.zeros(4),), np.array([4]))


def test_a_metric_of_a_trainer_is_compared(draw):
    """`compute_metrics` of labels of tokens and logits in a tuple, as `EvalPrediction` holds them."""
    labels = draw.integers(0, 2, (50, 8))
    labels[:, 5:] = -100

    def compute_metrics(prediction: EvalPrediction) -> dict[str, Any]:
        (logits, _), true = prediction.predictions, prediction.label_ids
        return {"accuracy": float((logits.argmax(-1) == true)[true != -100].mean())}

    def model(rate: float) -> Score:
        said = np.where(draw.random(labels.shape) < rate, labels, 1 - labels) == 1
        nest = {
            "predictions": (np.stack([~said, said], -1) * 1.0, (None, draw.normal(size=(50, 3)))),
            "label_ids": labels,
        }
        return lambda rows: compute_metrics(EvalPrediction(**take_rows(nest, rows)))["accuracy"]

    better, worse = model(0.9), model(0.7)

    found = paired_rows([better], [worse], 50, seed=0)

    assert found.difference == better(np.arange(50)) - worse(np.arange(50))
    assert found.interval.low > 0
