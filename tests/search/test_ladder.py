"""Who climbs, who is compared at full size, and whether what comes out can be believed: functions of records alone."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from transformers import EvalPrediction

from hpsearch.search.ladder import Ladder
from hpsearch.search.strategy import FULL, LADDER, NONE, QUICK, SINGLE, Strategy
from hpsearch.search.trial.signal_check import DEVIATIONS, SignalCheck
from hpsearch.search.verdict.signal_words import signal_words
from hpsearch.spaces.errors import BadInput
from hpsearch.studies.objective import Objective
from hpsearch.studies.promotion import Promotion
from hpsearch.studies.records import Failure, Phase, Trial, TrialState

from ..benchmarks.nothing import Nothing, matthews
from ..benchmarks.recorded_table import PARTS

SEED = 7
FAILED, PRUNED, COLLAPSED = TrialState.FAILED, TrialState.PRUNED, Failure.COLLAPSED


def ladder(fraction: float = 0.1, direction: str = "maximize", **asked: Any) -> Ladder:
    return Ladder(
        strategy=Strategy(**{"name": LADDER, **asked}),
        fraction=fraction,
        seed=SEED,
        objective=Objective("eval_accuracy", direction),
    )


def trial(number: int, score: float | None = None, **changes: Any) -> Trial:
    """Return a trial of the first rung at a tenth of the data, complete; the first one is the baseline."""
    values: dict[str, Any] = {
        "trial_id": 100 + number,
        "study_id": 1,
        "state": TrialState.COMPLETE,
        "baseline": number == 0,
        "fraction": 0.1,
        "seed": SEED,
        "params": {"learning_rate": 1e-5 * (number + 1)},
        "objective": "eval_accuracy",
    }
    loss = changes.pop("loss", None)
    metrics = {} if loss is None else {"eval_loss": loss}
    return Trial(number=number, score=score, metrics=metrics, **{**values, **changes})


def searched(*scores: float, **changes: Any) -> list[Trial]:
    return [trial(number, score, **changes) for number, score in enumerate(scores)]


def run(promotion: Promotion, number: int, score: float | None = 0.5, **changes: Any) -> Trial:
    """Return the trial that a promotion became."""
    asked = {name: getattr(promotion, name) for name in ("baseline", "phase", "rung", "fraction", "seed", "origin")}
    return trial(number, score, **{**asked, "params": dict(promotion.params), **changes})


def ran(promotions: Sequence[Promotion], trials: Sequence[Trial], *scores: float) -> list[Trial]:
    """Return all trials, with those that promotions became."""
    return [*trials, *(run(one, len(trials) + place, scores[place]) for place, one in enumerate(promotions))]


def who(promotions: Iterable[Promotion]) -> list[int]:
    return [one.origin for one in promotions]


def what(promotions: Iterable[Promotion]) -> list[tuple[int, float, int]]:
    return [(one.origin, one.fraction, one.seed) for one in promotions]


TEN = (0.50, 0.51, 0.59, 0.52, 0.58, 0.53, 0.57, 0.54, 0.56, 0.55)  # the best are 2, 4, 6, 8


# Climbing


@pytest.mark.parametrize("trials", [[], [trial(0, state=FAILED, failure=Failure.OOM)]], ids=["no trials", "none ended"])
def test_nothing_comes_of_nothing(trials):
    """A study without a complete trial asks for no other, not even for a final of the baseline."""
    assert [] == ladder(confirm=FULL).promotions(trials)


def test_the_best_third_goes_on():
    """With its own values, on three times the data, with the seed of the study: a training from the beginning."""
    trials = searched(*TEN)

    promotions = ladder().promotions(trials)

    assert [2, 4, 6] == who(promotions)
    assert all((Phase.PROMOTION, 1, 0.3, SEED) == (one.phase, one.rung, one.fraction, one.seed) for one in promotions)
    assert [trials[one.origin].params for one in promotions] == [one.params for one in promotions]


def test_and_so_on():
    """Of 27 configurations nine reach the second rung and three the third, the best there first, and one the finals.

    On a fourth rung that one would climb alone: nothing is decided there, and nothing is trained.
    """
    climbs, expected = ladder(0.01), [9, 3]
    trials = searched(*(number / 100 for number in range(27)), fraction=0.01)
    fractions = []
    for count in expected:
        promotions = climbs.promotions(trials)
        assert count == len(promotions)
        fractions += sorted({one.fraction for one in promotions})
        trials = ran(promotions, trials, *(one.origin / 100 for one in promotions))

    assert [0.03, 0.09] == fractions
    assert [26, 0] == who(climbs.promotions(trials))


def test_what_counts_is_the_latest_rung():
    """Whoever wins on more data goes on, whatever came out on less."""
    trials = searched(*TEN)
    climbed = ran(ladder().promotions(trials), trials, 0.60, 0.61, 0.62)

    assert [6, 0] == who(ladder().promotions(climbed))


@pytest.mark.parametrize("scores", [TEN, (0.5,) * 10], ids=["apart", "all equal"])
def test_minimize_turns_the_ranking_round(scores):
    """With an error as objective the least is the best."""
    errors = searched(*(1 - score for score in scores))

    assert who(ladder().promotions(searched(*scores))) == who(ladder(direction="minimize").promotions(errors))


def test_equal_scores_are_ranked_by_the_loss():
    """A metric that is flat on few rows leaves the choice to the loss; equal in both, whoever came first goes on."""
    losses = (0.7, 0.7, 0.6, 0.7, 0.65, 0.7, 0.7, 0.7, 0.7)
    trials = [trial(number, 0.5, loss=loss) for number, loss in enumerate(losses)]

    assert [2, 4, 0] == who(ladder().promotions(trials))


def test_few_trials_go_straight_to_the_finals():
    """A rung that as many would climb as are compared in the end decides nothing: of two configurations the better one
    is compared with the baseline at once, and of six the two that `full` compares.
    """
    assert [(1, 1.0), (0, 1.0)] == [(one.origin, one.fraction) for one in ladder().promotions(searched(0.5, 0.6))]
    six = ladder(confirm=FULL).promotions(searched(0.1, 0.5, 0.6, 0.2, 0.3, 0.4))
    assert {(2, 1.0), (1, 1.0), (0, 1.0)} == {(one.origin, one.fraction) for one in six}


def test_a_finalist_that_failed_gives_its_place_to_the_next():
    """Where the winner cannot be trained on all the data, the second of the ranking is compared with the baseline."""
    trials = searched(0.5, 0.6, 0.55)
    finals = ladder().promotions(trials)
    ended = ran(finals, trials, *(0.7 for _ in finals))
    failed = {"state": FAILED, "failure": Failure.OOM, "score": None}
    after = [replace(one, **failed) if one.origin == 1 else one for one in ended]

    assert [2] == who(ladder().promotions(after))


# Asking again


def test_what_is_there_is_not_asked_for_again():
    """Two workers that ask at the same time, or one that starts again, ask for the same; then only for what is left."""
    trials = searched(*TEN)
    first = ladder().promotions(trials)

    assert first == ladder().promotions(trials)
    assert first[1:] == ladder().promotions([*trials, run(first[0], 10)])
    assert [2, 0] == who(ladder().promotions(ran(first, trials, 0.9, 0.8, 0.7)))


def test_a_complete_study_asks_for_nothing():
    """After its finals there is no more to run."""
    trials = searched(*TEN)
    trials = ran(ladder().promotions(trials), trials, 0.9, 0.8, 0.7)
    trials = ran(ladder().promotions(trials), trials, 0.9, 0.5)

    assert [] == ladder().promotions(trials)


def test_a_larger_total_asks_only_for_what_is_missing():
    """A finished study of nine that is asked for 18 has six places at the second rung: three are taken already."""
    trials = searched(*(0.5 + number / 100 for number in range(9)))
    trials = ran(ladder().promotions(trials), trials, 0.9, 0.8, 0.7)
    trials = ran(ladder().promotions(trials), trials, 0.9, 0.5)
    more = [*trials, *(trial(len(trials) + number, 0.4 + number / 1000) for number in range(9))]

    assert [5, 4, 3] == who(ladder().promotions(more))


def test_later_finals_are_added():
    """A study that had `quick` finals and is asked for `full` ones keeps them; the baseline is compared as often."""
    trials = searched(*TEN)
    trials = ran(ladder().promotions(trials), trials, 0.9, 0.8, 0.7)
    trials = ran(ladder().promotions(trials), trials, 0.9, 0.5)

    missing = what(ladder(confirm=FULL).promotions(trials))

    assert [(4, 1.0, 7), *((one, 1.0, seed) for seed in (8, 9) for one in (2, 4, 0))] == missing


# Who is not promoted


def test_a_constant_predictor_is_never_promoted():
    """However good its score looks: on uneven classes it may be the best of all, and has learned nothing."""
    trials = [trial(0, 0.9, failure=COLLAPSED), *(trial(number, 0.1 * number) for number in range(1, 9))]

    assert [8, 7, 6] == who(ladder().promotions(trials))


def test_of_constant_predictors_the_one_with_the_lowest_loss_goes_on():
    """Where nothing learned anything, more data may help one, and is not spent on three."""
    losses = (0.69, 0.68, 0.61, 0.67, 0.66, 0.65, 0.64, 0.63, 0.62)
    trials = [trial(number, 0.7, loss=loss, failure=COLLAPSED) for number, loss in enumerate(losses)]

    assert [2] == who(ladder().promotions(trials))


def test_whoever_learned_alone_goes_on_alone():
    """The places of the others stay empty rather than go to constant predictors."""
    trials = [trial(number, 0.7, loss=0.6, failure=COLLAPSED) for number in range(8)]

    assert [8] == who(ladder().promotions([*trials, trial(8, 0.1, loss=0.9)]))


def test_a_collapse_on_more_data_ends_the_climb():
    """One that learned at the first rung and not at the second is behind all that did."""
    trials = searched(*TEN)
    first = ladder().promotions(trials)
    climbed = [run(first[0], 10, 0.99, failure=COLLAPSED), run(first[1], 11, 0.5), run(first[2], 12, 0.6)]

    assert [6, 0] == who(ladder().promotions([*trials, *climbed]))


def test_stopped_and_failed_trials_are_not_promoted():
    """A pruned trial counts among those a third is taken of; a failed one does not, its slot is given back."""
    pruned = [trial(number, 0.9, state=PRUNED) for number in range(3, 6)]
    failed = [trial(number, None, state=FAILED, failure=Failure.NAN) for number in range(6, 12)]

    assert [2, 1] == who(ladder().promotions([*searched(0.5, 0.6, 0.7), *pruned, *failed]))


def test_a_promotion_that_failed_gives_its_place_to_the_next():
    """As long as there is one: three are compared at the second rung, whoever ran out of memory there."""
    trials = searched(*TEN)
    first = ladder().promotions(trials)
    out_of_memory = run(first[0], 10, None, state=FAILED, failure=Failure.OOM)
    climbed = [*trials, out_of_memory, run(first[1], 11), run(first[2], 12)]

    (instead,) = ladder().promotions(climbed)

    assert (8, 1, 0.3) == (instead.origin, instead.rung, instead.fraction)
    assert 8 in who(ladder().promotions([*climbed, run(instead, 13, 0.9)]))


def test_where_all_fail_on_more_data_the_baseline_remains():
    """Everybody had a try at the second rung, so that no more can be done than to train the baseline."""
    trials = searched(*TEN)
    while (promotions := ladder().promotions(trials)) and promotions[0].phase is Phase.PROMOTION:
        for one in promotions:
            trials.append(run(one, len(trials), None, state=FAILED, failure=Failure.OOM))

    assert [(0, 1.0, SEED)] == what(promotions)
    assert 20 == len(trials)


# Finals


def finals(scores: Sequence[float] = (0.5, 0.6, 0.7), fraction: float = 0.1, **asked: Any) -> list[Any]:
    """Return the finals of a search with one rung: configuration, fraction and seed."""
    promotions = ladder(fraction, name=SINGLE, **asked).promotions(searched(*scores, fraction=fraction))
    assert all((Phase.FINAL, 1) == (one.phase, one.rung) for one in promotions)
    return what(promotions)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"confirm": NONE}, []),
        ({"confirm": QUICK}, [(2, 7), (0, 7)]),
        ({"confirm": QUICK, "finalists": 3}, [(2, 7), (0, 7)]),
        ({"confirm": FULL, "seeds": 2}, [(2, 7), (1, 7), (0, 7), (2, 8), (1, 8), (0, 8)]),
        ({"confirm": FULL, "finalists": 1}, [(2, 7), (0, 7), (2, 8), (0, 8), (2, 9), (0, 9)]),
        ({"confirm": FULL, "finalists": 9, "seeds": 2}, [(2, 7), (1, 7), (0, 7), (2, 8), (1, 8), (0, 8)]),
    ],
)
def test_finals(asked, expected):
    """On all the data, the baseline among them, all with the same seeds; seed by seed, so that what is cut is fair."""
    assert [(number, 1.0, seed) for number, seed in expected] == finals(**asked)


def test_the_baseline_is_compared_once():
    """Also where it is the winner."""
    assert [(0, 1.0, SEED)] == finals((0.9, 0.6, 0.7))


def test_a_baseline_that_failed_is_in_no_final():
    """Winner and baseline cannot be compared then; the winner is trained all the same."""
    trials = [trial(0, None, state=FAILED, failure=Failure.NAN), trial(1, 0.6), trial(2, 0.7)]

    assert [2] == who(ladder(name=SINGLE).promotions(trials))


def test_nothing_is_trained_twice():
    """Where trials had all the data already, the finals are those with the other seeds."""
    assert [] == finals(fraction=1.0, confirm=QUICK)
    assert [] == finals(fraction=1.0, confirm=NONE)
    assert [(one, 1.0, seed) for seed in (8, 9) for one in (2, 1, 0)] == finals(fraction=1.0, confirm=FULL)


# The strategy


@pytest.mark.parametrize(
    ("fraction", "expected"),
    [(0.1, [0.1, 0.3]), (1 / 9, [1 / 9, 1 / 3]), (0.5, [0.5]), (1.0, [1.0]), (0.01, [0.01, 0.03, 0.09, 0.27])],
)
def test_rungs(fraction, expected):
    """Three times the data each, none above half of it, in numbers that people would write."""
    assert expected == pytest.approx(Strategy(name=LADDER).rungs(fraction), abs=1e-9)
    assert [fraction] == Strategy(name=SINGLE).rungs(fraction)


def test_rungs_are_the_numbers_people_write():
    """Not 0.30000000000000004, which would be a configuration of its own in the database."""
    assert [0.1, 0.3] == Strategy(name=LADDER).rungs(0.1)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"name": "lader"}, "unknown --strategy 'lader'"),
        ({"confirm": "all"}, "unknown --confirm 'all'"),
        ({"confirm": ""}, "unknown --confirm ''"),
        ({"finalists": 0}, "--finalists takes a whole number from 1 to 100, not 0"),
        ({"finalists": True}, "--finalists takes a whole number from 1 to 100, not True"),
        ({"finalists": 101}, "--finalists takes a whole number from 1 to 100, not 101"),
        ({"seeds": 1}, "--seeds takes a whole number from 2 to 100, not 1"),
        ({"seeds": 2.5}, "--seeds takes a whole number from 2 to 100, not 2.5"),
    ],
)
def test_bad_strategies_are_refused(asked, said):
    """With the flag, what it takes and what it was given."""
    with pytest.raises(BadInput) as refused:
        Strategy(**asked)

    assert said in str(refused.value)


# Whatever comes


def chance_trial(chance: random.Random, made: Callable[..., Trial]) -> Trial:
    """Return a trial that ended in one way or another, its score often equal to another's."""
    state = chance.choices([TrialState.COMPLETE, PRUNED, FAILED], [8, 1, 2])[0]
    collapsed = state is TrialState.COMPLETE and chance.random() < 0.3
    failure = COLLAPSED if collapsed else Failure.OOM if state is FAILED else None
    score = None if state is FAILED else 0.0 if collapsed else chance.randrange(5) / 5
    return made(score=score, loss=chance.choice([0.5, 0.6, chance.random()]), state=state, failure=failure)


def driven(chance: random.Random, climbs: Ladder) -> list[Trial]:
    """Return the trials of a search that is complete; the order in which they ended is another at each look."""
    count = chance.randrange(1, 30)
    trials = [chance_trial(chance, lambda number=number, **how: trial(number, **how)) for number in range(count)]
    trials = [replace(one, fraction=climbs.fraction) for one in trials]
    while promotions := climbs.promotions(trials):
        assert promotions == climbs.promotions(chance.sample(trials, len(trials)))
        assert len(trials) < 30 * 20, "it would go on for ever"
        for one in promotions:
            trials.append(chance_trial(chance, lambda one=one, **how: run(one, len(trials), **how)))
    return trials


@pytest.mark.parametrize("seed", range(200))
def test_every_search_comes_to_an_end(seed):
    """Whatever happens to its trials, it ends; the order in which they end changes nothing; each promotion is of one
    that was complete at the rung below, and of one that learned, unless none did; none is trained twice.
    """
    chance = random.Random(seed)
    asked = {"confirm": chance.choice([NONE, QUICK, FULL]), "finalists": chance.randrange(1, 5)}
    climbs = ladder(chance.choice([0.01, 0.1, 0.4, 1.0]), chance.choice(["maximize", "minimize"]), **asked)

    trials = driven(chance, climbs)

    at = {(one.first_number, one.rung): one for one in trials if one.phase is not Phase.FINAL}
    below = [at[one.first_number, one.rung - 1] for one in trials if one.phase is Phase.PROMOTION]
    assert all(one.state is TrialState.COMPLETE for one in below)
    for rung in {one.rung for one in below}:
        there = [one for (_, height), one in at.items() if height == rung and one.state is TrialState.COMPLETE]
        climbed = [one for one in below if one.rung == rung]
        assert len(climbed) == 1 or all(one.failure is None for one in climbed)
        assert all(one.failure is None for one in climbed) or all(one.failure is COLLAPSED for one in there)
    trained = [(one.first_number, one.fraction, one.seed) for one in trials]
    assert len(set(trained)) == len(trained)


@pytest.mark.parametrize("seed", range(20))
def test_finals_are_fair(seed):
    """All that are compared at full size are trained with the same seeds."""
    chance = random.Random(seed)

    trials = driven(chance, ladder(confirm=FULL, seeds=3))

    seeds = {one.first_number: set() for one in trials if one.phase is Phase.FINAL}
    for one in trials:
        if one.phase is Phase.FINAL:
            seeds[one.first_number].add(one.seed)
    assert all({7, 8, 9} == those for those in seeds.values())


# Where there is nothing to find


def test_claims_about_noise_are_no_more_than_were_allowed():
    """200 searches on labels that say nothing: 95 % or more of the intervals of winner against baseline hold 0."""
    confirms, tasks = (QUICK, FULL), list(PARTS)
    claims = [Nothing(tasks[seed % 3], seed).claim(confirms[seed % 2]) for seed in range(200)]
    made = [one.interval for one in claims if one is not None]

    assert len(made) > 80
    assert 0.95 <= np.mean([one.covers(0) for one in made])
    assert 0.025 >= np.mean([one.low > 0 for one in made])


def test_the_quick_correlation_is_the_real_one():
    """What stands for Matthews' correlation coefficient in these simulations, constants included."""
    from sklearn.metrics import matthews_corrcoef

    draw = np.random.default_rng(3)
    true = draw.integers(0, 2, 50)
    for share in (0.2, 0.5, 0.9):
        predicted = (draw.random(50) < share).astype(int)
        assert matthews_corrcoef(true, predicted) == pytest.approx(matthews(predicted, true))
    assert 0.0 == matthews(np.ones(50, int), true)


# Whether the subset says anything


@pytest.fixture
def settled() -> list[dict[str, Any]]:
    """What was told about the signal."""
    return []


@pytest.fixture
def check(settled) -> SignalCheck:
    """A check of accuracy."""
    return SignalCheck(objective=Objective("eval_accuracy", "maximize"), seed=1, settle=settled.append)


def accuracy(prediction: Any) -> dict[str, float]:
    return {"accuracy": float((prediction.predictions.argmax(axis=1) == prediction.label_ids).mean())}


def predicting(classes: np.ndarray, labels: np.ndarray) -> Any:
    return EvalPrediction(predictions=np.eye(2)[classes], label_ids=labels)


@pytest.mark.parametrize(("direction", "better"), [("maximize", 1), ("minimize", -1)])
@pytest.mark.parametrize(("deviations", "found"), [(DEVIATIONS + 0.1, True), (DEVIATIONS - 0.1, False), (-9, False)])
def test_a_signal_is_two_deviations_from_chance(check, direction, better, deviations, found):
    """On the better side, whichever that is."""
    check.objective, check.chance = Objective("eval_accuracy", direction), (0.5, 0.02)

    assert found is check.look(0.1, 0.5 + better * deviations * 0.02)


def test_a_constant_predictor_is_no_signal(check):
    """It scores exactly what it scores against shuffled labels, on uneven classes too."""
    labels = np.array([1] * 70 + [0] * 30)
    found = check.watching(accuracy)(predicting(np.ones(100, int), labels))

    assert {"accuracy": 0.7} == found
    assert not check.look(0.1, 0.7)
    assert check.chance == (0.7, 0.0)


def test_predictions_that_fit_are_a_signal(check, settled):
    """Chance is what the same predictions score for shuffled labels, and each look is written down."""
    labels = np.array([1] * 70 + [0] * 30)
    classes = np.where(np.arange(100) % 5 == 0, 1 - labels, labels)  # four in five are right

    check.watching(accuracy)(predicting(classes, labels))

    assert check.look(0.1, 0.8)
    (told,) = settled
    assert (0.1, True) == (told["fraction"], told["found"])
    (seen,) = told["checks"]
    assert (0.1, 0.8) == (seen["fraction"], seen["score"])
    assert 0.56 == pytest.approx(seen["chance"], abs=0.05)  # 0.62 of the predictions are 1
    assert 0 < seen["deviation"] < 0.1


@pytest.mark.parametrize(
    "labels", [None, np.zeros((5, 6), int), np.zeros(1), [0, 1] * 5], ids=["none", "tokens", "a row", "a list"]
)
def test_without_plain_labels_a_signal_is_taken_for_granted(check, settled, labels):
    """Nobody here knows how to shuffle labels of tokens, or what is no array of them; nothing is written down then."""
    prediction = EvalPrediction(predictions=np.zeros((5, 2)), label_ids=labels)
    check.watching(lambda given: {"accuracy": 0.5})(prediction)

    assert check.look(0.1, 0.0)
    assert [{"fraction": 0.1, "found": True, "checks": []}] == settled


def looks(*fractions: float) -> list[dict[str, float]]:
    there = {"score": 0.684, "chance": 0.684, "deviation": 0.0}
    return [{"fraction": fraction, **there} for fraction in fractions]


@pytest.mark.parametrize(
    ("signal", "said"),
    [
        ({}, None),
        ({"fraction": 0.1, "found": True, "checks": []}, None),
        ({"fraction": 0.1, "found": True, "checks": looks(0.1)}, None),
        (
            {"fraction": 0.3, "found": True, "checks": looks(0.1, 0.3)},
            "no signal on 0.1 of the data, so trials see 0.3",
        ),
        ({"fraction": 0.1, "found": False, "checks": looks(0.1)}, "no better than chance on 0.1 of the data"),
    ],
)
def test_what_is_said_of_the_signal(signal, said):
    """Nothing where all is well; else what was seen, and what that means. An earlier release took more of the data."""
    words = signal_words(signal, 0.1)

    assert said is words if said is None else said in words
    assert words is None or "0.684, by chance 0.684" in words
