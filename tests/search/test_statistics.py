"""Intervals that cover, differences that can be detected, rankings that held, and what chance would score."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from hpsearch.search.verdict import statistics
from hpsearch.search.verdict.statistics import (
    Interval,
    chance_level,
    detectable_difference,
    mcnemar,
    paired_difference,
    rank_agreement,
    tied,
)

SIZES = (277, 408, 1043)  # the validation splits of RTE, MRPC and CoLA


def accuracy(predicted: np.ndarray, true: np.ndarray) -> float:
    return float(np.mean(predicted == true))


def matthews(predicted: np.ndarray, true: np.ndarray) -> float:
    """Of two classes, 0 for a constant: scikit-learn's takes a millisecond."""
    both, said, are, n = float(predicted @ true), float(predicted.sum()), float(true.sum()), len(true)
    spread = math.sqrt(said * (n - said) * are * (n - are))
    return (n * both - said * are) / spread if spread else 0.0


def pearson(predicted: np.ndarray, true: np.ndarray) -> float:
    return float(np.corrcoef(predicted, true)[0, 1])


def guesses(draw: np.random.Generator, rows: int, models: int, alike: float) -> list[np.ndarray]:
    """Models that know nothing and say 1 for six rows of ten; they share their answer to `alike` of the rows."""
    shared = draw.random(rows) < 0.6
    return [np.where(draw.random(rows) < alike, shared, draw.random(rows) < 0.6).astype(int) for _ in range(models)]


def fine_tuned(draw: np.random.Generator, labels: np.ndarray, rate: float) -> np.ndarray:
    """A model that has a share of two classes right."""
    return np.where(draw.random(len(labels)) < rate, labels, 1 - labels)


def discordant(gained: int, lost: int, rows: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two models, of which one is right for `gained` rows and the other for `lost`, and the labels."""
    labels = np.zeros(rows, dtype=int)
    better, worse = labels.copy(), labels.copy()
    worse[:gained], better[gained : gained + lost] = 1, 1
    return better, worse, labels


@pytest.fixture
def draw() -> np.random.Generator:
    return np.random.default_rng(5)


def test_importing_it_is_quick(run_python):
    """The command line may import it before it knows what is asked: neither torch nor scipy.stats is loaded."""
    program = (
        "import sys, hpsearch.search.verdict.statistics\n"
        "print([name for name in ('torch', 'transformers', 'sklearn', 'scipy.stats') if name in sys.modules])"
    )

    assert "[]" == run_python(program).stdout.strip()


def test_an_interval_covers_its_ends():
    """Both ends belong to it, what is beyond does not."""
    interval = Interval(0.0, 0.5)

    assert [False, True, True, True, False] == [interval.covers(value) for value in (-0.01, 0.0, 0.2, 0.5, 0.51)]


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("score", [accuracy, matthews])
def test_noise_is_no_gain(score, seeds):
    """Of models that know nothing, alike or not, the interval of 95 % covers 0 in at least 95 % of searches."""
    draw, covered = np.random.default_rng(2), []
    for rows, alike, _ in itertools.product(SIZES, (0.0, 0.9), range(50)):
        models = guesses(draw, rows, 2 * seeds, alike)
        found = paired_difference(models[:seeds], models[seeds:], draw.integers(0, 2, rows), score, seed=0)
        covered.append(found.interval.covers(0))

    assert 0.95 <= np.mean(covered)


@pytest.mark.parametrize(("seeds", "spread", "least"), [(3, 0.01, 0.95), (5, 0.02, 0.95), (3, 0.1, 0.9)])
def test_the_true_difference_is_covered_when_seeds_vary(draw, seeds, spread, least):
    """At 95 % where seeds vary about as much as rows do; at 92 %, as documented, where three seeds are the noise."""
    covered = []
    for rows, _ in itertools.product(SIZES, range(40)):
        labels = draw.integers(0, 2, rows)
        better, worse = (
            [fine_tuned(draw, labels, rate + spread * draw.normal()) for _ in range(seeds)] for rate in (0.75, 0.7)
        )
        covered.append(paired_difference(better, worse, labels, accuracy, seed=0).interval.covers(0.05))

    assert least <= np.mean(covered)


@pytest.mark.parametrize("seeds", [1, 3])
def test_identical_predictions_do_not_differ(draw, seeds):
    """No difference, and no doubt about it."""
    models = guesses(draw, 277, seeds, 0.5)

    found = paired_difference(models, models, draw.integers(0, 2, 277), matthews, seed=0)

    assert (0, Interval(0, 0), 0, seeds, 277) == tuple(vars(found).values())


def test_the_difference_is_the_mean_over_seeds(draw):
    """Of each seed's difference, in the middle of the interval."""
    labels = draw.integers(0, 2, 408)
    better, worse = ([fine_tuned(draw, labels, rate) for _ in range(3)] for rate in (0.8, 0.7))

    found = paired_difference(better, worse, labels, accuracy, seed=0)

    each = [accuracy(b, labels) - accuracy(w, labels) for b, w in zip(better, worse, strict=True)]
    assert found.difference == pytest.approx(np.mean(each))
    assert found.difference == pytest.approx((found.interval.low + found.interval.high) / 2)


def test_the_error_of_accuracy_is_the_textbook_one(draw):
    """The standard error of the mean of the paired differences of the rows."""
    labels = draw.integers(0, 3, 408)
    better, worse = draw.integers(0, 3, (2, 408))

    found = paired_difference([better], [worse], labels, accuracy, seed=0)

    assert found.standard_error == pytest.approx(stats.sem((better == labels) * 1.0 - (worse == labels)))


def test_the_error_of_matthews_is_that_of_a_bootstrap(draw):
    """Within a tenth, for models that are right for most rows."""
    labels = (draw.random(1043) < 0.7).astype(int)
    better, worse = fine_tuned(draw, labels, 0.85), fine_tuned(draw, labels, 0.8)
    resampled = [
        matthews(better[rows], labels[rows]) - matthews(worse[rows], labels[rows])
        for rows in draw.integers(0, 1043, (2000, 1043))
    ]

    found = paired_difference([better], [worse], labels, matthews, seed=0)

    assert found.standard_error == pytest.approx(np.std(resampled), rel=0.1)


def test_groups_of_rows_say_what_single_rows_say(draw, monkeypatch):
    """Predicted numbers all differ: leaving out groups of rows gives the error of leaving out one by one."""
    labels = draw.normal(size=1200)
    better, worse = (labels + spread * draw.normal(size=1200) for spread in (0.5, 0.6))
    in_groups = paired_difference([better], [worse], labels, pearson, seed=0)
    monkeypatch.setattr(statistics, "MOST_PARTS", 1200)

    one_by_one = paired_difference([better], [worse], labels, pearson, seed=0)

    assert one_by_one.standard_error == pytest.approx(in_groups.standard_error, rel=0.15)


def test_a_metric_of_classes_is_computed_a_few_times(draw):
    """Twice whole and once for each kind of row: a slow metric of a large split is no obstacle."""
    calls = []

    def slow(predicted: np.ndarray, true: np.ndarray) -> float:
        calls.append(len(true))
        return accuracy(predicted, true)

    paired_difference(*[[one] for one in guesses(draw, 9815, 2, 0.0)], draw.integers(0, 2, 9815), slow, seed=0)

    assert 2 * (2 + 4) == len(calls)


def test_many_rows_leave_the_noise_of_seeds():
    """Where rows tell all, the interval is Student's of the seeds' differences."""
    right = [np.arange(20_000) < share * 20_000 for share in (0.80, 0.90, 0.85)]
    none = [np.zeros(20_000, dtype=bool)] * 3

    found = paired_difference(right, none, np.ones(20_000, dtype=bool), accuracy, seed=0)

    expected = stats.t.ppf(0.975, 2) * 0.05 / math.sqrt(3)
    assert found.interval.high - found.difference == pytest.approx(expected, rel=0.02)


def test_what_a_comparison_can_detect_is_what_was_foreseen(draw):
    """For models that err independently, as is taken before anything is known; the power asked for counts."""
    labels = draw.integers(0, 2, 1043)
    better, worse = ([fine_tuned(draw, labels, rate)] for rate in (0.75, 0.7))

    found = paired_difference(better, worse, labels, accuracy, seed=0)

    assert found.detectable() == pytest.approx(detectable_difference(0.7, 1043), rel=0.05)
    assert found.detectable(0.5) == pytest.approx(found.interval.high - found.difference)


@pytest.mark.parametrize(
    ("better", "worse", "labels"),
    [
        ([], [], [0, 1]),
        ([[0, 1]], [[0, 1], [0, 1]], [0, 1]),
        ([[0, 1, 1]], [[0, 1]], [0, 1]),
        ([[0, 1, 1]], [[0, 1, 1]], [0, 1]),
        ([[[0], [1]]], [[[0], [1]]], [[0], [1]]),
        ([[1]], [[0]], [1]),
    ],
)
def test_what_does_not_fit_is_refused(better, worse, labels):
    """No seeds, other seeds, other rows, logits instead of classes, or a single row."""
    with pytest.raises(ValueError, match=r"do not fit|shorter|longer"):
        paired_difference(better, worse, labels, accuracy, seed=0)


def test_a_score_that_is_no_number_is_refused():
    """Nothing can be compared with it."""
    with pytest.raises(ValueError, match="of 2 rows is not a finite number: nan"):
        paired_difference([[0.0, math.nan]], [[0.0, 1.0]], [0.0, 1.0], lambda one, _: float(one.sum()), seed=0)


@pytest.mark.parametrize(("gained", "lost"), [(0, 0), (1, 0), (9, 3), (3, 9), (40, 20)])
def test_mcnemar_is_the_exact_test(gained, lost):
    """The binomial test of a fair coin; rows that both have right or wrong do not count."""
    expected = sum(math.comb(gained + lost, k) for k in range(min(gained, lost) + 1)) * 2 / 2 ** (gained + lost)

    assert mcnemar(*discordant(gained, lost)) == pytest.approx(min(1, expected))


def test_the_interval_and_mcnemar_agree():
    """What the interval of one seed calls a difference of accuracy, the exact test does, save on the very edge."""
    for gained, lost in itertools.product(range(0, 41, 4), range(0, 41, 5)):
        better, worse, labels = discordant(gained, lost)
        covers = paired_difference([better], [worse], labels, accuracy, seed=0).interval.covers(0)
        p_value = mcnemar(better, worse, labels)

        assert covers or p_value < 0.06, (gained, lost)
        assert not covers or p_value > 0.03, (gained, lost)


def power_of_mcnemar(draw: np.random.Generator, rate: float, rows: int, gain: float, differ: float | None) -> float:
    """How often the exact test finds a gain, in 4000 pairs of models."""
    if differ is None:
        differ = rate * (1 - rate - gain) + (1 - rate) * (rate + gain)
    gained, lost, _ = draw.multinomial(rows, [(differ + gain) / 2, (differ - gain) / 2, 1 - differ], 4000).T
    p_values = 2 * stats.binom.cdf(np.minimum(gained, lost), gained + lost, 0.5)
    return float(np.mean((p_values <= 0.05) & (gained > lost)))


@pytest.mark.parametrize("rows", SIZES)
@pytest.mark.parametrize(("rate", "disagreement"), [(0.7, None), (0.5, None), (0.9, None), (0.7, 0.2)])
def test_the_detectable_difference_is_that_of_a_simulation(draw, rows, rate, disagreement):
    """Within a tenth: nine tenths of it are found in less than 80 % of cases, eleven tenths in more."""
    least = detectable_difference(rate, rows, disagreement=disagreement)

    found = [power_of_mcnemar(draw, rate, rows, least * share, disagreement) for share in (0.9, 1.1)]

    assert found[0] < 0.8 < found[1]


def test_models_that_agree_show_smaller_differences():
    """Less disagreement is less noise, and not knowing it is the safe side; more rows help as well."""
    unknown, half, more_rows = (
        detectable_difference(0.7, 408),
        detectable_difference(0.7, 408, disagreement=0.21),
        detectable_difference(0.7, 1632),
    )

    assert half < unknown
    assert more_rows == pytest.approx(unknown / 2, rel=0.05)


@pytest.mark.parametrize(("rate", "rows", "disagreement"), [(0.95, 50, None), (1, 1000, None), (0.7, 408, 0.01)])
def test_what_can_never_be_found_is_infinite(rate, rows, disagreement):
    """Not even a model that is always right, or right wherever the two differ, would be told from the other."""
    assert math.inf == detectable_difference(rate, rows, disagreement=disagreement)


@pytest.mark.parametrize("wrong", [{"rate": 1.2}, {"rows": 0}, {"disagreement": -0.1}, {"power": 1.0}, {"level": 95}])
def test_a_share_is_a_share(wrong):
    """Percents, and splits without rows, are refused with what was given."""
    with pytest.raises(ValueError, match=f"{next(iter(wrong))}={next(iter(wrong.values()))}"):
        detectable_difference(**{"rate": 0.7, "rows": 100} | wrong)


def ranked(draw: np.random.Generator, count: int, correlation: float) -> tuple[list[float], list[float]]:
    """Scores of configurations at two fractions, of a given correlation."""
    lower, other = draw.normal(size=(2, count))
    return list(lower), list(correlation * lower + math.sqrt(1 - correlation**2) * other)


@pytest.mark.parametrize(
    ("count", "correlation", "verdict"),
    [(12, 0.95, "held"), (40, 0.6, "held"), (40, 0.0, "did not hold"), (12, -0.8, "did not hold")],
)
def test_a_ranking_has_a_verdict(draw, count, correlation, verdict):
    """Rankings that agree held, opposite and unrelated ones did not; tau is scipy's, inside its interval."""
    lower, higher = ranked(draw, count, correlation)

    found = rank_agreement(lower, higher)

    assert verdict == found.verdict
    assert found.tau == stats.kendalltau(lower, higher).statistic
    assert found.interval.covers(found.tau)
    assert count == found.count


@pytest.mark.parametrize(("count", "tau"), [(0, None), (1, None), (4, 1.0)])
def test_four_are_too_few(count, tau):
    """Even in the same order they say nothing, as one order in 24 is that."""
    found = rank_agreement(list(range(count)), list(range(count)))

    assert (tau, None, count, "too few to say") == tuple(vars(found).values())


def test_five_in_the_same_order_are_enough():
    """One order in 120 is that; with a single swap it is too few to say."""
    order = [1.0, 2.0, 3.0, 4.0, 5.0]

    assert "held" == rank_agreement(order, order).verdict
    assert "did not hold" == rank_agreement(order, order[::-1]).verdict
    assert "too few to say" == rank_agreement(order, [2.0, 1.0, 3.0, 4.0, 5.0]).verdict


def test_ties_say_nothing():
    """Where every configuration scored the same, as where all predict one class, no ranking is there to hold."""
    found = rank_agreement([0.0] * 10, list(range(10)))

    assert (None, None, 10, "too few to say") == tuple(vars(found).values())


def test_ties_widen_the_interval():
    """Eight of ten at a score of 0, and the best two best again: two configurations cannot carry a verdict."""
    lower, higher = [0.0] * 8 + [0.1, 0.2], [*range(8), 8.0, 9.0]

    tied_most, tied_none = rank_agreement(lower, higher), rank_agreement(list(range(10)), higher)

    assert tied_none.interval.high - tied_none.interval.low < tied_most.interval.high - tied_most.interval.low


def test_unrelated_rankings_do_not_hold(draw):
    """With ties or without, at most one in forty seems to: that much a level of 95 % allows; here one in thirty."""
    verdicts = []
    for floor, _ in itertools.product((-9.0, 0.5), range(200)):
        lower, higher = ranked(draw, 10, 0.0)
        verdicts.append(rank_agreement([max(one, floor) for one in lower], higher).verdict)

    assert verdicts.count("held") <= len(verdicts) / 30


@pytest.mark.parametrize(("lower", "higher"), [([1.0, 2.0], [1.0]), ([1.0, math.nan], [1.0, 2.0])])
def test_a_ranking_needs_all_scores(lower, higher):
    """One fraction's score missing, or none at all."""
    with pytest.raises(ValueError, match="a score at both fractions"):
        rank_agreement(lower, higher)


@pytest.mark.parametrize("score", [accuracy, matthews])
def test_a_constant_prediction_is_at_chance(draw, score):
    """Its chance level is its own score, without any spread: to the last bit."""
    labels, constant = draw.integers(0, 2, 277), np.ones(277, dtype=int)

    assert (score(constant, labels), 0) == chance_level(score, constant, labels, seed=3)


def test_chance_is_what_is_known_of_it(draw):
    """Matthews' coefficient of unrelated classes has mean 0 and variance 1 / (n - 1), however good the model is."""
    labels = draw.integers(0, 2, 408)

    mean, sd = chance_level(matthews, labels, labels, seed=0, permutations=400)

    assert mean == pytest.approx(0, abs=0.01)
    assert sd == pytest.approx(1 / math.sqrt(407), rel=0.1)


def test_chance_is_seeded(draw):
    """The same seed gives the same level, and one permutation has no deviation."""
    labels, predicted = draw.integers(0, 2, (2, 277))
    first, again, other = (chance_level(accuracy, predicted, labels, seed=seed) for seed in (1, 1, 2))

    assert first == again != other
    with pytest.raises(ValueError, match="permutations=1"):
        chance_level(accuracy, predicted, labels, seed=0, permutations=1)


def test_what_is_surely_worse_is_not_tied():
    """Differences to the winner count, seed by seed: not the scores, which vary more."""
    scores = {0: [0.60, 0.70, 0.80], 4: [0.61, 0.71, 0.82], 7: [0.70, 0.60, 0.81], 9: [0.10, 0.20, 0.30]}

    assert {4, 7, 0} == tied(scores)
    assert {4, 7} == tied(scores, level=0.8)


def test_of_one_seed_only_equals_are_tied():
    """Nothing is known of the noise between seeds; neither is there with a single configuration."""
    assert {1, 3} == tied({1: [0.8], 2: [0.79], 3: [0.8]})
    assert {5} == tied({5: [0.1, 0.2]})


def test_a_constant_lead_is_a_lead():
    """A configuration that is worse by the same with every seed is told apart, an equal one is not."""
    assert {1, 2} == tied({1: [0.5, 0.75], 2: [0.5, 0.75], 3: [0.25, 0.5]})


def test_the_winner_is_alone_as_often_as_it_should(draw):
    """Of two equal configurations over three seeds both are tied in 95 % of searches."""
    both = [len(tied({0: list(one), 1: list(other)})) == 2 for one, other in draw.normal(size=(500, 2, 3))]

    assert np.mean(both) == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize("scores", [{}, {1: []}, {1: [0.5], 2: [0.5, 0.6]}, {1: [0.5, math.nan]}])
def test_ties_need_scores_over_the_same_seeds(scores):
    """None, other seeds, or a trial that failed."""
    with pytest.raises(ValueError, match="over the same seeds"):
        tied(scores)
