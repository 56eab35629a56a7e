"""A real change of a cell is told from noise: soon, hardly ever for nothing, and once."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from hpsearch.search.sweep import alarm
from hpsearch.search.sweep.alarm import CYCLE, THRESHOLD, Finding, Night, State, examine, rows_changed, seeds_of
from hpsearch.spaces.errors import BadInput

from ..benchmarks.nights import WORLDS, ours, some, told, unchanged

WORLD = {world.name: world for world in WORLDS}
BEFORE = (0.812, 0.795, 0.803, 0.788, 0.809, 0.799, 0.801, 0.792, 0.806)  # three nights of three seeds


def blocks(scores: Sequence[float], seeds: int = 3, first: int = 1) -> list[Night]:
    """Nights of so many seeds, none of which ever runs again."""
    starts = range(0, len(scores), seeds)
    return [Night(scores={first + at + i: scores[at + i] for i in range(seeds)}) for at in starts]


def looked(nights: Sequence[Night], *, direction: str = "maximize", rows: int = 2000, cells: int = 1) -> Finding:
    return examine(nights, direction=direction, rows=rows, cells=cells)


def scored(night: Night, change: Callable[[float], float]) -> Night:
    return Night(scores={seed: change(score) for seed, score in night.scores.items()})


@pytest.fixture
def draw() -> np.random.Generator:
    return np.random.default_rng(5)


# What one night can say


def test_equal_nights_are_steady():
    """Scores that are all the same are no evidence of anything, nor a division by zero."""
    for score in (0.8, 0.0):
        found = looked([Night(scores=dict.fromkeys(seeds_of(1, 3, run), score)) for run in range(12)])

        assert (State.STEADY, 0.0, pytest.approx(1.0)) == (found.state, found.difference, found.p)


def test_a_deterministic_repeat_is_no_evidence(draw):
    """A machine that scores each seed as before says nothing new, however often: the p-value stays what it was."""
    cycle = some(WORLD["deterministic, 11 updates"], draw, 3, CYCLE)

    once, thrice = looked(cycle), looked(cycle * 3)

    assert State.STEADY is thrice.state
    assert 0.0 == thrice.difference
    assert once.detectable == thrice.detectable
    assert looked(cycle * 2).p == thrice.p


def test_a_broken_night_is_told_at_once():
    """After three nights a fourth that is 0.3 lower is worse, since itself."""
    found = looked(blocks((*BEFORE, 0.502, 0.511, 0.493)))

    assert (State.WORSE, 3) == (found.state, found.since)
    assert pytest.approx(-0.2985, abs=1e-4) == found.difference
    assert found.p < THRESHOLD / 12


def test_a_better_night_is_told_too():
    """The alarm has two sides."""
    found = looked(blocks((*BEFORE, 0.902, 0.911, 0.893)))

    assert (State.BETTER, 3) == (found.state, found.since)
    assert found.difference > 0


def test_a_loss_is_worse_when_it_rises():
    """Of an objective to minimize the same scores say the opposite, and by as much."""
    nights = blocks((*BEFORE, 0.902, 0.911, 0.893))

    up, down = looked(nights), looked(nights, direction="minimize")

    assert (State.BETTER, State.WORSE) == (up.state, down.state)
    assert (up.p, up.difference) == (down.p, -down.difference)
    assert up.interval == tuple(-end for end in reversed(down.interval))


def test_one_row_is_no_change():
    """Scores that happened to be equal and are now one row lower on all three seeds have not changed."""
    nights = blocks((0.8,) * 9 + (0.79,) * 3)

    assert State.STEADY is looked(nights, rows=100).state
    assert State.WORSE is looked(nights, rows=10_000).state


def test_it_is_students_test_of_seeds_that_never_met():
    """Without a seed on both sides the p-value and the interval are those of two independent samples."""
    after = (0.789, 0.779, 0.776)

    found, asked = looked(blocks((*BEFORE, *after))), stats.ttest_ind(after, BEFORE)

    assert (State.NOISY, 3) == (found.state, found.since)
    assert pytest.approx(asked.pvalue) == found.p
    assert pytest.approx(asked.confidence_interval(0.95)) == found.interval


def test_it_is_the_paired_test_where_seeds_differ_more_than_nights():
    """Seeds far apart that all drop by about as much are compared one by one."""
    before = {seed: 0.5 + 0.04 * seed for seed in range(10)}
    lost = (0.011, 0.012, 0.009, 0.010, 0.011, 0.010, 0.008, 0.012, 0.009, 0.011)
    after = {seed: score - lost[seed] for seed, score in before.items()}

    found, asked = (
        looked([Night(scores=before), Night(scores=after)]),
        stats.ttest_rel(*map(list, map(dict.values, (after, before)))),
    )

    assert (State.WORSE, 1) == (found.state, found.since)
    assert pytest.approx(asked.pvalue) == found.p
    assert pytest.approx(asked.confidence_interval(0.95)) == found.interval


# Few scores, missing scores


@pytest.mark.parametrize(
    "nights", [[], [{}], [{1: 0.8, 2: 0.7, 3: 0.9}], [{1: 0.8}, {2: 0.1}], [{1: 0.8}, {1: 0.8}], [{}, {}]]
)
def test_too_few_scores_are_new(nights):
    """What cannot be compared is new, never an error."""
    assert Finding(state=State.NEW) == looked([Night(scores=one) for one in nights])


def test_one_seed_a_night_works():
    """A break is told on its third night: a single score may have collapsed."""
    nights = blocks((*BEFORE, 0.502, 0.511, 0.493, 0.499), seeds=1)

    states = [looked(nights[:end]).state for end in range(1, 14)]

    assert State.WORSE not in states[:11]
    assert State.WORSE is states[11]
    assert 9 == looked(nights[:12]).since


def test_scores_that_are_no_numbers_are_left_out():
    """NaN, None and infinity, or nearly, count as a seed that never ran; `since` counts the nights all the same."""
    nights = blocks((*BEFORE, 0.502, 0.511, 0.493))
    dirty = [Night(scores={**one.scores, 91: math.nan, 92: None, 93: math.inf, 94: -1e300}) for one in nights]
    empty = Night(scores=dict.fromkeys((1, 2, 3), math.nan))

    clean, found = looked(nights), looked([empty, *dirty[:3], empty, *dirty[3:], empty])

    assert replace(clean, since=5) == found


def test_collapsed_seeds_wake_nobody():
    """Two of three seeds far below after many good nights are noisy: a coincidence that happens once in a while."""
    good = blocks([0.8 + 0.01 * math.sin(i) for i in range(60)])

    found = looked([*good, Night(scores={91: 0.5, 92: 0.5, 93: 0.8})])

    assert State.NOISY is found.state
    assert State.WORSE is looked([*good, Night(scores={91: 0.5, 92: 0.5, 93: 0.5})]).state


def test_seeds_that_nearly_repeat_are_not_new_evidence(draw):
    """Three blocks of five nights with almost the same scores each are one cycle of seeds, not three."""
    cycle = some(WORLD["deterministic, 11 updates"], draw, 3, CYCLE)
    worse = [
        scored(one, lambda score: score - 0.008) for one in some(WORLD["deterministic, 11 updates"], draw, 3, CYCLE)
    ]
    again = [scored(one, lambda score: score + 1e-5 * draw.random()) for one in (cycle * 3 + worse * 3)]

    exactly, nearly = looked(cycle * 3 + worse * 3), looked(again)

    assert nearly.p > exactly.p / 3


# What is promised


@pytest.mark.parametrize("name", ["all noise", "deterministic, 11 updates", "1 in 10 collapses"])
def test_sixty_unchanged_nights_seldom_alarm(name):
    """One history in twenty, also where trainings collapse: of twenty at most three, and few nights are noisy."""
    alarms, _, noisy = unchanged(WORLD[name], ours(), 20, 3)

    assert float(alarms.split()[0]) <= 100 * 3 / 20
    assert float(noisy.rstrip("%")) < 10


@pytest.mark.parametrize("name", ["all noise", "half the seed's own", "deterministic, 11 updates"])
def test_a_drop_is_found_within_five_nights(name):
    """One and a half standard deviations, in four cases of five; the night is named within one in most."""
    found = [one.off for one in told(WORLD[name], ours(), 60, 3, drop=1.5, nights=5) if one.off is not None]

    assert len(found) >= 0.8 * 60
    assert sum(abs(off) <= 1 for off in found) > 0.7 * len(found)


def test_a_change_is_told_once(draw):
    """Beginning again with the first night after it, the nights that follow are steady."""
    nights = some(WORLD["all noise"], draw, 3, 40, 20, 3.0)

    found = next(one for end in range(20, 40) if (one := looked(nights[:end])).state is State.WORSE)

    assert 20 == found.since
    assert {State.NEW, State.STEADY, State.NOISY} >= {looked(nights[20:end]).state for end in range(21, 41)}


def test_what_steady_says_would_be_found_is_found(draw):
    """A drop as large as `detectable` is told within five nights in four simulations of five, as far as 60 can tell."""
    tried = found = 0
    for _ in range(60):
        nights = some(WORLD["all noise"], draw, 3, 25)
        before = looked(nights[:20])
        if before.state is State.STEADY:
            later = [scored(one, lambda score, drop=before.detectable: score - drop) for one in nights[20:]]
            tried += 1
            found += any(looked([*nights[:20], *later[:end]]).state is State.WORSE for end in range(1, 6))

    assert tried > 50
    assert stats.binomtest(found, tried, 0.8, alternative="less").pvalue > 0.05, found


def test_many_cells_share_one_promise():
    """What one cell is told may be luck where a hundred were looked at."""
    nights = blocks((*BEFORE, 0.770, 0.762, 0.765))

    alone, among = looked(nights), looked(nights, cells=100)

    assert alone.p == among.p
    assert THRESHOLD / 100 < alone.p < THRESHOLD
    assert (State.WORSE, State.NOISY) == (alone.state, among.state)
    assert among.detectable > looked(nights[:3]).detectable


def test_as_many_seeds_as_needed_settle_it():
    """With so many more scores of the same mean and spread Student's test passes the threshold, with one less not."""
    after = (0.789, 0.779, 0.776)
    found = looked(blocks((*BEFORE, *after)))
    sd = math.sqrt((np.var(BEFORE) * 9 + np.var(after) * 3) / 10)

    def p(more: int) -> float:
        # The same pooled deviation on more degrees of freedom.
        return stats.ttest_ind_from_stats(np.mean(BEFORE), sd, 9, np.mean(after), sd, 3 + more).pvalue

    assert (State.NOISY, 3) == (found.state, found.since)
    assert p(found.seeds_needed) < THRESHOLD <= p(found.seeds_needed - 1)


def test_a_short_history_may_never_settle_it():
    """Where those before are too few no number of seeds after helps."""
    after = {seed: 0.7915 + 0.006 * (-1) ** seed for seed in range(3, 33)}

    found = looked([Night(scores={1: 0.80, 2: 0.81}), Night(scores=after)])

    assert (State.NOISY, None) == (found.state, found.seeds_needed)


def test_a_suspected_gain_is_steady():
    """Nobody needs to run more seeds for good news that may be none."""
    nights = blocks((*BEFORE, 0.815, 0.825, 0.828))

    assert State.STEADY is looked(nights).state
    assert State.NOISY is looked(nights, direction="minimize").state


# Words and forms


def test_each_state_has_a_sentence():
    """What a person reads says how much, how sure and since when, or what is missing."""
    worse = Finding(state=State.WORSE, since=14, difference=-0.0312, interval=(-0.0436, -0.0188), p=1e-6)
    noisy = Finding(state=State.NOISY, since=14, difference=-0.01, interval=(-0.02, 0.0), p=1e-3, seeds_needed=6)
    steady = Finding(state=State.STEADY, difference=0.0, interval=(-0.01, 0.01), p=0.5, detectable=0.021)

    assert [
        "worse by 0.0312 (0.0188 to 0.0436) since run 14",
        "better by 0.0312 (0.0188 to 0.0436) since run 14",
        "noisy: cannot tell (needs 6 more seeds)",
        "noisy: cannot tell (needs 1 more seed)",
        "noisy: cannot tell (nor would 1000 more seeds)",
        "steady: a drop of 0.021 would be found within five runs",
        "steady",
        "new: the first scores of this history",
    ] == [
        worse.words,
        replace(worse, state=State.BETTER, difference=0.0312, interval=(0.0188, 0.0436)).words,
        noisy.words,
        replace(noisy, seeds_needed=1).words,
        replace(noisy, seeds_needed=None).words,
        steady.words,
        replace(steady, detectable=None).words,
        Finding(state=State.NEW).words,
    ]


def test_a_finding_survives_json():
    """What is kept as JSON comes back the same."""
    nights = blocks((*BEFORE, 0.502, 0.511, 0.493))

    for found in (looked(nights), looked(nights[:3]), looked(nights[:1])):
        assert found == Finding.from_dict(json.loads(json.dumps(found.to_dict())))


def test_blocks_of_seeds_rotate():
    """Five blocks without a common seed, then the first again; a seed is a number of 32 bits."""
    runs = [seeds_of(7, 3, run) for run in range(2 * CYCLE)]

    assert [7, 8, 9] == runs[0]
    assert 15 == len({seed for block in runs for seed in block})
    assert runs[:CYCLE] == runs[CYCLE:]
    assert all(one != other for one, other in pairwise(runs))
    assert [2**32 - 1, 0] == seeds_of(2**32 - 1, 2, 0)


@pytest.mark.parametrize(
    ("wrong", "said", "hint"),
    [
        (lambda: looked([], direction="maximise"), "no direction 'maximise'", "did you mean 'maximize'?"),
        (lambda: looked([], rows=0), "nothing to examine: rows=0, cells=1", None),
        (lambda: looked([], cells=0), "nothing to examine: rows=2000, cells=0", None),
        (lambda: seeds_of(1, 0, 3), "no block of 0 seeds for run 3", None),
        (lambda: seeds_of(1, 3, -1), "no block of 3 seeds for run -1", None),
        (lambda: rows_changed([0.0, 1.0], [0.0]), "errors of 2 and 1 rows", None),
    ],
)
def test_bad_input_is_one_sentence(wrong, said, hint):
    """With the offending value, and a hint."""
    with pytest.raises(BadInput) as error:
        wrong()

    assert said in str(error.value)
    assert error.value.hint
    assert hint in (None, error.value.hint)


def test_importing_it_is_quick(run_python):
    """Neither torch nor scipy.stats is loaded before ranks are asked."""
    program = (
        f"import sys, {alarm.__name__}\n"
        "print([name for name in ('torch', 'transformers', 'sklearn', 'scipy.stats') if name in sys.modules])"
    )

    assert "[]" == run_python(program).stdout.strip()


# Rows


def test_rows_that_changed_are_counted_and_tested():
    """Nine rows lost and one gained: the exact two-sided sign test says 22 / 1024."""
    before = [0.0] * 9 + [1.0] + [1 / 3] * 90
    after = [1.0] * 6 + [2 / 3] * 3 + [0.0] + [1 / 3] * 90

    found = rows_changed(before, after)

    assert (9, 1) == (found.lost, found.gained)
    assert pytest.approx(22 / 1024) == found.p


def test_rows_without_a_change_say_nothing():
    """Equal means are equal however they were added up; no row is no evidence."""
    found = rows_changed([0.1 + 0.2, 0.7], [0.3, 0.7])

    assert (0, 0, 1.0) == (found.lost, found.gained, found.p)
    assert 1.0 == rows_changed([], []).p
